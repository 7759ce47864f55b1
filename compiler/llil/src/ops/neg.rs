//! Negation.

use treville_ir::{OpDef, OperandDef};

use crate::{Llil, check};

/// -x in the ring.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "neg",
    summary: "-x",
    source: "fixed-point arithmetic in a ring: SecureML (Mohassel, Zhang; S&P 2017), section 4.1",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is fixed-point")],
    infer: |view| check::fixed(view, 0, "C1").map(|_| vec![view.operand(0).clone()]),
    eval: |_, x, _| Ok(treville_ring::neg(x[0])),
    examples: &[r#"%0 = "llil.neg"(%x) : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x3x!llil.fixed<64, 24, "secret">>"#],
    counterexamples: &[("C1", r#"%0 = "llil.neg"(%x) : (tensor<2x!llil.bit<"secret">>) -> tensor<2x!llil.bit<"secret">>"#)],
};
