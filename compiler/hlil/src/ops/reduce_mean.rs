//! `reduce_mean`: the mean over some dimensions.

use treville_ir::{OpDef, OperandDef};

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "reduce_mean",
    summary: "The mean over some dimensions.",
    source: "ONNX ReduceMean-18",
    operands: &[OperandDef::one("x")],
    attrs: rules::REDUCTION,
    constraints: &[("C1", "the operand is real"), ("C2", rules::REDUCTION_AXES)],
    infer: |view| {
        rules::real(view, "C1")?;
        rules::reduction(view, "C2")
    },
    eval: |view, x| {
        let sum = |values: &[f32]| values.iter().map(|v| f64::from(*v)).sum::<f64>();
        Tensor::F32(rules::reduce(view, x[0].reals(), |values| (sum(values) / values.len() as f64) as f32))
    },
    examples: &[
        r#"%0 = "hlil.reduce_mean"(%x) {axes = [2, 3], keepdims = false} : (tensor<1x8x4x4x!hlil.secret<f32>>) -> tensor<1x8x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.reduce_mean"(%x) {axes = [0, 1], keepdims = true} : (tensor<4x4xf32>) -> tensor<1x1xf32>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.reduce_mean"(%x) {axes = [0], keepdims = false} : (tensor<4xi64>) -> tensor<i64>"#),
        ("C2", r#"%0 = "hlil.reduce_mean"(%x) {axes = [], keepdims = false} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C2", r#"%0 = "hlil.reduce_mean"(%x) {axes = [1], keepdims = false} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C2", r#"%0 = "hlil.reduce_mean"(%x) {axes = [1, 0], keepdims = false} : (tensor<4x4xf32>) -> tensor<f32>"#),
    ],
};
