//! Private compare: is x > r, where the helper P2 knows x and has shared its bits, and both holders know r?
//!
//! Bits x_i are shared in Z_67. For the top-most place i where x and r differ, c_i = r_i - x_i + 1 + sum over k > i of
//! (x_k xor r_k) is 0 if x_i = 1 and 2 if x_i = 0; above it every c_k is 1, below it c_k is at least 1; and 0 < c_k <= 66 but for
//! that one zero. So some c_i is 0 exactly if x > r, and at most one is. A common random bit `flip` asks the other way
//! round, whether x <= r, as t > x with t = r + 1: c_i = x_i - t_i + 1 + sum over k > i of (x_k xor t_k). Where t would
//! overflow (flip, and r = 2^64 - 1) the answer to "x <= r" is yes, and c is made of ones but for one zero. P2 learns
//! flip xor [x > r] and nothing else.
//!
//! # Source
//! SecureNN (Wagh, Gupta, Chandran; PoPETs 2019), algorithm 3. Deviations: the common random permutation of the 64 places is a
//! rotation, and the shares sent to P2 are randomised afresh by a zero share. Both are argued for below.
//!
//! # Security
//! One semi-honest party, pseudo-random streams taken as random.
//!
//! *P2's view* is the two messages d_0, d_1 (64 digits an element each), beside the bit shares that it has dealt itself. With s_i uniform
//! in 1..=66, z_i uniform in Z_67 and a turn uniform in Z_64, all from k01 and used once: d_0 = s * rot(c_0) + z,
//! d_1 = s * rot(c_1) - z. The sum d = s * rot(c) has a uniform non-zero digit wherever c is not zero, because
//! multiplication by a fixed non-zero element permutes 1..=66, independently in each place; and at most one zero, whose place is uniform because a uniform
//! rotation takes any fixed place to a uniform one. A general permutation could do no more: with at most one
//! special place, "which place" is all there is to hide. So d is distributed as: 64 uniform non-zero digits if the answer is
//! no, and the same with a zero at a uniform place if it is yes. Given d, the share d_0 is uniform because of z, and
//! d_1 = d - d_0. Without z the share s * rot(c_0) would be a function of s and of bits known to P2, which could test guesses of r. A simulator that
//! knows only the answer bit samples exactly this, and packs it as the holders do. The answer itself is flip xor [x > r] with a uniform
//! flip unknown to P2: uniform.
//!
//! *P1's view* is its share of the bits: uniform digits, since P0's share comes from k02. *P0* receives nothing.

use std::ops::Range;

use multiversion::multiversion;
use rayon::prelude::*;
use treville_prg::{Prg, PrgError};
use treville_protocol::{Cx, Result};

use crate::digits::{BITS, Packing, Planes, Row, TILE, Tile, ZERO, mul_add, neg, reduce, rotate, second_share, select};
use crate::streams::{Helper, Holder, Purpose, stream};

/// Fills a tile with the digits of the one that starts at element `first`.
fn draw(
    cx: &Cx<'_>,
    prg: &Prg,
    purpose: Purpose,
    step: u16,
    first: usize,
    tile: &mut Tile,
) -> std::result::Result<(), PrgError> {
    let (id, chunk) = (stream(cx, purpose, step), (first / TILE) as u64);
    match purpose {
        Purpose::CompareScale => prg.fill_nonzero_digits(id, chunk, tile.as_flattened_mut()),
        _ => prg.fill_digits(id, chunk, tile.as_flattened_mut()),
    }
}

/// What the holders ask of a tile: `r` is t = r + 1 where `flip` is set, and `overflow` marks the elements where that has overflowed.
struct Question {
    r: Planes,
    flip: Row,
    overflow: Row,
}

