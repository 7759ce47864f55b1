//! Elementwise product.

use treville_ir::{OpDef, OperandDef, TensorType};

use crate::{Llil, check};

/// a * b in the ring; fraction bits add.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "mul",
    summary: "a * b element by element, with numpy broadcasting; fraction bits add",
    source: "fixed-point arithmetic in a ring: SecureML (Mohassel, Zhang; S&P 2017), section 4.1",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[
        ("C1", "both operands are fixed-point"),
        ("C2", "both operands have the same ring"),
        ("C3", "the shapes broadcast"),
        ("C4", "the fraction bits of both together leave a bit for the sign"),
    ],
    infer: |view| {
        let elem = check::product(check::one_ring(view, "C1", "C2")?, "C4")?;
        Ok(vec![TensorType::new(check::broadcast(view, "C3")?, elem)])
    },
    eval: |_, x, _| Ok(treville_ring::mul(x[0], x[1])),
    examples: &[
        r#"%0 = "llil.mul"(%a, %b) : (tensor<2x3x!llil.fixed<64, 24, "secret">>, tensor<3x!llil.fixed<64, 12, "public">>) -> tensor<2x3x!llil.fixed<64, 36, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.mul"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<3x!llil.bit<"secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.mul"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<3x!llil.fixed<63, 24, "secret">>) -> tensor<3x!llil.fixed<64, 48, "secret">>"#),
        ("C3", r#"%0 = "llil.mul"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<2x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 48, "secret">>"#),
        ("C4", r#"%0 = "llil.mul"(%a, %b) : (tensor<3x!llil.fixed<32, 16, "secret">>, tensor<3x!llil.fixed<32, 16, "secret">>) -> tensor<3x!llil.fixed<32, 31, "secret">>"#),
    ],
};
