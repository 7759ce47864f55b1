//! `concat`: tensors one after the other along a dimension.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor;

use crate::rules::{self, Types, View};
use crate::{Hlil, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "concat",
    summary: "Tensors one after the other along a dimension.",
    source: "ONNX Concat-13",
    operands: &[OperandDef::many("xs")],
    attrs: &[AttrDef::new("axis", AttrKind::Int, "the dimension")],
    constraints: &[
        ("C1", "there is an operand, and all are of the same kind"),
        ("C2", "`axis` is a dimension of the first operand"),
        ("C3", "all other dimensions agree"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x2x4xf32>, tensor<1x3x4x!hlil.secret<f32>>) -> tensor<1x5x4x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.concat"() {axis = 0 : i64} : () -> tensor<1xf32>"#),
        ("C1", r#"%0 = "hlil.concat"(%a, %b) {axis = 0 : i64} : (tensor<1xf32>, tensor<1xi64>) -> tensor<2xf32>"#),
        ("C2", r#"%0 = "hlil.concat"(%a, %a) {axis = 1 : i64} : (tensor<1xf32>, tensor<1xf32>) -> tensor<2xf32>"#),
        (
            "C3",
            r#"%0 = "hlil.concat"(%a, %b) {axis = 0 : i64} : (tensor<1x2xf32>, tensor<1x3xf32>) -> tensor<2x3xf32>"#,
        ),
        ("C3", r#"%0 = "hlil.concat"(%a, %b) {axis = 0 : i64} : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<2x2xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    Violation::unless(!view.operands.is_empty(), "C1", || "there is none".into())?;
    let scalar = rules::same_kind(view, "C1")?;
    let axis = rules::axis(view, "C2")?;
    let first = view.shape(0);
    let mut shape = first.to_vec();
    shape[axis] = 0;
    for ty in &view.operands {
        let agree = ty.rank() == first.len() && (0..first.len()).all(|i| i == axis || ty.shape[i] == first[i]);
        Violation::unless(agree, "C3", || format!("{} against {ty}", view.operand(0)))?;
        shape[axis] += ty.shape[axis];
    }
    rules::result(view, shape, scalar)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let axis = rules::axis(view, "C2").expect("invariant: C2");
    let reals: Option<Vec<_>> = x.iter().map(|t| t.as_f32()).collect();
    let integers: Option<Vec<_>> = x.iter().map(|t| t.as_i64()).collect();
    match (reals, integers) {
        (Some(parts), _) => Tensor::F32(tensor::concat(&parts, axis)),
        (_, Some(parts)) => Tensor::I64(tensor::concat(&parts, axis)),
        _ => unreachable!("invariant: C1"),
    }
}
