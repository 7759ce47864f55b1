//! Reads the sorted table that a checkpoint's index is.
//!
//! # Source
//! LevelDB's table format (doc/table_format.md), which TensorFlow's `tsl/lib/io/table` keeps: blocks of prefix-compressed
//! entries, each block with a type and a checksum behind it, and a footer that says where the block of blocks is.

use super::checksum;
use bytes::{Buf, Bytes};
use prost::encoding::decode_varint;

/// Why bytes are no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TableError {
    #[error("it does not end as a checkpoint index does")]
    Magic,
    #[error("its block at byte {at} lies outside of the file or overlaps another")]
    Block { at: u64 },
    #[error("its block at byte {at} does not have the checksum that stands behind it")]
    Checksum { at: u64 },
    #[error("its block at byte {at} is compressed (type {kind}), which checkpoints are not")]
    Compressed { at: u64, kind: u8 },
    #[error("an entry of its block at byte {at} is damaged")]
    Entry { at: u64 },
}

/// Shows each entry of a table to `visit`, in order of their keys.
///
/// Takes time and memory in proportion to the file, whatever stands in it: no block is read twice, and keys are bounded.
pub(crate) fn entries(file: &Bytes, visit: &mut dyn FnMut(&[u8], Bytes)) -> Result<(), TableError> {
    let index = footer(file)?;
    // Blocks do not overlap, so they cannot add up to more than the file.
    let mut left = file.len() as u64;
    let mut handles = Vec::new();
    block(file, index, &mut left, &mut |_, value| handles.push(value))?;
    for mut handle in handles {
        let handle = Handle::read(&mut handle).ok_or(TableError::Entry { at: index.at })?;
        block(file, handle, &mut left, visit)?;
    }
    Ok(())
}

/// Where a block is.
#[derive(Clone, Copy)]
struct Handle {
    at: u64,
    size: u64,
}

impl Handle {
    fn read(bytes: &mut Bytes) -> Option<Self> {
        Some(Self { at: decode_varint(bytes).ok()?, size: decode_varint(bytes).ok()? })
    }
}

/// The handle of the block of blocks: the footer's second one, behind that of the block of filters.
fn footer(file: &Bytes) -> Result<Handle, TableError> {
    let start = file.len().checked_sub(FOOTER).ok_or(TableError::Magic)?;
    let mut footer = file.slice(start..);
    if footer[FOOTER - 8..] != MAGIC.to_le_bytes() {
        return Err(TableError::Magic);
    }
    Handle::read(&mut footer).and_then(|_| Handle::read(&mut footer)).ok_or(TableError::Magic)
}

/// Shows each entry of one block to `visit`.
fn block(
    file: &Bytes,
    Handle { at, size }: Handle,
    left: &mut u64,
    visit: &mut dyn FnMut(&[u8], Bytes),
) -> Result<(), TableError> {
    let outside = TableError::Block { at };
    *left = left.checked_sub(size).ok_or(outside.clone())?;
    let end = at.checked_add(size).filter(|end| end.checked_add(TRAILER).is_some_and(|e| e <= file.len() as u64));
    let (at_idx, end_idx) = (at as usize, end.ok_or(outside)? as usize);
    let mut trailer = file.slice(end_idx..end_idx + TRAILER as usize);
    if checksum::masked(&file[at_idx..=end_idx]) != (&trailer[1..]).get_u32_le() {
        return Err(TableError::Checksum { at });
    }
    let kind = trailer.get_u8();
    if kind != 0 {
        return Err(TableError::Compressed { at, kind });
    }
    visit_entries(file.slice(at_idx..end_idx), visit).ok_or(TableError::Entry { at })
}

/// Walks the entries of a block: the length of what its key shares with the one before, of the rest of the key, and of the
/// value; then the rest and the value. Behind the entries stand the offsets of those that share nothing, and their number.
fn visit_entries(block: Bytes, visit: &mut dyn FnMut(&[u8], Bytes)) -> Option<()> {
    let restarts = block.len().checked_sub(4).map(|at| (&block[at..]).get_u32_le() as usize)?;
    let end = block.len().checked_sub(restarts.checked_mul(4)?.checked_add(4)?)?;
    let mut rest = block.slice(..end);
    let mut key = Vec::new();
    while rest.has_remaining() {
        let mut length = || usize::try_from(decode_varint(&mut rest).ok()?).ok();
        let [shared, unshared, value] = [length()?, length()?, length()?];
        let enough = unshared.checked_add(value)? <= rest.len();
        if shared > key.len() || shared.checked_add(unshared)? > MAX_KEY || !enough {
            return None;
        }
        key.truncate(shared);
        key.extend_from_slice(&rest.split_to(unshared));
        visit(&key, rest.split_to(value));
    }
    Some(())
}

/// Two handles, padded to 40 bytes, and the magic number.
const FOOTER: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// A block's type and its checksum.
const TRAILER: u64 = 5;
/// Longer than any variable's name.
const MAX_KEY: usize = 1 << 16;
