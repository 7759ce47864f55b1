//! `rsqrt`: the reciprocal of the square root.

use treville_ir::{OpDef, OperandDef};
use treville_ring::map;

use crate::{Hlil, Scalar, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "rsqrt",
    summary: "The reciprocal of the square root.",
    source: "TensorFlow Rsqrt",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is real")],
    infer: |view| {
        rules::real(view, "C1")?;
        rules::result(view, view.shape(0), Scalar::F32)
    },
    eval: |_, x| Tensor::F32(map(x[0].reals(), |v| 1.0 / v.sqrt())),
    examples: &[r#"%0 = "hlil.rsqrt"(%x) : (tensor<2x3x!hlil.secret<f32>>) -> tensor<2x3x!hlil.secret<f32>>"#],
    counterexamples: &[("C1", r#"%0 = "hlil.rsqrt"(%x) : (tensor<2xi64>) -> tensor<2xi64>"#)],
};
