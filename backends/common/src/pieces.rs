//! The pieces in which tensors are handled: blocks, which are one message each, and parts of many blocks.

use std::ops::Range;

/// Elements of a block: a multiple of the tile. Their digits are 1 MiB, so that what one step writes is still in the cache when the next
/// one, or TLS, reads it.
const BLOCK: usize = 1 << 14;

/// Elements of a part, all of which are on their way through a primitive at once: what is masked, asked and not yet answered takes up to
/// 100 bytes an element. The parts of a larger tensor do not depend on each other, so they count as one round; each takes a round trip for
/// each round all the same, beside half a gigabyte of messages.
const PART: usize = 1 << 20;

const _: () = assert!(PART.is_multiple_of(BLOCK));

/// The parts of `n` elements.
pub(crate) fn parts(n: usize) -> impl Iterator<Item = Range<usize>> {
    pieces(0..n, PART)
}

/// The blocks of `n` elements.
pub(crate) fn blocks(n: usize) -> impl Iterator<Item = Range<usize>> {
    blocks_in(0..n)
}

/// The blocks of a part.
pub(crate) fn blocks_in(part: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    pieces(part, BLOCK)
}

fn pieces(all: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = all.end;
    all.step_by(size).map(move |first| first..end.min(first + size))
}
