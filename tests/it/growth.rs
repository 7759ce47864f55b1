//! Inputs and weights that grow until the ring cannot hold them: the answer is right, or the program is refused; it is never wrong.

use indexmap::IndexMap;
use ndarray::{ArrayD, IxDyn};
use treville::compile::{Watch, compile};
use treville::fixed::FixedEvaluator;
use treville::model::Samples;
use treville_hlil::Tensor;
use treville_llil::Exact;
use treville_party::{Array, Exit};

use crate::onnx::{Graph, int, ints};
use crate::support::options;

/// A model of one size: its graph, its input, and its answer.
type Case = (Graph, Vec<f32>, Vec<f64>);

/// The fraction bits of the programs.
const SCALE: i32 = 12;

/// What the ring holds, with the bits that a comparison and the margin of a calibrated range need, and as much above.
const POWERS: std::ops::RangeInclusive<i32> = 0..=70;

/// Checks each power of two; returns the last one that was not refused.
fn grows(name: &str, shape: &[usize], case: impl Fn(f32) -> Case) -> i32 {
    let mut last = None;
    for backend in ["cleartext", "porthos"] {
        let mut refused = false;
        for power in POWERS {
            let size = 2f32.powi(power);
            let (graph, values, expected) = case(size);
            let x = ArrayD::from_shape_vec(IxDyn(shape), values).expect("as many values as the shape has");
            let sample: IndexMap<String, Tensor> = [("x".to_string(), Tensor::F32(x))].into_iter().collect();
            let samples = Samples { inputs: vec![sample], ..Samples::default() };
            let what = format!("{name} at 2^{power} for {backend}");
            let args = options(backend, &SCALE.to_string());
            match compile(graph.model(), &args, Some(samples.clone()), Watch::default()) {
                Ok(compiled) => {
                    assert!(!refused, "{what}: it was refused when it was smaller");
                    last = last.max(Some(power));
                    let results = FixedEvaluator::new(&compiled)
                        .and_then(|mut e| e.run(&samples.inputs[0], &mut Exact, &mut |_, _| {}))
                        .unwrap_or_else(|e| panic!("{what}: {e}"));
                    let found: Vec<f64> = match &results[0].value {
                        Array::F32(y) => y.iter().map(|v| f64::from(*v)).collect(),
                        Array::I64(y) => y.iter().map(|v| *v as f64).collect(),
                    };
                    // A few units of the operands, as far as they are grown, and of the result.
                    let greatest = expected.iter().fold(1.0f64, |m, v| m.max(v.abs()));
                    let bound = 2f64.powi(3 - SCALE) * f64::from(size).max(1.0) + 1e-5 * greatest;
                    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= bound;
                    assert!(
                        found.len() == expected.len() && found.iter().zip(&expected).all(near),
                        "{what}: {found:?} is not {expected:?}"
                    );
                }
                Err(failure) => {
                    refused = true;
                    assert_eq!(failure.exit, Exit::Range, "{what}: {failure}");
                    let helps = ["--scale", "--ring-bits", "ring", "--max-failure"]
                        .iter()
                        .any(|help| failure.text.contains(help));
                    assert!(failure.text.contains("the ") && helps, "{what}: a node and a help: {failure}");
                }
            }
        }
        assert!(refused, "{name} for {backend}: what the ring cannot hold was never refused");
    }
    last.unwrap_or_else(|| panic!("{name} was always refused"))
}

