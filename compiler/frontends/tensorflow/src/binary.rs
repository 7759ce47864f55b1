//! Reads a binary GraphDef (`.pb`).

use crate::proto::GraphDef;
use bytes::Bytes;
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};

/// Reads a binary GraphDef, whose tensors are slices of `bytes`.
///
/// # Errors
/// Where the bytes are cut off or are no GraphDef. Never panics; no length in the file is believed before the bytes are
/// there.
pub fn parse(bytes: &Bytes) -> Result<GraphDef, BinaryError> {
    check_top_level(bytes)?;
    GraphDef::decode(bytes.clone()).map_err(|error| BinaryError::Malformed { reason: error.to_string() })
}

/// Why bytes are no GraphDef.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// The file ends inside a field of the graph.
    #[error("the file ends at byte {len}, inside the field that begins at byte {at}")]
    Truncated {
        /// Where the field begins.
        at: usize,
        /// The file's length.
        len: usize,
    },
    /// The bytes are not the fields of a GraphDef.
    #[error("the bytes are not a GraphDef: {reason}")]
    Malformed {
        /// What the decoder says.
        reason: String,
    },
}

/// Walks the fields of the outermost message, so that a file that was cut off is told from one that is something else.
fn check_top_level(bytes: &[u8]) -> Result<(), BinaryError> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let truncated = BinaryError::Truncated { at, len: bytes.len() };
        // A key or length of fewer than ten bytes that runs to the end of the file is cut off, not wrong.
        let cut_off = rest.len() < 10 && rest.iter().all(|b| b & 0x80 != 0);
        let skip = match decode_key(&mut rest) {
            Ok((3, WireType::Varint)) => decode_varint(&mut rest).ok().map(|_| 0),
            Ok((1 | 2 | 4 | 5, WireType::LengthDelimited)) => decode_varint(&mut rest).ok(),
            Err(_) if cut_off => return Err(truncated),
            // No field of a graph: what is wrong is for the decoder to say.
            _ => return Ok(()),
        };
        match skip.and_then(|n| usize::try_from(n).ok()).and_then(|n| rest.split_at_checked(n)) {
            Some((_, after)) => rest = after,
            None => return Err(truncated),
        }
    }
    Ok(())
}
