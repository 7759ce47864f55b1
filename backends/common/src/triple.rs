//! Products of secrets from Beaver triples: bilinear maps with a prepared operand, and elementwise products.
//!
//! P2 knows the masks A = A_0 + A_1 and B = B_0 + B_1 (it has both keys) and deals A * B = C_0 + C_1. The holders open
//! E = X - A and F = W - B; then X * W = E * F + E * B + A * F + A * B, of which P0 computes `E * (F + B_0) + A_0 * F + C_0` and
//! P1 `E * B_1 + A_1 * F + C_1`. For convolutions the masks have the shapes of input, filter and output themselves, for every
//! filter size (Porthos' compact triples); nothing is unrolled to columns on the wire.
//!
//! All that this asks of `*` is that it is linear in each operand over Z_2^64, by a map that depends on public shapes and parameters alone.
//! That holds for stacks of matrices (an operand whose batch dimensions broadcast has one mask for all the products that it takes part in,
//! as it has one opening) and for transposed convolutions as it does for the others, so that the argument below is the same for all.
//!
//! # Security
//! - P0 receives E_1 = X_1 - A_1 and F_1 = W_1 - B_1. A_1 and B_1 come from k12, are used here only, and are unknown to P0: both
//!   messages are uniform and independent of everything else it sees. The same holds for P1 with k02.
//! - P1 receives C_1 = A * B - C_0 with C_0 from k02: uniform. P0 and P2 receive nothing.
//! - A is fresh in each call (its streams carry the inference), so no two openings share a mask. B is fixed for a session where W is a
//!   weight: F is opened once, in `prepare`.
//!
//! # Source
//! CrypTFlow (Kumar et al., S&P 2020), section 5, and SecureNN (Wagh et al., PoPETs 2019), algorithm 1, whose masks also come from P2.

use treville_net::{words_into_bytes, words_to_bytes};
use treville_prg::{Prg, SESSION_INFERENCE, StreamId};
use treville_protocol::{Bilinear, Cx, Result};
use treville_ring::{RingTensor, add_assign, sub, sub_assign, sub_from, tensor};

use crate::pieces::{blocks, blocks_in, parts};
use crate::streams::{Helper, Holder, Purpose, stream, words};
use crate::{HELPER, SERVER, Share, wire};

/// A second operand of bilinear maps, after its mask was opened.
pub(crate) struct Prepared {
    /// F = W - B, at client and server.
    opened: Option<Share>,
    /// Where the mask B comes from.
    mask: Mask,
}

/// The mask of a second operand.
enum Mask {
    /// This party's part of it, or at the helper all of it.
    Kept(Share),
    /// That of a weight: it is drawn again for each product, so that a party keeps no more than F.
    Drawn(StreamId, Vec<usize>),
}

impl Mask {
    /// The mask that this address gives, kept unless it is fixed for the session.
    fn new(
        cx: &Cx<'_>,
        step: u16,
        shape: &[usize],
        draw: &dyn Fn(&Mask) -> Result<RingTensor>,
    ) -> Result<(Self, RingTensor)> {
        let drawn = Mask::Drawn(stream(cx, Purpose::TripleRight, step), shape.to_vec());
        let b = draw(&drawn)?;
        Ok((if cx.inference == SESSION_INFERENCE { drawn } else { Mask::Kept(Share::held(b.clone())) }, b))
    }

    /// The part that `prg` gives.
    fn part(&self, cx: &Cx<'_>, prg: &Prg) -> Result<RingTensor> {
        match self {
            Mask::Kept(share) => Ok(share.tensor().clone()),
            Mask::Drawn(id, shape) => {
                let mut words = vec![0; shape.iter().product()];
                prg.fill_u64(*id, 0, &mut words).map_err(cx.randomness())?;
                Ok(tensor::from_vec(shape, words))
            }
        }
    }
}

/// A mask in the form of a tensor.
#[track_caller]
fn mask(cx: &Cx<'_>, prg: &Prg, purpose: Purpose, step: u16, shape: &[usize]) -> Result<RingTensor> {
    Ok(tensor::from_vec(shape, words(cx, prg, purpose, step, 0, shape.iter().product())?))
}

/// The elements of a tensor that is in standard layout, as sums and products are.
fn elements(x: &mut RingTensor) -> &mut [u64] {
    x.as_slice_mut().expect("invariant: standard layout")
}

