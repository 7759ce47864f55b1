//! Sum over axes.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef};

use crate::{Llil, check};

/// The sum over axes in the ring.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "reduce_sum",
    summary: "the sum over axes",
    source: "ONNX ReduceSum-13, with constant axes",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("axes", AttrKind::Ints, "the axes that are summed over, ascending"),
        AttrDef::new("keepdims", AttrKind::Bool, "whether the axes stay, with size 1"),
    ],
    constraints: &[
        ("C1", "the operand is fixed-point"),
        ("C2", "x has the axes, and they are ascending"),
    ],
    infer: |view| {
        check::fixed(view, 0, "C1")?;
        let axes = check::axes(view, "C2")?;
        let keepdims = view.bool("keepdims");
        let sizes = view.shape(0).iter().enumerate();
        let shape = sizes.filter_map(|(axis, &size)| if axes.contains(&axis) { keepdims.then_some(1) } else { Some(size) });
        Ok(check::reshaped(view, shape.collect()))
    },
    eval: |view, x, _| {
        let axes = check::axes(view, "C2").expect("invariant: inference has accepted the attributes");
        Ok(treville_ring::reduce_sum(x[0], &axes, view.bool("keepdims")))
    },
    examples: &[
        r#"%0 = "llil.reduce_sum"(%x) {axes = [0, 2], keepdims = false} : (tensor<2x3x4x!llil.fixed<64, 24, "secret">>) -> tensor<3x!llil.fixed<64, 24, "secret">>"#,
        r#"%0 = "llil.reduce_sum"(%x) {axes = [1], keepdims = true} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.reduce_sum"(%x) {axes = [1], keepdims = true} : (tensor<2x3x!llil.bit<"secret">>) -> tensor<2x1x!llil.bit<"secret">>"#),
        ("C2", r#"%0 = "llil.reduce_sum"(%x) {axes = [2], keepdims = true} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.reduce_sum"(%x) {axes = [1, 0], keepdims = true} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<1x1x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.reduce_sum"(%x) {axes = [-1], keepdims = true} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#),
    ],
};
