//! `div`: the quotient of two tensors, with broadcasting.

use treville_ir::{OpDef, OperandDef};

use crate::{Hlil, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "div",
    summary: "The quotient of two tensors, with broadcasting; of integers truncated towards zero, and 0 where the divisor is 0.",
    source: "ONNX Div-14",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: rules::BROADCAST,
    infer: rules::broadcast,
    eval: |_, x| x[0].zip(x[1], |a, b| a / b, truncated),
    examples: &[
        r#"%0 = "hlil.div"(%a, %b) : (tensor<2x3x!hlil.secret<f32>>, tensor<3xf32>) -> tensor<2x3x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.div"(%a, %b) : (tensor<2x1xi64>, tensor<1x3xi64>) -> tensor<2x3xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.div"(%a, %b) : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>"#),
        ("C2", r#"%0 = "hlil.div"(%a, %b) : (tensor<2xf32>, tensor<3xf32>) -> tensor<3xf32>"#),
    ],
};

fn truncated(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
}
