//! `slice`: some of the elements along each dimension.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor;

use crate::rules::{self, Types, View};
use crate::tensor::each;
use crate::{Hlil, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "slice",
    summary: "Along each dimension, every `step`-th element from `start` up to `end`, exclusive.",
    source: "ONNX Slice-13 with constant bounds and forward steps",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("starts", AttrKind::Ints, "the first index of each dimension"),
        AttrDef::new("ends", AttrKind::Ints, "the index behind the last of each dimension"),
        AttrDef::new("steps", AttrKind::Ints, "the step along each dimension"),
    ],
    constraints: &[
        ("C1", "`starts`, `ends` and `steps` have an entry for each dimension, and steps are positive"),
        ("C2", "along each dimension, start < end <= size"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.slice"(%x) {starts = [0, 1], ends = [1, 6], steps = [1, 2]} : (tensor<1x6x!hlil.secret<f32>>) -> tensor<1x3x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.slice"(%x) {starts = [0], ends = [4], steps = [0]} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C1", r#"%0 = "hlil.slice"(%x) {starts = [], ends = [4], steps = [1]} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C2", r#"%0 = "hlil.slice"(%x) {starts = [0], ends = [5], steps = [1]} : (tensor<4xf32>) -> tensor<5xf32>"#),
        ("C2", r#"%0 = "hlil.slice"(%x) {starts = [2], ends = [2], steps = [1]} : (tensor<4xf32>) -> tensor<1xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let list = |name, min| rules::per_axis(view, name, min, "C1");
    let (starts, ends, steps) = (list("starts", 0)?, list("ends", 0)?, list("steps", 1)?);
    let mut shape = Vec::new();
    for (axis, &size) in view.shape(0).iter().enumerate() {
        let (start, end) = (starts[axis], ends[axis]);
        let message = || format!("{start} to {end} of {size} along dimension {axis}");
        Violation::unless(start < end && end <= size, "C2", message)?;
        shape.push((end - start).div_ceil(steps[axis]));
    }
    rules::result(view, shape, view.operand(0).elem.scalar)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let sizes = |name| view.sizes(name, 0, "C1").expect("invariant: C1");
    let (starts, ends, steps) = (sizes("starts"), sizes("ends"), sizes("steps"));
    each!(x[0], x => tensor::slice(x, &starts, &ends, &steps))
}
