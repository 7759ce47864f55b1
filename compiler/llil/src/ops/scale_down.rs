//! ScaleDown: division by a power of two.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};

use crate::{Exact, Llil, Rounding, RoundingMode, check};

/// x / 2^shift with a stated rounding; fraction bits shrink.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "scale_down",
    summary: "x / 2^shift with the stated rounding; fraction bits shrink by shift",
    source: "fixed-point arithmetic in a ring: SecureML (Mohassel, Zhang; S&P 2017), section 4.1",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("shift", AttrKind::Int, "the number of fraction bits that are dropped"),
        AttrDef::new("rounding", AttrKind::Str, "`exact`, `probabilistic` or `local`"),
    ],
    constraints: &[
        ("C1", "the operand is fixed-point"),
        ("C2", "shift is 1 to the operand's fraction bits"),
        ("C3", "rounding is `exact`, `probabilistic` or `local`"),
    ],
    infer: |view| {
        let x = check::fixed(view, 0, "C1")?;
        let (shift, rounding) = (view.int("shift"), view.str("rounding"));
        Violation::unless((1..=x.frac.into()).contains(&shift), "C2", || format!("shift {shift} of {} fraction bits", x.frac))?;
        Violation::unless(RoundingMode::from_name(rounding).is_some(), "C3", || format!("rounding is `{rounding}`"))?;
        Ok(vec![view.operand(0).with_elem(check::grown(x, -shift, "C2")?)])
    },
    eval: |view, x, step| {
        let (shift, ring) = (view.int("shift") as u8, view.operand(0).elem.ring());
        match view.str("rounding") {
            "exact" => Exact.scale_down(step.op, x[0], shift, ring),
            _ => step.rounding.scale_down(step.op, x[0], shift, ring),
        }
    },
    examples: &[
        r#"%0 = "llil.scale_down"(%x) {shift = 12 : i64, rounding = "exact"} : (tensor<1x64x112x112x!llil.fixed<64, 24, "secret">>) -> tensor<1x64x112x112x!llil.fixed<64, 12, "secret">>"#,
        r#"%0 = "llil.scale_down"(%x) {shift = 24 : i64, rounding = "local"} : (tensor<3x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 0, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.scale_down"(%x) {shift = 1 : i64, rounding = "exact"} : (tensor<3x!llil.bit<"secret">>) -> tensor<3x!llil.bit<"secret">>"#),
        ("C2", r#"%0 = "llil.scale_down"(%x) {shift = 25 : i64, rounding = "exact"} : (tensor<3x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 0, "secret">>"#),
        ("C2", r#"%0 = "llil.scale_down"(%x) {shift = 0 : i64, rounding = "exact"} : (tensor<3x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#),
        ("C3", r#"%0 = "llil.scale_down"(%x) {shift = 12 : i64, rounding = "nearest"} : (tensor<3x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 12, "secret">>"#),
    ],
};
