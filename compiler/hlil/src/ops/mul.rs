//! `mul`: the element-wise product of two tensors, with broadcasting.

use treville_ir::{OpDef, OperandDef};

use crate::{Hlil, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "mul",
    summary: "The element-wise product of two tensors, with broadcasting.",
    source: "ONNX Mul-14",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: rules::BROADCAST,
    infer: rules::broadcast,
    eval: |_, x| x[0].zip(x[1], |a, b| a * b, i64::wrapping_mul),
    examples: &[
        r#"%0 = "hlil.mul"(%a, %b) : (tensor<2x3x!hlil.secret<f32>>, tensor<3xf32>) -> tensor<2x3x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.mul"(%a, %b) : (tensor<2x1xi64>, tensor<1x3xi64>) -> tensor<2x3xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.mul"(%a, %b) : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>"#),
        ("C2", r#"%0 = "hlil.mul"(%a, %b) : (tensor<2xf32>, tensor<3xf32>) -> tensor<3xf32>"#),
    ],
};
