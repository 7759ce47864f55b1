//! Errors of protocol execution.

use treville_net::NetError;
use treville_ring::WindowError;

/// Why a protocol call ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The connection, a peer or the transport failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// A stream of common randomness could not be drawn.
    #[error("op {op}: {source}")]
    Randomness {
        /// The LLIL operation.
        op: u32,
        /// What the generator reports.
        source: treville_prg::PrgError,
    },
    /// A shape does not fit the operation. The compiler's verifier makes this unreachable for compiled programs.
    #[error("op {op}: {what}: expected shape {expected:?}, found {found:?}")]
    Shape {
        /// The LLIL operation.
        op: u32,
        /// The operand.
        what: &'static str,
        /// What the operation needs.
        expected: Vec<usize>,
        /// What it was given.
        found: Vec<usize>,
    },
    /// A window does not fit the tensor that it slides over.
    #[error("op {op}: {source}")]
    Window {
        /// The LLIL operation.
        op: u32,
        /// What does not fit.
        source: WindowError,
    },
    /// A maximum over nothing: a pooling window that lies in the padding altogether, or an axis of extent 0.
    #[error("op {op}: output element {index} is the maximum of no elements")]
    EmptyMaximum {
        /// The LLIL operation.
        op: u32,
        /// The flat index of the output element.
        index: usize,
    },
    /// A peer sent a message of the wrong meaning, such as a digit outside its field.
    #[error("op {op}: malformed message from {from}: {what}")]
    Malformed {
        /// The LLIL operation.
        op: u32,
        /// The sender's role.
        from: String,
        /// What is wrong with it.
        what: String,
    },
    /// A value left the domain of comparisons, |x| < 2^(ring_bits - 2). Only a backend that sees values can tell.
    #[error(
        "op {op}: value {value} at element {index} is outside the comparison domain of the {ring_bits}-bit ring; use a smaller scale"
    )]
    Domain {
        /// The LLIL operation.
        op: u32,
        /// The flat index of the element.
        index: usize,
        /// The value as a signed ring element.
        value: i64,
        /// The width of the ring.
        ring_bits: u8,
    },
    /// The backend cannot do what was asked. The compiler refuses such programs beforehand.
    #[error("backend {backend} does not support {what}")]
    Unsupported {
        /// The backend's name.
        backend: &'static str,
        /// The operation or parameter.
        what: String,
    },
}

impl ProtocolError {
    /// What the peers may be told: the message without values of the computation.
    pub fn public_reason(&self) -> String {
        match self {
            ProtocolError::Domain { op, .. } => format!("op {op}: a value is outside the comparison domain"),
            other => other.to_string(),
        }
    }
}
