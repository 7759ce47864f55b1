//! The sign of a secret: share convert, MSB, DReLU.
//!
//! All loops go over blocks, phase by phase: of a part of the tensor, a party handles every block of one message before it turns to the
//! next message. So frames and working sets stay small (the bits of an element are 64 bytes), one party computes on a block while another
//! works on the one before, and the depth of the messages is that of a single block.
//!
//! # Source
//! SecureNN (PoPETs 2019), algorithms 4 (ShareConvert), 5 (ComputeMSB) and 6 (DReLU). In Porthos' form P0's half of all that P2 deals
//! comes from k02 (in the paper all but eta'), and the random x of MSB from k02 and k12; in SecureNN's form P2 sends them, drawn from
//! the same streams. Deviations: r = 0, for which r - 1 would wrap, is
//! not drawn (statistical distance 2^-64); the shares of zero that SecureNN adds to its results are left out. They would hide results from
//! P2, which knows part of what their shares were made with. But all that a holder makes of a share and sends has a fresh mask that the
//! receiver does not know: to P2 from k01, to the other holder from the sender's key with P2. Only where a result is opened does the other
//! holder get a share as it is, and that is the result less its own share.

use treville_net::{words_into_bytes, words_to_bytes};
use treville_protocol::{Cx, Result};

use crate::compare::some_zero;
use crate::pieces::{blocks, parts};
use crate::streams::{Helper, Holder, Purpose, odd_words, words};
use crate::{CLIENT, HELPER, SERVER, odd, wire};

/// The carry of a + b out of 64 bits, and the sum.
fn carrying_add(a: u64, b: u64) -> (u64, u64) {
    let (sum, carry) = a.overflowing_add(b);
    (sum, u64::from(carry))
}

impl Holder {
    /// Shares in Z_2^64 of [x >= 0], for |x| < 2^62.
    ///
    /// The top bit of 2x is the sign of x inside this domain, and 2x is even, so that it is never 2^64 - 1, which share convert excludes.
    pub(crate) async fn drelu(&self, cx: &Cx<'_>, x: &[u64]) -> Result<Vec<u64>> {
        let mut bits = Vec::with_capacity(x.len());
        let mut same_round = cx.parts();
        for part in parts(x.len()) {
            same_round.begin();
            let converted = self.share_convert(cx, x[part].iter().map(|x| x.wrapping_mul(2)).collect()).await?;
            let negative = self.msb(cx, converted).await?;
            bits.extend(negative.into_iter().map(|bit| self.public(1).wrapping_sub(bit)));
        }
        Ok(bits)
    }

    /// Shares in Z_(2^64 - 1) of a secret in Z_2^64 other than 2^64 - 1.
    ///
    /// a_0 + a_1 = a + theta 2^64 as integers, so a = a_0 + a_1 - theta mod 2^64 - 1. With the common mask r = r_0 + r_1 - alpha 2^64,
    /// m_j = a_j + r_j - beta_j 2^64 and x = m_0 + m_1 - delta 2^64, theta = beta_0 + beta_1 - alpha - 1 + delta + eta, where eta = [x > r - 1].
    ///
    /// # Security
    /// P2 receives m_0 and m_1: uniform and independent, since r_0 and r_1 come from k01. Then the questions of private compare.
    /// P1 receives shares of the bits of x, of delta and of eta', all uniform because P0's shares come from k02. P0 receives nothing, or what
    /// k02 would give it.
    async fn share_convert(&self, cx: &Cx<'_>, a: Vec<u64>) -> Result<Vec<u64>> {
        let step = cx.next_step();
        let n_all = a.len();
        let mut compared = Vec::with_capacity(n_all);
        // From a to the result, in place.
        let mut converted = a;
        for block in blocks(n_all) {
            let (first, n) = (block.start, block.len());
            let r_0 = words(cx, &self.common, Purpose::ConvertMask0, step, first, n)?;
            let mut r_1 = words(cx, &self.common, Purpose::ConvertMask1, step, first, n)?;
            let mut masked = Vec::with_capacity(n);
            for (i, a) in converted[block].iter_mut().enumerate() {
                r_1[i] = r_1[i].wrapping_add(u64::from(r_0[i].wrapping_add(r_1[i]) == 0));
                let (r, alpha) = carrying_add(r_0[i], r_1[i]);
                let (m, beta) = carrying_add(*a, if self.first { r_0[i] } else { r_1[i] });
                masked.push(m);
                compared.push(r.wrapping_sub(1));
                *a = odd::add(odd::sub(odd::canonical(*a), beta), self.public(alpha + 1));
            }
            cx.send(HELPER, words_into_bytes(masked)).await?;
        }
        let flips = self.flips(cx, step, 0, n_all)?;
        for block in blocks(n_all) {
            let (first, n) = (block.start, block.len());
            let (bits, carry) = if self.draws() {
                (None, odd_words(cx, &self.dealt, Purpose::ConvertCarry, step, first, n)?)
            } else {
                let (bits, carry) = wire::recv_digits_and_words(cx, HELPER, self.form.packing, n).await?;
                (Some(bits), wire::odd_words(cx, HELPER, &carry)?)
            };
            let question =
                self.ask(cx, step, first, &compared[block.clone()], &flips[block.clone()], bits.as_deref())?;
            cx.send(HELPER, question.into()).await?;
            for (value, carry) in converted[block].iter_mut().zip(carry) {
                *value = odd::sub(*value, carry);
            }
        }
        drop(compared);
        for block in blocks(n_all) {
            let (first, n) = (block.start, block.len());
            let answers = if self.draws() {
                odd_words(cx, &self.dealt, Purpose::ConvertCompared, step, first, n)?
            } else {
                wire::recv_odd_words(cx, HELPER, n).await?
            };
            for ((value, answer), flip) in converted[block.clone()].iter_mut().zip(answers).zip(&flips[block]) {
                // The answer xor the flip: its share as it is, or this party's part of 1 less it.
                let flip = u64::from(*flip).wrapping_neg();
                let negated = odd::sub(self.public(1), answer);
                *value = odd::sub(*value, (flip & negated) | (!flip & answer));
            }
        }
        Ok(converted)
    }

