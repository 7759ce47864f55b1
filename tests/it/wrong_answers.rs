//! Wrong answers that others give without a word: each is a model as small as the fault, from the file to three parties.
//!
//! The answers stand here as numbers, worked out by hand from the operator's specification; the wrong ones are far off.

use indexmap::IndexMap;
use ndarray::{ArrayD, IxDyn};
use treville::compile::{Compiled, Watch, compile};
use treville::fixed::FixedEvaluator;
use treville::model::{Model, Samples};
use treville::verify::verify;
use treville::{Failure, ModelArgs};
use treville_hlil::Tensor;
use treville_llil::Exact;
use treville_party::{Array, Exit};

use crate::onnx::{Graph, float, int, ints, string};
use crate::support::{options, root, treville};

/// Fraction bits.
const SCALE: &str = "16";

/// Far below what tells a right answer from a wrong one, and above what rounding and approximation do.
const TOLERANCE: f64 = 2e-3;

/// An input: its name, its shape, its values.
type Input<'a> = (&'a str, &'a [usize], &'a [f32]);

fn samples(inputs: &[Input<'_>]) -> Samples {
    let tensor = |shape: &[usize], values: &[f32]| {
        Tensor::F32(ArrayD::from_shape_vec(IxDyn(shape), values.to_vec()).expect("as many values as the shape has"))
    };
    let sample: IndexMap<String, Tensor> = inputs.iter().map(|(n, s, v)| ((*n).to_string(), tensor(s, v))).collect();
    Samples { inputs: vec![sample], ..Samples::default() }
}

fn compiled(model: Model, args: &ModelArgs, inputs: &[Input<'_>]) -> Result<Compiled, Failure> {
    compile(model, args, Some(samples(inputs)), Watch::default())
}

/// Fixed point gives these answers, and so does porthos.
fn gives(model: Model, inputs: &[Input<'_>], expected: &[f64]) {
    let compiled = compiled(model, &options("porthos", SCALE), inputs).expect("the model compiles");
    let sample = samples(inputs);
    let results = FixedEvaluator::new(&compiled).and_then(|mut e| e.run(&sample.inputs[0], &mut Exact, &mut |_, _| {}));
    let found: Vec<f64> = match &results.expect("it runs")[0].value {
        Array::F32(x) => x.iter().map(|&v| f64::from(v)).collect(),
        Array::I64(x) => x.iter().map(|&v| v as f64).collect(),
    };
    let close = |(f, e): (&f64, &f64)| (f - e).abs() <= TOLERANCE * e.abs().max(1.0);
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(close), "{found:?} is not {expected:?}");
    let verified = verify(&compiled, &sample, 1).expect("porthos runs");
    assert_eq!(verified.bit_exact_replays, 1, "porthos computes what fixed point does");
    assert!(verified.max_abs_err.fixed_mpc.is_none_or(|e| e <= TOLERANCE * 32.0), "{:?}", verified.max_abs_err);
}

fn of_one_node(node: &str, attributes: Vec<treville_frontend_onnx::proto::AttributeProto>, shape: &[i64]) -> Graph {
    Graph::new(&[("x", shape)]).node(node, attributes)
}

#[test]
fn div_divides() {
    let graph = Graph::new(&[("x", &[4])]).floats("w", &[4], &[2.0, -4.0, 0.5, 8.0]).node("y = Div(x, w)", vec![]);
    gives(graph.model(), &[("x", &[4], &[3.0, 3.0, -3.0, 1.0])], &[1.5, -0.75, -6.0, 0.125]);
}

#[test]
fn div_by_a_secret_divides() {
    let graph = Graph::new(&[("x", &[3]), ("z", &[3])]).node("y = Div(x, z)", vec![]);
    gives(graph.model(), &[("x", &[3], &[3.0, -3.0, 1.0]), ("z", &[3], &[2.0, 4.0, -1.0])], &[1.5, -0.75, -1.0]);
}

#[test]
fn softmax_is_computed_in_secret_too() {
    // As the last operation the receiver may do it, but not here.
    let graph = Graph::new(&[("x", &[1, 3])])
        .floats("w", &[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0])
        .node("p = Softmax(x)", vec![int("axis", 1)])
        .node("y = MatMul(p, w)", vec![]);
    let (a, b, c) = (0.090_031, 0.244_728, 0.665_241);
    gives(graph.model(), &[("x", &[1, 3], &[1.0, 2.0, 3.0])], &[a + c, b + c]);
}

#[test]
fn softmax_of_tensorflow_is_computed() {
    let text = r#"
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { dim { size: 1 } dim { size: 2 } } } } }
        node { name: "y" op: "Softmax" input: "x" attr { key: "T" value { type: DT_FLOAT } } }"#;
    let model = Model::from_graph("test".into(), "test.pbtxt", text.as_bytes(), &options("porthos", SCALE));
    gives(model.expect("it is a graph"), &[("x", &[1, 2], &[0.0, 2.0])], &[0.119_203, 0.880_797]);
}

