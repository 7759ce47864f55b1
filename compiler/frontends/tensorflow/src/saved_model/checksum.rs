//! The checksums of checkpoints.

/// CRC-32C, masked as LevelDB does: a checksum of bytes that hold their own checksum would be of little use.
pub(super) fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}
