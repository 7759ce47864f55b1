//! The transports as a backend and a party program see them.

mod handshake;
mod link;
mod memory;
mod shaped;
mod tls;

use bytes::Bytes;
use treville_net::{Frame, Tag};

fn tag(op: u32, step: u16) -> Tag {
    Tag { op, inference: 0, step }
}

fn frame(op: u32, payload: impl Into<Bytes>) -> Frame {
    Frame { tag: tag(op, 0), depth: 1, payload: payload.into() }
}
