//! AVX2, which has no 64-bit multiplier: a product of 64 bits is one of 32-bit halves plus the two crossed ones, shifted.

use std::arch::asm;
use std::arch::x86_64::*;
use std::array::from_fn;

use super::{AXPY, Loops, Panel, scalar};

pub(super) const LOOPS: Loops = Loops {
    rows: ROWS,
    columns: LANES,
    row_panel: Panel::Plain,
    column_panel: Panel::WithSwappedHalves,
    tile,
    dot,
    axpy,
};

pub(super) const LOOPS_32: Loops = Loops {
    rows: ROWS,
    columns: 2 * VECTORS_32 * LANES,
    row_panel: Panel::Plain,
    column_panel: Panel::Halves,
    tile: tile_32,
    dot,
    axpy,
};

/// Elements of a register.
const LANES: usize = 4;

/// Four rows: their eight sums, the two registers of a depth, an element and two products fill the register file.
const ROWS: usize = 4;
const VECTORS_32: usize = 2;

/// The right panel holds the elements and the elements with exchanged halves, so that one 32-bit product gives both crossed
/// terms; their sum is wanted mod 2^32 only, and is taken over the whole depth before the two lanes of an element are added.
#[target_feature(enable = "avx2")]
fn tile(left: &[u64], right: &[u64], out: &mut [u64]) {
    let zeros = [_mm256_setzero_si256(); ROWS];
    let (mut low, mut crossed) = (zeros, zeros);
    for (left, right) in left.as_chunks::<ROWS>().0.iter().zip(right.as_chunks::<{ 2 * LANES }>().0) {
        let [plain, swapped] = vectors(right);
        for row in 0..ROWS {
            let left = _mm256_set1_epi64x(left[row] as i64);
            let products = [_mm256_mul_epu32(left, plain), _mm256_mullo_epi32(left, swapped)];
            let [product, both_crossed] = together(products);
            low[row] = _mm256_add_epi64(low[row], product);
            crossed[row] = _mm256_add_epi32(crossed[row], both_crossed);
        }
    }
    for ((low, crossed), out) in low.iter().zip(&crossed).zip(out.as_chunks_mut().0) {
        let other_lane = _mm256_slli_epi64::<32>(*crossed);
        let upper = _mm256_srli_epi64::<32>(*crossed);
        let sum = _mm256_add_epi32(other_lane, _mm256_slli_epi64::<32>(upper));
        store(_mm256_add_epi64(*low, sum), out);
    }
}

#[target_feature(enable = "avx2")]
fn tile_32(left: &[u64], right: &[u64], out: &mut [u64]) {
    let mut sums = [[_mm256_setzero_si256(); VECTORS_32]; ROWS];
    for (left, right) in left.as_chunks::<ROWS>().0.iter().zip(right.as_chunks::<{ VECTORS_32 * LANES }>().0) {
        let right: [__m256i; VECTORS_32] = vectors(right);
        for (sums, &left) in sums.iter_mut().zip(left) {
            let left = _mm256_set1_epi32(left as i32);
            let products = together(right.map(|right| _mm256_mullo_epi32(left, right)));
            for (sum, product) in sums.iter_mut().zip(products) {
                *sum = _mm256_add_epi32(*sum, product);
            }
        }
    }
    for (sum, out) in sums.as_flattened().iter().zip(out.as_chunks_mut::<{ 2 * LANES }>().0) {
        let halves = [_mm256_castsi256_si128(*sum), _mm256_extracti128_si256::<1>(*sum)];
        for (half, out) in halves.into_iter().zip(out.as_chunks_mut().0) {
            store(_mm256_cvtepu32_epi64(half), out);
        }
    }
}

/// The same values, both of them computed before one is used: see the function of this name for AVX-512.
#[target_feature(enable = "avx2")]
fn together([mut a, mut b]: [__m256i; 2]) -> [__m256i; 2] {
    // SAFETY: no instructions.
    unsafe {
        asm!("/* {0} {1} */", inout(ymm_reg) a, inout(ymm_reg) b, options(pure, nomem, nostack, preserves_flags));
    }
    [a, b]
}

#[target_feature(enable = "avx2")]
fn dot(a: &[u64], b: &[u64]) -> u64 {
    scalar::dot(a, b)
}

#[target_feature(enable = "avx2")]
fn axpy(factors: &[u64; AXPY], vectors: [&[u64]; AXPY], out: &mut [u64]) {
    scalar::axpy(factors, vectors, out);
}

/// The registers of a line of a panel.
#[target_feature(enable = "avx2")]
fn vectors<const V: usize>(line: &[u64]) -> [__m256i; V] {
    from_fn(|v| load(&line.as_chunks().0[v]))
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
