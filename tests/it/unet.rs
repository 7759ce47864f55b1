//! The tiny 3D-UNet of `examples/unet3d`, exported from PyTorch, through every stage.

use treville::compile::{Watch, compile};
use treville::model::{Model, Samples};
use treville::verify::verify;

use crate::support::{example, options};

/// The greatest difference from PyTorch's answer, whose values are of magnitude up to about 10.
const FLOAT_TOLERANCE: f64 = 1e-4;

/// The greatest difference between float and fixed point at 14 fraction bits: a result sums up some thousand rounded products.
const FIXED_TOLERANCE: f64 = 0.02;

#[test]
fn the_tiny_unet_gives_the_answers_of_pytorch() {
    let options = options("porthos", "14");
    let model = Model::read(&example("unet3d", "unet3d_tiny.onnx"), &options).expect("it is a model");
    let samples = Samples::read(&example("unet3d", "unet3d_tiny.npz"), &model).expect("it has samples");
    let compiled = compile(model, &options, Some(samples.clone()), Watch::default()).expect("it compiles");
    let verified = verify(&compiled, &samples, 1).expect("it runs");
    let error = verified.max_abs_err;
    assert!(error.float_expected.is_some_and(|e| e <= FLOAT_TOLERANCE), "{error:?}");
    assert!(error.float_fixed.is_some_and(|e| e <= FIXED_TOLERANCE), "{error:?}");
    assert!(error.fixed_mpc.is_some_and(|e| e <= FIXED_TOLERANCE), "{error:?}");
    assert_eq!(verified.bit_exact_replays, 1);
}
