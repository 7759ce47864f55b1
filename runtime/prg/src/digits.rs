//! Exactly uniform digits of the field Z_67 of private compare, by rejection.

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod avx512;
mod scalar;

use crate::{Prg, PrgError, StreamId};

/// The size of the field.
pub const FIELD: u8 = 67;

/// Digits of a chunk. A chunk is addressable by itself.
pub const CHUNK_DIGITS: usize = 4096;

/// Bytes of the stream that belong to a chunk; rejection leaves most of them unused.
pub const CHUNK_BYTES: usize = 1 << 16;

/// Blocks that are drawn at a time: enough for a chunk, as a rule.
const BATCH: usize = 352;

/// A multiple of 67 and of 66 each: the bytes below them are accepted.
const ACCEPTED: u8 = 3 * FIELD;
const ACCEPTED_NONZERO: u8 = 3 * (FIELD - 1);

impl Prg {
    /// Digits uniform in Z_67: the chunks `first_chunk ..` of [`CHUNK_DIGITS`] digits each, the last one perhaps cut short.
    ///
    /// Digit i of chunk c is b mod 67, where b is the i-th byte below 201 in the bytes `65536 c .. 65536 (c + 1)` of the stream.
    ///
    /// # Security
    /// Exactly uniform if the stream is. The running time depends on the rejected bytes, which are independent of the digits.
    ///
    /// # Errors
    /// [`PrgError::Range`], [`PrgError::Exhausted`].
    #[track_caller]
    pub fn fill_digits(&self, id: StreamId, first_chunk: u64, out: &mut [u8]) -> Result<(), PrgError> {
        self.fill_residues::<ACCEPTED, 0>(id, first_chunk, out)
    }

    /// Digits uniform in 1..=66, addressed as those of [`Prg::fill_digits`]: 1 + b mod 66, where b is a byte below 198.
    ///
    /// # Security
    /// As [`Prg::fill_digits`].
    ///
    /// # Errors
    /// [`PrgError::Range`], [`PrgError::Exhausted`].
    #[track_caller]
    pub fn fill_nonzero_digits(&self, id: StreamId, first_chunk: u64, out: &mut [u8]) -> Result<(), PrgError> {
        self.fill_residues::<ACCEPTED_NONZERO, 1>(id, first_chunk, out)
    }

    /// The bytes below `LIMIT`, mod LIMIT / 3, plus `FIRST`.
    #[track_caller]
    fn fill_residues<const LIMIT: u8, const FIRST: u8>(
        &self,
        id: StreamId,
        first_chunk: u64,
        out: &mut [u8],
    ) -> Result<(), PrgError> {
        let first_byte = self.claim(id, first_chunk, CHUNK_BYTES as u64, out.len().div_ceil(CHUNK_DIGITS))?;
        let mut batch = [[0; 16]; BATCH];
        for (chunk_idx, digits) in out.chunks_mut(CHUNK_DIGITS).enumerate() {
            let first_block = (first_byte + (chunk_idx * CHUNK_BYTES) as u64) / 16;
            let (mut n_digits, mut n_blocks) = (0, 0);
            while n_digits < digits.len() {
                if n_blocks == CHUNK_BYTES / 16 {
                    return Err(PrgError::Exhausted { id, chunk: first_chunk + chunk_idx as u64 });
                }
                // About the blocks that the rest needs, in groups of 64 bytes.
                let wanted = ((digits.len() - n_digits) / 12 + 1).next_multiple_of(4);
                let wanted = wanted.min(BATCH).min(CHUNK_BYTES / 16 - n_blocks);
                self.keystream(id, first_block + n_blocks as u64, &mut batch[..wanted]);
                n_digits += select::<LIMIT, FIRST>(batch[..wanted].as_flattened(), &mut digits[n_digits..]);
                n_blocks += wanted;
            }
        }
        Ok(())
    }
}

/// Writes the digits of the accepted bytes to `digits` until it is full, and returns how many there are.
fn select<const LIMIT: u8, const FIRST: u8>(bytes: &[u8], digits: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if avx512::is_available() {
        return avx512::select::<LIMIT, FIRST>(bytes, digits);
    }
    scalar::select::<LIMIT, FIRST>(bytes, digits)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn twins_agree() {
        if !avx512::is_available() {
            return;
        }
        let mut bytes = vec![0; 1 << 12];
        let id = StreamId { op: 0, inference: 0, purpose: 0, step: 0 };
        Prg::new(crate::Key::new([7; 16])).fill_bytes(id, 0, &mut bytes).unwrap();
        // Runs of the bytes around the limits and of none and only accepted ones.
        let edges = [0, 1, 65, 66, 67, 131, 132, 133, 134, 197, 198, 199, 200, 201, 202, 254, 255];
        bytes.extend(edges.iter().cycle().take(500));
        bytes.extend([255; 200].iter().chain(&[0; 200]).chain(&[200; 100]).chain(&[198; 100]));
        for start in (0..bytes.len()).step_by(97) {
            for n_digits in (0..70).chain([127, 128, 500, 4096, 6000]) {
                let (mut scalar, mut vector) = (vec![99; n_digits], vec![99; n_digits]);
                let n_scalar = scalar::select::<ACCEPTED, 0>(&bytes[start..], &mut scalar);
                let n_vector = avx512::select::<ACCEPTED, 0>(&bytes[start..], &mut vector);
                assert_eq!((n_scalar, &scalar[..n_scalar]), (n_vector, &vector[..n_vector]));
                let n_scalar = scalar::select::<ACCEPTED_NONZERO, 1>(&bytes[start..], &mut scalar);
                let n_vector = avx512::select::<ACCEPTED_NONZERO, 1>(&bytes[start..], &mut vector);
                assert_eq!((n_scalar, &scalar[..n_scalar]), (n_vector, &vector[..n_vector]));
            }
        }
    }
}
