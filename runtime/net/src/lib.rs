//! Transport between parties: mutual TLS, in memory, shaped; frames, counters, handshake.
//!
//! Backends see a [`Transport`] and, for each operation, a [`Link`]. Party programs make a [`tls`] transport, tests and
//! simulation a [`memory`] mesh.
#![forbid(unsafe_code)]

mod connection;
mod counters;
mod error;
pub mod handshake;
mod inbox;
pub mod keys;
mod link;
pub mod memory;
pub mod parties;
mod queue;
mod seen;
mod shaped;
pub mod tls;
mod transport;
mod wire;
mod words;

pub use connection::Timing;
pub use counters::PayloadBytes;
pub use error::{FrameProblem, NetError};
pub use inbox::Limits;
pub use link::Link;
pub use memory::MemoryTransport;
pub use shaped::{Shape, ShapeError, Shaped};
pub use tls::TlsTransport;
pub use transport::{Frame, Party, Tag, Transport};
pub use words::{bytes_to_words, words_into_bytes, words_to_bytes};
