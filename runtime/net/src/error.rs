//! Why a session ended.

use crate::Tag;

/// Why a session could not be set up, or ended. `at` is where this party stood: what it awaited from the peer, or its last message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named by what they hold, and the messages say the rest")]
pub enum NetError {
    /// The peer is gone, or has finished and will not send what is awaited.
    #[error("{peer} closed the connection; this party was at {at}")]
    Closed { peer: String, at: Tag },
    /// The connection broke.
    #[error("the connection to {peer} broke: {message}; this party was at {at}")]
    Broken { peer: String, at: Tag, message: String },
    /// Not even a keep-alive came.
    #[error("nothing was heard from {peer} for {seconds} s; this party was at {at}")]
    Silent { peer: String, at: Tag, seconds: u64 },
    /// The peer lives, but what is awaited does not come.
    #[error("{peer} is alive but has not sent {at} within {seconds} s")]
    Stalled { peer: String, at: Tag, seconds: u64 },
    /// The peer ended the session and said why.
    #[error("{peer} ended the session: {reason}; this party was at {at}")]
    Aborted { peer: String, at: Tag, reason: String },
    /// The peer sent something that no honest party sends.
    #[error("bad frame from {peer}: {problem}; this party was at {at}")]
    Frame { peer: String, at: Tag, problem: FrameProblem },
    /// A message has another length than the operation needs.
    #[error("{peer} sent {found} bytes for {at}, where {expected} are needed")]
    Length { peer: String, at: Tag, expected: usize, found: usize },
    /// This party ended the session for a reason outside the transport.
    #[error("this party ended the session: {reason}; it was at {at}")]
    Stopped { at: Tag, reason: String },
    /// This party's program uses the transport wrongly.
    #[error("wrong use of the transport at {at}: {what}")]
    Misuse { at: Tag, what: &'static str },
    /// The peer did not appear.
    #[error("{peer} is absent: {address} gave no connection within {seconds} s{}", .detail.as_deref().map(|d| format!(" ({d})")).unwrap_or_default())]
    Absent { peer: String, address: String, seconds: u64, detail: Option<String> },
    /// This party cannot listen on its address.
    #[error("cannot listen on {address}: {message}")]
    Listen { address: String, message: String },
    /// The peer at the address of `peer` has another certificate than the party table says.
    #[error("{peer} showed certificate {found}, but the party table pins {expected}")]
    Certificate { peer: String, expected: String, found: String },
    /// TLS could not be set up.
    #[error("TLS with {peer}: {message}")]
    Tls { peer: String, message: String },
    /// The peer runs something else.
    #[error("{peer} differs in {field}: ours is {ours}, theirs is {theirs}")]
    Handshake { peer: String, field: &'static str, ours: String, theirs: String },
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system: {message}")]
    Randomness { message: String },
    /// The identity, the index or the table that this party was started with do not fit.
    #[error("{what}")]
    Config { what: String },
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the fields are named by what they hold, and the messages say the rest")]
pub enum FrameProblem {
    /// A tag came twice.
    #[error("{tag} came a second time")]
    Duplicate { tag: Tag },
    /// A tag of an inference that ended long ago.
    #[error("{tag} is long past")]
    Stale { tag: Tag },
    /// A frame was lost, repeated or moved.
    #[error("frame number {found} where {expected} is due")]
    Sequence { expected: u64, found: u64 },
    /// The frame belongs to another session, or comes before the handshake.
    #[error("the frame belongs to another session")]
    Session,
    /// The frame is larger than a frame may be.
    #[error("{bytes} bytes, where {limit} is the limit")]
    Oversized { bytes: u64, limit: u64 },
    /// The kind of frame is unknown, or its header is malformed.
    #[error("malformed header (kind {kind})")]
    Header { kind: u8 },
    /// A frame after the peer said that it sends no more.
    #[error("a message after the last one")]
    AfterClose,
    /// A frame that this party never asked for.
    #[error("{tag} was never awaited")]
    Unread { tag: Tag },
}
