//! `max`: the greater of each two elements, with broadcasting.

use treville_ir::{OpDef, OperandDef};

use crate::{Hlil, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "max",
    summary: "The greater of each two elements, with broadcasting; NaN where one of them is.",
    source: "ONNX Max-13 of two operands",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: rules::BROADCAST,
    infer: rules::broadcast,
    eval: |_, x| x[0].zip(x[1], rules::greater_of, i64::max),
    examples: &[
        r#"%0 = "hlil.max"(%a, %b) : (tensor<2x3x!hlil.secret<f32>>, tensor<3xf32>) -> tensor<2x3x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.max"(%a, %b) : (tensor<2x1xi64>, tensor<1x3xi64>) -> tensor<2x3xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.max"(%a, %b) : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>"#),
        ("C2", r#"%0 = "hlil.max"(%a, %b) : (tensor<2xf32>, tensor<3xf32>) -> tensor<3xf32>"#),
    ],
};
