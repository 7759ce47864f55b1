//! `matmul`: the product of two matrices.

use ndarray::Ix2;
use treville_ir::{OpDef, OperandDef, Violation};

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "matmul",
    summary: "The product of two matrices.",
    source: "ONNX MatMul-13, restricted to two dimensions",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[("C1", "both operands are real matrices"), ("C2", "the inner dimensions agree")],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.matmul"(%x, %w) : (tensor<1x30x!hlil.secret<f32>>, tensor<30x2xf32>) -> tensor<1x2x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.matmul"(%x, %w) : (tensor<30xf32>, tensor<30x2xf32>) -> tensor<2xf32>"#),
        ("C1", r#"%0 = "hlil.matmul"(%x, %w) : (tensor<1x30xi64>, tensor<30x2xi64>) -> tensor<1x2xi64>"#),
        ("C2", r#"%0 = "hlil.matmul"(%x, %w) : (tensor<1x30xf32>, tensor<20x2xf32>) -> tensor<1x2xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    let (&[m, k], &[l, n]) = (view.shape(0), view.shape(1)) else {
        return Err(Violation::new("C1", format!("{} times {}", view.operand(0), view.operand(1))));
    };
    Violation::unless(k == l, "C2", || format!("{k} against {l}"))?;
    rules::result(view, [m, n], Scalar::F32)
}

fn eval(_: &View<'_>, x: &[&Tensor]) -> Tensor {
    let matrix = |i: usize| x[i].reals().view().into_dimensionality::<Ix2>().expect("invariant: C1");
    Tensor::F32(matrix(0).dot(&matrix(1)).into_dyn()).standard()
}
