//! Tiles of digits in Z_67: 64 elements side by side, one row for each bit.
//!
//! A tile is one chunk of the generator's digit streams. Rows run over elements, so every loop here is
//! the same operation on 64 neighbouring bytes, which the compiler turns into vector code, one version for each set of instructions;
//! nothing branches on a digit or looks one up.

use multiversion::multiversion;
use treville_prg::{CHUNK_DIGITS, FIELD};

/// Elements of a tile.
pub(crate) const TILE: usize = 64;
/// Bits of an element, and digits that its comparison sends.
pub(crate) const BITS: usize = 64;

/// One value, mask or bit of each element of a tile.
pub(crate) type Row = [u8; TILE];
/// Digit i of element e stands at `[i][e]`.
pub(crate) type Tile = [Row; BITS];

const _: () = assert!(TILE * BITS == CHUNK_DIGITS);

/// A tile of zeros.
pub(crate) const ZERO: Tile = [[0; TILE]; BITS];

/// `v` mod 67, for v below 134.
#[inline(always)]
pub(crate) fn reduce(v: u8) -> u8 {
    v.min(v.wrapping_sub(FIELD))
}

/// -v mod 67, for v up to 67.
#[inline(always)]
pub(crate) fn neg(v: u8) -> u8 {
    (FIELD - v).min(v.wrapping_neg())
}

/// a * b + c mod 67, for digits up to 67: the quotient by 978 / 2^16 is right or one too small.
#[inline(always)]
pub(crate) fn mul_add(a: u8, b: u8, c: u8) -> u8 {
    let v = u16::from(a) * u16::from(b) + u16::from(c);
    let quotient = ((u32::from(v) * 978) >> 16) as u16;
    reduce((v - quotient * u16::from(FIELD)) as u8)
}

/// `a` where the mask is 0xff, `b` where it is 0.
#[inline(always)]
pub(crate) fn select(mask: u8, a: u8, b: u8) -> u8 {
    b ^ (mask & (a ^ b))
}

/// The bytes of up to 64 values, by significance.
pub(crate) struct Planes([Row; 8]);

impl Planes {
    /// Missing values count as zero.
    pub(crate) fn new(values: impl Iterator<Item = u64>) -> Self {
        let mut all = [0; TILE];
        all.iter_mut().zip(values).for_each(|(to, value)| *to = value);
        Planes(bytes_by_significance(&all))
    }

    /// Bit `i` of each value, as 0 or 1.
    #[inline(always)]
    pub(crate) fn bit(&self, i: usize) -> Row {
        self.0[i / 8].map(|byte| (byte >> (i % 8)) & 1)
    }
}

#[multiversion(targets = "simd")]
fn bytes_by_significance(values: &[u64; TILE]) -> [Row; 8] {
    std::array::from_fn(|plane| values.map(|value| (value >> (8 * plane)) as u8))
}

/// Makes of the first share of the bits of `values` the second one.
#[multiversion(targets = "simd")]
pub(crate) fn second_share(values: &Planes, share: &mut Tile) {
    for (i, row) in share.iter_mut().enumerate() {
        let bits = values.bit(i);
        for e in 0..TILE {
            row[e] = reduce(bits[e] + neg(row[e]));
        }
    }
}

/// Turns the digits of each element by its own distance: digit i goes to place i + turn mod 64. `room` is overwritten.
#[multiversion(targets = "simd")]
pub(crate) fn rotate(tile: &mut Tile, turns: &Row, room: &mut Tile) {
    for stage in (0..BITS.ilog2()).step_by(2) {
        rotate_by_bit(tile, turns, stage, room);
        rotate_by_bit(room, turns, stage + 1, tile);
    }
}

const _: () = assert!(BITS.ilog2().is_multiple_of(2));

/// Turns those elements by 2^stage whose distance has this bit.
#[inline(always)]
fn rotate_by_bit(tile: &Tile, turns: &Row, stage: u32, turned: &mut Tile) {
    let mask = turns.map(|turn| ((turn >> stage) & 1).wrapping_neg());
    for (i, row) in turned.iter_mut().enumerate() {
        let (from, stay) = (&tile[(i + BITS - (1 << stage)) % BITS], &tile[i]);
        for e in 0..TILE {
            row[e] = select(mask[e], from[e], stay[e]);
        }
    }
}

/// How digits stand in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A byte each, as in the papers' formulas.
    Bytes,
    /// Seven bits each, which is what a digit in Z_67 needs: of eight rows the last rides on the top bits of the other seven.
    SevenBits,
}

/// Rows of a packed tile.
const PACKED: usize = BITS / 8 * 7;

impl Packing {
    /// Bytes of the digits of an element.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Packing::Bytes => BITS,
            Packing::SevenBits => PACKED,
        }
    }

    /// Writes the first columns of a tile to the wire, as many as `wire` has room for.
    pub(crate) fn store(self, tile: &Tile, wire: &mut [u8]) {
        match self {
            Packing::Bytes => store_rows(tile, wire),
            Packing::SevenBits => store_rows(&pack(tile), wire),
        }
    }

    /// Hands on what [`Packing::store`] has written; the missing columns are zero.
    pub(crate) fn with_tile<R>(self, wire: &[u8], then: impl FnOnce(&Tile) -> R) -> R {
        match self {
            Packing::Bytes => with_rows(wire, then),
            Packing::SevenBits => with_rows(wire, |packed| then(&unpack(packed))),
        }
    }

    /// Whether the message of whole tiles, but for the last, has nothing in it but digits.
    pub(crate) fn are_digits(self, wire: &[u8]) -> bool {
        match self {
            Packing::Bytes => all_in_field(wire),
            Packing::SevenBits => wire
                .chunks(TILE * self.bytes())
                .all(|wire| self.with_tile(wire, |tile| all_in_field(tile.as_flattened()))),
        }
    }
}

