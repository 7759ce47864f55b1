//! AVX-512F and DQ: the 64-bit multiplier.

use std::arch::x86_64::*;
use std::array::from_fn;

use super::{AXPY, Loops, Panel, scalar};

pub(super) const LOOPS: Loops =
    Loops { rows: 8, columns: 24, row_panel: Panel::Plain, column_panel: Panel::Plain, tile: tile::<8, 3>, dot, axpy };

/// Elements of a register.
pub(super) const LANES: usize = 8;

/// `R` rows by `V` registers of columns.
#[target_feature(enable = "avx512f,avx512dq")]
fn tile<const R: usize, const V: usize>(left: &[u64], right: &[u64], out: &mut [u64]) {
    let mut sums = [[_mm512_setzero_si512(); V]; R];
    for (left, right) in left.chunks_exact(R).zip(right.chunks_exact(V * LANES)) {
        let right: [__m512i; V] = from_fn(|v| load(&right.as_chunks().0[v]));
        for (sums, &left) in sums.iter_mut().zip(left) {
            let left = _mm512_set1_epi64(left as i64);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = _mm512_add_epi64(*sum, _mm512_mullo_epi64(left, right));
            }
        }
    }
    for (sum, out) in sums.as_flattened().iter().zip(out.as_chunks_mut().0) {
        store(*sum, out);
    }
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn dot(a: &[u64], b: &[u64]) -> u64 {
    scalar::dot(a, b)
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn axpy(factors: &[u64; AXPY], vectors: [&[u64]; AXPY], out: &mut [u64]) {
    scalar::axpy(factors, vectors, out);
}

#[target_feature(enable = "avx512f")]
pub(super) fn load(from: &[u64; LANES]) -> __m512i {
    // SAFETY: `from` is 64 readable bytes, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
pub(super) fn store(value: __m512i, to: &mut [u64; LANES]) {
    // SAFETY: `to` is 64 writable bytes, and the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
}
