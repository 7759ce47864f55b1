//! `select`: elements of one tensor or of another, as a third says.

use treville_ir::{OpDef, OperandDef, Violation};
use treville_ring::{tensor::broadcast_to, zip_with};

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "select",
    summary: "The element of a where the condition is 1, of b where it is 0, with broadcasting.",
    source: "ONNX Where-16",
    operands: &[OperandDef::one("condition"), OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[
        ("C1", "the condition holds integers, and a and b are of the same kind"),
        ("C2", "the three shapes broadcast by numpy's rule"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.select"(%c, %a, %b) : (tensor<2x3x!hlil.secret<i64>>, tensor<3xf32>, tensor<f32>) -> tensor<2x3x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.select"(%c, %a, %b) : (tensor<3xi64>, tensor<2x1xi64>, tensor<i64>) -> tensor<2x3xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.select"(%c, %a, %b) : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>"#),
        ("C1", r#"%0 = "hlil.select"(%c, %a, %b) : (tensor<2xi64>, tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>"#),
        ("C2", r#"%0 = "hlil.select"(%c, %a, %b) : (tensor<2xi64>, tensor<3xf32>, tensor<f32>) -> tensor<3xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let [condition, a, b] = [0, 1, 2].map(|i| view.operand(i));
    let kinds = condition.elem.scalar == Scalar::I64 && a.elem.scalar == b.elem.scalar;
    Violation::unless(kinds, "C1", || format!("{condition} selects from {a} and {b}"))?;
    rules::result(view, rules::joint_shape(view, "C2")?, a.elem.scalar)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let condition = broadcast_to(x[0].integers(), &view.results[0].shape);
    // The condition has the joint shape, so each of the two steps has it too.
    match (x[1], x[2]) {
        (Tensor::F32(a), Tensor::F32(b)) => {
            let taken = zip_with(&condition, a, |c, a| (c != 0, a));
            Tensor::F32(zip_with(&taken, b, |(take, a), b| if take { a } else { b }))
        }
        (Tensor::I64(a), Tensor::I64(b)) => {
            let taken = zip_with(&condition, a, |c, a| (c != 0, a));
            Tensor::I64(zip_with(&taken, b, |(take, a), b| if take { a } else { b }))
        }
        _ => unreachable!("invariant: C1"),
    }
}