/// This holder's shares of c for the shares `x` of bits. `one` is 1 at the holder that adds public terms.
#[multiversion(targets = "simd")]
fn differences(x: &Tile, question: &Question, one: u8, c: &mut Tile) {
    let Question { r, flip, overflow } = question;
    let mut above: Row = [0; TILE];
    for i in (0..BITS).rev() {
        let (bits, x) = (r.bit(i), &x[i]);
        for e in 0..TILE {
            let bit = bits[e] & one;
            let minus_x = neg(x[e]);
            let term = select(flip[e], x[e] + one - bit, minus_x + one + bit);
            let different = select(bits[e].wrapping_neg(), reduce(minus_x + one), x[e]);
            c[i][e] = select(overflow[e], if i == 0 { 0 } else { one }, reduce(term + above[e]));
            above[e] = reduce(above[e] + different);
        }
    }
}

/// d * scale + zero at the first holder, d * scale - zero at the other.
#[multiversion(targets = "simd")]
fn blind(d: &mut Tile, scale: &Tile, zero: &Tile, first: bool) {
    let factors = scale.as_flattened().iter().zip(zero.as_flattened());
    for (d, (scale, zero)) in d.as_flattened_mut().iter_mut().zip(factors) {
        *d = mul_add(*d, *scale, if first { *zero } else { neg(*zero) });
    }
}

impl Holder {
    /// The random bits that turn the questions for the elements from `first` on, as 0 or 1.
    pub(crate) fn flips(&self, cx: &Cx<'_>, step: u16, first: usize, n: usize) -> Result<Vec<u8>> {
        let mut flips = vec![0; n];
        self.common
            .fill_bytes(stream(cx, Purpose::CompareFlip, step), first as u64, &mut flips)
            .map_err(cx.randomness())?;
        flips.iter_mut().for_each(|flip| *flip &= 1);
        Ok(flips)
    }

    /// The message to P2 that asks, for the elements `first ..`, whether x > r (or, where the flip is 1, whether x <= r).
    ///
    /// `bits` are the shares of the bits of x that P2 has sent; `None` where they come from the common key. `first` is a multiple of [`TILE`].
    pub(crate) fn ask(
        &self,
        cx: &Cx<'_>,
        step: u16,
        first: usize,
        r: &[u64],
        flips: &[u8],
        bits: Option<&[u8]>,
    ) -> Result<Vec<u8>> {
        let packing = self.form.packing;
        let tile_bytes = TILE * packing.bytes();
        let mut message = vec![0; packing.bytes() * r.len()];
        let tiles = message.par_chunks_mut(tile_bytes).zip(r.par_chunks(TILE)).zip(flips.par_chunks(TILE)).enumerate();
        tiles
            .try_for_each(|(tile, ((out, r), flips))| -> std::result::Result<(), PrgError> {
                let at = first + tile * TILE;
                let (mut x, mut d, mut zero) = (ZERO, ZERO, ZERO);
                let (mut flip, mut overflow, mut turns) = ([0; TILE], [0; TILE], [0; TILE]);
                for (e, (&r, &f)) in r.iter().zip(flips).enumerate() {
                    flip[e] = f.wrapping_neg();
                    overflow[e] = flip[e] & u8::from(r == u64::MAX).wrapping_neg();
                }
                let asked = Planes::new(r.iter().zip(flips).map(|(r, &f)| r.wrapping_add(u64::from(f))));
                let question = Question { r: asked, flip, overflow };
                let one = u8::from(self.first);
                match bits {
                    Some(wire) => {
                        let wire = &wire[tile * tile_bytes..][..out.len()];
                        packing.with_tile(wire, |x| differences(x, &question, one, &mut d));
                    }
                    None => {
                        draw(cx, &self.dealt, Purpose::CompareBits, step, at, &mut x)?;
                        differences(&x, &question, one, &mut d);
                    }
                }
                self.common.fill_bytes(stream(cx, Purpose::CompareTurn, step), at as u64, &mut turns[..r.len()])?;
                // What is no longer needed makes room.
                rotate(&mut d, &turns, &mut x);
                let scale = &mut x;
                draw(cx, &self.common, Purpose::CompareScale, step, at, scale)?;
                draw(cx, &self.common, Purpose::CompareZero, step, at, &mut zero)?;
                blind(&mut d, scale, &zero, self.first);
                packing.store(&d, out);
                Ok(())
            })
            .map_err(cx.randomness())?;
        Ok(message)
    }
}

