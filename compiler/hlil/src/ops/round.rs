//! `round`: the nearest whole number.

use treville_ir::{OpDef, OperandDef};
use treville_ring::map;

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "round",
    summary: "The whole number nearest to each element, the even one of two.",
    source: "ONNX Round-11",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is real")],
    infer: rules::real_elementwise,
    eval: |_, x| Tensor::F32(map(x[0].reals(), f32::round_ties_even)),
    examples: &[r#"%0 = "hlil.round"(%x) : (tensor<2x3x!hlil.secret<f32>>) -> tensor<2x3x!hlil.secret<f32>>"#],
    counterexamples: &[("C1", r#"%0 = "hlil.round"(%x) : (tensor<2xi64>) -> tensor<2xi64>"#)],
};
