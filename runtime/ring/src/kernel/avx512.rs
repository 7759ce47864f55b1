//! AVX-512F and DQ: the 64-bit multiplier, and the 32-bit one for narrow rings.

use std::arch::asm;
use std::arch::x86_64::*;
use std::array::from_fn;

use super::{AXPY, Loops, Panel, scalar};

pub(super) const LOOPS: Loops = Loops {
    rows: ROWS,
    columns: VECTORS * LANES,
    row_panel: Panel::Plain,
    column_panel: Panel::Plain,
    tile,
    dot,
    axpy,
};

pub(super) const LOOPS_32: Loops = Loops {
    rows: ROWS,
    columns: 2 * VECTORS * LANES,
    row_panel: Panel::Plain,
    column_panel: Panel::Halves,
    tile: tile_32,
    dot,
    axpy,
};

/// Elements of a register.
pub(super) const LANES: usize = 8;

/// Twelve rows of two registers: their 24 sums, the registers of a depth and four products fill the register file.
const ROWS: usize = 12;
const VECTORS: usize = 2;

#[target_feature(enable = "avx512f,avx512dq")]
fn tile(left: &[u64], right: &[u64], out: &mut [u64]) {
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    for (left, right) in left.as_chunks::<ROWS>().0.iter().zip(right.as_chunks::<{ VECTORS * LANES }>().0) {
        let [r0, r1] = vectors(right);
        for (sums, left) in sums.as_chunks_mut::<2>().0.iter_mut().zip(left.as_chunks::<2>().0) {
            let [l0, l1] = left.map(|left| _mm512_set1_epi64(left as i64));
            let products = [(l0, r0), (l0, r1), (l1, r0), (l1, r1)].map(|(l, r)| _mm512_mullo_epi64(l, r));
            for (sum, product) in sums.as_flattened_mut().iter_mut().zip(together(products)) {
                *sum = _mm512_add_epi64(*sum, product);
            }
        }
    }
    for (sum, out) in sums.as_flattened().iter().zip(out.as_chunks_mut().0) {
        store(*sum, out);
    }
}

#[target_feature(enable = "avx512f")]
fn tile_32(left: &[u64], right: &[u64], out: &mut [u64]) {
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    for (left, right) in left.as_chunks::<ROWS>().0.iter().zip(right.as_chunks::<{ VECTORS * LANES }>().0) {
        let [r0, r1] = vectors(right);
        for (sums, left) in sums.as_chunks_mut::<2>().0.iter_mut().zip(left.as_chunks::<2>().0) {
            let [l0, l1] = left.map(|left| _mm512_set1_epi32(left as i32));
            let products = [(l0, r0), (l0, r1), (l1, r0), (l1, r1)].map(|(l, r)| _mm512_mullo_epi32(l, r));
            for (sum, product) in sums.as_flattened_mut().iter_mut().zip(together(products)) {
                *sum = _mm512_add_epi32(*sum, product);
            }
        }
    }
    for (sum, out) in sums.as_flattened().iter().zip(out.as_chunks_mut::<{ 2 * LANES }>().0) {
        let halves = [_mm512_castsi512_si256(*sum), _mm512_extracti64x4_epi64::<1>(*sum)];
        for (half, out) in halves.into_iter().zip(out.as_chunks_mut().0) {
            store(_mm512_cvtepu32_epi64(half), out);
        }
    }
}

/// The same values, all of them computed before any is used.
///
/// The compiler would put each addition right behind its multiplication. In groups Zen 4 does 27 G multiply-adds per second instead
/// of 21 (measured at 3.65 GHz; its multipliers alone: 29), as an addition that waits takes no multiplier's port.
#[target_feature(enable = "avx512f")]
fn together([mut a, mut b, mut c, mut d]: [__m512i; 4]) -> [__m512i; 4] {
    // SAFETY: no instructions.
    unsafe {
        asm!("/* {0} {1} {2} {3} */", inout(zmm_reg) a, inout(zmm_reg) b, inout(zmm_reg) c, inout(zmm_reg) d,
            options(pure, nomem, nostack, preserves_flags));
    }
    [a, b, c, d]
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn dot(a: &[u64], b: &[u64]) -> u64 {
    scalar::dot(a, b)
}

#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn axpy(factors: &[u64; AXPY], vectors: [&[u64]; AXPY], out: &mut [u64]) {
    scalar::axpy(factors, vectors, out);
}

/// The registers of a line of a panel.
#[target_feature(enable = "avx512f")]
pub(super) fn vectors<const V: usize>(line: &[u64]) -> [__m512i; V] {
    from_fn(|v| load(&line.as_chunks().0[v]))
}

#[target_feature(enable = "avx512f")]
fn load(from: &[u64; LANES]) -> __m512i {
    // SAFETY: `from` is 64 readable bytes, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
pub(super) fn store(value: __m512i, to: &mut [u64; LANES]) {
    // SAFETY: `to` is 64 writable bytes, and the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
}
