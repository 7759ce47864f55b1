//! `cast`: the elements as numbers of another kind.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::map;

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "cast",
    summary: "The elements as numbers of another kind; a real becomes the whole number next to it towards zero.",
    source: "ONNX Cast-13; reals beyond the integers become the nearest integer, NaN becomes 0",
    operands: &[OperandDef::one("x")],
    attrs: &[AttrDef::new("to", AttrKind::Str, "the kind: `f32` or `i64`")],
    constraints: &[("C1", "`to` is `f32` or `i64`")],
    infer,
    eval: |view, x| match (x[0], view.results[0].elem.scalar) {
        (Tensor::F32(x), Scalar::I64) => Tensor::I64(map(x, |v| v as i64)),
        (Tensor::I64(x), Scalar::F32) => Tensor::F32(map(x, |v| v as f32)),
        (same, _) => same.clone(),
    },
    examples: &[
        r#"%0 = "hlil.cast"(%x) {to = "f32"} : (tensor<2x3x!hlil.secret<i64>>) -> tensor<2x3x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.cast"(%x) {to = "i64"} : (tensor<2xf32>) -> tensor<2xi64>"#,
    ],
    counterexamples: &[("C1", r#"%0 = "hlil.cast"(%x) {to = "f64"} : (tensor<2xf32>) -> tensor<2xf32>"#)],
};

fn infer(view: &View<'_>) -> Types {
    let to = match view.str("to") {
        "f32" => Scalar::F32,
        "i64" => Scalar::I64,
        other => return Err(Violation::new("C1", format!("it is `{other}`"))),
    };
    rules::result(view, view.shape(0), to)
}
