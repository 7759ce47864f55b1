//! TensorFlow's answer ~ HLIL's evaluator ~ LLIL's evaluator = cleartext = porthos in process.
//!
//! `=` is bit for bit, for porthos with the recorded roundings replayed; `~` has a bound that is written here.

use std::path::{Path, PathBuf};

use treville::ModelArgs;
use treville::backends::Backend;
use treville::compile::{Compiled, Watch, compile};
use treville::fixed::FixedEvaluator;
use treville::model::{Model, Samples};
use treville::simulate::Simulation;
use treville::verify::{float_results, stack, verify};
use treville_llil::Exact;
use treville_party::{Array, Decoded, Exit, read_inputs};

use crate::support::{EXAMPLES, load, options, root};

/// The greatest difference from TensorFlow's answer, for answers of magnitude up to 1; above that it is relative.
const FLOAT_TOLERANCE: f32 = 1e-4;

/// Fraction bits of the small graphs.
const SCALE: i32 = 16;

/// The greatest difference between float and fixed point, in units of the last place, for answers of magnitude up to 1; above that it is relative.
const FIXED_TOLERANCE_ULP: f32 = 8.0;

/// The same where smooth functions are approximated.
const APPROXIMATED_TOLERANCE_ULP: f32 = 64.0;

/// Graphs of `cases.txt` that the compiler refuses, with the node that it names.
const REFUSED: &[(&str, &str)] = &[("gather_batch_dims", "GatherV2")];

#[test]
fn the_logistic_regression_keeps_its_accuracy() {
    keeps_its_accuracy("breast_cancer_logreg");
}

#[test]
fn the_mlp_keeps_its_accuracy() {
    keeps_its_accuracy("digits_mlp");
}

#[test]
fn the_cnn_keeps_its_accuracy() {
    keeps_its_accuracy("digits_cnn");
}

/// All test samples in fixed point at the scale that the compiler chooses, and 200 of them through porthos.
fn keeps_its_accuracy(name: &str) {
    let options = options("porthos", "auto");
    let (model, samples) = load(name, &options);
    let compiled = compile(model, &options, Some(samples.first(8)), Watch::default()).expect("an example compiles");
    let verified = verify(&compiled, &samples, 200).expect("an example runs");
    let (_, _, n_samples) = EXAMPLES.iter().find(|(n, _, _)| *n == name).expect("an example");
    assert_eq!((verified.samples, verified.mpc_samples), (*n_samples, 200));
    let top1 = |a: treville::verify::Accuracy| a.top1.expect("the samples have labels");
    let lost = top1(verified.float) - top1(verified.fixed);
    assert!(lost.abs() <= 0.005, "fixed point at scale {} loses {lost} of the accuracy", verified.scale);
    assert_eq!(verified.agreement.fixed_mpc, Some(1.0), "porthos decides as fixed point");
    assert_eq!(verified.bit_exact_replays, 200, "replayed roundings give the same bits");
    let (error, bound) = (verified.max_abs_err.fixed_mpc.expect("reals"), compiled.output_error_bound());
    assert!(error <= bound, "porthos is {error} from fixed point, the program promises {bound}");
    assert!(verified.max_abs_err.float_expected.expect("the samples have answers") <= f64::from(FLOAT_TOLERANCE));
}

#[test]
fn every_tensorflow_graph_gives_its_answer_at_every_stage() {
    let index = std::fs::read_to_string(folder().join("cases.txt")).expect("the index of the cases");
    let names: Vec<&str> = index
        .lines()
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split(" | ").next())
        .map(str::trim)
        .filter(|n| !n.is_empty())
        .collect();
    let (left, right) = names.split_at(names.len() / 2);
    let climb_all =
        |names: &[&str]| names.iter().filter_map(|n| surprise(n).map(|why| format!("{n}: {why}"))).collect::<Vec<_>>();
    let surprises = std::thread::scope(|scope| {
        let other = scope.spawn(|| climb_all(right));
        let mut all = climb_all(left);
        all.extend(other.join().expect("the other half does not panic"));
        all
    });
    assert!(names.len() >= 380, "cases.txt has {} cases", names.len());
    assert!(surprises.is_empty(), "{} of {} cases:\n{}", surprises.len(), names.len(), surprises.join("\n"));
}