#[test]
fn hard_sigmoid_is_implemented() {
    let graph = of_one_node("y = HardSigmoid(x)", vec![float("alpha", 0.25)], &[5]);
    gives(graph.model(), &[("x", &[5], &[-4.0, -1.0, 0.0, 1.0, 4.0])], &[0.0, 0.25, 0.5, 0.75, 1.0]);
}

#[test]
fn tanh_is_implemented() {
    let graph = of_one_node("y = Tanh(x)", vec![], &[3]);
    gives(graph.model(), &[("x", &[3], &[-1.0, 0.5, 3.0])], &[-0.761_594, 0.462_117, 0.995_055]);
}

#[test]
fn sigmoid_is_implemented() {
    let graph = of_one_node("y = Sigmoid(x)", vec![], &[3]);
    gives(graph.model(), &[("x", &[3], &[-1.0, 0.5, 3.0])], &[0.268_941, 0.622_459, 0.952_574]);
}

#[test]
fn sqrt_is_implemented() {
    gives(of_one_node("y = Sqrt(x)", vec![], &[3]).model(), &[("x", &[3], &[0.25, 5.0, 9.0])], &[0.5, 2.236_068, 3.0]);
}

#[test]
fn asymmetric_pads_are_all_begins_and_then_all_ends() {
    // One row above, two columns to the right. Read as pairs they would be one row and two columns elsewhere.
    let graph = Graph::new(&[("x", &[1, 1, 2, 2])])
        .floats("w", &[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0])
        .node("y = Conv(x, w)", vec![ints("pads", &[1, 0, 0, 2])]);
    let expected = [2100.0, 200.0, 0.0, 4321.0, 402.0, 0.0];
    gives(graph.model(), &[("x", &[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0])], &expected);
}

#[test]
fn a_convolution_dilates() {
    let graph = Graph::new(&[("x", &[1, 1, 5])])
        .floats("w", &[1, 1, 2], &[1.0, 10.0])
        .node("y = Conv(x, w)", vec![ints("dilations", &[3])]);
    gives(graph.model(), &[("x", &[1, 1, 5], &[1.0, 2.0, 3.0, 4.0, 5.0])], &[41.0, 52.0]);
}

#[test]
fn max_pooling_dilates() {
    let graph = of_one_node("y = MaxPool(x)", vec![ints("kernel_shape", &[2]), ints("dilations", &[2])], &[1, 1, 4]);
    gives(graph.model(), &[("x", &[1, 1, 4], &[1.0, 9.0, 2.0, 3.0])], &[2.0, 9.0]);
}

#[test]
fn auto_pad_pads_where_it_says() {
    for (auto_pad, expected) in
        [("SAME_UPPER", [21.0, 32.0, 3.0].as_slice()), ("SAME_LOWER", &[10.0, 21.0, 32.0]), ("VALID", &[21.0, 32.0])]
    {
        let graph = Graph::new(&[("x", &[1, 1, 3])])
            .floats("w", &[1, 1, 2], &[1.0, 10.0])
            .node("y = Conv(x, w)", vec![string("auto_pad", auto_pad)]);
        gives(graph.model(), &[("x", &[1, 1, 3], &[1.0, 2.0, 3.0])], expected);
    }
}

#[test]
fn ceil_mode_keeps_the_last_window() {
    let pool = |ceil_mode| vec![ints("kernel_shape", &[2]), ints("strides", &[2]), int("ceil_mode", ceil_mode)];
    let x: Input<'_> = ("x", &[1, 1, 5], &[1.0, 2.0, 3.0, 4.0, -5.0]);
    gives(of_one_node("y = MaxPool(x)", pool(0), &[1, 1, 5]).model(), &[x], &[2.0, 4.0]);
    gives(of_one_node("y = MaxPool(x)", pool(1), &[1, 1, 5]).model(), &[x], &[2.0, 4.0, -5.0]);
    gives(of_one_node("y = AveragePool(x)", pool(1), &[1, 1, 5]).model(), &[x], &[1.5, 3.5, -5.0]);
}

