//! `reduce_mean`: the mean over some dimensions.

use ndarray::Axis;
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor::reshape_owned;

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "reduce_mean",
    summary: "The mean over some dimensions.",
    source: "ONNX ReduceMean-18",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("axes", AttrKind::Ints, "the dimensions to average over, ascending"),
        AttrDef::new("keepdims", AttrKind::Bool, "whether these stay as dimensions of size 1"),
    ],
    constraints: &[
        ("C1", "the operand is real"),
        ("C2", "`axes` names at least one dimension of the operand, in ascending order"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.reduce_mean"(%x) {axes = [2, 3], keepdims = false} : (tensor<1x8x4x4x!hlil.secret<f32>>) -> tensor<1x8x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.reduce_mean"(%x) {axes = [0, 1], keepdims = true} : (tensor<4x4xf32>) -> tensor<1x1xf32>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.reduce_mean"(%x) {axes = [0], keepdims = false} : (tensor<4xi64>) -> tensor<i64>"#),
        ("C2", r#"%0 = "hlil.reduce_mean"(%x) {axes = [], keepdims = false} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C2", r#"%0 = "hlil.reduce_mean"(%x) {axes = [1], keepdims = false} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C2", r#"%0 = "hlil.reduce_mean"(%x) {axes = [1, 0], keepdims = false} : (tensor<4x4xf32>) -> tensor<f32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    let rank = view.operand(0).rank();
    let axes = view.sizes("axes", 0, "C2")?;
    let ascending = axes.is_sorted_by(|a, b| a < b) && axes.last().is_some_and(|last| *last < rank);
    Violation::unless(ascending, "C2", || format!("{axes:?} of {rank} dimensions"))?;
    let size = |(axis, &size): (usize, &usize)| match (axes.contains(&axis), view.bool("keepdims")) {
        (false, _) => Some(size),
        (true, true) => Some(1),
        (true, false) => None,
    };
    let shape: Vec<_> = view.shape(0).iter().enumerate().filter_map(size).collect();
    rules::result(view, shape, Scalar::F32)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let mut sum = x[0].reals().clone();
    for axis in view.sizes("axes", 0, "C2").expect("invariant: C2").into_iter().rev() {
        sum = sum.sum_axis(Axis(axis));
    }
    let count = x[0].reals().len() / sum.len();
    sum.mapv_inplace(|v| v / count as f32);
    Tensor::F32(reshape_owned(sum, &view.results[0].shape))
}