    /// Shares in Z_2^64 of the top bit of a secret in Z_(2^64 - 1).
    ///
    /// In an odd ring MSB(a) is the lowest bit of y = 2a. With r = y + x for a random x: y[0] = r[0] xor x[0] xor [x > r].
    ///
    /// # Security
    /// The holders open r to each other: x_0 comes from k02 and x_1 from k12, so the peer's part r_j = y_j + x_j is uniform to the one who
    /// receives it. P2 receives the questions of private compare. P1 receives shares of the bits of x, of x[0] and of the compared bit, and the
    /// masks' product, all uniform because P0's halves come from k02. The last product opens values under fresh masks.
    async fn msb(&self, cx: &Cx<'_>, a: Vec<u64>) -> Result<Vec<u64>> {
        let (step, product) = (cx.next_step(), cx.next_step());
        let n_all = a.len();
        let mut r: Vec<u64> = a.into_iter().map(|a| odd::add(a, a)).collect();
        for block in blocks(n_all) {
            let x = if self.form.deals_both {
                wire::recv_odd_words(cx, HELPER, block.len()).await?
            } else {
                odd_words(cx, &self.dealt, Purpose::MsbMask, step, block.start, block.len())?
            };
            for (r, x) in r[block.clone()].iter_mut().zip(x) {
                *r = odd::add(*r, x);
            }
            cx.send(self.peer, words_to_bytes(&r[block])).await?;
        }
        let flips = self.flips(cx, step, 0, n_all)?;
        for block in blocks(n_all) {
            let (first, n) = (block.start, block.len());
            for (r, theirs) in r[block.clone()].iter_mut().zip(wire::recv_odd_words(cx, self.peer, n).await?) {
                *r = odd::add(*r, theirs);
            }
            let (bits, x) = if self.draws() {
                (None, words(cx, &self.dealt, Purpose::MsbLowest, step, first, n)?)
            } else {
                let (bits, x) = wire::recv_digits_and_words(cx, HELPER, self.form.packing, n).await?;
                (Some(bits), wire::words(&x))
            };
            let question = self.ask(cx, step, first, &r[block.clone()], &flips[block.clone()], bits.as_deref())?;
            cx.send(HELPER, question.into()).await?;
            for (r, x) in r[block].iter_mut().zip(x) {
                *r = self.xor_public(x, *r & 1);
            }
        }
        let lowest = r;
        let mut openings = Vec::new();
        for block in blocks(n_all) {
            let (first, n) = (block.start, block.len());
            let (mut greater, dealt) = if self.first {
                let answers = if self.draws() {
                    words(cx, &self.dealt, Purpose::MsbCompared, step, first, n)?
                } else {
                    wire::recv_words(cx, HELPER, n).await?
                };
                (answers, None)
            } else {
                let mut answers = wire::recv_words(cx, HELPER, 2 * n).await?;
                let c = answers.split_off(n);
                (answers, Some(c))
            };
            for (x, flip) in greater.iter_mut().zip(&flips[block.clone()]) {
                *x = self.xor_public(*x, u64::from(*flip));
            }
            let masked = self.mask_factors(cx, product, first, &greater, &lowest[block])?;
            cx.send(self.peer, words_to_bytes(&masked)).await?;
            openings.push((masked, dealt, greater));
        }
        let mut bits = lowest;
        for (block, (masked, dealt, greater)) in blocks(n_all).zip(openings) {
            let c = match dealt {
                Some(c) => c,
                None => self.masks_product(cx, product, block.start, block.len()).await?,
            };
            let lowest = &mut bits[block];
            let both = self.finish_product(cx, masked, &greater, lowest, &c).await?;
            for ((bit, greater), both) in lowest.iter_mut().zip(greater).zip(both) {
                *bit = greater.wrapping_add(*bit).wrapping_sub(both.wrapping_mul(2));
            }
        }
        Ok(bits)
    }

    /// A share of a bit xor a public bit.
    fn xor_public(&self, share: u64, public: u64) -> u64 {
        let sign = public.wrapping_mul(2).wrapping_sub(1).wrapping_neg();
        self.public(public).wrapping_add(share.wrapping_mul(sign))
    }
}

