//! Addressed AES-CTR randomness with domain separation.
//!
//! A [`Prg`] is AES-128 in counter mode under one key. Its output is cut into streams, one for each [`StreamId`], and each stream
//! is addressed by position: who holds the key can compute any tile of any stream, in any order, and nobody consumes in
//! lock-step. The counter block is, big endian, `op (32) | inference (32) | purpose (8) | step (16) | block (40)`, so two
//! streams can never meet; a position that does not fit 40 bits is an error, never a carry into the next field.
//!
//! # Security
//! Pseudo-random as long as AES-128 is a pseudo-random permutation and a key makes far fewer than 2^64 blocks. The caller must
//! not use one position for two purposes; [`Audit`] finds out whether it does.

#![deny(unsafe_code)]

mod audit;
mod digits;
mod key;
mod stream;

pub use audit::{Audit, Reuse, Use};
pub use digits::{CHUNK_BYTES, CHUNK_DIGITS, FIELD};
pub use key::Key;
pub use stream::{Prg, PrgError, SESSION_INFERENCE, StreamId};