/// A block of a transformer: layer norms, products of secrets, a softmax inside, gelu; two inputs, two results.
#[test]
fn an_attention_block_gives_its_answer_at_every_stage() {
    let folder = root().join("tests/onnx_models");
    let model = Model::read(&folder.join("attention.onnx"), &ModelArgs::for_backend("porthos")).expect("a model");
    let data = data(&folder.join("attention.npz"), &model).expect("inputs and answers");
    assert_eq!(data.1.len(), 2);
    if let Err(Stop::Refused(why) | Stop::Wrong(why)) = climb(model, &data, APPROXIMATED_TOLERANCE_ULP) {
        panic!("{why}");
    }
}

/// Branches that run side by side change no bit: the roundings of a run, replayed one op after the other, give its result.
#[test]
fn an_inception_module_gives_its_answer_at_every_stage() {
    let folder = root().join("tests/onnx_models");
    let model = Model::read(&folder.join("inception.onnx"), &ModelArgs::for_backend("porthos")).expect("a model");
    let data = data(&folder.join("inception.npz"), &model).expect("inputs and answers");
    if let Err(Stop::Refused(why) | Stop::Wrong(why)) = climb(model, &data, FIXED_TOLERANCE_ULP) {
        panic!("{why}");
    }
}

#[test]
fn who_learns_logits_is_noted() {
    let import = ModelArgs::for_backend("cleartext");
    for (case, noted) in [("softmax_final", true), ("softmax_then_reshape", true), ("softmax_then_arg_max", false)] {
        let model = Model::read(&folder().join(format!("cases/{case}.pb")), &import).expect("the case is imported");
        let compiled = compile(model, &options("cleartext", "12"), None, Watch::default()).expect("the case compiles");
        let notes = &compiled.manifest.notes;
        assert_eq!(notes.iter().any(|note| note.contains("learns the logits")), noted, "{case}: {notes:?}");
    }
}

/// What a case does that is not expected of it.
fn surprise(name: &str) -> Option<String> {
    let expected = REFUSED.iter().find(|(n, _)| *n == name).map(|(_, node)| node);
    match (climb_tensorflow(name), expected) {
        (Ok(()), None) => None,
        (Ok(()), Some(_)) => Some("it is supported now: take it off the list".into()),
        (Err(Stop::Refused(text)), Some(node)) => {
            (!text.contains(node)).then(|| format!("nothing names {node}:\n{text}"))
        }
        (Err(Stop::Refused(text)), None) => Some(format!("refused:\n{text}")),
        (Err(Stop::Wrong(text)), _) => Some(text),
    }
}

enum Stop {
    Refused(String),
    Wrong(String),
}

impl From<treville::Failure> for Stop {
    fn from(failure: treville::Failure) -> Self {
        match failure.exit {
            Exit::Unsupported => Stop::Refused(failure.text),
            exit => Stop::Wrong(format!("{exit:?}: {}", failure.text)),
        }
    }
}

fn climb_tensorflow(name: &str) -> Result<(), Stop> {
    let sizes = folder().join(format!("cases/{name}.sizes"));
    let import = ModelArgs { sizes: sizes.is_file().then_some(sizes), ..ModelArgs::for_backend("porthos") };
    let model = Model::read(&folder().join(format!("cases/{name}.pb")), &import)?;
    let data = data(&folder().join(format!("cases/{name}.npz")), &model).map_err(Stop::Wrong)?;
    climb(model, &data, FIXED_TOLERANCE_ULP)
}

/// Inputs, and answers by index of the result.
type Data = (Samples, Vec<(usize, Array)>);

