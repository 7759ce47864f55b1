//! Rejection with AVX-512 VBMI2, whose compress instruction closes the gaps of 64 bytes at once.

use std::arch::x86_64::*;

use super::scalar;

/// Whether this machine has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
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

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2")]
fn select_groups<const LIMIT: u8, const FIRST: u8>(bytes: &[u8], digits: &mut [u8]) -> usize {
    let modulus = _mm512_set1_epi8((LIMIT / 3) as i8);
    let (groups, _) = bytes.as_chunks::<64>();
    let (mut n_bytes, mut n_digits) = (0, 0);
    for group in groups {
        // A whole register is written, whatever part of it counts; the last digits are left to the scalar loop.
        let Some(room) = digits[n_digits..].first_chunk_mut() else { break };
        let bytes = load(group);
        let accepted = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(LIMIT as i8));
        let once = _mm512_min_epu8(bytes, _mm512_sub_epi8(bytes, modulus));
        let residues = _mm512_min_epu8(once, _mm512_sub_epi8(once, modulus));
        let kept = _mm512_add_epi8(residues, _mm512_set1_epi8(FIRST as i8));
        store(_mm512_maskz_compress_epi8(accepted, kept), room);
        n_bytes += 64;
        n_digits += accepted.count_ones() as usize;
    }
    n_digits + scalar::select::<LIMIT, FIRST>(&bytes[n_bytes..], &mut digits[n_digits..])
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
