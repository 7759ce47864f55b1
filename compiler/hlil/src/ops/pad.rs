//! `pad`: a constant around the tensor.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor;

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "pad",
    summary: "A constant around the tensor.",
    source: "ONNX Pad-13 in constant mode",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("begin", AttrKind::Ints, "how many elements before each dimension"),
        AttrDef::new("end", AttrKind::Ints, "how many elements after each dimension"),
        AttrDef::new("value", AttrKind::Float, "the constant"),
    ],
    constraints: &[
        ("C1", "`begin` and `end` have an entry for each dimension, not negative"),
        ("C2", "the value is finite, and a whole number where the operand holds integers"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.pad"(%x) {begin = [0, 1], end = [0, 2], value = 0.0 : f64} : (tensor<1x4x!hlil.secret<f32>>) -> tensor<1x7x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        (
            "C1",
            r#"%0 = "hlil.pad"(%x) {begin = [0], end = [-1], value = 0.0 : f64} : (tensor<4xf32>) -> tensor<3xf32>"#,
        ),
        (
            "C1",
            r#"%0 = "hlil.pad"(%x) {begin = [0], end = [1, 1], value = 0.0 : f64} : (tensor<4xf32>) -> tensor<5xf32>"#,
        ),
        ("C2", r#"%0 = "hlil.pad"(%x) {begin = [0], end = [1], value = 0.5 : f64} : (tensor<4xi64>) -> tensor<5xi64>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let (begin, end) = (rules::per_axis(view, "begin", 0, "C1")?, rules::per_axis(view, "end", 0, "C1")?);
    let (value, scalar) = (view.float("value"), view.operand(0).elem.scalar);
    let fits = value.is_finite() && (scalar == Scalar::F32 || value.fract() == 0.0);
    Violation::unless(fits, "C2", || format!("it is {value}"))?;
    let shape: Vec<_> = view.shape(0).iter().zip(begin).zip(end).map(|((size, b), e)| b + size + e).collect();
    rules::result(view, shape, scalar)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let sizes = |name| view.sizes(name, 0, "C1").expect("invariant: C1");
    let (begin, end, value) = (sizes("begin"), sizes("end"), view.float("value"));
    match x[0] {
        Tensor::F32(x) => Tensor::F32(tensor::pad(x, &begin, &end, value as f32)),
        Tensor::I64(x) => Tensor::I64(tensor::pad(x, &begin, &end, value as i64)),
    }
}
