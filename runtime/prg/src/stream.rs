//! The generator: blocks of a stream, and the uniform ring elements and bytes made of them.

use std::panic::Location;
use std::sync::Arc;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};

use crate::{Audit, Key, Use};

/// The `inference` of streams that are fixed for a session: the masks of weights.
pub const SESSION_INFERENCE: u32 = u32::MAX;

/// Bytes of a stream: 2^40 blocks.
pub(crate) const STREAM_BYTES: u64 = 16 << 40;

/// Blocks that are encrypted at a time.
const BATCH: usize = 128;

/// Which stream of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The op, as the compiler has numbered it.
    pub op: u32,
    /// The inference within the session, or [`SESSION_INFERENCE`].
    pub inference: u32,
    /// What the randomness is for, as the protocol numbers its uses.
    pub purpose: u8,
    /// The step within the op: the level of a tree, for instance.
    pub step: u16,
}

impl StreamId {
    /// The counter block at `block`.
    fn counter(self, block: u64) -> u128 {
        u128::from(self.op) << 96
            | u128::from(self.inference) << 64
            | u128::from(self.purpose) << 56
            | u128::from(self.step) << 40
            | u128::from(block)
    }
}

/// A request that the generator cannot fulfil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrgError {
    /// The positions are not inside the 2^40 blocks of a stream.
    #[error("{len} elements from {first} on leave the stream {id:?}")]
    Range {
        /// The stream.
        id: StreamId,
        /// First element asked for, in the unit of the method.
        first: u64,
        /// Number of elements asked for.
        len: usize,
    },
    /// The bytes of a chunk of digits were rejected one after the other: this happens with probability below 2^-50000.
    #[error("chunk {chunk} of stream {id:?} holds too few digits")]
    Exhausted {
        /// The stream.
        id: StreamId,
        /// The chunk.
        chunk: u64,
    },
}

/// AES-128 in counter mode under one key, as addressed streams.
#[derive(Clone)]
pub struct Prg {
    cipher: Aes128,
    audit: Option<(Arc<Audit>, &'static str)>,
}

impl Prg {
    /// The generator of this key.
    pub fn new(key: Key) -> Self {
        Self { cipher: Aes128::new(key.bytes().into()), audit: None }
    }

    /// The same generator, which notes each use in `audit` as made by `owner` (the party that holds it).
    pub fn audited(mut self, audit: Arc<Audit>, owner: &'static str) -> Self {
        self.audit = Some((audit, owner));
        self
    }

    /// Elements `first_element ..` of the stream, uniform in Z_2^64: element i is the bytes `8i .. 8i + 8`, little endian.
    ///
    /// # Errors
    /// [`PrgError::Range`].
    #[track_caller]
    pub fn fill_u64(&self, id: StreamId, first_element: u64, out: &mut [u64]) -> Result<(), PrgError> {
        let first_byte = self.claim(id, first_element, 8, out.len())?;
        let mut rest = out;
        if first_byte % 16 != 0 {
            let Some((second_half, others)) = rest.split_first_mut() else { return Ok(()) };
            self.blocks(id, first_byte / 16, 1, |blocks| *second_half = u64s(&blocks[0])[1]);
            rest = others;
        }
        let (pairs, last) = rest.as_chunks_mut::<2>();
        let mut at = first_byte.div_ceil(16);
        let mut left = pairs.iter_mut();
        self.blocks(id, at, left.len(), |blocks| {
            // In this order: zip takes from its left side first, and must not lose a pair when the blocks end.
            for (block, pair) in blocks.iter().zip(left.by_ref()) {
                *pair = u64s(block);
            }
        });
        at += pairs.len() as u64;
        if let [last] = last {
            self.blocks(id, at, 1, |blocks| *last = u64s(&blocks[0])[0]);
        }
        Ok(())
    }

    /// Bytes `first_byte ..` of the stream.
    ///
    /// # Errors
    /// [`PrgError::Range`].
    #[track_caller]
    pub fn fill_bytes(&self, id: StreamId, first_byte: u64, out: &mut [u8]) -> Result<(), PrgError> {
        let first_byte = self.claim(id, first_byte, 1, out.len())?;
        let skip = (first_byte % 16) as usize;
        let n_blocks = (skip + out.len()).div_ceil(16);
        let (mut skip, mut rest) = (skip, out);
        self.blocks(id, first_byte / 16, n_blocks, |blocks| {
            let stream = blocks.as_flattened();
            let n_bytes = rest.len().min(stream.len() - skip);
            let (now, later) = std::mem::take(&mut rest).split_at_mut(n_bytes);
            now.copy_from_slice(&stream[skip..skip + n_bytes]);
            (skip, rest) = (0, later);
        });
        Ok(())
    }

    /// Elements `first_element ..` of the stream, uniform in Z_(2^64 - 1): as [`Prg::fill_u64`], with u64::MAX mapped to 0.
    ///
    /// # Security
    /// The distance from uniform is 2^-64 an element.
    ///
    /// # Errors
    /// [`PrgError::Range`].
    #[track_caller]
    pub fn fill_odd_ring(&self, id: StreamId, first_element: u64, out: &mut [u64]) -> Result<(), PrgError> {
        self.fill_u64(id, first_element, out)?;
        out.iter_mut().for_each(|value| *value = if *value == u64::MAX { 0 } else { *value });
        Ok(())
    }

    /// The first byte of the elements `first .. first + len` of `size` bytes each, checked against the stream and noted.
    #[track_caller]
    pub(crate) fn claim(&self, id: StreamId, first: u64, size: u64, len: usize) -> Result<u64, PrgError> {
        let range = |first: u64, len: u64| {
            let start = first.checked_mul(size)?;
            let end = len.checked_mul(size)?.checked_add(start)?;
            (end <= STREAM_BYTES).then_some(start..end)
        };
        let bytes = range(first, len as u64).ok_or(PrgError::Range { id, first, len })?;
        let start = bytes.start;
        if let Some((audit, owner)) = &self.audit
            && len > 0
        {
            audit.note(Use { owner, key: self.key_id(), stream: id, bytes, place: Location::caller() });
        }
        Ok(start)
    }

    /// Hands `n_blocks` blocks from `first_block` on to `sink`, some at a time.
    pub(crate) fn blocks(&self, id: StreamId, first_block: u64, n_blocks: usize, mut sink: impl FnMut(&[[u8; 16]])) {
        let mut batch = [Block::default(); BATCH];
        for start in (0..n_blocks).step_by(BATCH) {
            let batch = &mut batch[..BATCH.min(n_blocks - start)];
            for (block, counter) in batch.iter_mut().zip(first_block + start as u64..) {
                block.0 = id.counter(counter).to_be_bytes();
            }
            self.cipher.encrypt_blocks(batch);
            sink(Block::cast_slice_to_core(batch));
        }
    }

    /// Tells keys apart in an audit: half of the last block of the stream of zeros, which no position of use comes near.
    fn key_id(&self) -> u64 {
        let id = StreamId { op: 0, inference: 0, purpose: 0, step: 0 };
        let mut key_id = 0;
        self.blocks(id, (1 << 40) - 1, 1, |blocks| key_id = u64s(&blocks[0])[0]);
        key_id
    }
}

impl std::fmt::Debug for Prg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prg(..)")
    }
}

fn u64s(block: &[u8; 16]) -> [u64; 2] {
    let value = u128::from_le_bytes(*block);
    [value as u64, (value >> 64) as u64]
}
