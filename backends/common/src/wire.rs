//! Vectors of ring elements as messages. A tensor goes in one message a block, so that nobody keeps a second copy of a large one.

use bytes::Bytes;
use treville_net::{Party, bytes_to_words, words_into_bytes, words_to_bytes};
use treville_protocol::{Cx, ProtocolError, Result};

use crate::digits::Packing;
use crate::pieces::blocks;

/// Sends a tensor's elements.
pub(crate) async fn send_tensor(cx: &Cx<'_>, to: Party, words: Vec<u64>) -> Result<()> {
    let n = words.len();
    let message = words_into_bytes(words);
    for block in blocks(n) {
        cx.send(to, message.slice(8 * block.start..8 * block.end)).await?;
    }
    Ok(())
}

/// Words that two holders have under way to each other at most, when both open a large tensor.
pub(crate) const WINDOW: usize = 1 << 22;

/// Adds up two holders' vectors: sends the own one, and adds the peer's to it. It is one round, though of a long vector the first blocks are
/// received before the last ones are sent.
pub(crate) async fn add_up(cx: &Cx<'_>, peer: Party, sum: &mut [u64]) -> Result<()> {
    let mut same_round = cx.parts();
    let mut received = blocks(sum.len());
    for block in blocks(sum.len()) {
        if block.start >= WINDOW {
            recv_block(cx, peer, &mut sum[received.next().expect("invariant: there are as many")]).await?;
        }
        same_round.begin();
        cx.send(peer, words_to_bytes(&sum[block])).await?;
    }
    for block in received {
        recv_block(cx, peer, &mut sum[block]).await?;
    }
    Ok(())
}

async fn recv_block(cx: &Cx<'_>, from: Party, sum: &mut [u64]) -> Result<()> {
    let part = recv_words(cx, from, sum.len()).await?;
    add_to(sum, &part);
    Ok(())
}

/// Receives `n` ring elements in one message.
pub(crate) async fn recv_words(cx: &Cx<'_>, from: Party, n: usize) -> Result<Vec<u64>> {
    Ok(words(&cx.recv(from, 8 * n).await?))
}

/// Receives a tensor's `n` elements.
pub(crate) async fn recv_tensor(cx: &Cx<'_>, from: Party, n: usize) -> Result<Vec<u64>> {
    let mut all = Vec::with_capacity(n);
    for block in blocks(n) {
        all.extend(recv_words(cx, from, block.len()).await?);
    }
    Ok(all)
}

/// Receives a tensor's elements, and adds them to `sum`.
pub(crate) async fn recv_and_add(cx: &Cx<'_>, from: Party, sum: &mut [u64]) -> Result<()> {
    for block in blocks(sum.len()) {
        recv_block(cx, from, &mut sum[block]).await?;
    }
    Ok(())
}

/// Receives `n` elements of Z_(2^64 - 1).
pub(crate) async fn recv_odd_words(cx: &Cx<'_>, from: Party, n: usize) -> Result<Vec<u64>> {
    odd_words(cx, from, &cx.recv(from, 8 * n).await?)
}

/// Receives the digits of `n` elements.
pub(crate) async fn recv_digits(cx: &Cx<'_>, from: Party, packing: Packing, n: usize) -> Result<Bytes> {
    digits(cx, from, packing, cx.recv(from, packing.bytes() * n).await?)
}

/// Receives the digits of `n` elements and `n` words behind them, still as bytes.
pub(crate) async fn recv_digits_and_words(
    cx: &Cx<'_>,
    from: Party,
    packing: Packing,
    n: usize,
) -> Result<(Bytes, Bytes)> {
    let mut payload = cx.recv(from, (packing.bytes() + 8) * n).await?;
    let words = payload.split_off(packing.bytes() * n);
    Ok((digits(cx, from, packing, payload)?, words))
}

fn digits(cx: &Cx<'_>, from: Party, packing: Packing, payload: Bytes) -> Result<Bytes> {
    if packing.are_digits(&payload) { Ok(payload) } else { Err(malformed(cx, from, "a digit outside Z_67")) }
}

/// The words in a payload whose length was checked.
pub(crate) fn words(payload: &[u8]) -> Vec<u64> {
    bytes_to_words(payload).expect("invariant: the length was checked on receipt")
}

/// The elements of Z_(2^64 - 1) in a payload whose length was checked.
pub(crate) fn odd_words(cx: &Cx<'_>, from: Party, payload: &[u8]) -> Result<Vec<u64>> {
    let words = words(payload);
    if words.iter().fold(true, |ok, &word| ok & (word != u64::MAX)) {
        Ok(words)
    } else {
        Err(malformed(cx, from, "an element outside Z_(2^64 - 1)"))
    }
}

fn malformed(cx: &Cx<'_>, from: Party, what: &str) -> ProtocolError {
    ProtocolError::Malformed { op: cx.op, from: crate::ROLES[from.0].to_owned(), what: what.to_owned() }
}

/// sum += x.
pub(crate) fn add_to(sum: &mut [u64], x: &[u64]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum = sum.wrapping_add(*x);
    }
}
