//! `batch_norm`: normalisation of each channel with given statistics.

use ndarray::{ArrayD, Axis};
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "batch_norm",
    summary: "(x - mean) / sqrt(variance + epsilon) * scale + offset, for each channel.",
    source: "ONNX BatchNormalization-15 in inference mode; TensorFlow FusedBatchNormV3",
    operands: &[
        OperandDef::one("x"),
        OperandDef::one("scale"),
        OperandDef::one("offset"),
        OperandDef::one("mean"),
        OperandDef::one("variance"),
    ],
    attrs: &[AttrDef::new("epsilon", AttrKind::Float, "added to the variance")],
    constraints: &[
        ("C1", "all operands are real, and x has batch and channel dimensions"),
        ("C2", "scale, offset, mean and variance are vectors with one element for each channel"),
        ("C3", "epsilon is finite and not negative"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.batch_norm"(%x, %s, %o, %m, %v) {epsilon = 0.001 : f64} : (tensor<1x3x4x4x!hlil.secret<f32>>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3x4x4x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        (
            "C1",
            r#"%0 = "hlil.batch_norm"(%x, %s, %s, %s, %s) {epsilon = 0.001 : f64} : (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.batch_norm"(%x, %s, %s, %s, %s) {epsilon = 0.001 : f64} : (tensor<1x3xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x3xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.batch_norm"(%x, %s, %s, %s, %s) {epsilon = -1.0 : f64} : (tensor<1x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> tensor<1x3xf32>"#,
        ),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    let x = view.operand(0);
    Violation::unless(x.rank() >= 2, "C1", || format!("x is {x}"))?;
    for (parameter, ty) in OP.operands.iter().zip(&view.operands).skip(1) {
        let message = || format!("{} is {ty} for {} channels", parameter.name, x.shape[1]);
        Violation::unless(ty.shape == [x.shape[1]], "C2", message)?;
    }
    let epsilon = view.float("epsilon");
    Violation::unless(epsilon.is_finite() && epsilon >= 0.0, "C3", || format!("it is {epsilon}"))?;
    rules::result(view, x.shape.clone(), Scalar::F32)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let epsilon = view.float("epsilon") as f32;
    let parameter = |i: usize, channel: usize| x[i].reals()[[channel]];
    let mut y: ArrayD<f32> = x[0].reals().clone();
    for (channel, mut plane) in y.axis_iter_mut(Axis(1)).enumerate() {
        let factor = parameter(1, channel) / (parameter(4, channel) + epsilon).sqrt();
        let (mean, offset) = (parameter(3, channel), parameter(2, channel));
        plane.mapv_inplace(|v| (v - mean) * factor + offset);
    }
    Tensor::F32(y)
}
