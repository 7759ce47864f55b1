//! What each stream of common randomness is for, and who can draw it.

use treville_net::Party;
use treville_prg::{Key, Prg, StreamId};
use treville_protocol::{Cx, Env, Result};
use zeroize::Zeroizing;

use crate::{CLIENT, Form, HELPER, SERVER};

/// The uses of common randomness. Every stream is addressed by key, operation, inference, purpose, and the step of the
/// primitive in its operation, so two draws can meet only if one primitive draws one purpose twice under one key.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// k01: the share of an input that its owner does not send. k02 where the helper owns it: the client's share.
    Input = 1,
    /// k01: the zero share added to what the helper learns.
    RevealZero = 2,
    /// k02, k12: a product's mask of the first operand, each party's share.
    TripleLeft = 3,
    /// k02, k12: a product's mask of the second operand. With the session's inference for weights.
    TripleRight = 4,
    /// k02: the client's share of the product of the masks.
    TripleProduct = 5,
    /// k01: both shares of the mask r of a share conversion.
    ConvertMask0 = 6,
    /// See [`Purpose::ConvertMask0`].
    ConvertMask1 = 7,
    /// k02: the client's share of the carry delta.
    ConvertCarry = 8,
    /// k02: the client's share of the compared bit eta'.
    ConvertCompared = 9,
    /// k02, k12: both shares of the random x of MSB.
    MsbMask = 10,
    /// k02: the client's share of the lowest bit of x.
    MsbLowest = 11,
    /// k02: the client's share of the compared bit beta'.
    MsbCompared = 12,
    /// k02: the client's shares of the bits that enter a private compare.
    CompareBits = 13,
    /// k01: whether a private compare is asked the other way round.
    CompareFlip = 14,
    /// k01: the non-zero factors of a private compare.
    CompareScale = 15,
    /// k01: the zero share of a private compare.
    CompareZero = 16,
    /// k01: the rotations of a private compare.
    CompareTurn = 17,
}

/// The address of one purpose in one primitive.
pub(crate) fn stream(cx: &Cx<'_>, purpose: Purpose, step: u16) -> StreamId {
    cx.stream(purpose as u8, step)
}

/// The generator of the key that this party has in common with `peer`.
pub(crate) fn generator(env: &Env, form: &Form, peer: Party, owner: &'static str) -> Prg {
    let seed = Zeroizing::new(env.transport.seed_with(peer));
    let key = Zeroizing::new(blake3::derive_key(&format!("treville {}: pairwise generator", form.name), &*seed));
    let (half, _) = key.split_first_chunk::<16>().expect("invariant: 32 bytes have a first half");
    let prg = Prg::new(Key::new(*half));
    match &env.audit {
        Some(audit) => prg.audited(audit.clone(), owner),
        None => prg,
    }
}

/// `len` ring elements from `first` on.
#[track_caller]
pub(crate) fn words(cx: &Cx<'_>, prg: &Prg, purpose: Purpose, step: u16, first: usize, len: usize) -> Result<Vec<u64>> {
    let mut out = vec![0; len];
    prg.fill_u64(stream(cx, purpose, step), first as u64, &mut out).map_err(cx.randomness())?;
    Ok(out)
}

/// `len` elements of Z_(2^64 - 1) from `first` on.
#[track_caller]
pub(crate) fn odd_words(
    cx: &Cx<'_>,
    prg: &Prg,
    purpose: Purpose,
    step: u16,
    first: usize,
    len: usize,
) -> Result<Vec<u64>> {
    let mut out = vec![0; len];
    prg.fill_odd_ring(stream(cx, purpose, step), first as u64, &mut out).map_err(cx.randomness())?;
    Ok(out)
}

/// The client or the server: a party that holds shares.
pub(crate) struct Holder {
    /// Whether this is the client, who adds public terms.
    pub(crate) first: bool,
    /// The other holder.
    pub(crate) peer: Party,
    /// k01: what both holders know and the helper does not.
    pub(crate) common: Prg,
    /// k02 at the client, k12 at the server: what the helper deals without sending.
    pub(crate) dealt: Prg,
    /// The form of the protocol.
    pub(crate) form: Form,
}

impl Holder {
    /// Whether what the helper deals for a comparison is drawn from [`Holder::dealt`], and not received.
    pub(crate) fn draws(&self) -> bool {
        self.first && !self.form.deals_both
    }

    /// `public` at the client, zero at the server: shares of a public value.
    pub(crate) fn public(&self, value: u64) -> u64 {
        value & u64::from(self.first).wrapping_neg()
    }
}

/// The helper: holds no share, deals correlated randomness, tests for zero.
pub(crate) struct Helper {
    /// k02.
    pub(crate) client: Prg,
    /// k12.
    pub(crate) server: Prg,
    /// The form of the protocol.
    pub(crate) form: Form,
}

/// What this party can do.
pub(crate) enum Role {
    /// Client or server.
    Holder(Holder),
    /// Helper.
    Helper(Helper),
}

impl Role {
    /// The keys of the party whose transport is in `env`; `None` for a party that the protocol does not have.
    pub(crate) fn new(env: &Env, form: &Form) -> Option<Self> {
        let me = env.transport.me();
        let holder = |owner, first, peer| {
            Role::Holder(Holder {
                first,
                peer,
                common: generator(env, form, peer, owner),
                dealt: generator(env, form, HELPER, owner),
                form: *form,
            })
        };
        match me {
            CLIENT => Some(holder("client", true, SERVER)),
            SERVER => Some(holder("server", false, CLIENT)),
            HELPER => Some(Role::Helper(Helper {
                client: generator(env, form, CLIENT, "helper"),
                server: generator(env, form, SERVER, "helper"),
                form: *form,
            })),
            _ => None,
        }
    }
}
