//! Values at their exact bit width, little endian: how ring elements travel.

use rayon::prelude::*;

use crate::tensor::PARALLEL_MIN;

/// Bytes that are not the packing of the expected values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// A width outside 1..=64.
    #[error("values have 1 to 64 bits, not {bits}")]
    Width {
        /// The width.
        bits: u8,
    },
    /// Too few or too many bytes.
    #[error("{expected} bytes expected, {found} found")]
    Length {
        /// Bytes that the values take.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// A bit behind the last value is not 0.
    #[error("the bits behind the last value are not 0")]
    Trailing,
}

/// Bytes that `n_values` values of `bits` bits take.
pub fn packed_len(n_values: usize, bits: u8) -> usize {
    // Split so that the bit count cannot overflow.
    n_values / 8 * usize::from(bits) + (n_values % 8 * usize::from(bits)).div_ceil(8)
}

/// The low `bits` bits of each value, one after the other from the lowest bit of the first byte; the last byte is filled with 0.
///
/// # Panics
/// When `bits` is not in 1..=64.
pub fn pack(values: &[u64], bits: u8) -> Vec<u8> {
    assert!((1..=64).contains(&bits), "values have 1 to 64 bits, not {bits}");
    let mut bytes = vec![0; packed_len(values.len(), bits)];
    let piece = |(values, bytes): (&[u64], &mut [u8])| pack_piece(values, bits, bytes);
    if values.len() >= PARALLEL_MIN {
        values.par_chunks(PIECE).zip(bytes.par_chunks_mut(PIECE / 8 * usize::from(bits))).for_each(piece);
    } else {
        piece((values, &mut bytes));
    }
    bytes
}

/// The `n_values` values that [`pack`] has written with this width.
///
/// # Errors
/// A width outside 1..=64, a wrong number of bytes, or a set bit behind the last value.
pub fn unpack(bytes: &[u8], bits: u8, n_values: usize) -> Result<Vec<u64>, UnpackError> {
    if !(1..=64).contains(&bits) {
        return Err(UnpackError::Width { bits });
    }
    let expected = packed_len(n_values, bits);
    if bytes.len() != expected {
        return Err(UnpackError::Length { expected, found: bytes.len() });
    }
    let used_of_last = (n_values % 8 * usize::from(bits)) % 8;
    if used_of_last != 0 && bytes[expected - 1] >> used_of_last != 0 {
        return Err(UnpackError::Trailing);
    }
    let mut values = vec![0; n_values];
    let piece = |(values, bytes): (&mut [u64], &[u8])| unpack_piece(bytes, bits, values);
    if n_values >= PARALLEL_MIN {
        values.par_chunks_mut(PIECE).zip(bytes.par_chunks(PIECE / 8 * usize::from(bits))).for_each(piece);
    } else {
        piece((&mut values, bytes));
    }
    Ok(values)
}

/// Values that one thread takes at a time; a multiple of 64, so that each piece starts at a byte.
const PIECE: usize = 1 << 14;

fn pack_piece(values: &[u64], bits: u8, bytes: &mut [u8]) {
    if bits == 64 {
        bytes.chunks_exact_mut(8).zip(values).for_each(|(to, value)| to.copy_from_slice(&value.to_le_bytes()));
        return;
    }
    let mask = (1u64 << bits) - 1;
    // Sixty-four values fill exactly `bits` words, so that no carry crosses a group.
    let group_len = 8 * usize::from(bits);
    for (group, bytes) in values.chunks(64).zip(bytes.chunks_mut(group_len)) {
        let (mut pending, mut n_pending, mut at) = (0u64, 0, 0);
        for value in group.iter().map(|value| value & mask) {
            pending |= value << n_pending;
            n_pending += u32::from(bits);
            if n_pending >= 64 {
                bytes[at..at + 8].copy_from_slice(&pending.to_le_bytes());
                at += 8;
                n_pending -= 64;
                pending = value.checked_shr(u32::from(bits) - n_pending).unwrap_or(0);
            }
        }
        let rest = bytes.len() - at;
        bytes[at..].copy_from_slice(&pending.to_le_bytes()[..rest]);
    }
}

fn unpack_piece(bytes: &[u8], bits: u8, values: &mut [u64]) {
    if bits == 64 {
        for (value, from) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = u64::from_le_bytes(*from);
        }
        return;
    }
    let mask = (1u64 << bits) - 1;
    let group_len = 8 * usize::from(bits);
    for (group, bytes) in values.chunks_mut(64).zip(bytes.chunks(group_len)) {
        let (mut pending, mut n_pending, mut at) = (0u64, 0, 0);
        for value in group {
            *value = pending & mask;
            if n_pending >= u32::from(bits) {
                pending >>= bits;
                n_pending -= u32::from(bits);
                continue;
            }
            let rest = (bytes.len() - at).min(8);
            let mut word = [0; 8];
            word[..rest].copy_from_slice(&bytes[at..at + rest]);
            at += rest;
            let word = u64::from_le_bytes(word);
            *value = (pending | word << n_pending) & mask;
            let taken = u32::from(bits) - n_pending;
            pending = word.checked_shr(taken).unwrap_or(0);
            n_pending = 64 - taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_lie_little_endian() {
        assert_eq!(pack(&[1, 2, 3], 3), [0b11_010_001, 0]);
        assert_eq!(pack(&[0x123456789abcdef0], 64), 0x123456789abcdef0u64.to_le_bytes());
        assert_eq!(pack(&[0xfff], 12), [0xff, 0x0f]);
        assert_eq!(pack(&[], 7), []);
    }

    #[test]
    fn unpack_undoes_pack_at_every_width_and_length() {
        for bits in 1..=64 {
            let mask = u64::MAX >> (64 - bits);
            for n in (0..140).chain([PARALLEL_MIN + 77]) {
                let values: Vec<u64> =
                    (0..n as u64).map(|i| (i + 1).wrapping_mul(0x9e3779b97f4a7c15) ^ i << 60).collect();
                let bytes = pack(&values, bits);
                assert_eq!(bytes.len(), packed_len(n, bits));
                let expected: Vec<u64> = values.iter().map(|value| value & mask).collect();
                assert_eq!(unpack(&bytes, bits, n).unwrap(), expected, "bits {bits} n {n}");
                if bits > 1 && n > PARALLEL_MIN {
                    break;
                }
            }
        }
    }

    #[test]
    fn refuses_what_is_no_packing() {
        assert_eq!(unpack(&[0, 0], 3, 2), Err(UnpackError::Length { expected: 1, found: 2 }));
        assert_eq!(unpack(&[0b0100_0000], 3, 2), Err(UnpackError::Trailing));
        assert_eq!(unpack(&[], 65, 0), Err(UnpackError::Width { bits: 65 }));
        assert_eq!(unpack(&[], 0, 0), Err(UnpackError::Width { bits: 0 }));
    }
}
