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

use treville_net::words_into_bytes;
use treville_prg::Prg;
use treville_protocol::{Bilinear, Cx, Result};
use treville_ring::{RingTensor, add, add_assign, sub, sub_assign, tensor};

use crate::streams::{Helper, Holder, Purpose, words};
use crate::{HELPER, SERVER, Share, wire};

/// A second operand of bilinear maps, after its mask was opened.
pub(crate) enum Prepared {
    /// At client and server.
    Held {
        /// F = W - B.
        opened: Share,
        /// F + B_0 at the client, B_1 at the server.
        own: Share,
    },
    /// B, at the helper.
    Mask(Share),
}

/// A mask in the form of a tensor.
#[track_caller]
fn mask(cx: &Cx<'_>, prg: &Prg, purpose: Purpose, step: u16, shape: &[usize]) -> Result<RingTensor> {
    Ok(tensor::from_vec(shape, words(cx, prg, purpose, step, 0, shape.iter().product())?))
}

impl Holder {
    /// Opens `share` less the mask: this party's part of it has been subtracted already.
    async fn open(&self, cx: &Cx<'_>, masked: RingTensor) -> Result<RingTensor> {
        let theirs = tensor::from_vec(
            masked.shape(),
            wire::exchange_words(cx, self.peer, masked.iter().copied().collect()).await?,
        );
        let mut opened = masked;
        add_assign(&mut opened, &theirs);
        Ok(opened)
    }

    pub(crate) async fn prepare(&self, cx: &Cx<'_>, w: &RingTensor) -> Result<Prepared> {
        let step = cx.next_step();
        let b = mask(cx, &self.dealt, Purpose::TripleRight, step, w.shape())?;
        let opened = self.open(cx, sub(w, &b)).await?;
        let own = if self.first { add(&opened, &b) } else { b };
        Ok(Prepared::Held { opened: Share::held(opened), own: Share::held(own) })
    }

    pub(crate) async fn bilinear(
        &self,
        cx: &Cx<'_>,
        kind: &Bilinear,
        x: &RingTensor,
        opened: &RingTensor,
        own: &RingTensor,
        y: &[usize],
    ) -> Result<RingTensor> {
        let step = cx.next_step();
        let a = mask(cx, &self.dealt, Purpose::TripleLeft, step, x.shape())?;
        let masked = sub(x, &a);
        cx.send(self.peer, words_into_bytes(masked.iter().copied().collect())).await?;
        // While the peer's message is on its way.
        let mut product = kind.apply(&a, opened);
        let mut e = masked;
        add_assign(&mut e, &tensor::from_vec(x.shape(), wire::recv_words(cx, self.peer, x.len()).await?));
        add_assign(&mut product, &kind.apply(&e, own));
        let c = tensor::from_vec(y, self.masks_product(cx, step, 0, product.len()).await?);
        add_assign(&mut product, &c);
        Ok(product)
    }

    /// The elementwise product of shares.
    pub(crate) async fn mul(&self, cx: &Cx<'_>, x: &[u64], y: &[u64]) -> Result<Vec<u64>> {
        let step = cx.next_step();
        let opening = self.mask_factors(cx, step, 0, x, y)?;
        cx.send(self.peer, words_into_bytes(opening.masked.clone())).await?;
        let c = self.masks_product(cx, step, 0, x.len()).await?;
        self.finish_product(cx, opening, &c).await
    }

    /// The message that opens two factors, elements `first ..` of the primitive `step`.
    pub(crate) fn mask_factors(&self, cx: &Cx<'_>, step: u16, first: usize, x: &[u64], y: &[u64]) -> Result<Opening> {
        let n = x.len();
        let a = words(cx, &self.dealt, Purpose::TripleLeft, step, first, n)?;
        let b = words(cx, &self.dealt, Purpose::TripleRight, step, first, n)?;
        let masked = x.iter().zip(&a).chain(y.iter().zip(&b)).map(|(x, a)| x.wrapping_sub(*a)).collect();
        Ok(Opening { masked, a, b })
    }

    /// This party's share of the product of the masks.
    pub(crate) async fn masks_product(&self, cx: &Cx<'_>, step: u16, first: usize, n: usize) -> Result<Vec<u64>> {
        if self.first {
            words(cx, &self.dealt, Purpose::TripleProduct, step, first, n)
        } else {
            wire::recv_words(cx, HELPER, n).await
        }
    }

    /// This party's share of the product, after the peer's opening.
    pub(crate) async fn finish_product(&self, cx: &Cx<'_>, opening: Opening, c: &[u64]) -> Result<Vec<u64>> {
        let n = c.len();
        let theirs = wire::recv_words(cx, self.peer, 2 * n).await?;
        let Opening { masked, a, b } = opening;
        let open = |i: usize| masked[i].wrapping_add(theirs[i]);
        Ok((0..n)
            .map(|i| {
                let (e, f) = (open(i), open(n + i));
                let own = b[i].wrapping_add(self.public(f));
                e.wrapping_mul(own).wrapping_add(a[i].wrapping_mul(f)).wrapping_add(c[i])
            })
            .collect())
    }
}

/// A holder's part of the masks of two factors, and what it sends.
pub(crate) struct Opening {
    pub(crate) masked: Vec<u64>,
    a: Vec<u64>,
    b: Vec<u64>,
}

impl Helper {
    /// A mask that the holders know in parts.
    #[track_caller]
    fn mask(&self, cx: &Cx<'_>, purpose: Purpose, step: u16, shape: &[usize]) -> Result<RingTensor> {
        let mut sum = mask(cx, &self.client, purpose, step, shape)?;
        add_assign(&mut sum, &mask(cx, &self.server, purpose, step, shape)?);
        Ok(sum)
    }

    pub(crate) fn prepare(&self, cx: &Cx<'_>, shape: &[usize]) -> Result<Prepared> {
        Ok(Prepared::Mask(Share::held(self.mask(cx, Purpose::TripleRight, cx.next_step(), shape)?)))
    }

    pub(crate) async fn bilinear(
        &self,
        cx: &Cx<'_>,
        kind: &Bilinear,
        x: &[usize],
        b: &RingTensor,
        y: &[usize],
    ) -> Result<()> {
        let step = cx.next_step();
        let mut c = kind.apply(&self.mask(cx, Purpose::TripleLeft, step, x)?, b);
        sub_assign(&mut c, &mask(cx, &self.client, Purpose::TripleProduct, step, y)?);
        cx.send(SERVER, words_into_bytes(c.into_iter().collect())).await
    }

    pub(crate) async fn mul(&self, cx: &Cx<'_>, n: usize) -> Result<()> {
        let step = cx.next_step();
        cx.send(SERVER, words_into_bytes(self.masks_product(cx, step, 0, n)?)).await
    }

    /// The server's share of the product of the masks.
    pub(crate) fn masks_product(&self, cx: &Cx<'_>, step: u16, first: usize, n: usize) -> Result<Vec<u64>> {
        let sum = |purpose| -> Result<Vec<u64>> {
            let mut mask = words(cx, &self.client, purpose, step, first, n)?;
            wire::add_to(&mut mask, &words(cx, &self.server, purpose, step, first, n)?);
            Ok(mask)
        };
        let (a, b) = (sum(Purpose::TripleLeft)?, sum(Purpose::TripleRight)?);
        let c = words(cx, &self.client, Purpose::TripleProduct, step, first, n)?;
        Ok((0..n).map(|i| a[i].wrapping_mul(b[i]).wrapping_sub(c[i])).collect())
    }
}
