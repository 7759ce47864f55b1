//! Elements by their places along an axis.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};

use crate::{Llil, check};

/// Element indices[i] of x along an axis, for each i.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "gather",
    summary: "element indices[i] of x at place i along an axis; each may occur any number of times",
    source: "ONNX Gather-13, with a list of constant indices from the start of the axis",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("axis", AttrKind::Int, "the axis along which elements are taken"),
        AttrDef::new("indices", AttrKind::Ints, "for each place of the result, the place in x"),
    ],
    constraints: &[
        ("C1", "x has the axis"),
        ("C2", "there is an index, and each is at least 0 and below the size of the axis"),
    ],
    infer: |view| {
        let (axis, indices) = check::gather(view, "C1", "C2")?;
        let mut shape = view.shape(0).to_vec();
        let size = std::mem::replace(&mut shape[axis], indices.len());
        Violation::unless(!indices.is_empty(), "C2", || "there is no index".into())?;
        let inside = indices.iter().all(|&index| index < size);
        Violation::unless(inside, "C2", || format!("indices {indices:?} along axis {axis} of size {size}"))?;
        Ok(check::reshaped(view, shape))
    },
    eval: |view, x, _| {
        let (axis, indices) = check::gather(view, "C1", "C2").expect("invariant: inference has accepted the attributes");
        Ok(treville_ring::tensor::take(x[0], axis, &indices))
    },
    examples: &[
        r#"%0 = "llil.gather"(%x) {axis = 1 : i64, indices = [2, 0, 0, 1]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x4x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.gather"(%x) {axis = 2 : i64, indices = [0]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.gather"(%x) {axis = 1 : i64, indices = [3]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.gather"(%x) {axis = 1 : i64, indices = [-1]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.gather"(%x) {axis = 1 : i64, indices = []} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x1x!llil.fixed<64, 24, "secret">>"#),
    ],
};
