//! AVX2, which has no 64-bit multiplier: a product of 64 bits is one of 32-bit halves plus the two crossed ones, shifted.

use std::arch::x86_64::*;
use std::array::from_fn;

use super::{AXPY, Loops, Panel, scalar};

pub(super) const LOOPS: Loops = Loops {
    rows: ROWS,
    columns: COLUMNS,
    row_panel: Panel::Plain,
    column_panel: Panel::WithSwappedHalves,
    tile,
    dot,
    axpy,
};

const ROWS: usize = 3;
const VECTORS: usize = 2;
const COLUMNS: usize = VECTORS * LANES;

/// Elements of a register.
const LANES: usize = 4;

/// The right panel holds the elements and the elements with exchanged halves, so that one 32-bit product gives both crossed
/// terms; their sum is wanted mod 2^32 only, and is taken over the whole depth before the two lanes of an element are added.
#[target_feature(enable = "avx2")]
fn tile(left: &[u64], right: &[u64], out: &mut [u64]) {
    let mut low = [[_mm256_setzero_si256(); VECTORS]; ROWS];
    let mut crossed = [[_mm256_setzero_si256(); VECTORS]; ROWS];
    for (left, right) in left.as_chunks::<ROWS>().0.iter().zip(right.as_chunks::<{ 2 * COLUMNS }>().0) {
        let (plain, swapped) = right.split_at(COLUMNS);
        let plain: [__m256i; VECTORS] = from_fn(|v| load(&plain.as_chunks().0[v]));
        let swapped: [__m256i; VECTORS] = from_fn(|v| load(&swapped.as_chunks().0[v]));
        for row in 0..ROWS {
            let left = _mm256_set1_epi64x(left[row] as i64);
            for v in 0..VECTORS {
                low[row][v] = _mm256_add_epi64(low[row][v], _mm256_mul_epu32(left, plain[v]));
                crossed[row][v] = _mm256_add_epi32(crossed[row][v], _mm256_mullo_epi32(left, swapped[v]));
            }
        }
    }
    for ((low, crossed), out) in low.as_flattened().iter().zip(crossed.as_flattened()).zip(out.as_chunks_mut().0) {
        let other_lane = _mm256_slli_epi64::<32>(*crossed);
        let upper = _mm256_srli_epi64::<32>(*crossed);
        let sum = _mm256_add_epi32(other_lane, _mm256_slli_epi64::<32>(upper));
        store(_mm256_add_epi64(*low, sum), out);
    }
}

#[target_feature(enable = "avx2")]
fn dot(a: &[u64], b: &[u64]) -> u64 {
    scalar::dot(a, b)
}

#[target_feature(enable = "avx2")]
fn axpy(factors: &[u64; AXPY], vectors: [&[u64]; AXPY], out: &mut [u64]) {
    scalar::axpy(factors, vectors, out);
}

#[target_feature(enable = "avx2")]
fn load(from: &[u64; LANES]) -> __m256i {
    // SAFETY: `from` is 32 readable bytes, and the instruction asks for no alignment.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store(value: __m256i, to: &mut [u64; LANES]) {
    // SAFETY: `to` is 32 writable bytes, and the instruction asks for no alignment.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), value) }
}
