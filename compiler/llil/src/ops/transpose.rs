//! Permutation of the axes.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};

use crate::{Llil, check};

/// Axis i of the result is axis perm[i] of x.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "transpose",
    summary: "axis i of the result is axis perm[i] of x",
    source: "ONNX Transpose-21",
    operands: &[OperandDef::one("x")],
    attrs: &[AttrDef::new("perm", AttrKind::Ints, "for each axis of the result, the axis of x")],
    constraints: &[("C1", "perm is a permutation of the axes of x")],
    infer: |view| {
        let [perm] = check::per_axis(view, ["perm"], "C1")?;
        let x = view.shape(0);
        let complete = (0..x.len()).all(|axis| perm.contains(&axis));
        Violation::unless(complete, "C1", || format!("{perm:?} is no permutation of {} axes", x.len()))?;
        Ok(check::reshaped(view, perm.iter().map(|&axis| x[axis]).collect()))
    },
    eval: |view, x, _| {
        let [perm] = check::per_axis(view, ["perm"], "C1").expect("invariant: inference has accepted the attributes");
        Ok(treville_ring::tensor::transpose(x[0], &perm))
    },
    examples: &[
        r#"%0 = "llil.transpose"(%x) {perm = [0, 2, 3, 1]} : (tensor<1x2x3x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x3x4x2x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.transpose"(%x) {perm = [0, 0]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x2x!llil.fixed<64, 24, "secret">>"#),
        ("C1", r#"%0 = "llil.transpose"(%x) {perm = [0]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x!llil.fixed<64, 24, "secret">>"#),
    ],
};
