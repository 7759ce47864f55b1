//! AVX-512 IFMA: products mod 2^52 in one instruction; with VNNI, 64-bit products from 52-bit and 16-bit multiply-adds.

use std::arch::x86_64::*;
use std::array::from_fn;

use super::avx512::{LANES, axpy, dot, store, vectors};
use super::{Loops, Panel};

pub(super) const LOOPS: Loops =
    Loops { rows: ROWS, columns: LANES, row_panel: Panel::SplitLeft, column_panel: Panel::SplitRight, tile, dot, axpy };

pub(super) const LOOPS_52: Loops = Loops {
    rows: ROWS_52,
    columns: VECTORS_52 * LANES,
    row_panel: Panel::Plain,
    column_panel: Panel::Plain,
    tile: tile_52,
    dot,
    axpy,
};

const ROWS: usize = 8;

const ROWS_52: usize = 12;
const VECTORS_52: usize = 2;

/// The 52-bit instruction takes the low 52 bits of its factors and adds those of the product to a 64-bit sum: the low 52 bits of the
/// sum are right.
#[target_feature(enable = "avx512f,avx512ifma")]
fn tile_52(left: &[u64], right: &[u64], out: &mut [u64]) {
    let mut sums = [[_mm512_setzero_si512(); VECTORS_52]; ROWS_52];
    for (left, right) in left.as_chunks::<ROWS_52>().0.iter().zip(right.as_chunks::<{ VECTORS_52 * LANES }>().0) {
        let right: [__m512i; VECTORS_52] = vectors(right);
        for (sums, &left) in sums.iter_mut().zip(left) {
            let left = _mm512_set1_epi64(left as i64);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = _mm512_madd52lo_epu64(*sum, left, right);
            }
        }
    }
    for (sum, out) in sums.as_flattened().iter().zip(out.as_chunks_mut().0) {
        store(*sum, out);
    }
}

/// With a = a0 + 2^52 a1 and b likewise, ab = lo(a0 b0) + 2^52 (hi(a0 b0) + a1 b0 + a0 b1) mod 2^64, where lo and hi are the halves
/// of the 104-bit product. The 52-bit instruction gives one half and adds it up; it takes the low 52 bits of its factors by
/// itself. Of what stands behind 2^52 only the low 12 bits count, so the crossed terms need 12 bits of each factor: the 16-bit
/// instruction adds up both of them, for two depths at a time.
#[target_feature(enable = "avx512f,avx512ifma,avx512vnni")]
fn tile(left: &[u64], right: &[u64], out: &mut [u64]) {
    let zeros = [_mm512_setzero_si512(); ROWS];
    let (mut low, mut high, mut crossed) = (zeros, zeros, zeros);
    let left = left.as_chunks::<{ 3 * ROWS }>().0;
    let right = right.as_chunks::<{ 3 * LANES }>().0;
    for (left, right) in left.iter().zip(right) {
        let right: [__m512i; 3] = vectors(right);
        for row in 0..ROWS {
            let left: [__m512i; 3] = from_fn(|part| _mm512_set1_epi64(left[part * ROWS + row] as i64));
            low[row] = _mm512_madd52lo_epu64(low[row], left[0], right[0]);
            high[row] = _mm512_madd52hi_epu64(high[row], left[0], right[0]);
            low[row] = _mm512_madd52lo_epu64(low[row], left[1], right[1]);
            high[row] = _mm512_madd52hi_epu64(high[row], left[1], right[1]);
            crossed[row] = _mm512_dpwssd_epi32(crossed[row], left[2], right[2]);
        }
    }
    for (row, out) in out.as_chunks_mut().0[..ROWS].iter_mut().enumerate() {
        // The two 32-bit halves of a crossed lane belong to the two depths; only their low 12 bits get beyond the shift.
        let both_depths = _mm512_add_epi64(crossed[row], _mm512_srli_epi64::<32>(crossed[row]));
        let upper = _mm512_slli_epi64::<52>(_mm512_add_epi64(high[row], both_depths));
        store(_mm512_add_epi64(low[row], upper), out);
    }
}