impl Helper {
    /// The client's shares of the bits of the elements `first ..`, with room for a word each behind them: what it would draw.
    pub(crate) fn client_bits(&self, cx: &Cx<'_>, step: u16, first: usize, n: usize) -> Result<Vec<u8>> {
        self.bits(cx, step, first, n, |_, _| ())
    }

    /// The server's shares of the bits of the elements `first ..`, with room for a word each behind them; the client's are drawn from the common key.
    pub(crate) fn share_bits(&self, cx: &Cx<'_>, step: u16, first: usize, x: &[u64]) -> Result<Vec<u8>> {
        self.bits(cx, step, first, x.len(), |elements, share| {
            second_share(&Planes::new(x[elements].iter().copied()), share);
        })
    }

    /// The client's shares, each tile of them after `turn` has had the range of its elements and its digits.
    fn bits(
        &self,
        cx: &Cx<'_>,
        step: u16,
        first: usize,
        n: usize,
        turn: impl Fn(Range<usize>, &mut Tile) + Sync,
    ) -> Result<Vec<u8>> {
        let packing = self.form.packing;
        let mut message = Vec::with_capacity((packing.bytes() + 8) * n);
        message.resize(packing.bytes() * n, 0);
        let tiles = message.par_chunks_mut(TILE * packing.bytes()).enumerate();
        tiles
            .try_for_each(|(tile, out)| -> std::result::Result<(), PrgError> {
                let at = tile * TILE;
                let mut share = ZERO;
                draw(cx, &self.client, Purpose::CompareBits, step, first + at, &mut share)?;
                turn(at..n.min(at + TILE), &mut share);
                packing.store(&share, out);
                Ok(())
            })
            .map_err(cx.randomness())?;
        Ok(message)
    }
}

/// For each element 1 if the digits of `left` and `right` add up to zero in some place, else 0.
pub(crate) fn some_zero(packing: Packing, left: &[u8], right: &[u8]) -> Vec<u64> {
    let tile_bytes = TILE * packing.bytes();
    let tiles = left.par_chunks(tile_bytes).zip(right.par_chunks(tile_bytes));
    tiles
        .flat_map_iter(|(left, right)| {
            let mut found: Row = [0; TILE];
            packing.with_tile(left, |left| {
                packing.with_tile(right, |right| some_zero_of(left, right, &mut found));
            });
            found.into_iter().map(u64::from).take(left.len() / packing.bytes())
        })
        .collect()
}

