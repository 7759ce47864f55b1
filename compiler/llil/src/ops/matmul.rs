//! Matrix product.

use treville_ir::{OpDef, OperandDef, TensorType, Violation};

use crate::{Llil, check};

/// The product of two matrices in the ring; fraction bits add.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "matmul",
    summary: "the product of the matrices a (M, K) and b (K, N); fraction bits add",
    source: "DESIGN.md section 4",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[
        ("C1", "both operands are fixed-point"),
        ("C2", "both operands have the same ring"),
        ("C3", "the operands are matrices whose inner dimensions agree"),
        ("C4", "the fraction bits of both together leave a bit for the sign"),
    ],
    infer: |view| {
        let elem = check::product(check::one_ring(view, "C1", "C2")?, "C4")?;
        match (view.shape(0), view.shape(1)) {
            (&[m, k], &[k_b, n]) if k == k_b => Ok(vec![TensorType::new([m, n], elem)]),
            (a, b) => Err(Violation::new("C3", format!("the shapes are {a:?} and {b:?}"))),
        }
    },
    eval: |_, x, _| Ok(treville_ring::matmul(x[0], x[1])),
    examples: &[
        r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x30x!llil.fixed<64, 24, "secret">>, tensor<30x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 48, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.bit<"secret">>, tensor<3x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.fixed<32, 8, "secret">>, tensor<3x2x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.fixed<64, 24, "secret">>, tensor<4x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 48, "secret">>"#),
        ("C3", r#"%0 = "llil.matmul"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<3x2x!llil.fixed<64, 24, "secret">>) -> tensor<2x!llil.fixed<64, 48, "secret">>"#),
        ("C4", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.fixed<64, 32, "secret">>, tensor<3x2x!llil.fixed<64, 32, "secret">>) -> tensor<1x2x!llil.fixed<64, 63, "secret">>"#),
    ],
};
