//! Every n-th element of a range along each axis.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};

use crate::{Llil, check};

/// Every steps[i]-th element of starts[i]..ends[i] along axis i.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "slice",
    summary: "every steps[i]-th element of starts[i]..ends[i] along axis i",
    source: "ONNX Slice-13, with ranges inside the axes and positive steps",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("starts", AttrKind::Ints, "first index, one an axis"),
        AttrDef::new("ends", AttrKind::Ints, "index after the last, one an axis"),
        AttrDef::new("steps", AttrKind::Ints, "distance between the elements taken, one an axis"),
    ],
    constraints: &[
        ("C1", "starts, ends and steps have one entry for each axis"),
        ("C2", "each range is not empty and inside its axis, and each step at least 1"),
    ],
    infer: |view| {
        let [starts, ends, steps] = check::per_axis(view, ["starts", "ends", "steps"], "C1")?;
        let mut shape = Vec::with_capacity(starts.len());
        for (axis, &size) in view.shape(0).iter().enumerate() {
            let (start, end, step) = (starts[axis], ends[axis], steps[axis]);
            let holds = start < end && end <= size && step >= 1;
            Violation::unless(holds, "C2", || format!("{start}..{end} step {step} along axis {axis} of size {size}"))?;
            shape.push((end - start).div_ceil(step));
        }
        Ok(check::reshaped(view, shape))
    },
    eval: |view, x, _| {
        let lists = check::per_axis(view, ["starts", "ends", "steps"], "C1");
        let [starts, ends, steps] = lists.expect("invariant: inference has accepted the attributes");
        Ok(treville_ring::tensor::slice(x[0], &starts, &ends, &steps))
    },
    examples: &[
        r#"%0 = "llil.slice"(%x) {starts = [0, 1], ends = [2, 6], steps = [1, 2]} : (tensor<2x6x!llil.fixed<64, 24, "secret">>) -> tensor<2x3x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.slice"(%x) {starts = [0], ends = [2, 6], steps = [1, 2]} : (tensor<2x6x!llil.fixed<64, 24, "secret">>) -> tensor<2x3x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.slice"(%x) {starts = [0, 1], ends = [2, 7], steps = [1, 2]} : (tensor<2x6x!llil.fixed<64, 24, "secret">>) -> tensor<2x3x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.slice"(%x) {starts = [0, 6], ends = [2, 6], steps = [1, 1]} : (tensor<2x6x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.slice"(%x) {starts = [0, 0], ends = [2, 6], steps = [1, 0]} : (tensor<2x6x!llil.fixed<64, 24, "secret">>) -> tensor<2x6x!llil.fixed<64, 24, "secret">>"#),
    ],
};