#[multiversion(targets = "simd")]
fn some_zero_of(left: &Tile, right: &Tile, found: &mut Row) {
    for (left, right) in left.iter().zip(right) {
        for e in 0..TILE {
            found[e] |= u8::from(reduce(left[e] + right[e]) == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer that P2 sees, without the blinding.
    fn answer(x: &[u64], r: &[u64], flip: bool) -> Vec<bool> {
        let mut first = ZERO;
        first.as_flattened_mut().iter_mut().enumerate().for_each(|(i, d)| *d = (i * 31 % 67) as u8);
        let mut second = first;
        second_share(&Planes::new(x.iter().copied()), &mut second);
        let flips: Row = [if flip { 0xff } else { 0 }; TILE];
        let mut overflow = [0; TILE];
        r.iter().enumerate().for_each(|(e, r)| overflow[e] = if flip && *r == u64::MAX { 0xff } else { 0 });
        let planes = Planes::new(r.iter().map(|r| r.wrapping_add(u64::from(flip))));
        let question = Question { r: planes, flip: flips, overflow };
        let (mut c_0, mut c_1) = (ZERO, ZERO);
        differences(&first, &question, 1, &mut c_0);
        differences(&second, &question, 0, &mut c_1);
        (0..x.len())
            .map(|e| {
                let zeros = (0..BITS).filter(|&i| (c_0[i][e] + c_1[i][e]) % 67 == 0).count();
                assert!(zeros <= 1, "x {} r {} has {zeros} zeros", x[e], r[e]);
                zeros == 1
            })
            .collect()
    }

    #[test]
    fn compares_at_every_edge_both_ways_round() {
        let mut edges =
            vec![0, 1, 2, 3, u64::MAX, u64::MAX - 1, u64::MAX - 2, 0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa];
        edges.extend((2..64).flat_map(|i| [1u64 << i, (1 << i) - 1, (1 << i) + 1]));
        for &r in &edges {
            for x in edges.chunks(TILE) {
                let greater: Vec<bool> = x.iter().map(|&x| x > r).collect();
                assert_eq!(answer(x, &vec![r; x.len()], false), greater, "r {r}");
                assert_eq!(
                    answer(x, &vec![r; x.len()], true),
                    greater.iter().map(|g| !g).collect::<Vec<_>>(),
                    "flipped, r {r}"
                );
            }
        }
    }

    #[test]
    fn finds_a_zero_in_any_place_and_in_no_other() {
        for n in [1, 63, 64, 65, 130] {
            let left: Vec<u8> = (0..n * BITS).map(|i| (i % 66 + 1) as u8).collect();
            assert_eq!(some_zero(Packing::Bytes, &left, &vec![0; n * BITS]), vec![0; n]);
            let right: Vec<u8> = left.iter().map(|d| 67 - d).collect();
            assert_eq!(some_zero(Packing::Bytes, &left, &right), vec![1; n]);
        }
    }

    /// P2 knows the client's shares of the bits. A test that guesses r, and with it the client's share of c, must find nothing in the
    /// client's message: it is uniform even where that share is zero, although the factors leave zeros alone.
    #[test]
    fn the_clients_message_is_uniform_given_its_share_of_c() {
        use treville_net::{Transport, memory};
        use treville_prg::Key;
        use treville_ring::RingBits;

        let generator = |k| Prg::new(Key::new([k; 16]));
        let (common, dealt) = (generator(1), generator(2));
        let packing = Packing::SevenBits;
        let form = crate::Form { name: "test", deals_both: false, unrolls: false, carries_index: false, packing };
        let holder = Holder { first: true, peer: crate::SERVER, common, dealt, form };
        let mesh = memory::mesh_seeded(3, [0; 32]);
        let cx = Cx::new(&mesh[0] as &dyn Transport, 0, 0, RingBits::FULL, 0);
        let r: Vec<u64> = (0..20_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let flips = holder.flips(&cx, 0, 0, r.len()).unwrap();
        let message = holder.ask(&cx, 0, 0, &r, &flips, None).unwrap();
        let mut counts = [0u32; 67];
        for (tile, (r, flips)) in r.chunks(TILE).zip(flips.chunks(TILE)).enumerate() {
            let (mut x, mut c) = (ZERO, ZERO);
            draw(&cx, &holder.dealt, Purpose::CompareBits, 0, tile * TILE, &mut x).unwrap();
            let mut flip = [0; TILE];
            flips.iter().enumerate().for_each(|(e, f)| flip[e] = f.wrapping_neg());
            let asked = Planes::new(r.iter().zip(flips).map(|(r, f)| r + u64::from(*f)));
            differences(&x, &Question { r: asked, flip, overflow: [0; TILE] }, 1, &mut c);
            let mut turns = [0; TILE];
            holder
                .common
                .fill_bytes(stream(&cx, Purpose::CompareTurn, 0), (tile * TILE) as u64, &mut turns[..r.len()])
                .unwrap();
            rotate(&mut c, &turns, &mut x);
            let sent = &message[tile * TILE * packing.bytes()..][..r.len() * packing.bytes()];
            let sent = packing.with_tile(sent, |tile| *tile);
            for (c, sent) in c.iter().zip(&sent) {
                (0..r.len()).filter(|&e| c[e] % 67 == 0).for_each(|e| counts[usize::from(sent[e])] += 1);
            }
        }
        let expected = f64::from(counts.iter().sum::<u32>()) / 67.0;
        assert!(expected > 200.0);
        let statistic: f64 = counts.iter().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
        assert!(statistic < 66.0 + 7.0 * 132f64.sqrt(), "{statistic}");
    }
}
