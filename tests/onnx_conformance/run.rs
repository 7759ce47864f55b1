//! One node test through all stages.
//!
//! Float inputs are a client's secrets. What is no float tensor (shapes, axes, indices, masks), and the few float inputs of
//! [`CONSTANTS`], are public at compile time, as they are in the models that exporters write. Where nothing depends on a secret
//! then, a program would be refused for want of one: the public results are added to a secret zero, see [`with_a_secret`].

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use indexmap::IndexMap;
use prost::Message;
use treville::compile::{Compiled, Watch, compile};
use treville::fixed::FixedEvaluator;
use treville::model::{Model, Samples};
use treville::verify::{float_results, verify};
use treville::{Failure, ModelArgs};
use treville_frontend_onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use treville_frontend_onnx::{ImportError, Options, import, tensor};
use treville_hlil::Tensor;
use treville_llil::Exact;
use treville_party::{Array, Exit};

use crate::counted::{counted, elem_type};
use crate::suite::Case;

/// The suite's own tolerance for floats: `onnx.backend.test.case.test_case.TestCase`.
const FLOAT_RELATIVE: f64 = 1e-3;
const FLOAT_ABSOLUTE: f64 = 1e-7;

/// Fraction bits; on porthos the most, down to [`MIN_SCALE`], with which a test goes wrong with probability [`MAX_FAILURE`] at most.
const SCALE: i32 = 16;
const MIN_SCALE: i32 = 8;

/// Low enough that a run of all tests does not see a local truncation fail.
const MAX_FAILURE: &str = "2^-18";

/// The bound on fixed point against ONNX's answer `a`, in units of the last place: `FIXED_ULP * max(1, |a|)`.
///
/// Inputs, weights and products are rounded by half a unit each, and a result of these tests depends on up to about a hundred of
/// them; an approximated function adds up to four units. A wrong attribute is off by thousands.
const FIXED_ULP: f64 = 64.0;

/// Float inputs, by operator and place, that must be known when a model is compiled.
const CONSTANTS: &[(&str, &[usize])] = &[
    ("Clip", &[1, 2]),
    ("Dropout", &[1]),
    ("OneHot", &[0, 1]),
    ("Pad", &[2]),
    ("Pow", &[1]),
    ("Range", &[0, 1, 2]),
    ("Resize", &[1, 2]),
    ("Upsample", &[1]),
];

/// Float inputs, by operator and place, that are weights of the server: the compiler folds them.
const WEIGHTS: &[(&str, &[usize])] = &[("BatchNormalization", &[1, 2, 3, 4])];

/// `TensorProto.DataType.FLOAT`.
const FLOAT: i32 = 1;

/// What a test does at one stage.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It gives ONNX's answer.
    Pass,
    /// It is refused.
    Refused(String),
    /// It gives another answer, or fails on the way.
    Wrong(String),
    /// It panics, which nothing excuses.
    Panic(String),
}

/// What a test does.
pub(crate) struct Found {
    /// At each stage.
    pub(crate) stages: [Outcome; 3],
    /// Whether it counts.
    pub(crate) counted: bool,
}

/// Runs a test.
pub(crate) fn run(case: &Case) -> Found {
    let Ok(model) = ModelProto::decode(case.model.as_slice()) else {
        let unreadable = Outcome::Wrong("the model file cannot be read".into());
        return Found { stages: [unreadable.clone(), unreadable.clone(), unreadable], counted: false };
    };
    let counted = counted(&case.name, &model);
    let guarded = |stage: &dyn Fn(&Prepared) -> Result<(), Stop>, prepared: &Result<Prepared, Stop>| {
        let result = catch_unwind(AssertUnwindSafe(|| prepared.as_ref().map_err(Clone::clone).and_then(stage)));
        match result {
            Ok(Ok(())) => Outcome::Pass,
            Ok(Err(Stop::Refused(text))) => Outcome::Refused(text),
            Ok(Err(Stop::Wrong(text))) => Outcome::Wrong(text),
            Err(panic) => Outcome::Panic(crate::message_of(&*panic)),
        }
    };
    let prepared = catch_unwind(AssertUnwindSafe(|| prepare(case, &model)));
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(panic) => {
            let panic = Outcome::Panic(crate::message_of(&*panic));
            return Found { stages: [panic.clone(), panic.clone(), panic], counted };
        }
    };
    Found { stages: [guarded(&float, &prepared), guarded(&fixed, &prepared), guarded(&porthos, &prepared)], counted }
}

/// Why a test does not pass.
#[derive(Clone)]
enum Stop {
    Refused(String),
    Wrong(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure.exit {
            Exit::Unsupported | Exit::Range | Exit::Usage => Stop::Refused(failure.text),
            exit => Stop::Wrong(format!("{exit:?}: {}", failure.text)),
        }
    }
}

impl From<ImportError> for Stop {
    fn from(error: ImportError) -> Self {
        Stop::Refused(treville_ir::render(&error.diagnostics, &error.listing, false))
    }
}

