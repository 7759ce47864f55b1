//! What was sent: payload bytes by peer and operation, and the depth of the chain of messages.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Party, Tag};

/// The payload bytes that one party has sent, without headers, handshake and TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadBytes {
    parties: usize,
    by_op: BTreeMap<u32, Vec<u64>>,
    depth: u32,
}

impl PayloadBytes {
    pub(crate) fn new(parties: usize) -> Self {
        PayloadBytes { parties, by_op: BTreeMap::new(), depth: 0 }
    }

    pub(crate) fn sent(&mut self, to: Party, tag: Tag, depth: u32, bytes: usize) {
        if tag.op != Tag::CONTROL {
            self.by_op.entry(tag.op).or_insert_with(|| vec![0; self.parties])[to.0] += bytes as u64;
            self.saw(depth);
        }
    }

    pub(crate) fn saw(&mut self, depth: u32) {
        self.depth = self.depth.max(depth);
    }

    /// All bytes.
    pub fn total(&self) -> u64 {
        self.by_op.values().flatten().sum()
    }

    /// The bytes sent to one peer.
    pub fn to(&self, peer: Party) -> u64 {
        self.by_op.values().filter_map(|row| row.get(peer.0)).sum()
    }

    /// The bytes of one operation, over all inferences.
    pub fn op(&self, op: u32) -> u64 {
        self.by_op.get(&op).map_or(0, |row| row.iter().sum())
    }

    /// The operations that sent something, with the bytes to each peer by index.
    pub fn ops(&self) -> impl Iterator<Item = (u32, &[u64])> {
        self.by_op.iter().map(|(op, row)| (*op, row.as_slice()))
    }

    /// The highest depth of a frame that this party sent or received.
    pub fn depth(&self) -> u32 {
        self.depth
    }
}

/// A table with one line for each operation, and the total.
impl fmt::Display for PayloadBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, cells: Vec<u64>| {
            write!(f, "{name:>10}")?;
            cells.iter().try_for_each(|bytes| write!(f, " {bytes:>14}"))?;
            writeln!(f, " {:>14}", cells.iter().sum::<u64>())
        };
        for (op, row) in &self.by_op {
            line(&op.to_string(), row.clone())?;
        }
        line("total", (0..self.parties).map(|p| self.to(Party(p))).collect())?;
        writeln!(f, "{:>10} {:>14}", "depth", self.depth)
    }
}