#[multiversion(targets = "simd")]
fn pack(tile: &Tile) -> [Row; PACKED] {
    let mut packed = [[0; TILE]; PACKED];
    for (packed, rows) in packed.as_chunks_mut::<7>().0.iter_mut().zip(tile.as_chunks::<8>().0) {
        for (k, packed) in packed.iter_mut().enumerate() {
            for e in 0..TILE {
                packed[e] = rows[k][e] | ((rows[7][e] << (7 - k)) & 0x80);
            }
        }
    }
    packed
}

#[multiversion(targets = "simd")]
fn unpack(packed: &[Row; PACKED]) -> Tile {
    let mut tile = ZERO;
    for (rows, packed) in tile.as_chunks_mut::<8>().0.iter_mut().zip(packed.as_chunks::<7>().0) {
        for (k, packed) in packed.iter().enumerate() {
            for e in 0..TILE {
                rows[k][e] = packed[e] & 0x7f;
                rows[7][e] |= (packed[e] & 0x80) >> (7 - k);
            }
        }
    }
    tile
}

/// Row after row, as wide as `wire` has room for.
fn store_rows<const N: usize>(rows: &[Row; N], wire: &mut [u8]) {
    let width = wire.len() / N;
    if width == TILE {
        return wire.copy_from_slice(rows.as_flattened());
    }
    for (to, row) in wire.chunks_exact_mut(width).zip(rows) {
        to.copy_from_slice(&row[..width]);
    }
}

/// Rows of full width are not copied.
fn with_rows<const N: usize, R>(wire: &[u8], then: impl FnOnce(&[Row; N]) -> R) -> R {
    if let Ok(rows) = <&[Row; N]>::try_from(wire.as_chunks::<TILE>().0)
        && wire.len() == TILE * N
    {
        return then(rows);
    }
    let mut rows = [[0; TILE]; N];
    for (from, row) in wire.chunks_exact(wire.len() / N).zip(&mut rows) {
        row[..from.len()].copy_from_slice(from);
    }
    then(&rows)
}

#[multiversion(targets = "simd")]
fn all_in_field(digits: &[u8]) -> bool {
    digits.iter().fold(0, |most, &digit| digit.max(most)) < FIELD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_arithmetic_is_right_on_all_digits() {
        for a in 0..=FIELD {
            assert_eq!(u16::from(neg(a)), (67 - u16::from(a)) % 67);
            for b in 0..=FIELD {
                assert_eq!(u16::from(reduce(a.min(66) + b)), (u16::from(a.min(66)) + u16::from(b)) % 67);
                for c in 0..=FIELD {
                    assert_eq!(u16::from(mul_add(a, b, c)), (u16::from(a) * u16::from(b) + u16::from(c)) % 67);
                }
            }
        }
        assert_eq!((select(0xff, 3, 5), select(0, 3, 5)), (3, 5));
    }

    #[test]
    fn each_column_turns_by_its_own_distance() {
        let mut tile = ZERO;
        let turns: Row = std::array::from_fn(|e| (e * 7 % 64) as u8);
        for (i, row) in tile.iter_mut().enumerate() {
            *row = std::array::from_fn(|e| ((i + e) % 67) as u8);
        }
        let before = tile;
        rotate(&mut tile, &turns, &mut ZERO.clone());
        for i in 0..BITS {
            for e in 0..TILE {
                assert_eq!(tile[(i + usize::from(turns[e])) % 64][e], before[i][e]);
            }
        }
    }

    #[test]
    fn shares_of_bits_add_up_and_survive_the_wire() {
        let values = [0, 1, u64::MAX, 1 << 63, 0x0123_4567_89ab_cdef];
        let mut first = ZERO;
        for (i, row) in first.iter_mut().enumerate() {
            *row = std::array::from_fn(|e| ((i * 13 + e * 5) % 67) as u8);
        }
        let mut second = first;
        second_share(&Planes::new(values.into_iter()), &mut second);
        for packing in [Packing::Bytes, Packing::SevenBits] {
            let mut wire = vec![0; packing.bytes() * values.len()];
            packing.store(&second, &mut wire);
            assert!(packing.are_digits(&wire));
            let loaded = packing.with_tile(&wire, |tile| *tile);
            for (e, value) in values.iter().enumerate() {
                for i in 0..BITS {
                    assert_eq!(u64::from((first[i][e] + loaded[i][e]) % 67), value >> i & 1);
                }
            }
        }
    }

    #[test]
    fn one_byte_that_is_no_digit_is_found_wherever_it_stands() {
        for packing in [Packing::Bytes, Packing::SevenBits] {
            for width in [5, TILE] {
                for (i, e) in (0..BITS).flat_map(|i| [(i, 0), (i, width - 1)]) {
                    let mut tile = ZERO;
                    tile[i][e] = FIELD - 1;
                    let mut wire = vec![0; packing.bytes() * width];
                    packing.store(&tile, &mut wire);
                    assert!(packing.are_digits(&wire));
                    tile[i][e] = FIELD;
                    packing.store(&tile, &mut wire);
                    assert!(!packing.are_digits(&wire), "digit {i} of element {e}");
                }
            }
        }
    }
}
