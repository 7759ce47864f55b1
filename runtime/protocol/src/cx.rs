//! The context of one operation in one inference.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use bytes::Bytes;
use treville_net::{Link, Party, Transport};
use treville_prg::StreamId;
use treville_ring::RingBits;

use crate::{Cost, ProtocolError, Result, Traffic};

/// Everything that a protocol call knows beside its operands: which operation of which inference
/// this is, the ring, the link to the other parties, and the addresses of its random streams.
///
/// Parties derive equal stream addresses without talking, because each primitive takes the next
/// [step](Cx::next_step) when it is called, and calls happen in program order.
pub struct Cx<'a> {
    /// The LLIL operation's number, fixed by the compiler.
    pub op: u32,
    /// The inference's index in the session, or [`treville_prg::SESSION_INFERENCE`] during set-up.
    pub inference: u32,
    /// The ring of operands and result.
    pub ring: RingBits,
    link: Link<'a>,
    steps: AtomicU32,
    sent: Mutex<Sent>,
    charged_rounds: AtomicU32,
}

/// Parts of a primitive that do not depend on each other: see [`Cx::parts`]. They are as many rounds as the one with the most; what
/// depends on them, after this is dropped, follows the longest chain of them all.
pub struct Parts<'c, 'a> {
    cx: &'c Cx<'a>,
    start: u32,
    deepest: u32,
}

impl Parts<'_, '_> {
    /// Begins the next part: its messages continue the chain from where the first part began.
    pub fn begin(&mut self) {
        self.deepest = self.deepest.max(self.cx.link.rewind(self.start));
    }
}

impl Drop for Parts<'_, '_> {
    fn drop(&mut self) {
        let last = self.cx.link.depth();
        self.cx.link.rewind(self.deepest.max(last));
    }
}

/// What was sent so far.
#[derive(Default)]
struct Sent {
    traffic: Traffic,
    /// The depth of the last message to each peer.
    depths: BTreeMap<Party, u32>,
    /// The deepest message that was answered, or that crossed one from its receiver.
    crossed: u32,
}

impl<'a> Cx<'a> {
    /// A context whose messages follow a chain of `depth` dependent messages.
    pub fn new(transport: &'a dyn Transport, op: u32, inference: u32, ring: RingBits, depth: u32) -> Self {
        Cx {
            op,
            inference,
            ring,
            link: Link::new(transport, op, inference, depth),
            steps: AtomicU32::new(0),
            sent: Mutex::default(),
            charged_rounds: AtomicU32::new(0),
        }
    }

    /// This party.
    pub fn me(&self) -> Party {
        self.link.me()
    }

    /// The number of the next primitive in this operation. Take it once at the primitive's start, before the first await.
    ///
    /// # Panics
    /// After 2^16 steps, as a number that came again would bring its masks again.
    pub fn next_step(&self) -> u16 {
        let step = self.steps.fetch_add(1, Ordering::Relaxed);
        u16::try_from(step).expect("invariant: an operation has at most 2^16 primitives")
    }

    /// The address of the stream for one `purpose` in the primitive `step`.
    pub fn stream(&self, purpose: u8, step: u16) -> StreamId {
        StreamId { op: self.op, inference: self.inference, purpose, step }
    }

    /// Sends `payload` as the next message of this operation to `to`. Nothing is sent where there is nothing to say.
    pub async fn send(&self, to: Party, payload: Bytes) -> Result<()> {
        if payload.is_empty() {
            return Ok(());
        }
        {
            let mut book = self.book();
            book.traffic.add(self.link.me(), to, payload.len() as u64);
            book.depths.insert(to, self.link.depth().saturating_add(1));
        }
        Ok(self.link.send(to, payload).await?)
    }

    /// Receives the next message of this operation from `from`, which must have `len` bytes. Where that is none, there is no message.
    pub async fn recv(&self, from: Party, len: usize) -> Result<Bytes> {
        if len == 0 {
            return Ok(Bytes::new());
        }
        let sent = self.book().depths.get(&from).copied().unwrap_or_default();
        let payload = self.link.recv_exact(from, len).await?;
        let mut book = self.book();
        book.crossed = book.crossed.max(sent);
        Ok(payload)
    }

    /// Books a declared cost in place of messages.
    pub(crate) fn charge(&self, cost: &Cost) {
        let mut book = self.book();
        book.traffic += &cost.online;
        book.traffic += &cost.offline;
        drop(book);
        self.charged_rounds.fetch_add(cost.rounds, Ordering::Relaxed);
    }

    /// The longest chain of dependent messages that ends in this operation so far.
    ///
    /// Two messages that cross are one round for both their senders, also for the one whose own was the deeper. So both
    /// parties leave an exchange in the same round, and the rounds of operations that follow each other add up.
    pub fn depth(&self) -> u32 {
        self.link.depth().max(self.book().crossed).saturating_add(self.charged_rounds.load(Ordering::Relaxed))
    }

    /// Starts on parts of a primitive that do not depend on each other, handled one after the other because a large tensor is not to be in
    /// flight all at once.
    pub fn parts(&self) -> Parts<'_, 'a> {
        let start = self.link.depth();
        Parts { cx: self, start, deepest: start }
    }

    /// The payload bytes that this party sent in this operation so far.
    pub fn sent(&self) -> Traffic {
        self.book().traffic.clone()
    }

    fn book(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().expect("invariant: no holder of the lock panics")
    }

    /// Wraps a failure of the random generator.
    pub fn randomness(&self) -> impl Fn(treville_prg::PrgError) -> ProtocolError + '_ {
        move |source| ProtocolError::Randomness { op: self.op, source }
    }
}
