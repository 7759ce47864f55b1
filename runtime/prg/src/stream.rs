//! The generator: blocks of a stream, and the uniform ring elements and bytes made of them.

use std::panic::Location;
use std::sync::Arc;

use aes::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128, Block};
use ctr::CtrCore;
use ctr::flavors::Ctr64BE;
use multiversion::multiversion;

use crate::{Audit, Key, Use};

/// The `inference` of streams that are fixed for a session: the masks of weights.
pub const SESSION_INFERENCE: u32 = u32::MAX;

/// Bytes of a stream: 2^40 blocks.
pub(crate) const STREAM_BYTES: u64 = 16 << 40;

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
        self.fill(id, first_byte, bytemuck::cast_slice_mut(out));
        if cfg!(target_endian = "big") {
            out.iter_mut().for_each(|value| *value = value.swap_bytes());
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
        self.fill(id, first_byte, out);
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
        without_top(out);
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

    /// Bytes `first_byte ..` of a stream that was claimed.
    fn fill(&self, id: StreamId, first_byte: u64, out: &mut [u8]) {
        let within = (first_byte % 16) as usize;
        let (head, rest) = out.split_at_mut(if within == 0 { 0 } else { out.len().min(16 - within) });
        let (whole, tail) = rest.as_chunks_mut();
        let part = |at: u64| {
            let mut block = [[0; 16]];
            self.keystream(id, at, &mut block);
            block[0]
        };
        if !head.is_empty() {
            head.copy_from_slice(&part(first_byte / 16)[within..][..head.len()]);
        }
        let first_whole = first_byte.div_ceil(16);
        self.keystream(id, first_whole, whole);
        if !tail.is_empty() {
            tail.copy_from_slice(&part(first_whole + whole.len() as u64)[..tail.len()]);
        }
    }

    /// Blocks `first_block ..` of a stream that was claimed: they stay below 2^40, so the counter carries into nothing else.
    pub(crate) fn keystream(&self, id: StreamId, first_block: u64, out: &mut [[u8; 16]]) {
        let counter = id.counter(first_block).to_be_bytes();
        CtrCore::<&Aes128, Ctr64BE>::inner_iv_init(&self.cipher, &counter.into())
            .write_keystream_blocks(Block::cast_slice_from_core_mut(out));
    }

    /// Tells keys apart in an audit: half of the last block of the stream of zeros, which no position of use comes near.
    fn key_id(&self) -> u64 {
        let id = StreamId { op: 0, inference: 0, purpose: 0, step: 0 };
        let mut block = [[0; 16]];
        self.keystream(id, (1 << 40) - 1, &mut block);
        u128::from_le_bytes(block[0]) as u64
    }
}

impl std::fmt::Debug for Prg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prg(..)")
    }
}

/// Maps u64::MAX to 0.
#[multiversion(targets = "simd")]
fn without_top(values: &mut [u64]) {
    values.iter_mut().for_each(|value| *value = if *value == u64::MAX { 0 } else { *value });
}
