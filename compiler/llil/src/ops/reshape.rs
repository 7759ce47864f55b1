//! The same elements under another shape.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, TensorType, Violation};

use crate::{Llil, check};

/// The same elements in standard order under another shape.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "reshape",
    summary: "the same elements in standard order under another shape",
    source: "ONNX Reshape-21, with a static shape",
    operands: &[OperandDef::one("x")],
    attrs: &[AttrDef::new("shape", AttrKind::Ints, "the dimensions of the result")],
    constraints: &[("C1", "the shape has as many elements as x")],
    infer: |view| {
        let shape = view.sizes("shape", 0, "C1")?;
        let (to, from) = (TensorType::new(shape.clone(), ()).elements(), view.operand(0).elements());
        Violation::unless(to == from, "C1", || format!("{to} elements from {from}"))?;
        Ok(check::reshaped(view, shape))
    },
    eval: |view, x, _| Ok(treville_ring::tensor::reshape(x[0], &view.results[0].shape)),
    examples: &[
        r#"%0 = "llil.reshape"(%x) {shape = [1, 24]} : (tensor<1x2x3x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x24x!llil.fixed<64, 24, "secret">>"#,
        r#"%0 = "llil.reshape"(%x) {shape = [2, 1]} : (tensor<2x!llil.bit<"secret">>) -> tensor<2x1x!llil.bit<"secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.reshape"(%x) {shape = [5]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<5x!llil.fixed<64, 24, "secret">>"#),
        ("C1", r#"%0 = "llil.reshape"(%x) {shape = [-1]} : (tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<6x!llil.fixed<64, 24, "secret">>"#),
    ],
};