#[test]
fn count_include_pad_decides_the_divisor() {
    let pool = |include| vec![ints("kernel_shape", &[2]), ints("pads", &[1, 1]), int("count_include_pad", include)];
    let x: Input<'_> = ("x", &[1, 1, 2], &[2.0, 4.0]);
    gives(of_one_node("y = AveragePool(x)", pool(0), &[1, 1, 2]).model(), &[x], &[2.0, 3.0, 4.0]);
    gives(of_one_node("y = AveragePool(x)", pool(1), &[1, 1, 2]).model(), &[x], &[1.0, 3.0, 2.0]);
}

#[test]
fn batch_normalization_adds_its_epsilon() {
    let graph = Graph::new(&[("x", &[1, 2, 1])])
        .floats("scale", &[2], &[1.0, 2.0])
        .floats("bias", &[2], &[0.5, 0.0])
        .floats("mean", &[2], &[1.0, 0.0])
        .floats("variance", &[2], &[0.25, 0.0])
        .node("y = BatchNormalization(x, scale, bias, mean, variance)", vec![float("epsilon", 0.75)]);
    gives(graph.model(), &[("x", &[1, 2, 1], &[3.0, 3.0])], &[2.5, 6.928_203]);
}

#[test]
fn gemm_scales_both_terms_and_transposes() {
    let graph = Graph::new(&[("x", &[1, 2])])
        .floats("w", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .floats("c", &[3], &[1.0, 10.0, 100.0])
        .node("y = Gemm(x, w, c)", vec![float("alpha", 0.5), float("beta", 2.0), int("transB", 1)]);
    gives(graph.model(), &[("x", &[1, 2], &[1.0, 2.0])], &[4.5, 25.5, 208.5]);
}

#[test]
fn gemm_needs_no_bias() {
    let graph = Graph::new(&[("x", &[1, 2])]).floats("w", &[2, 1], &[1.0, 3.0]).node("y = Gemm(x, w)", vec![]);
    gives(graph.model(), &[("x", &[1, 2], &[1.0, 2.0])], &[7.0]);
}

#[test]
fn the_padding_of_a_maximum_is_no_zero() {
    let graph = of_one_node("y = MaxPool(x)", vec![ints("kernel_shape", &[3]), ints("pads", &[1, 1])], &[1, 1, 3]);
    gives(graph.model(), &[("x", &[1, 1, 3], &[-3.0, -2.0, -5.0])], &[-2.0, -2.0, -2.0]);
    // Nor may a Pad of zeros in front become its padding.
    let graph = Graph::new(&[("x", &[1, 1, 3])])
        .integers("pads", &[0, 0, 1, 0, 0, 1])
        .node("padded = Pad(x, pads)", vec![])
        .node("y = MaxPool(padded)", vec![ints("kernel_shape", &[3])]);
    gives(graph.model(), &[("x", &[1, 1, 3], &[-3.0, -2.0, -5.0])], &[0.0, -2.0, 0.0]);
}

#[test]
fn an_average_at_the_border_is_of_what_is_there() {
    let text = r#"
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { dim { size: 1 } dim { size: 1 } dim { size: 3 } dim { size: 1 } } } } }
        node { name: "y" op: "AvgPool" input: "x" attr { key: "T" value { type: DT_FLOAT } }
               attr { key: "ksize" value { list { i: [1, 1, 3, 1] } } }
               attr { key: "strides" value { list { i: [1, 1, 1, 1] } } }
               attr { key: "padding" value { s: "SAME" } } }"#;
    let model = Model::from_graph("test".into(), "test.pbtxt", text.as_bytes(), &options("porthos", SCALE));
    gives(model.expect("it is a graph"), &[("x", &[1, 1, 3, 1], &[2.0, 4.0, 9.0])], &[3.0, 5.0, 6.5]);
}

