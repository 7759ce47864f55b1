//! `reshape`: the same elements in order under another shape.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor;

use crate::Hlil;
use crate::rules::{self, Types, View};
use crate::tensor::each;

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "reshape",
    summary: "The same elements in order under another shape.",
    source: "ONNX Reshape-14 with a constant shape",
    operands: &[OperandDef::one("x")],
    attrs: &[AttrDef::new("shape", AttrKind::Ints, "the result's dimensions")],
    constraints: &[("C1", "`shape` has positive entries"), ("C2", "the number of elements stays the same")],
    infer,
    eval: |view, x| each!(x[0], x => tensor::reshape(x, &view.results[0].shape)),
    examples: &[
        r#"%0 = "hlil.reshape"(%x) {shape = [1, 8]} : (tensor<1x2x2x2x!hlil.secret<f32>>) -> tensor<1x8x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.reshape"(%x) {shape = []} : (tensor<1xi64>) -> tensor<i64>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.reshape"(%x) {shape = [-1]} : (tensor<4xf32>) -> tensor<4xf32>"#),
        ("C2", r#"%0 = "hlil.reshape"(%x) {shape = [3]} : (tensor<4xf32>) -> tensor<3xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let x = view.operand(0);
    let types = rules::result(view, view.sizes("shape", 1, "C1")?, x.elem.scalar)?;
    Violation::unless(types[0].elements() == x.elements(), "C2", || format!("{} to {}", x, types[0]))?;
    Ok(types)
}
