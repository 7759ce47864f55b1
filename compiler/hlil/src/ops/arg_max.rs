//! `arg_max`: where the greatest element stands.

use ndarray::{Axis, Zip};
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef};
use treville_ring::tensor::reshape_owned;

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "arg_max",
    summary: "The index of the greatest element along a dimension; of equal ones the first.",
    source: "ONNX ArgMax-13 with select_last_index = 0",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("axis", AttrKind::Int, "the dimension"),
        AttrDef::new("keepdims", AttrKind::Bool, "whether it stays as a dimension of size 1"),
    ],
    constraints: &[("C1", "the operand is real"), ("C2", "`axis` is a dimension of the operand")],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.arg_max"(%x) {axis = 1 : i64, keepdims = false} : (tensor<2x10x!hlil.secret<f32>>) -> tensor<2x!hlil.secret<i64>>"#,
        r#"%0 = "hlil.arg_max"(%x) {axis = 0 : i64, keepdims = true} : (tensor<2x10xf32>) -> tensor<1x10xi64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.arg_max"(%x) {axis = 0 : i64, keepdims = false} : (tensor<2xi64>) -> tensor<i64>"#),
        ("C2", r#"%0 = "hlil.arg_max"(%x) {axis = -1 : i64, keepdims = false} : (tensor<2xf32>) -> tensor<i64>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    let axis = rules::axis(view, "C2")?;
    rules::result(view, rules::reduced_shape(view, &[axis]), Scalar::I64)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let axis = rules::axis(view, "C2").expect("invariant: C2");
    let first_greatest = |lane: ndarray::ArrayView1<'_, f32>| {
        let greater = |best, i| if lane[i] > lane[best] { i } else { best };
        (1..lane.len()).fold(0, greater) as i64
    };
    let indices = Zip::from(x[0].reals().lanes(Axis(axis))).par_map_collect(first_greatest);
    Tensor::I64(reshape_owned(indices, &view.results[0].shape))
}
