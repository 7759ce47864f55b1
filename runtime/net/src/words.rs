//! Ring elements as bytes on the wire: little endian, without work per element.

use bytes::Bytes;

/// The bytes of `words`, taken over without a copy on little-endian machines.
pub fn words_into_bytes(mut words: Vec<u64>) -> Bytes {
    to_little_endian(&mut words);
    Bytes::from_owner(Owned(words))
}

/// A copy of `words` as bytes.
pub fn words_to_bytes(words: &[u64]) -> Bytes {
    words_into_bytes(words.to_vec())
}

/// The words in `bytes`; `None` where the length is no multiple of eight.
pub fn bytes_to_words(bytes: &[u8]) -> Option<Vec<u64>> {
    if !bytes.len().is_multiple_of(size_of::<u64>()) {
        return None;
    }
    let mut words = vec![0u64; bytes.len() / size_of::<u64>()];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words).copy_from_slice(bytes);
    to_little_endian(&mut words);
    Some(words)
}

fn to_little_endian(words: &mut [u64]) {
    if cfg!(target_endian = "big") {
        words.iter_mut().for_each(|w| *w = w.swap_bytes());
    }
}

struct Owned(Vec<u64>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_little_endian_at_any_alignment() {
        let words = vec![0, 1, u64::MAX, 0x0102_0304_0506_0708, 1 << 63];
        let bytes = words_into_bytes(words.clone());
        assert_eq!(bytes, words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>());
        assert_eq!(words_to_bytes(&words), bytes);
        for offset in 0..8 {
            let mut shifted = vec![0; offset];
            shifted.extend_from_slice(&bytes);
            assert_eq!(bytes_to_words(&shifted[offset..]).as_ref(), Some(&words));
        }
    }

    #[test]
    fn a_part_of_a_word_is_no_word() {
        assert_eq!(bytes_to_words(&[0; 9]), None);
        assert_eq!(bytes_to_words(&[]), Some(vec![]));
    }
}
