//! Rectifier.

use treville_ir::{OpDef, OperandDef};

use crate::{Llil, check, eval::check_values};

/// max(x, 0).
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "relu",
    summary: "max(x, 0), for |x| < 2^(k-2)",
    source: "SecureNN (Wagh, Gupta, Chandran; PoPETs 2019)",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is fixed-point")],
    infer: |view| check::fixed(view, 0, "C1").map(|_| vec![view.operand(0).clone()]),
    eval: |view, x, _| {
        let ring = view.operand(0).elem.ring();
        check_values(x[0], ring)?;
        Ok(treville_ring::map(x[0], |value| if ring.to_signed(value) < 0 { 0 } else { value }))
    },
    examples: &[r#"%0 = "llil.relu"(%x) : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x3x!llil.fixed<64, 24, "secret">>"#],
    counterexamples: &[("C1", r#"%0 = "llil.relu"(%x) : (tensor<2x!llil.bit<"secret">>) -> tensor<2x!llil.bit<"secret">>"#)],
};
