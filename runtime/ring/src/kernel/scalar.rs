//! The loops in plain Rust. The instruction-set modules compile the vector loops once more for their own instructions.

use super::{AXPY, Loops, Panel};

pub(super) const LOOPS: Loops =
    Loops { rows: ROWS, columns: COLUMNS, row_panel: Panel::Plain, column_panel: Panel::Plain, tile, dot, axpy };

const ROWS: usize = 4;
const COLUMNS: usize = 2;

fn tile(left: &[u64], right: &[u64], out: &mut [u64]) {
    let mut sums = [[0u64; COLUMNS]; ROWS];
    for (left, right) in left.as_chunks::<ROWS>().0.iter().zip(right.as_chunks::<COLUMNS>().0) {
        for (sums, left) in sums.iter_mut().zip(left) {
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = sum.wrapping_add(left.wrapping_mul(*right));
            }
        }
    }
    out[..ROWS * COLUMNS].copy_from_slice(sums.as_flattened());
}

#[inline(always)]
pub(super) fn dot(a: &[u64], b: &[u64]) -> u64 {
    a.iter().zip(b).fold(0, |sum, (a, b)| sum.wrapping_add(a.wrapping_mul(*b)))
}

#[inline(always)]
pub(super) fn axpy(factors: &[u64; AXPY], vectors: [&[u64]; AXPY], out: &mut [u64]) {
    let n = out.len();
    let vectors = vectors.map(|vector| &vector[..n]);
    for (i, out) in out.iter_mut().enumerate() {
        for (factor, vector) in factors.iter().zip(vectors) {
            *out = out.wrapping_add(factor.wrapping_mul(vector[i]));
        }
    }
}
