//! Sign.

use treville_ir::{OpDef, OperandDef};

use crate::{Elem, Fixed, Llil, check, eval::check_values};

/// 1 where x is at least zero, else 0.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "drelu",
    summary: "1 where x is at least zero, else 0, without fraction bits; for |x| < 2^(k-2)",
    source: "SecureNN (Wagh, Gupta, Chandran; PoPETs 2019)",
    operands: &[OperandDef::one("x")],
    attrs: &[],
    constraints: &[("C1", "the operand is fixed-point")],
    infer: |view| {
        let x = check::fixed(view, 0, "C1")?;
        Ok(vec![view.operand(0).with_elem(Elem::Fixed(Fixed { frac: 0, ..x }))])
    },
    eval: |view, x, _| {
        let ring = view.operand(0).elem.ring();
        check_values(x[0], ring)?;
        Ok(treville_ring::map(x[0], |value| u64::from(ring.to_signed(value) >= 0)))
    },
    examples: &[r#"%0 = "llil.drelu"(%x) : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x3x!llil.fixed<64, 0, "secret">>"#],
    counterexamples: &[("C1", r#"%0 = "llil.drelu"(%x) : (tensor<2x!llil.bit<"secret">>) -> tensor<2x!llil.fixed<64, 0, "secret">>"#)],
};