fn climb(model: Model, (samples, expected): &Data, tolerance_ulp: f32) -> Result<(), Stop> {
    let float: Vec<Vec<Array>> = each_sample(samples, |s| float_results(&model, s))?;
    for (result, expected) in expected {
        within(&joined(&float, *result), expected, FLOAT_TOLERANCE)
            .map_err(|why| Stop::Wrong(format!("float and the expected result {result}: {why}")))?;
    }
    for backend in ["cleartext", "porthos"] {
        let wrong = |what: &str, why: String| Stop::Wrong(format!("{backend}, {what}: {why}"));
        let compiled =
            compile(model.clone(), &options(backend, &SCALE.to_string()), Some(samples.clone()), Watch::default())?;
        let fixed = evaluate(&compiled, samples)?;
        let values: Vec<Vec<Array>> = fixed.iter().map(|r| r.iter().map(|d| d.value.clone()).collect()).collect();
        for (result, _) in expected {
            within(&joined(&values, *result), &joined(&float, *result), tolerance_ulp / (SCALE as f32).exp2())
                .map_err(|why| wrong("fixed point and float", why))?;
        }
        if compiled.backend == Backend::Cleartext {
            let simulated = simulate(&compiled, samples)?;
            let same = simulated.iter().zip(&fixed).all(|(a, b)| a.iter().zip(b).all(|(a, b)| a.ring == b.ring));
            (same && simulated.len() == fixed.len())
                .then_some(())
                .ok_or_else(|| wrong("evaluator", "other bits".into()))?;
        } else {
            let verified = verify(&compiled, samples, usize::MAX)?;
            if verified.bit_exact_replays != samples.inputs.len() {
                return Err(wrong("evaluator", "other bits although the roundings were replayed".into()));
            }
            let (error, bound) = (verified.max_abs_err.fixed_mpc.unwrap_or(0.0), compiled.output_error_bound());
            if error > bound {
                return Err(wrong("evaluator", format!("{error} from it, the program promises {bound}")));
            }
        }
    }
    Ok(())
}

/// The inputs and answers in a file: `expected` is the first result, `expected_NAME` that of this name.
fn data(path: &Path, model: &Model) -> Result<Data, String> {
    let arrays = read_inputs(path, "").map_err(|e| e.to_string())?;
    let (answers, inputs): (Vec<_>, Vec<_>) = arrays.into_iter().partition(|(name, _)| name.starts_with("expected"));
    let names: Vec<&str> = model.func.results().iter().map(|r| r.name.as_str()).collect();
    let index = |name: &str| match name.strip_prefix("expected_") {
        None => Ok(0),
        Some(of) => names.iter().position(|n| *n == of).ok_or_else(|| format!("no result is called {of}: {names:?}")),
    };
    let answers: Result<Vec<_>, String> = answers.into_iter().map(|(name, a)| Ok((index(&name)?, a))).collect();
    Ok((Samples::from_arrays(inputs.into_iter().collect(), model)?, answers?))
}

fn each_sample<T>(
    samples: &Samples,
    of: impl FnMut(&indexmap::IndexMap<String, treville_hlil::Tensor>) -> Result<T, treville::Failure>,
) -> Result<Vec<T>, treville::Failure> {
    samples.inputs.iter().map(of).collect()
}

fn evaluate(compiled: &Compiled, samples: &Samples) -> Result<Vec<Vec<Decoded>>, treville::Failure> {
    let mut evaluator = FixedEvaluator::new(compiled)?;
    each_sample(samples, |s| evaluator.run(s, &mut Exact, &mut |_, _| {}))
}

fn simulate(compiled: &Compiled, samples: &Samples) -> Result<Vec<Vec<Decoded>>, treville::Failure> {
    let inputs = stack(&samples.inputs, compiled);
    let simulation = Simulation {
        func: &compiled.llil,
        plan: &compiled.plan,
        manifest: &compiled.manifest,
        weights: &compiled.weights,
        inputs,
        recorder: None,
    };
    Ok(simulation.run(compiled.backend)?.results)
}

/// A result of one inference, or of several along the first axis.
fn joined(answers: &[Vec<Array>], result: usize) -> Array {
    Array::stack(&answers.iter().map(|results| &results[result]).collect::<Vec<_>>())
}

fn within(found: &Array, expected: &Array, tolerance: f32) -> Result<(), String> {
    let close = match (found, expected) {
        (Array::F32(f), Array::F32(e)) => {
            f.shape() == e.shape() && f.iter().zip(e).all(|(f, e)| (f - e).abs() <= tolerance * e.abs().max(1.0))
        }
        (found, expected) => found == expected,
    };
    if close { Ok(()) } else { Err(format!("{found}\ninstead of\n{expected}")) }
}

fn folder() -> PathBuf {
    root().join("tests/tensorflow_ops")
}
