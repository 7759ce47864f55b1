//! `transpose`: the dimensions in another order.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor;

use crate::rules::{self, Types, View};
use crate::tensor::each;
use crate::{Hlil, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "transpose",
    summary: "The dimensions in another order.",
    source: "ONNX Transpose-13",
    operands: &[OperandDef::one("x")],
    attrs: &[AttrDef::new("perm", AttrKind::Ints, "for each dimension of the result, the operand's")],
    constraints: &[("C1", "`perm` is a permutation of the operand's dimensions")],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.transpose"(%x) {perm = [0, 3, 1, 2]} : (tensor<1x8x9x3x!hlil.secret<f32>>) -> tensor<1x3x8x9x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.transpose"(%x) {perm = [0, 0]} : (tensor<2x2xf32>) -> tensor<2x2xf32>"#),
        ("C1", r#"%0 = "hlil.transpose"(%x) {perm = [0]} : (tensor<2x2xf32>) -> tensor<2x2xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let perm = rules::per_axis(view, "perm", 0, "C1")?;
    let mut sorted = perm.clone();
    sorted.sort_unstable();
    Violation::unless(sorted.iter().copied().eq(0..perm.len()), "C1", || format!("it is {perm:?}"))?;
    let shape: Vec<_> = perm.iter().map(|&axis| view.shape(0)[axis]).collect();
    rules::result(view, shape, view.operand(0).elem.scalar)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let perm = view.sizes("perm", 0, "C1").expect("invariant: C1");
    each!(x[0], x => tensor::transpose(x, &perm))
}
