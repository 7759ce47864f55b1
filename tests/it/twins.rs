//! The twins of `examples/twins`: one network, written in TensorFlow and in PyTorch, is one program to us.

use std::collections::BTreeMap;

use ndarray::{ArrayD, Axis};
use treville::compile::{Compiled, Watch, compile};
use treville::fixed::FixedEvaluator;
use treville::model::{Model, Samples};
use treville_hlil::Tensor;
use treville_llil::Exact;
use treville_party::{Array, read_inputs};

use crate::support::{example, options};

/// Fraction bits.
const SCALE: i32 = 14;

/// A result of the U-Net sums up some hundred rounded products.
const TOLERANCE_ULP: f32 = 32.0;

#[test]
fn the_classifiers_are_one_program() {
    are_twins("classifier");
}

#[test]
fn the_unets_are_one_program() {
    are_twins("unet");
}

fn are_twins(name: &str) {
    let [tensorflow, pytorch] = [(".pb", false), (".onnx", true)].map(|(ending, channels_first)| {
        let options = options("porthos", &SCALE.to_string());
        let model = Model::read(&example("twins", &format!("{name}{ending}")), &options).expect("a twin is a model");
        let samples = samples(name, channels_first, &model);
        let compiled = compile(model, &options, Some(samples.clone()), Watch::default()).expect("a twin compiles");
        let results = run(&compiled, &samples, channels_first);
        (counts(&compiled), results)
    });
    assert_eq!(tensorflow.0, pytorch.0, "both lower to the same operations, but for transposes");
    let expected = &samples_and_answers(name)["expected"];
    let tolerance = TOLERANCE_ULP * (-SCALE as f32).exp2();
    let Array::F32(expected) = expected else { panic!("the answers are reals") };
    for (who, results) in [("TensorFlow", &tensorflow.1), ("PyTorch", &pytorch.1)] {
        let greatest = results.iter().zip(expected).map(|(f, e)| (f - e).abs() / e.abs().max(1.0)).fold(0.0, f32::max);
        assert!(greatest <= tolerance, "{who}'s twin is {greatest} from TensorFlow's answers");
    }
}

/// The operations of a program by name, without the transposes.
fn counts(compiled: &Compiled) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for (_, op) in compiled.llil.ops().filter(|(_, op)| op.def.mnemonic != "transpose") {
        *counts.entry(op.def.mnemonic).or_default() += 1;
    }
    counts
}

fn samples_and_answers(name: &str) -> BTreeMap<String, Array> {
    read_inputs(&example("twins", &format!("{name}.npz")), "").expect("the twins have samples").into_iter().collect()
}

fn samples(name: &str, channels_first: bool, model: &Model) -> Samples {
    let mut arrays = samples_and_answers(name);
    arrays.remove("expected");
    if channels_first {
        for array in arrays.values_mut() {
            let Array::F32(x) = array else { panic!("the samples are reals") };
            *array = Array::F32(permuted(x, [0, 3, 1, 2]));
        }
    }
    Samples::from_arrays(arrays, model).expect("the samples fit the twin")
}

/// A batch of images with its axes in another order, in standard layout.
fn permuted(x: &ArrayD<f32>, order: [usize; 4]) -> ArrayD<f32> {
    x.view().permuted_axes(order.to_vec()).as_standard_layout().into_owned()
}

/// All results in fixed point, channels last.
fn run(compiled: &Compiled, samples: &Samples, channels_first: bool) -> ArrayD<f32> {
    let mut evaluator = FixedEvaluator::new(compiled).expect("a twin can be evaluated");
    let of_sample = |sample: &indexmap::IndexMap<String, Tensor>| {
        let results = evaluator.run(sample, &mut Exact, &mut |_, _| {}).expect("a twin can be evaluated");
        let Array::F32(x) = &results[0].value else { panic!("the results are reals") };
        x.clone()
    };
    let parts: Vec<ArrayD<f32>> = samples.inputs.iter().map(of_sample).collect();
    let views: Vec<_> = parts.iter().map(|x| x.view()).collect();
    let all = ndarray::concatenate(Axis(0), &views).expect("results have one shape");
    if channels_first && all.ndim() == 4 { permuted(&all, [0, 2, 3, 1]) } else { all }
}