#[test]
fn products_beyond_the_ring_are_refused() {
    // 2^20 squared is 2^40, and has 24 fraction bits before it is scaled down: 2^64.
    let graph = Graph::new(&[("x", &[2])]).node("y = Mul(x, x)", vec![]);
    let inputs: &[Input<'_>] = &[("x", &[2], &[1_048_576.0, 3.0])];
    let failure = compiled(graph.model(), &options("porthos", "12"), inputs).err().expect("it does not fit");
    assert_eq!(failure.exit, Exit::Range, "{failure}");
    assert!(failure.text.contains("the Mul"), "the node is named: {failure}");
}

#[test]
fn the_probability_of_garbage_is_reported_and_bounded() {
    let graph = Graph::new(&[("x", &[1024])]).node("y = Mul(x, x)", vec![]);
    let values: Vec<f32> = (0..1024).map(|i| 1.0 + i as f32).collect();
    let inputs: &[Input<'_>] = &[("x", &[1024], &values)];
    // Each of 1,024 products of up to 2^44 at 24 fraction bits fails with probability up to 2^-20.
    let compiled_ = compiled(graph.model(), &options("porthos", "12"), inputs).expect("2^-10 is allowed");
    let log2 = compiled_.manifest.failure_log2.expect("local rounding can fail");
    assert!((-16.0..=-10.0).contains(&log2), "2^{log2}");
    let strict = ModelArgs { max_failure: Some("2^-30".into()), ..options("porthos", "12") };
    let failure = compiled(graph.model(), &strict, inputs).err().expect("it is more than the user allows");
    assert_eq!(failure.exit, Exit::Range, "{failure}");
    // The bit of a comparison is carried without fraction bits: choosing by it scales nothing down, and cannot fail.
    let graph = Graph::new(&[("x", &[3])]).node("y = LeakyRelu(x)", vec![float("alpha", 4.0)]);
    let inputs: &[Input<'_>] = &[("x", &[3], &[-2.0, 0.5, 3.0])];
    gives(graph.model(), inputs, &[-8.0, 0.5, 3.0]);
    let graph =
        Graph::new(&[("x", &[3]), ("z", &[3])]).node("c = Greater(x, z)", vec![]).node("y = Where(c, x, z)", vec![]);
    let inputs: &[Input<'_>] = &[("x", &[3], &[-2.0, 0.5, 3.0]), ("z", &[3], &[1.0, 0.25, -9.0])];
    let compiled_ = compiled(graph.model(), &options("porthos", SCALE), inputs).expect("it compiles");
    assert!(compiled_.llil.ops().all(|(_, op)| op.def.mnemonic != "scale_down"), "{}", compiled_.llil);
    gives(graph.model(), inputs, &[1.0, 0.5, 3.0]);
}

#[test]
fn encoding_rounds_to_nearest() {
    // 0.6 of a unit is one unit, and so below zero.
    let graph = of_one_node("y = Neg(x)", vec![], &[4]);
    let unit = 1.0 / 16.0;
    let x = [0.6 * unit, -0.6 * unit, 0.4 * unit, -1.6 * unit];
    let inputs: &[Input<'_>] = &[("x", &[4], &x)];
    let compiled = compiled(graph.model(), &options("cleartext", "4"), inputs).expect("it compiles");
    let results = FixedEvaluator::new(&compiled)
        .and_then(|mut e| e.run(&samples(inputs).inputs[0], &mut Exact, &mut |_, _| {}))
        .expect("it runs");
    assert_eq!(results[0].value, Array::F32(ndarray::arr1(&[-unit, unit, 0.0, 2.0 * unit]).into_dyn()));
}

#[test]
fn pooling_goes_before_relu_unless_another_reads_it() {
    let conv = || {
        Graph::new(&[("x", &[1, 1, 4])])
            .floats("w", &[1, 1, 1], &[1.0])
            .node("c = Conv(x, w)", vec![])
            .node("r = Relu(c)", vec![])
    };
    let pool = || vec![ints("kernel_shape", &[2]), ints("strides", &[2])];
    let inputs: &[Input<'_>] = &[("x", &[1, 1, 4], &[-1.0, -2.0, 3.0, -4.0])];
    let relu_sizes = |graph: &Graph| -> Vec<usize> {
        let compiled = compiled(graph.model(), &options("porthos", SCALE), inputs).expect("it compiles");
        let relus = compiled.llil.ops().filter(|(_, op)| op.def.mnemonic == "relu");
        relus.map(|(_, op)| compiled.llil.ty(op.results[0]).shape.iter().product()).collect()
    };
    let alone = conv().node("y = MaxPool(r)", pool());
    assert_eq!(relu_sizes(&alone), [2], "the ReLU is of what the pooling leaves");
    gives(alone.model(), inputs, &[0.0, 3.0]);
    // The sum of the ReLU's values needs them all.
    let shared = conv()
        .node("p = MaxPool(r)", pool())
        .node("s = ReduceSum(r)", vec![int("keepdims", 1)])
        .node("y = Add(p, s)", vec![]);
    assert!(relu_sizes(&shared).contains(&4), "the other reader has its values");
    gives(shared.model(), inputs, &[3.0, 6.0]);
}

#[test]
fn nothing_goes_on_after_a_stage_that_failed() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = root().join("tests/tensorflow_ops/refused/many_at_once.pb");
    std::fs::copy(model, folder.path().join("model.pb")).expect("the folder is writable");
    let outcome = treville(folder.path(), &["compile", "model.pb", "-o", "package", "--scale", "12"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), ""), "{}", outcome.stderr);
    assert!(!folder.path().join("package").exists(), "no half of a package is left behind");
    let outcome = treville(folder.path(), &["build", "package"]);
    assert_ne!(outcome.code, Some(0), "there is nothing to build");
}
