//! Rejection in plain Rust.

/// Writes the residues mod LIMIT / 3, plus FIRST, of the bytes below LIMIT to `digits` until it is full; returns how many there are.
pub(super) fn select<const LIMIT: u8, const FIRST: u8>(bytes: &[u8], digits: &mut [u8]) -> usize {
    let modulus = LIMIT / 3;
    let mut n_digits = 0;
    for group in bytes.chunks(64) {
        let mut kept = [0; 64];
        let mut n_kept = 0;
        for &byte in group {
            // The subtraction wraps to a large number where there is nothing to subtract.
            let once = byte.min(byte.wrapping_sub(modulus));
            let residue = once.min(once.wrapping_sub(modulus));
            kept[n_kept & 63] = residue.wrapping_add(FIRST);
            n_kept += usize::from(byte < LIMIT);
        }
        let n_now = n_kept.min(digits.len() - n_digits);
        digits[n_digits..n_digits + n_now].copy_from_slice(&kept[..n_now]);
        n_digits += n_now;
        if n_digits == digits.len() {
            break;
        }
    }
    n_digits
}
