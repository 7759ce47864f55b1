//! `softmax`: exponentials that sum to 1.

use ndarray::{Axis, Zip};
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef};

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "softmax",
    summary: "exp(x), scaled to sum to 1 along a dimension.",
    source: "ONNX Softmax-13",
    operands: &[OperandDef::one("x")],
    attrs: &[AttrDef::new("axis", AttrKind::Int, "the dimension")],
    constraints: &[("C1", "the operand is real"), ("C2", "`axis` is a dimension of the operand")],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.softmax"(%x) {axis = 1 : i64} : (tensor<1x10x!hlil.secret<f32>>) -> tensor<1x10x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.softmax"(%x) {axis = 0 : i64} : (tensor<2xi64>) -> tensor<2xi64>"#),
        ("C2", r#"%0 = "hlil.softmax"(%x) {axis = 1 : i64} : (tensor<2xf32>) -> tensor<2xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    rules::axis(view, "C2")?;
    rules::result(view, view.shape(0), Scalar::F32)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let axis = rules::axis(view, "C2").expect("invariant: C2");
    let mut y = x[0].reals().clone();
    Zip::from(y.lanes_mut(Axis(axis))).par_for_each(|mut lane| {
        // The greatest element is taken out first, so that no exponential overflows.
        let max = lane.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        lane.mapv_inplace(|v| (v - max).exp());
        let sum = lane.sum();
        lane.mapv_inplace(|v| v / sum);
    });
    Tensor::F32(y)
}
