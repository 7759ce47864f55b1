//! `relu`: the greater of each element and 0.

use treville_ir::{OpDef, OperandDef};
use treville_ring::map;

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "relu",
    summary: "The greater of each element and 0.",
    source: "ONNX Relu-14",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is real")],
    infer: rules::real_elementwise,
    eval: |_, x| Tensor::F32(map(x[0].reals(), |v| if v < 0.0 { 0.0 } else { v })),
    examples: &[r#"%0 = "hlil.relu"(%x) : (tensor<2x3x!hlil.secret<f32>>) -> tensor<2x3x!hlil.secret<f32>>"#],
    counterexamples: &[("C1", r#"%0 = "hlil.relu"(%x) : (tensor<2xi64>) -> tensor<2xi64>"#)],
};
