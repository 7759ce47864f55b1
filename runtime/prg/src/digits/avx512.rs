//! Rejection with AVX-512 VBMI2, whose compress instruction closes the gaps of 64 bytes at once.

use std::arch::x86_64::*;

use super::scalar;

/// Whether this machine has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
        && is_x86_feature_detected!("popcnt")
}

/// As [`scalar::select`].
///
/// # Panics
/// When this machine has not the instructions.
pub(super) fn select<const LIMIT: u8, const FIRST: u8>(bytes: &[u8], digits: &mut [u8]) -> usize {
    assert!(is_available(), "this machine has no AVX-512 VBMI2");
    // SAFETY: the machine has the instructions.
    unsafe { select_groups::<LIMIT, FIRST>(bytes, digits) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn select_groups<const LIMIT: u8, const FIRST: u8>(bytes: &[u8], digits: &mut [u8]) -> usize {
    let modulus = _mm512_set1_epi8((LIMIT / 3) as i8);
    let (groups, rest) = bytes.as_chunks::<64>();
    let mut n_digits = 0;
    for group in groups {
        let bytes = load(group);
        let accepted = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(LIMIT as i8));
        let once = _mm512_min_epu8(bytes, _mm512_sub_epi8(bytes, modulus));
        let residues = _mm512_min_epu8(once, _mm512_sub_epi8(once, modulus));
        let kept = _mm512_add_epi8(residues, _mm512_set1_epi8(FIRST as i8));
        let kept = _mm512_maskz_compress_epi8(accepted, kept);
        let n_kept = accepted.count_ones() as usize;
        // A whole register is written, whatever part of it counts, but for the last digits.
        let left = &mut digits[n_digits..];
        if let Some(room) = left.first_chunk_mut() {
            store(kept, room);
        } else {
            let mut last = [0; 64];
            store(kept, &mut last);
            let n_kept = n_kept.min(left.len());
            left[..n_kept].copy_from_slice(&last[..n_kept]);
            if n_kept == left.len() {
                return digits.len();
            }
        }
        n_digits += n_kept;
    }
    n_digits + scalar::select::<LIMIT, FIRST>(rest, &mut digits[n_digits..])
}

#[target_feature(enable = "avx512f")]
fn load(from: &[u8; 64]) -> __m512i {
    // SAFETY: `from` is 64 readable bytes, and the instruction asks for no alignment.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
fn store(value: __m512i, to: &mut [u8; 64]) {
    // SAFETY: `to` is 64 writable bytes, and the instruction asks for no alignment.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), value) }
}
