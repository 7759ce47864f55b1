//! The messages of one operation.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;

use crate::{Frame, NetError, Party, Tag, Transport};

/// One operation's messages: numbers them, and follows the chain of messages that depend on each other.
///
/// Steps are counted for each peer and direction, so that both sides agree without talking. The number is taken when
/// `send` or `recv` is called, not when its future is polled: futures that are joined belong to the calls' order.
/// Two branches that both exchange several messages with one peer must be two operations.
pub struct Link<'a> {
    transport: &'a dyn Transport,
    op: u32,
    inference: u32,
    depth: AtomicU32,
    sent: Vec<AtomicU32>,
    received: Vec<AtomicU32>,
}

impl<'a> Link<'a> {
    /// The messages of `op` in `inference`, which follow a chain of `start_depth` messages.
    pub fn new(transport: &'a dyn Transport, op: u32, inference: u32, start_depth: u32) -> Self {
        let counters = || (0..transport.parties()).map(|_| AtomicU32::new(0)).collect();
        Link { transport, op, inference, depth: AtomicU32::new(start_depth), sent: counters(), received: counters() }
    }

    /// This party.
    pub fn me(&self) -> Party {
        self.transport.me()
    }

    /// The transport beneath.
    pub fn transport(&self) -> &'a dyn Transport {
        self.transport
    }

    /// The longest chain of dependent messages that ends at this party so far.
    pub fn depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }

    /// Goes back to an earlier depth, for messages that depend on nothing that was received since. Returns the depth until now.
    pub fn rewind(&self, depth: u32) -> u32 {
        self.depth.swap(depth, Ordering::Relaxed)
    }

    /// Sends the next message to `to`, one deeper than what has been received when this is called.
    pub fn send(&self, to: Party, payload: Bytes) -> impl Future<Output = Result<(), NetError>> + Send + use<'a> {
        let frame = self.next(&self.sent, to).map(|tag| Frame { tag, depth: self.depth().saturating_add(1), payload });
        let transport = self.transport;
        async move {
            match frame {
                Ok(frame) => transport.send(to, frame).await,
                Err(error) => Err(transport.abort(error)),
            }
        }
    }

    /// Receives the next message from `from`.
    pub fn recv(&self, from: Party) -> impl Future<Output = Result<Bytes, NetError>> + Send + '_ {
        let tag = self.next(&self.received, from);
        async move { Ok(self.await_frame(from, tag).await?.payload) }
    }

    /// Receives the next message from `from`, which must have `len` bytes.
    pub fn recv_exact(&self, from: Party, len: usize) -> impl Future<Output = Result<Bytes, NetError>> + Send + '_ {
        let tag = self.next(&self.received, from);
        async move {
            let Frame { tag, payload, .. } = self.await_frame(from, tag).await?;
            if payload.len() != len {
                let peer = self.transport.names()[from.0].clone();
                return Err(self.transport.abort(NetError::Length {
                    peer,
                    at: tag,
                    expected: len,
                    found: payload.len(),
                }));
            }
            Ok(payload)
        }
    }

    async fn await_frame(&self, from: Party, tag: Result<Tag, NetError>) -> Result<Frame, NetError> {
        let tag = tag.map_err(|error| self.transport.abort(error))?;
        let frame = self.transport.recv(from, tag).await?;
        self.depth.fetch_max(frame.depth, Ordering::Relaxed);
        Ok(frame)
    }

    fn next(&self, steps: &[AtomicU32], peer: Party) -> Result<Tag, NetError> {
        let tag = |step| Tag { op: self.op, inference: self.inference, step };
        let counter = steps.get(peer.0).ok_or(NetError::Misuse { at: tag(0), what: "there is no such party" })?;
        let step = counter.fetch_add(1, Ordering::Relaxed);
        u16::try_from(step).map(tag).map_err(|_| NetError::Misuse {
            at: tag(u16::MAX),
            what: "more than 65536 messages to one peer in one operation",
        })
    }
}
