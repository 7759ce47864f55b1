//! `reduce_max`: the greatest element over some dimensions.

use treville_ir::{OpDef, OperandDef};

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "reduce_max",
    summary: "The greatest element over some dimensions; NaN where there is one.",
    source: "ONNX ReduceMax-18",
    operands: &[OperandDef::one("x")],
    attrs: rules::REDUCTION,
    constraints: &[("C1", rules::REDUCTION_AXES)],
    infer: |view| rules::reduction(view, "C1"),
    eval: |view, x| match x[0] {
        Tensor::F32(x) => Tensor::F32(rules::reduce(view, x, |values| values.iter().copied().fold(f32::NEG_INFINITY, rules::greater_of))),
        Tensor::I64(x) => Tensor::I64(rules::reduce(view, x, |values| values.iter().copied().fold(i64::MIN, i64::max))),
    },
    examples: &[
        r#"%0 = "hlil.reduce_max"(%x) {axes = [1], keepdims = false} : (tensor<2x8x!hlil.secret<f32>>) -> tensor<2x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.reduce_max"(%x) {axes = [0, 2], keepdims = true} : (tensor<4x3x2xi64>) -> tensor<1x3x1xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.reduce_max"(%x) {axes = [], keepdims = false} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C1", r#"%0 = "hlil.reduce_max"(%x) {axes = [-1], keepdims = false} : (tensor<4xf32>) -> tensor<f32>"#),
        ("C1", r#"%0 = "hlil.reduce_max"(%x) {axes = [1, 0], keepdims = false} : (tensor<4x4xf32>) -> tensor<f32>"#),
    ],
};
