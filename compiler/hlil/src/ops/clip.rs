//! `clip`: each element, held between two bounds.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::map;

use crate::{Hlil, Tensor, rules};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "clip",
    summary: "Each element, or the bound that it exceeds; NaN stays.",
    source: "ONNX Clip-13 with constant bounds",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("min", AttrKind::Float, "the lower bound, rounded to f32; minus infinity for none"),
        AttrDef::new("max", AttrKind::Float, "the upper bound, rounded to f32; infinity for none"),
    ],
    constraints: &[("C1", "the operand is real"), ("C2", "`min` is not above `max`")],
    infer: |view| {
        let (min, max) = (view.float("min"), view.float("max"));
        Violation::unless(min <= max, "C2", || format!("{min} against {max}"))?;
        rules::real_elementwise(view)
    },
    eval: |view, x| {
        let (min, max) = (view.float("min") as f32, view.float("max") as f32);
        Tensor::F32(map(x[0].reals(), |v| v.clamp(min, max)))
    },
    examples: &[
        r#"%0 = "hlil.clip"(%x) {min = 0.0 : f64, max = 6.0 : f64} : (tensor<2x3x!hlil.secret<f32>>) -> tensor<2x3x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.clip"(%x) {min = -1.0 : f64, max = 0x7FF0000000000000 : f64} : (tensor<2xf32>) -> tensor<2xf32>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.clip"(%x) {min = 0.0 : f64, max = 6.0 : f64} : (tensor<2xi64>) -> tensor<2xi64>"#),
        ("C2", r#"%0 = "hlil.clip"(%x) {min = 1.0 : f64, max = 0.5 : f64} : (tensor<2xf32>) -> tensor<2xf32>"#),
        ("C2", r#"%0 = "hlil.clip"(%x) {min = 0x7FF8000000000000 : f64, max = 0.5 : f64} : (tensor<2xf32>) -> tensor<2xf32>"#),
    ],
};
