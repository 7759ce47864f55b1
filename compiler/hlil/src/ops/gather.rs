//! `gather`: some elements along a dimension, in any order.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor;

use crate::rules::{self, Types, View};
use crate::tensor::each;
use crate::{Hlil, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "gather",
    summary: "The elements at given indices along a dimension, in this order; an index may stand several times.",
    source: "ONNX Gather-13 with a constant vector of indices that are not negative",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("axis", AttrKind::Int, "the dimension"),
        AttrDef::new("indices", AttrKind::Ints, "for each element of the result along it, the operand's"),
    ],
    constraints: &[
        ("C1", "`axis` is a dimension of the operand"),
        ("C2", "there is an index, and all are from 0 up to the dimension's size, exclusive"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.gather"(%x) {axis = 1 : i64, indices = [2, 1, 0, 0]} : (tensor<2x3x!hlil.secret<f32>>) -> tensor<2x4x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.gather"(%x) {axis = 0 : i64, indices = [1]} : (tensor<2x3xi64>) -> tensor<1x3xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.gather"(%x) {axis = 1 : i64, indices = [0]} : (tensor<2xf32>) -> tensor<1xf32>"#),
        ("C2", r#"%0 = "hlil.gather"(%x) {axis = 0 : i64, indices = [2]} : (tensor<2xf32>) -> tensor<1xf32>"#),
        ("C2", r#"%0 = "hlil.gather"(%x) {axis = 0 : i64, indices = [-1]} : (tensor<2xf32>) -> tensor<1xf32>"#),
        ("C2", r#"%0 = "hlil.gather"(%x) {axis = 0 : i64, indices = []} : (tensor<2xf32>) -> tensor<1xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let axis = rules::axis(view, "C1")?;
    let mut shape = view.shape(0).to_vec();
    let indices = view.sizes("indices", 0, "C2")?;
    Violation::unless(!indices.is_empty(), "C2", || "there is none".into())?;
    if let Some(outside) = indices.iter().find(|index| **index >= shape[axis]) {
        return Err(Violation::new("C2", format!("index {outside} into {} elements", shape[axis])));
    }
    shape[axis] = indices.len();
    rules::result(view, shape, view.operand(0).elem.scalar)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let axis = rules::axis(view, "C1").expect("invariant: C1");
    let indices = view.sizes("indices", 0, "C2").expect("invariant: C2");
    each!(x[0], x => tensor::take(x, axis, &indices))
}
