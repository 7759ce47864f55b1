//! `neg`: the negated tensor.

use treville_ir::{OpDef, OperandDef};
use treville_ring::map;

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "neg",
    summary: "The negated tensor.",
    source: "ONNX Neg-13",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[],
    infer: |view| rules::result(view, view.shape(0), view.operand(0).elem.scalar),
    eval: |_, x| match x[0] {
        Tensor::F32(x) => Tensor::F32(map(x, |v| -v)),
        Tensor::I64(x) => Tensor::I64(map(x, i64::wrapping_neg)),
    },
    examples: &[r#"%0 = "hlil.neg"(%x) : (tensor<2x!hlil.secret<i64>>) -> tensor<2x!hlil.secret<i64>>"#],
    counterexamples: &[],
};
