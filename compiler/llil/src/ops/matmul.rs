//! Matrix product.

use treville_ir::{OpDef, OperandDef, TensorType, Violation};
use treville_ring::{Kernel, matmul_shape, matmul_with};

use crate::{Llil, check};

/// The product of two stacks of matrices in the ring; fraction bits add.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "matmul",
    summary: "the product of the matrices a (batch, M, K) and b (batch, K, N), whose batch dimensions broadcast; fraction bits add",
    source: "ONNX MatMul-13, with two axes at least",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[
        ("C1", "both operands are fixed-point"),
        ("C2", "both operands have the same ring"),
        ("C3", "the operands have two axes at least, their inner dimensions agree, and the dimensions before these broadcast"),
        ("C4", "the fraction bits of both together leave a bit for the sign"),
    ],
    infer: |view| {
        let elem = check::product(check::one_ring(view, "C1", "C2")?, "C4")?;
        let (a, b) = (view.shape(0), view.shape(1));
        let shape = matmul_shape(a, b).ok_or_else(|| Violation::new("C3", format!("the shapes are {a:?} and {b:?}")))?;
        Ok(vec![TensorType::new(shape, elem)])
    },
    eval: |view, x, _| Ok(matmul_with(Kernel::best(view.operand(0).elem.ring()), x[0], x[1])),
    examples: &[
        r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x30x!llil.fixed<64, 24, "secret">>, tensor<30x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 48, "secret">>"#,
        r#"%0 = "llil.matmul"(%a, %b) : (tensor<2x1x3x4x!llil.fixed<64, 24, "secret">>, tensor<5x4x2x!llil.fixed<64, 24, "secret">>) -> tensor<2x5x3x2x!llil.fixed<64, 48, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.bit<"secret">>, tensor<3x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.fixed<32, 8, "secret">>, tensor<3x2x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.fixed<64, 24, "secret">>, tensor<4x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 48, "secret">>"#),
        ("C3", r#"%0 = "llil.matmul"(%a, %b) : (tensor<3x!llil.fixed<64, 24, "secret">>, tensor<3x2x!llil.fixed<64, 24, "secret">>) -> tensor<2x!llil.fixed<64, 48, "secret">>"#),
        ("C3", r#"%0 = "llil.matmul"(%a, %b) : (tensor<2x3x4x!llil.fixed<64, 24, "secret">>, tensor<5x4x2x!llil.fixed<64, 24, "secret">>) -> tensor<5x3x2x!llil.fixed<64, 48, "secret">>"#),
        ("C4", r#"%0 = "llil.matmul"(%a, %b) : (tensor<1x3x!llil.fixed<64, 32, "secret">>, tensor<3x2x!llil.fixed<64, 32, "secret">>) -> tensor<1x2x!llil.fixed<64, 63, "secret">>"#),
    ],
};
