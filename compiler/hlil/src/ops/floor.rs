//! `floor`: the greatest whole number that is not above each element.

use treville_ir::{OpDef, OperandDef};
use treville_ring::map;

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "floor",
    summary: "The greatest whole number that is not above each element.",
    source: "ONNX Floor-13",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is real")],
    infer: rules::real_elementwise,
    eval: |_, x| Tensor::F32(map(x[0].reals(), f32::floor)),
    examples: &[r#"%0 = "hlil.floor"(%x) : (tensor<2x3x!hlil.secret<f32>>) -> tensor<2x3x!hlil.secret<f32>>"#],
    counterexamples: &[("C1", r#"%0 = "hlil.floor"(%x) : (tensor<2xi64>) -> tensor<2xi64>"#)],
};