/// An imported model, its one sample, and ONNX's answers by name.
struct Prepared {
    model: Model,
    samples: Samples,
    expected: Vec<(String, Tensor)>,
}

fn prepare(case: &Case, model: &ModelProto) -> Result<Prepared, Stop> {
    let mut model = model.clone();
    let graph = model.graph.clone().unwrap_or_default();
    let mut options = Options { file: "model.onnx".into(), ..Options::default() };
    let mut sample = IndexMap::new();
    // Where an input cannot be read, its type is one that the importer must refuse.
    for (info, bytes) in graph.input.iter().zip(&case.inputs) {
        let Ok((_, value)) = tensor::read_tensor(bytes) else { continue };
        match value {
            Tensor::F32(_) if is_among(WEIGHTS, &info.name, &graph.node) => make_weight(&mut model, &info.name, bytes),
            Tensor::F32(x) if !is_among(CONSTANTS, &info.name, &graph.node) => {
                sample.insert(info.name.clone(), x.into());
            }
            value => drop(options.bound.insert(info.name.clone(), value)),
        }
    }
    let imported = match import(Bytes::from(model.encode_to_vec()), &options) {
        Err(error) if error.diagnostics.iter().all(|d| d.code == "E0107") => None,
        imported => Some(imported?),
    };
    let imported = match imported.filter(|i| i.func.results().len() == graph.output.len()) {
        Some(imported) => imported,
        None => {
            with_a_secret(&mut model);
            sample.insert(ZERO.into(), Tensor::F32(ndarray::arr0(0.0).into_dyn()));
            import(Bytes::from(model.encode_to_vec()), &options)?
        }
    };
    let mut expected = Vec::new();
    for (info, bytes) in graph.output.iter().zip(&case.outputs) {
        let (_, value) = tensor::read_tensor(bytes)
            .map_err(|e| Stop::Wrong(format!("it was imported, but the answer `{}` cannot be read: {e}", info.name)))?;
        expected.push((info.name.clone(), value));
    }
    let model = Model {
        name: case.name.clone(),
        func: imported.func,
        weights: imported.weights,
        notes: imported.notes,
        listing: imported.listing,
    };
    let inputs: BTreeMap<String, _> = model.inputs().into_iter().collect();
    sample.retain(|name, _| inputs.contains_key(name));
    Ok(Prepared { model, samples: Samples { inputs: vec![sample], ..Samples::default() }, expected })
}

/// Whether a node reads an input at one of these places.
fn is_among(places: &[(&str, &[usize])], input: &str, nodes: &[NodeProto]) -> bool {
    let of = |op: &str| places.iter().find(|(name, _)| *name == op).map_or(&[][..], |(_, places)| places);
    nodes.iter().any(|n| of(&n.op_type).iter().any(|&i| n.input.get(i).is_some_and(|name| name == input)))
}

/// Makes an input a weight with this value.
fn make_weight(model: &mut ModelProto, name: &str, value: &[u8]) {
    let (Some(graph), Ok(mut tensor)) = (&mut model.graph, TensorProto::decode(value)) else { return };
    tensor.name = name.into();
    graph.initializer.push(tensor);
    graph.input.retain(|input| input.name != name);
}

/// The input that [`with_a_secret`] adds.
const ZERO: &str = "a secret zero";

/// Makes each result a sum of what it was and of a secret zero. The results keep their names.
fn with_a_secret(model: &mut ModelProto) {
    let Some(graph) = &mut model.graph else { return };
    let scalar = |name: &str, ty: i32| {
        let mut info = graph.output.first().cloned().unwrap_or_default();
        info.name = name.into();
        if let Some(tensor) = info.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()) {
            tensor.elem_type = ty;
            tensor.shape = Some(Default::default());
        }
        info
    };
    let zero: ValueInfoProto = scalar(ZERO, FLOAT);
    let outputs: Vec<ValueInfoProto> = graph.output.clone();
    for output in outputs.iter().filter(|o| elem_type(o).is_some()) {
        let (was, cast) = (format!("{}/public", output.name), format!("{}/float", output.name));
        for name in graph.node.iter_mut().flat_map(|n| n.output.iter_mut().chain(&mut n.input)) {
            if *name == output.name {
                name.clone_from(&was);
            }
        }
        let to = AttributeProto { name: "to".into(), i: FLOAT.into(), r#type: 2, ..AttributeProto::default() };
        graph.node.push(node("Cast", &[&was], &cast, vec![to]));
        graph.node.push(node("Add", &[&cast, ZERO], &output.name, Vec::new()));
    }
    for output in &mut graph.output {
        if let Some(tensor) = output.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()) {
            tensor.elem_type = FLOAT;
        }
    }
    graph.input.push(zero);
}

fn node(op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        name: output.into(),
        op_type: op.into(),
        input: inputs.iter().map(|&i| i.into()).collect(),
        output: vec![output.into()],
        attribute,
        ..NodeProto::default()
    }
}

