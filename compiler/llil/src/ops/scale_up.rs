//! ScaleUp: multiplication by a power of two.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};

use crate::{Llil, check};

/// x * 2^shift; fraction bits grow, the value stands for the same real.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "scale_up",
    summary: "x * 2^shift; fraction bits grow by shift",
    source: "fixed-point arithmetic in a ring: SecureML (Mohassel, Zhang; S&P 2017), section 4.1",
    operands: &[OperandDef::one("x")],
    attrs: &[AttrDef::new("shift", AttrKind::Int, "the number of fraction bits that are added")],
    constraints: &[
        ("C1", "the operand is fixed-point"),
        ("C2", "shift is at least 1, and with it the fraction bits leave a bit for the sign"),
    ],
    infer: |view| {
        let x = check::fixed(view, 0, "C1")?;
        let shift = view.int("shift");
        Violation::unless(shift >= 1, "C2", || format!("shift is {shift}"))?;
        Ok(vec![view.operand(0).with_elem(check::grown(x, shift, "C2")?)])
    },
    eval: |view, x, _| Ok(treville_ring::shift_left(x[0], view.int("shift") as u8)),
    examples: &[
        r#"%0 = "llil.scale_up"(%x) {shift = 12 : i64} : (tensor<3x!llil.fixed<64, 12, "secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.scale_up"(%x) {shift = 1 : i64} : (tensor<3x!llil.bit<"secret">>) -> tensor<3x!llil.bit<"secret">>"#),
        ("C2", r#"%0 = "llil.scale_up"(%x) {shift = 0 : i64} : (tensor<3x!llil.fixed<64, 12, "secret">>) -> tensor<3x!llil.fixed<64, 12, "secret">>"#),
        ("C2", r#"%0 = "llil.scale_up"(%x) {shift = 52 : i64} : (tensor<3x!llil.fixed<64, 12, "secret">>) -> tensor<3x!llil.fixed<64, 63, "secret">>"#),
    ],
};
