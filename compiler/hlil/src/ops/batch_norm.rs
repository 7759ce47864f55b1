//! `batch_norm`: normalisation of each channel with given statistics.

use rayon::prelude::*;
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
    let x = x[0].reals();
    let mut y = x.as_standard_layout().into_owned();
    let (n_channels, plane_len) = (x.shape()[1], x.shape()[2..].iter().product());
    let planes = y.as_slice_mut().expect("invariant: standard layout").par_chunks_mut(plane_len);
    planes.enumerate().for_each(|(i, plane)| {
        let channel = i % n_channels;
        let factor = parameter(1, channel) / (parameter(4, channel) + epsilon).sqrt();
        let (mean, offset) = (parameter(3, channel), parameter(2, channel));
        plane.iter_mut().for_each(|v| *v = (*v - mean) * factor + offset);
    });
    Tensor::F32(y)
}