fn float(test: &Prepared) -> Result<(), Stop> {
    let names: Vec<&str> = test.model.func.results().iter().map(|r| r.name.as_str()).collect();
    let results = float_results(&test.model, &test.samples.inputs[0])?;
    compare(test, &names, &results, &|a| FLOAT_ABSOLUTE + FLOAT_RELATIVE * a.abs())
}

fn fixed(test: &Prepared) -> Result<(), Stop> {
    evaluated(test, &compiled(test, "cleartext", SCALE, None)?)
}

/// The evaluator gives ONNX's answer, and porthos gives the evaluator's bits when the recorded roundings are replayed.
fn porthos(test: &Prepared) -> Result<(), Stop> {
    let mut scales = (MIN_SCALE..=SCALE).rev().step_by(2);
    let compiled = loop {
        let scale = scales.next().expect("the last scale returns");
        match compiled(test, "porthos", scale, Some(MAX_FAILURE)) {
            Err(failure) if failure.exit == Exit::Range && scale > MIN_SCALE => {}
            result => break result?,
        }
    };
    evaluated(test, &compiled)?;
    let verified = verify(&compiled, &test.samples, 1)?;
    if verified.bit_exact_replays != 1 {
        return Err(Stop::Wrong("other bits than the evaluator's although the roundings were replayed".into()));
    }
    // Against the evaluator that rounds down: what other roundings may change.
    let greatest = match &test.expected[0].1 {
        Tensor::F32(x) => x.iter().fold(0.0, |m: f64, v| m.max(f64::from(v.abs()))),
        Tensor::I64(x) => x.iter().fold(0.0, |m: f64, v| m.max(v.unsigned_abs() as f64)),
    };
    match verified.max_abs_err.fixed_mpc {
        Some(error) if error > fixed_bound(greatest, compiled.manifest.scale as i32) => {
            Err(Stop::Wrong(format!("{error:.3e} from the evaluator")))
        }
        _ => Ok(()),
    }
}

fn compiled(test: &Prepared, backend: &str, scale: i32, max_failure: Option<&str>) -> Result<Compiled, Failure> {
    let options = ModelArgs {
        scale: scale.to_string(),
        max_failure: max_failure.map(String::from),
        ..ModelArgs::for_backend(backend)
    };
    compile(test.model.clone(), &options, Some(test.samples.clone()), Watch::default())
}

/// The fixed-point evaluator gives ONNX's answer.
fn evaluated(test: &Prepared, compiled: &Compiled) -> Result<(), Stop> {
    let decoded = FixedEvaluator::new(compiled)?.run(&test.samples.inputs[0], &mut Exact, &mut |_, _| {})?;
    let names: Vec<&str> = compiled.manifest.outputs.iter().map(|o| o.name.as_str()).collect();
    let results: Vec<Array> = decoded.into_iter().map(|d| d.value).collect();
    let scale = compiled.manifest.scale as i32;
    compare(test, &names, &results, &|answer| fixed_bound(answer, scale))
}

fn fixed_bound(answer: f64, scale: i32) -> f64 {
    FIXED_ULP * f64::from(-scale).exp2() * answer.abs().max(1.0)
}

/// Holds results against ONNX's answers: integers and booleans exactly, reals within `bound` of the answer.
fn compare(test: &Prepared, names: &[&str], results: &[Array], bound: &dyn Fn(f64) -> f64) -> Result<(), Stop> {
    for (name, expected) in &test.expected {
        let Some(found) = names.iter().position(|n| n == name).map(|i| &results[i]) else {
            return Err(Stop::Wrong(format!("there is no result `{name}`, only {names:?}")));
        };
        let wrong = |why: String| Err(Stop::Wrong(format!("{name}: {why}")));
        if found.shape() != expected.shape() {
            return wrong(format!("its shape is {:?}, not {:?}", found.shape(), expected.shape()));
        }
        let pairs: Vec<(f64, f64)> = match (found, expected) {
            (Array::F32(f), Tensor::F32(e)) => f.iter().zip(e).map(|(&f, &e)| (f.into(), e.into())).collect(),
            (Array::F32(f), Tensor::I64(e)) => f.iter().zip(e).map(|(&f, &e)| (f.into(), e as f64)).collect(),
            (Array::I64(f), Tensor::I64(e)) => f.iter().zip(e).map(|(&f, &e)| (f as f64, e as f64)).collect(),
            (Array::I64(_), Tensor::F32(_)) => return wrong("it holds integers, not reals".into()),
        };
        let exact = matches!(found, Array::I64(_));
        let is_close =
            |&(f, e): &(f64, f64)| f == e || (f.is_nan() && e.is_nan()) || !exact && (f - e).abs() <= bound(e);
        if let Some((f, e)) = pairs.iter().find(|p| !is_close(p)) {
            let n = pairs.iter().filter(|p| !is_close(p)).count();
            return wrong(format!("{n} of {} elements are wrong: {f} is not {e}", pairs.len()));
        }
    }
    Ok(())
}