impl Holder {
    pub(crate) async fn prepare(&self, cx: &Cx<'_>, w: &RingTensor) -> Result<Prepared> {
        let step = cx.next_step();
        let (mask, b) = Mask::new(cx, step, w.shape(), &|mask| mask.part(cx, &self.dealt))?;
        let mut opened = b;
        sub_from(&mut opened, w);
        wire::add_up(cx, self.peer, elements(&mut opened)).await?;
        Ok(Prepared { opened: Some(Share::held(opened)), mask })
    }

    /// The product of x and a second operand; `form` brings what was masked into the shape that `kind` takes.
    pub(crate) async fn bilinear(
        &self,
        cx: &Cx<'_>,
        kind: &Bilinear,
        x: &RingTensor,
        w: &Prepared,
        form: &(dyn Fn(&RingTensor) -> Option<RingTensor> + Sync),
    ) -> Result<RingTensor> {
        let step = cx.next_step();
        let opened = w.opened.as_ref().expect("invariant: client and server have opened it").tensor();
        let a = mask(cx, &self.dealt, Purpose::TripleLeft, step, x.shape())?;
        // A message of common size is on its way while the first product is computed. A large one waits, and then takes the place of the mask.
        let at_once = x.len() <= wire::WINDOW;
        if at_once {
            wire::send_tensor(cx, self.peer, sub(x, &a).into_raw_vec_and_offset().0).await?;
        }
        let mut product = kind.apply(cx.ring, &a, form(opened).as_ref().unwrap_or(opened));
        // F + B_0 at the client, B_1 at the server.
        let mut own = w.mask.part(cx, &self.dealt)?;
        if self.first {
            add_assign(&mut own, opened);
        }
        let own = form(&own).unwrap_or(own);
        let mut e = a;
        sub_from(&mut e, x);
        if at_once {
            wire::recv_and_add(cx, self.peer, elements(&mut e)).await?;
        } else {
            wire::add_up(cx, self.peer, elements(&mut e)).await?;
        }
        add_assign(&mut product, &kind.apply(cx.ring, &e, &own));
        drop(e);
        let sums = elements(&mut product);
        for block in blocks(sums.len()) {
            let c = self.masks_product(cx, step, block.start, block.len()).await?;
            wire::add_to(&mut sums[block], &c);
        }
        Ok(product)
    }

    /// The elementwise products of pairs of shares of `n` elements, all in one round.
    pub(crate) async fn mul(&self, cx: &Cx<'_>, n: usize, pairs: &[[&[u64]; 2]]) -> Result<Vec<Vec<u64>>> {
        let step = cx.next_step();
        let mut products: Vec<_> = pairs.iter().map(|_| Vec::with_capacity(n)).collect();
        let mut same_round = cx.parts();
        for part in parts(n) {
            same_round.begin();
            let mut openings = Vec::new();
            for (k, [x, y]) in pairs.iter().enumerate() {
                for block in blocks_in(part.clone()) {
                    let masked = self.mask_factors(cx, step, k * n + block.start, &x[block.clone()], &y[block])?;
                    cx.send(self.peer, words_to_bytes(&masked)).await?;
                    openings.push(masked);
                }
            }
            let mut openings = openings.into_iter();
            for (k, ([x, y], product)) in pairs.iter().zip(&mut products).enumerate() {
                for (block, masked) in blocks_in(part.clone()).zip(&mut openings) {
                    let c = self.masks_product(cx, step, k * n + block.start, block.len()).await?;
                    product.extend(self.finish_product(cx, masked, &x[block.clone()], &y[block], &c).await?);
                }
            }
        }
        Ok(products)
    }

    /// The message that opens two factors, elements `first ..` of the primitive `step`: this party's part of them less their masks.
    pub(crate) fn mask_factors(&self, cx: &Cx<'_>, step: u16, first: usize, x: &[u64], y: &[u64]) -> Result<Vec<u64>> {
        let n = x.len();
        let mut masked = words(cx, &self.dealt, Purpose::TripleLeft, step, first, n)?;
        masked.extend(words(cx, &self.dealt, Purpose::TripleRight, step, first, n)?);
        masked.iter_mut().zip(x.iter().chain(y)).for_each(|(mask, x)| *mask = x.wrapping_sub(*mask));
        Ok(masked)
    }

    /// This party's share of the product of the masks.
    pub(crate) async fn masks_product(&self, cx: &Cx<'_>, step: u16, first: usize, n: usize) -> Result<Vec<u64>> {
        if self.first {
            words(cx, &self.dealt, Purpose::TripleProduct, step, first, n)
        } else {
            wire::recv_words(cx, HELPER, n).await
        }
    }

