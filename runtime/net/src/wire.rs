//! The header of a frame on a connection.

use crate::{FrameProblem, Tag};

pub(crate) const HEADER_BYTES: usize = 40;

/// What stands before a payload. Little endian, in this order:
/// kind (1 byte), zero (1), step (2), op (4), inference (4), depth (4), sequence (8), session (8), payload length (8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) tag: Tag,
    pub(crate) depth: u32,
    /// The frame's number on its connection and direction.
    pub(crate) sequence: u64,
    /// The mark of the session; zero for what belongs to no operation.
    pub(crate) session: [u8; 8],
    pub(crate) payload_bytes: u64,
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A payload for an operation or the handshake.
    Data = 1,
    /// The sender lives.
    Ping = 2,
    /// The sender has said all that it will say.
    Close = 3,
    /// The sender ends the session; the payload is the reason as text.
    Abort = 4,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = self.kind as u8;
        bytes[2..4].copy_from_slice(&self.tag.step.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.tag.op.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.tag.inference.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.depth.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.session);
        bytes[32..40].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Header, FrameProblem> {
        let [kind, zero, step @ ..] = take::<4>(bytes, 0);
        let kind = match (kind, zero) {
            (1, 0) => Kind::Data,
            (2, 0) => Kind::Ping,
            (3, 0) => Kind::Close,
            (4, 0) => Kind::Abort,
            _ => return Err(FrameProblem::Header { kind }),
        };
        let tag = Tag {
            op: u32::from_le_bytes(take(bytes, 4)),
            inference: u32::from_le_bytes(take(bytes, 8)),
            step: u16::from_le_bytes(step),
        };
        let header = Header {
            kind,
            tag,
            depth: u32::from_le_bytes(take(bytes, 12)),
            sequence: u64::from_le_bytes(take(bytes, 16)),
            session: take(bytes, 24),
            payload_bytes: u64::from_le_bytes(take(bytes, 32)),
        };
        let plain = Header { kind, tag: Tag::control(0), depth: 0, session: [0; 8], ..header };
        if kind != Kind::Data && header != plain {
            return Err(FrameProblem::Header { kind: kind as u8 });
        }
        Ok(header)
    }
}

fn take<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        kind: Kind::Data,
        tag: Tag { op: 0x0102_0304, inference: 0x0506_0708, step: 0x090a },
        depth: 0x0b0c_0d0e,
        sequence: 0x1112_1314_1516_1718,
        session: *b"sessions",
        payload_bytes: u64::MAX - 1,
    };

    #[test]
    fn a_header_round_trips_and_its_bytes_are_fixed() {
        let bytes = HEADER.encode();
        assert_eq!(Header::decode(&bytes), Ok(HEADER));
        let mut expected = vec![
            1, 0, 0x0a, 0x09, 4, 3, 2, 1, 8, 7, 6, 5, 0x0e, 0x0d, 0x0c, 0x0b, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12,
            0x11,
        ];
        expected.extend(b"sessions");
        expected.extend([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(bytes.to_vec(), expected);
    }

    #[test]
    fn only_known_kinds_with_nothing_odd_are_headers() {
        for kind in [0, 5, 255] {
            let mut bytes = HEADER.encode();
            bytes[0] = kind;
            assert_eq!(Header::decode(&bytes), Err(FrameProblem::Header { kind }));
        }
        let mut bytes = HEADER.encode();
        bytes[1] = 1;
        assert_eq!(Header::decode(&bytes), Err(FrameProblem::Header { kind: 1 }));
        let ping = Header { kind: Kind::Ping, ..HEADER };
        assert_eq!(Header::decode(&ping.encode()), Err(FrameProblem::Header { kind: 2 }));
        let ping =
            Header { kind: Kind::Ping, tag: Tag::control(0), depth: 0, session: [0; 8], payload_bytes: 0, sequence: 9 };
        assert_eq!(Header::decode(&ping.encode()), Ok(ping));
    }
}