#[test]
fn sums_and_moves() {
    let add = |s: f32| {
        let graph = Graph::new(&[("x", &[3])]).node("y = Add(x, x)", vec![]);
        (graph, vec![s, -s, 1.0], vec![2.0 * f64::from(s), -2.0 * f64::from(s), 2.0])
    };
    // 64 bits hold 2^50 at 12 fraction bits with a sign; the margin takes two bits, the sum one.
    assert!((44..=50).contains(&grows("Add", &[3], add)));
    let sum = |s: f32| {
        let graph = Graph::new(&[("x", &[8])]).node("y = ReduceSum(x)", vec![int("keepdims", 0)]);
        (graph, vec![s; 8], vec![8.0 * f64::from(s)])
    };
    grows("ReduceSum", &[8], sum);
    let concat = |s: f32| {
        let graph = Graph::new(&[("x", &[2])])
            .node("n = Neg(x)", vec![])
            .node("c = Concat(x, n)", vec![int("axis", 0)])
            .node("y = Add(c, c)", vec![]);
        let s = f64::from(s);
        (graph, vec![s as f32, 1.0], vec![2.0 * s, 2.0, -2.0 * s, -2.0])
    };
    grows("Concat", &[2], concat);
}

#[test]
fn comparisons() {
    let relu = |s: f32| {
        let graph = Graph::new(&[("x", &[3])]).node("y = Relu(x)", vec![]);
        (graph, vec![s, -s, 1.0], vec![f64::from(s), 0.0, 1.0])
    };
    grows("Relu", &[3], relu);
    let pool = |s: f32| {
        let graph = Graph::new(&[("x", &[1, 1, 4])]).node("y = MaxPool(x)", vec![ints("kernel_shape", &[4])]);
        (graph, vec![-s, s, -s, 1.0], vec![f64::from(s)])
    };
    grows("MaxPool", &[1, 1, 4], pool);
    let arg_max = |s: f32| {
        let graph = Graph::new(&[("x", &[1, 3])]).node("y = ArgMax(x)", vec![int("axis", 1), int("keepdims", 0)]);
        (graph, vec![-s, s, 0.0], vec![1.0])
    };
    grows("ArgMax", &[1, 3], arg_max);
    let clip = |s: f32| {
        let bounded = Graph::new(&[("x", &[3])]).floats("low", &[], &[-1.0]).floats("high", &[], &[1.0]);
        let graph = bounded.node("y = Clip(x, low, high)", vec![]);
        (graph, vec![s, -s, 0.5], vec![1.0, -1.0, 0.5])
    };
    grows("Clip", &[3], clip);
}

#[test]
fn products() {
    let square = |s: f32| {
        let graph = Graph::new(&[("x", &[2])]).node("y = Mul(x, x)", vec![]);
        (graph, vec![s, 1.0], vec![f64::from(s) * f64::from(s), 1.0])
    };
    // Twice the fraction bits and twice the power must fit: below 2^20.
    assert!((12..=20).contains(&grows("Mul", &[2], square)));
    let weight = |s: f32| {
        let graph =
            Graph::new(&[("x", &[1, 2])]).floats("w", &[2, 2], &[s, 0.0, 0.0, -s]).node("y = MatMul(x, w)", vec![]);
        (graph, vec![1.0, 0.5], vec![f64::from(s), -0.5 * f64::from(s)])
    };
    grows("MatMul by a weight that grows", &[1, 2], weight);
    let conv = |s: f32| {
        let graph =
            Graph::new(&[("x", &[1, 1, 3])]).floats("w", &[1, 1, 2], &[1.0, 2.0]).node("y = Conv(x, w)", vec![]);
        let s = f64::from(s);
        (graph, vec![s as f32, -s as f32, 1.0], vec![-s, 2.0 - s])
    };
    grows("Conv", &[1, 1, 3], conv);
    let mean = |s: f32| {
        let graph = Graph::new(&[("x", &[1, 1, 3])]).node("y = AveragePool(x)", vec![ints("kernel_shape", &[3])]);
        (graph, vec![s, s, -s], vec![f64::from(s) / 3.0])
    };
    grows("AveragePool", &[1, 1, 3], mean);
    let quotient = |s: f32| {
        let graph = Graph::new(&[("x", &[2])]).floats("w", &[2], &[1.0 / s, 4.0]).node("y = Div(x, w)", vec![]);
        (graph, vec![1.0, 1.0], vec![f64::from(s), 0.25])
    };
    grows("Div by a weight that shrinks", &[2], quotient);
}
