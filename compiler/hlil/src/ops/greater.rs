//! `greater`: where elements of a are greater than those of b.

use treville_ir::{OpDef, OperandDef};

use crate::{Hlil, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "greater",
    summary: "1 where an element of a is greater than that of b, 0 elsewhere, with broadcasting.",
    source: "ONNX Greater-13",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: rules::BROADCAST,
    infer: rules::compare,
    eval: |_, x| x[0].compare(x[1], |a, b| a > b, |a, b| a > b),
    examples: &[
        r#"%0 = "hlil.greater"(%a, %b) : (tensor<2x3x!hlil.secret<f32>>, tensor<3xf32>) -> tensor<2x3x!hlil.secret<i64>>"#,
        r#"%0 = "hlil.greater"(%a, %b) : (tensor<2x1xi64>, tensor<1x3xi64>) -> tensor<2x3xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.greater"(%a, %b) : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xi64>"#),
        ("C2", r#"%0 = "hlil.greater"(%a, %b) : (tensor<2xf32>, tensor<3xf32>) -> tensor<3xi64>"#),
    ],
};
