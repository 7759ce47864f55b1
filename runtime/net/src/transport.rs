//! What every transport does: tagged frames between numbered parties.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{NetError, PayloadBytes};

/// Moves frames between the parties of one session.
///
/// A frame is sent once for each (sender, receiver, tag) and awaited by its tag, so independent branches of a
/// party's program can wait side by side. The order of sending does not matter to the receiver.
///
/// # Errors
/// The first error ends the session: every pending and later call on this transport returns that same error, and the
/// peers are told, so that they end too. A frame twice under one tag, a frame of another session, a frame over the
/// size limit, a lost or silent peer are such errors.
#[async_trait]
pub trait Transport: Send + Sync {
    /// This party.
    fn me(&self) -> Party;

    /// The names of all parties, by index.
    fn names(&self) -> &[String];

    /// How many parties there are, this one included.
    fn parties(&self) -> usize {
        self.names().len()
    }

    /// Hands over a frame for `to`. Returns when there is room for it, which need not be when it has arrived.
    async fn send(&self, to: Party, frame: Frame) -> Result<(), NetError>;

    /// Waits for the frame with `tag` from `from`. Each tag can be received once.
    async fn recv(&self, from: Party, tag: Tag) -> Result<Frame, NetError>;

    /// The payload bytes that this party has sent so far, and the longest chain of messages that it has seen.
    fn payload_bytes(&self) -> PayloadBytes;

    /// A secret that only this party and `peer` know, fresh for the session.
    ///
    /// # Panics
    /// If `peer` is this party or none.
    fn seed_with(&self, peer: Party) -> [u8; 32];

    /// Ends the session with `error`, unless it has ended already, and tells the peers. Returns the error that ended it.
    ///
    /// # Security
    /// The error's text goes to the peers: it must not hold a secret.
    fn abort(&self, error: NetError) -> NetError;

    /// Waits until the session has failed. For a long computation that should end with it.
    async fn failed(&self) -> NetError;

    /// Says that this party sends no more, and waits until what it has sent is out.
    /// After an error: waits until the peers have been told, and returns the error.
    async fn close(&self) -> Result<(), NetError>;
}

/// A party's index in the party table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(pub usize);

/// What a frame is for. Unique for each direction between two parties in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The LLIL operation, fixed by the compiler; [`Tag::CONTROL`] is reserved.
    pub op: u32,
    /// The inference's index in the session.
    pub inference: u32,
    /// The message's number within the operation.
    pub step: u16,
}

impl Tag {
    /// The `op` of messages that belong to no operation, such as the handshake's. They are not counted.
    pub const CONTROL: u32 = u32::MAX;

    pub(crate) const fn control(step: u16) -> Tag {
        Tag { op: Tag::CONTROL, inference: 0, step }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.op, self.inference) {
            (Tag::CONTROL, _) => f.write_str("the handshake"),
            (op, u32::MAX) => write!(f, "op {op} step {} of the set-up", self.step),
            (op, inference) => write!(f, "op {op} step {} of inference {inference}", self.step),
        }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub tag: Tag,
    /// The length of the longest chain of dependent messages that ends with this one.
    pub depth: u32,
    /// What is sent.
    pub payload: Bytes,
}
