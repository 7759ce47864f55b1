//! Zeros around a tensor.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef};

use crate::{Llil, check};

/// x with zeros around it.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "pad",
    summary: "x with zeros before and after it along each axis",
    source: "ONNX Pad-21 with mode = constant and value 0",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("begin", AttrKind::Ints, "zeros before x, one count an axis"),
        AttrDef::new("end", AttrKind::Ints, "zeros after x, one count an axis"),
    ],
    constraints: &[("C1", "begin and end have one count for each axis, none negative")],
    infer: |view| {
        let [begin, end] = check::per_axis(view, ["begin", "end"], "C1")?;
        let shape = view.shape(0).iter().zip(begin.iter().zip(&end)).map(|(size, (b, e))| size + b + e).collect();
        Ok(check::reshaped(view, shape))
    },
    eval: |view, x, _| {
        let [begin, end] = check::per_axis(view, ["begin", "end"], "C1").expect("invariant: inference has accepted the attributes");
        Ok(treville_ring::tensor::pad(x[0], &begin, &end, 0))
    },
    examples: &[
        r#"%0 = "llil.pad"(%x) {begin = [0, 1], end = [0, 2]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x6x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.pad"(%x) {begin = [1], end = [0, 2]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<3x5x!llil.fixed<64, 24, "secret">>"#),
        ("C1", r#"%0 = "llil.pad"(%x) {begin = [0, -1], end = [0, 2]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<2x4x!llil.fixed<64, 24, "secret">>"#),
    ],
};
