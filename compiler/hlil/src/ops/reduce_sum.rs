//! `reduce_sum`: the sum over some dimensions.

use treville_ir::{OpDef, OperandDef};

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "reduce_sum",
    summary: "The sum over some dimensions.",
    source: "ONNX ReduceSum-13; integers wrap",
    operands: &[OperandDef::one("x")],
    attrs: rules::REDUCTION,
    constraints: &[("C1", rules::REDUCTION_AXES)],
    infer: |view| rules::reduction(view, "C1"),
    eval: |view, x| match x[0] {
        Tensor::F32(x) => Tensor::F32(rules::reduce(view, x, |values| values.iter().map(|v| f64::from(*v)).sum::<f64>() as f32)),
        Tensor::I64(x) => Tensor::I64(rules::reduce(view, x, |values| values.iter().fold(0, |a: i64, b| a.wrapping_add(*b)))),
    },
    examples: &[
        r#"%0 = "hlil.reduce_sum"(%x) {axes = [1], keepdims = false} : (tensor<2x8x!hlil.secret<f32>>) -> tensor<2x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.reduce_sum"(%x) {axes = [0, 2], keepdims = true} : (tensor<4x3x2xi64>) -> tensor<1x3x1xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.reduce_sum"(%x) {axes = [], keepdims = false} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C1", r#"%0 = "hlil.reduce_sum"(%x) {axes = [-1], keepdims = false} : (tensor<4xf32>) -> tensor<f32>"#),
        ("C1", r#"%0 = "hlil.reduce_sum"(%x) {axes = [1, 0], keepdims = false} : (tensor<4x4xf32>) -> tensor<f32>"#),
    ],
};
