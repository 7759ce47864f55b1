//! Sum.

use treville_ir::{OpDef, OperandDef};

use crate::{Llil, check};

/// a + b in the ring.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "add",
    summary: "a + b of one scale, with numpy broadcasting",
    source: "fixed-point arithmetic in a ring: SecureML (Mohassel, Zhang; S&P 2017), section 4.1",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[
        ("C1", "both operands are fixed-point"),
        ("C2", "both operands have the same ring and fraction bits"),
        ("C3", "the shapes broadcast"),
    ],
    infer: |view| check::sum(view, "C1", "C2", "C3"),
    eval: |_, x, _| Ok(treville_ring::add(x[0], x[1])),
    examples: &[
        r#"%0 = "llil.add"(%a, %b) : (tensor<2x3x!llil.fixed<64, 24, "secret">>, tensor<3x!llil.fixed<64, 24, "secret">>) -> tensor<2x3x!llil.fixed<64, 24, "secret">>"#,
        r#"%0 = "llil.add"(%a, %b) : (tensor<3x!llil.fixed<32, 8, "public">>, tensor<!llil.fixed<32, 8, "secret">>) -> tensor<3x!llil.fixed<32, 8, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.add"(%a, %b) : (tensor<3x!llil.bit<"secret">>, tensor<3x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.add"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<3x!llil.fixed<64, 12, "secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.add"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<3x!llil.fixed<32, 24, "secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#),
        ("C3", r#"%0 = "llil.add"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<2x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#),
    ],
};