    /// This party's share of the product of x and y, after the peer's opening; `masked` is its own.
    pub(crate) async fn finish_product(
        &self,
        cx: &Cx<'_>,
        masked: Vec<u64>,
        x: &[u64],
        y: &[u64],
        c: &[u64],
    ) -> Result<Vec<u64>> {
        let n = c.len();
        let theirs = wire::recv_words(cx, self.peer, 2 * n).await?;
        let open = |i: usize| masked[i].wrapping_add(theirs[i]);
        Ok((0..n)
            .map(|i| {
                let (e, f) = (open(i), open(n + i));
                // The masks again: what was masked less what was sent.
                let (a, b) = (x[i].wrapping_sub(masked[i]), y[i].wrapping_sub(masked[n + i]));
                let own = b.wrapping_add(self.public(f));
                e.wrapping_mul(own).wrapping_add(a.wrapping_mul(f)).wrapping_add(c[i])
            })
            .collect())
    }
}

impl Helper {
    /// A mask that the holders know in parts.
    #[track_caller]
    fn mask(&self, cx: &Cx<'_>, purpose: Purpose, step: u16, shape: &[usize]) -> Result<RingTensor> {
        let n = shape.iter().product();
        let mut sum = Vec::with_capacity(n);
        for block in blocks(n) {
            sum.extend(self.mask_words(cx, purpose, step, block.start, block.len())?);
        }
        Ok(tensor::from_vec(shape, sum))
    }

    /// Elements `first ..` of such a mask.
    #[track_caller]
    fn mask_words(&self, cx: &Cx<'_>, purpose: Purpose, step: u16, first: usize, n: usize) -> Result<Vec<u64>> {
        let mut sum = words(cx, &self.client, purpose, step, first, n)?;
        wire::add_to(&mut sum, &words(cx, &self.server, purpose, step, first, n)?);
        Ok(sum)
    }

    /// B, whose parts the holders know.
    fn second_mask(&self, cx: &Cx<'_>, mask: &Mask) -> Result<RingTensor> {
        let mut b = mask.part(cx, &self.client)?;
        if let Mask::Drawn(..) = mask {
            add_assign(&mut b, &mask.part(cx, &self.server)?);
        }
        Ok(b)
    }

    pub(crate) fn prepare(&self, cx: &Cx<'_>, shape: &[usize]) -> Result<Prepared> {
        let (mask, _) = Mask::new(cx, cx.next_step(), shape, &|mask| self.second_mask(cx, mask))?;
        Ok(Prepared { opened: None, mask })
    }

    pub(crate) async fn bilinear(
        &self,
        cx: &Cx<'_>,
        kind: &Bilinear,
        x: &[usize],
        w: &Prepared,
        form: &(dyn Fn(&RingTensor) -> Option<RingTensor> + Sync),
        y: &[usize],
    ) -> Result<()> {
        let step = cx.next_step();
        let b = self.second_mask(cx, &w.mask)?;
        let b = form(&b).unwrap_or(b);
        let mut c = kind.apply(cx.ring, &self.mask(cx, Purpose::TripleLeft, step, x)?, &b);
        sub_assign(&mut c, &mask(cx, &self.client, Purpose::TripleProduct, step, y)?);
        wire::send_tensor(cx, SERVER, c.into_raw_vec_and_offset().0).await
    }

    /// P2's side of [`Holder::mul`] for `k` pairs.
    pub(crate) async fn mul(&self, cx: &Cx<'_>, n: usize, k: usize) -> Result<()> {
        let step = cx.next_step();
        for part in parts(n) {
            for k in 0..k {
                for block in blocks_in(part.clone()) {
                    let product = self.masks_product(cx, step, k * n + block.start, block.len())?;
                    cx.send(SERVER, words_into_bytes(product)).await?;
                }
            }
        }
        Ok(())
    }

    /// The server's share of the product of the masks.
    pub(crate) fn masks_product(&self, cx: &Cx<'_>, step: u16, first: usize, n: usize) -> Result<Vec<u64>> {
        let a = self.mask_words(cx, Purpose::TripleLeft, step, first, n)?;
        let b = self.mask_words(cx, Purpose::TripleRight, step, first, n)?;
        let c = words(cx, &self.client, Purpose::TripleProduct, step, first, n)?;
        Ok((0..n).map(|i| a[i].wrapping_mul(b[i]).wrapping_sub(c[i])).collect())
    }
}
