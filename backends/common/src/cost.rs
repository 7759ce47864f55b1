//! What the protocols pay: the formulas of every primitive, link by link. `tests/costs.rs` of each holds them against measurement.
//!
//! Payload bytes an element, summed over all senders, in Porthos' form:
//!
//! | call | P0->P1 | P1->P0 | P0->P2 | P1->P2 | P2->P1 | sum | rounds |
//! |---|---|---|---|---|---|---|---|
//! | input of client or server | | | | | | 0 | 0 |
//! | reveal to client / server / helper | -/8/- | 8/-/- | -/-/8 | -/-/8 | | 8/8/16 | 1 |
//! | prepare, of the second operand | 8 | 8 | | | | 16 | 1 |
//! | bilinear, of the first operand | 8 | 8 | | | | 16 | 1 |
//! | bilinear, of the result | | | | | 8 | 8 | |
//! | mul; mux for each operand | 16 | 16 | | | 8 | 40 | 1 |
//! | scale down; the bits of drelu as ring elements | | | | | | 0 | 0 |
//! | drelu | 24 | 24 | 136 | 136 | 168 | 488 | 8 |
//! | relu, max pool for each comparison | 40 | 40 | 136 | 136 | 176 | 528 | 9 |
//! | arg max for each comparison | 56 | 56 | 136 | 136 | 184 | 568 | 9 |
//!
//! A matrix product (i x j)(j x k) with prepare is thus 8 (2ij + 2jk + ik), and a convolution 8 (2 input + 2 filter + output)
//! for every filter size. P2 sends nothing to P0: P0's half of all that P2 deals comes from their common key. That
//! includes eta' of share convert, which the paper sends to both; this is why a ReLU costs 528 bytes and not 536.
//!
//! In SecureNN's form P2 sends P0 its half of the bits, carries and answers too (160 bytes a DReLU) and to both the random x of MSB (8 each),
//! so that a DReLU is 664 bytes and a ReLU 704; a maximum carries its index, 744; and a convolution is a matrix product of the unrolled input.
//!
//! Of a DReLU 384 bytes are digits (512 in SecureNN's form). In seven bits each they are an eighth less: a DReLU 440 bytes, a ReLU 480.

use treville_net::Party;
use treville_protocol::{Bilinear, Call, Cost, Costs};

use crate::unroll::Unrolled;
use crate::{CLIENT, Form, HELPER, SERVER};

/// Bytes of a ring element.
const WORD: u64 = 8;

/// The price list of a protocol of this form.
pub struct FamilyCosts(pub Form);

impl Costs for FamilyCosts {
    fn masked_elements(&self, kind: &Bilinear, x: &[usize], w: &[usize], y: &[usize]) -> usize {
        let unrolled = if self.0.unrolls { Unrolled::new(kind, x, w, y) } else { None };
        unrolled.map_or_else(|| x.iter().product(), |unrolled| unrolled.x.iter().product())
    }

    fn primitive(&self, call: &Call<'_>) -> Cost {
        match *call {
            Call::Input { owner, n } => {
                online(1, &[(HELPER, SERVER, if owner == HELPER { WORD * n as u64 } else { 0 })])
            }
            Call::Reveal { n, to } => {
                let bytes = |from: Party, receiver: Party| {
                    if from != receiver && to.contains(&receiver) { WORD * n as u64 } else { 0 }
                };
                let links: Vec<_> = [CLIENT, SERVER]
                    .into_iter()
                    .flat_map(|from| [CLIENT, SERVER, HELPER].map(|receiver| (from, receiver, bytes(from, receiver))))
                    .collect();
                online(1, &links)
            }
            Call::Prepare { n } => online(1, &both_ways(WORD * n as u64)),
            Call::Bilinear { x, y } => {
                online(1, &[both_ways(WORD * x as u64).as_slice(), &[(HELPER, SERVER, WORD * y as u64)]].concat())
            }
            Call::Mul { n } | Call::Mux { n, k: 1 } => product(n),
            Call::Mux { n, k } => product(n * k),
            Call::ScaleDown { .. } | Call::BitsToRing { .. } => Cost::default(),
            Call::DRelu { n } => {
                let n = n as u64;
                let digits = self.0.packing.bytes() as u64;
                let (convert, msb) = (WORD + digits, digits);
                // Bits, a word and an answer for each of the two comparisons; the server's part of a product comes on top.
                let dealt = 2 * (digits + WORD + WORD);
                let opened = WORD + 2 * WORD;
                let to_helper = (convert + msb) * n;
                let (to_client, x) = if self.0.deals_both { (dealt, WORD) } else { (0, 0) };
                let links = [
                    (CLIENT, HELPER, to_helper),
                    (SERVER, HELPER, to_helper),
                    (HELPER, SERVER, (dealt + WORD + x) * n),
                    (HELPER, CLIENT, (to_client + x) * n),
                ];
                online(8, &[both_ways(opened * n).as_slice(), &links].concat())
            }
        }
    }
}

fn product(n: usize) -> Cost {
    let n = n as u64;
    online(1, &[both_ways(2 * WORD * n).as_slice(), &[(HELPER, SERVER, WORD * n)]].concat())
}

fn both_ways(bytes: u64) -> [(Party, Party, u64); 2] {
    [(CLIENT, SERVER, bytes), (SERVER, CLIENT, bytes)]
}

/// A cost without an offline phase; what sends nothing takes no round.
fn online(rounds: u32, links: &[(Party, Party, u64)]) -> Cost {
    let silent = links.iter().all(|(_, _, bytes)| *bytes == 0);
    Cost::online(if silent { 0 } else { rounds }, links.iter().copied())
}