impl Helper {
    /// P2's side of [`Holder::drelu`].
    pub(crate) async fn drelu(&self, cx: &Cx<'_>, n: usize) -> Result<()> {
        let mut same_round = cx.parts();
        for part in parts(n) {
            same_round.begin();
            self.share_convert(cx, part.len()).await?;
            self.msb(cx, part.len()).await?;
        }
        Ok(())
    }

    async fn share_convert(&self, cx: &Cx<'_>, n: usize) -> Result<()> {
        let step = cx.next_step();
        for block in blocks(n) {
            let (first, n) = (block.start, block.len());
            let (m_0, m_1) = (wire::recv_words(cx, CLIENT, n).await?, wire::recv_words(cx, SERVER, n).await?);
            let (x, carries): (Vec<u64>, Vec<u64>) =
                m_0.iter().zip(&m_1).map(|(&m_0, &m_1)| carrying_add(m_0, m_1)).unzip();
            let theirs = odd_words(cx, &self.client, Purpose::ConvertCarry, step, first, n)?;
            let rest: Vec<u64> = carries.iter().zip(&theirs).map(|(carry, theirs)| odd::sub(*carry, *theirs)).collect();
            self.deal_bits(cx, step, first, &x, [theirs, rest]).await?;
        }
        for block in blocks(n) {
            let answers = self.answers(cx, block.len()).await?;
            let theirs = odd_words(cx, &self.client, Purpose::ConvertCompared, step, block.start, block.len())?;
            let rest = answers.iter().zip(&theirs).map(|(answer, theirs)| odd::sub(*answer, *theirs)).collect();
            self.deal_to_client(cx, theirs).await?;
            cx.send(SERVER, words_into_bytes(rest)).await?;
        }
        Ok(())
    }

    async fn msb(&self, cx: &Cx<'_>, n: usize) -> Result<()> {
        let (step, product) = (cx.next_step(), cx.next_step());
        let mut masks = Vec::new();
        for block in blocks(n) {
            let (first, n) = (block.start, block.len());
            let x_0 = odd_words(cx, &self.client, Purpose::MsbMask, step, first, n)?;
            let x_1 = odd_words(cx, &self.server, Purpose::MsbMask, step, first, n)?;
            let x: Vec<u64> = x_0.iter().zip(&x_1).map(|(x_0, x_1)| odd::add(*x_0, *x_1)).collect();
            if self.form.deals_both {
                cx.send(CLIENT, words_into_bytes(x_0)).await?;
                cx.send(SERVER, words_into_bytes(x_1)).await?;
            }
            masks.push(x);
        }
        for (block, x) in blocks(n).zip(masks) {
            let (first, n) = (block.start, block.len());
            let theirs = words(cx, &self.client, Purpose::MsbLowest, step, first, n)?;
            let rest = x.iter().zip(&theirs).map(|(x, theirs)| (x & 1).wrapping_sub(*theirs)).collect();
            self.deal_bits(cx, step, first, &x, [theirs, rest]).await?;
        }
        for block in blocks(n) {
            let (first, n) = (block.start, block.len());
            let answers = self.answers(cx, n).await?;
            let theirs = words(cx, &self.client, Purpose::MsbCompared, step, first, n)?;
            let mut message: Vec<u64> = Vec::with_capacity(2 * n);
            message.extend(answers.iter().zip(&theirs).map(|(answer, theirs)| answer.wrapping_sub(*theirs)));
            self.deal_to_client(cx, theirs).await?;
            message.extend(self.masks_product(cx, product, first, n)?);
            cx.send(SERVER, words_into_bytes(message)).await?;
        }
        Ok(())
    }

    /// Deals shares of the bits of `x`, elements `first ..`, and the two halves of a word for each.
    async fn deal_bits(&self, cx: &Cx<'_>, step: u16, first: usize, x: &[u64], words: [Vec<u64>; 2]) -> Result<()> {
        let [halves, rest] = words;
        let with_words = |mut bits: Vec<u8>, words: Vec<u64>| {
            bits.extend_from_slice(&words_into_bytes(words));
            bits.into()
        };
        if self.form.deals_both {
            let bits = self.client_bits(cx, step, first, x.len())?;
            cx.send(CLIENT, with_words(bits, halves)).await?;
        }
        let bits = self.share_bits(cx, step, first, x)?;
        cx.send(SERVER, with_words(bits, rest)).await
    }

    /// Sends the client its halves where it does not draw them.
    async fn deal_to_client(&self, cx: &Cx<'_>, halves: Vec<u64>) -> Result<()> {
        if self.form.deals_both { cx.send(CLIENT, words_into_bytes(halves)).await } else { Ok(()) }
    }

    /// Receives the two halves of `n` questions and answers them.
    async fn answers(&self, cx: &Cx<'_>, n: usize) -> Result<Vec<u64>> {
        let packing = self.form.packing;
        let left = wire::recv_digits(cx, CLIENT, packing, n).await?;
        let right = wire::recv_digits(cx, SERVER, packing, n).await?;
        Ok(some_zero(packing, &left, &right))
    }
}
