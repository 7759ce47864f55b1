//! `matmul`: the product of two matrices, or of each two in a batch.

use ndarray::{ArrayD, ArrayViewMut2, Axis};
use rayon::prelude::*;
use treville_ir::{OpDef, OperandDef, Violation};
use treville_ring::tensor::{broadcast_shape, broadcast_to, from_vec};

use crate::product::{FEW_ROWS, columns, matrix, product, rows};
use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "matmul",
    summary: "The product of the matrices in the last two dimensions; the dimensions before them broadcast.",
    source: "ONNX MatMul-13, from two dimensions",
    operands: &[OperandDef::one("a"), OperandDef::one("b")],
    attrs: &[],
    constraints: &[
        ("C1", "both operands are real and have at least two dimensions"),
        ("C2", "the inner dimensions agree"),
        ("C3", "the dimensions before the last two broadcast by numpy's rule"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.matmul"(%x, %w) : (tensor<1x30x!hlil.secret<f32>>, tensor<30x2xf32>) -> tensor<1x2x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.matmul"(%a, %b) : (tensor<4x1x2x3x!hlil.secret<f32>>, tensor<5x3x2x!hlil.secret<f32>>) -> tensor<4x5x2x2x!hlil.secret<f32>>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.matmul"(%x, %w) : (tensor<30xf32>, tensor<30x2xf32>) -> tensor<2xf32>"#),
        ("C1", r#"%0 = "hlil.matmul"(%x, %w) : (tensor<1x30xi64>, tensor<30x2xi64>) -> tensor<1x2xi64>"#),
        ("C2", r#"%0 = "hlil.matmul"(%x, %w) : (tensor<1x30xf32>, tensor<20x2xf32>) -> tensor<1x2xf32>"#),
        ("C3", r#"%0 = "hlil.matmul"(%x, %w) : (tensor<2x1x3xf32>, tensor<3x3x2xf32>) -> tensor<3x1x2xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    let (&[ref a @ .., m, k], &[ref b @ .., l, n]) = (view.shape(0), view.shape(1)) else {
        return Err(Violation::new("C1", format!("{} times {}", view.operand(0), view.operand(1))));
    };
    Violation::unless(k == l, "C2", || format!("{k} against {l}"))?;
    let mut shape = broadcast_shape(a, b).ok_or_else(|| Violation::new("C3", format!("{a:?} against {b:?}")))?;
    shape.extend([m, n]);
    rules::result(view, shape, Scalar::F32)
}

/// Rows or columns that one thread computes at a time; more where the rows are so few that b is read as it lies.
const BLOCK: usize = 256;
const WIDE_BLOCK: usize = 2048;

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let (a, b) = (x[0].reals(), x[1].reals());
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let out_shape = &view.results[0].shape;
    let (&[ref a_batch @ .., mut m, k], &[ref b_batch @ .., n]) = (a.shape(), b.shape()) else {
        unreachable!("invariant: C1")
    };
    let b_batch = &b_batch[..b_batch.len() - 1];
    let mut out = vec![0.0; out_shape.iter().product()];
    // The number of the operand's matrix for each matrix of the result.
    let numbers = |own: &[usize]| {
        let own = from_vec(own, (0..own.iter().product()).collect());
        broadcast_to(&own, &out_shape[..out_shape.len() - 2])
    };
    let (mut a_of, mut b_of): (ArrayD<usize>, ArrayD<usize>) = (numbers(a_batch), numbers(b_batch));
    if b_of.iter().all(|i| *i == 0) && a_of.iter().copied().eq(0..a_of.len()) {
        // One matrix on the right: the matrices on the left are one below the other.
        m *= a_of.len();
        (a_of, b_of) = (from_vec(&[1], vec![0]), from_vec(&[1], vec![0]));
    }
    let (a_of, b_of) = (a_of.as_slice().expect(STANDARD), b_of.as_slice().expect(STANDARD));
    let (a, b) = (a.as_slice().expect(STANDARD), b.as_slice().expect(STANDARD));
    out.par_chunks_mut(m * n).zip(a_of).zip(b_of).for_each(|((out, a_idx), b_idx)| {
        let (a, b) = (matrix(m, k, &a[a_idx * m * k..][..m * k]), matrix(k, n, &b[b_idx * k * n..][..k * n]));
        let mut out = ArrayViewMut2::from_shape((m, n), out).expect("invariant: the size of the result");
        let axis = if m > n { 0 } else { 1 };
        let block = if m < FEW_ROWS { WIDE_BLOCK } else { BLOCK };
        let blocks = out.axis_chunks_iter_mut(Axis(axis), block).into_par_iter().enumerate();
        blocks.for_each(|(block_idx, out)| {
            let start = block_idx * block;
            match axis {
                0 => product(rows(a, start..start + out.nrows()), b, out),
                _ => product(a, columns(b, start..start + out.ncols()), out),
            }
        });
    });
    Tensor::F32(from_vec(out_shape, out))
}

const STANDARD: &str = "invariant: standard layout";
