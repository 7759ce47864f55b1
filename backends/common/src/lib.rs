//! Semi-honest three-party computation with a helper: what the published protocols of this family have in common.
//!
//! The client P0 and the server P1 hold additive shares over Z_2^64. The helper P2 holds nothing: it deals correlated randomness
//! and tests blinded values for zero. One party may be corrupted, semi-honestly, and then learns nothing beside its inputs and
//! outputs (statistical distance about 2^-64 for each draw in Z_(2^64 - 1)); shapes and the program are public. An output is that of
//! the program with its local roundings, which are not independent of the shares: see [`HelperAided::scale_down`].
//!
//! [`Form`] says in what the members of the family differ: SecureNN sends both halves of all that the helper deals and masks
//! unrolled convolutions; Porthos draws one half from common randomness and masks the operands themselves.
//!
//! | file | holds |
//! |---|---|
//! | `triple.rs`, `unroll.rs` | products by Beaver triples: matrix products, convolutions, elementwise |
//! | `compare.rs`, `digits.rs` | private compare over Z_67 |
//! | `drelu.rs`, `odd.rs` | share convert, MSB, DReLU |
//! | `cost.rs` | what all of it costs |
//! | `pieces.rs`, `wire.rs` | tensors as messages, piece by piece |
//! | `streams.rs` | who draws which common randomness |
//!
//! # Source
//! SecureNN (Wagh, Gupta, Chandran; PoPETs 2019); CrypTFlow: Secure TensorFlow Inference (Kumar, Rathee, Chandran, Gupta, Rastogi, Sharma; IEEE
//! S&P 2020), section 5. Deviations stand beside the code: DReLU is an integer bit (not a fixed-point one that is truncated), maxima are trees
//! (not chains), and weights are masked and opened once for a session.
#![forbid(unsafe_code)]

mod compare;
mod cost;
mod digits;
mod drelu;
mod odd;
mod pieces;
mod share;
mod streams;
mod triple;
mod unroll;
mod wire;

use std::marker::PhantomData;
use std::sync::Arc;

use treville_net::Party;
use treville_protocol::{
    BackendInfo, Bilinear, Cx, Env, Protocol, ProtocolError, Recorder, Result, Rounding, ScaleDown, Selection,
};
use treville_ring::{RingBits, RingTensor, add, scale_down_share, sub, tensor};

pub use cost::FamilyCosts;
pub use digits::Packing;
pub use share::Share;
use streams::{Purpose, Role, words};
use triple::Prepared;
use unroll::Unrolled;

/// P0, who holds the first share.
pub const CLIENT: Party = Party(0);
/// P1, who holds the second share.
pub const SERVER: Party = Party(1);
/// P2, who deals.
pub const HELPER: Party = Party(2);

/// The roles, by party.
pub const ROLES: &[&str] = &["client", "server", "helper"];

/// In what a protocol differs from the others of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The protocol's name.
    pub name: &'static str,
    /// Whether the helper sends both halves of the bits, carries and answers that it deals. Otherwise the client draws its half from their
    /// common key.
    pub deals_both: bool,
    /// Whether convolutions are masked as matrix products of unrolled operands.
    pub unrolls: bool,
    /// Whether a maximum carries its index along, needed or not.
    pub carries_index: bool,
    /// How the digits of comparisons stand in messages.
    pub packing: Packing,
}

/// A protocol of the family.
pub trait Variant: Send + Sync + 'static {
    /// In what it differs.
    const FORM: Form;

    /// What it says of itself.
    fn info() -> &'static BackendInfo;
}

/// One party of a protocol.
pub struct HelperAided<V> {
    role: Role,
    recorder: Option<Arc<Recorder>>,
    variant: PhantomData<fn() -> V>,
}

/// A second operand of products, after its mask was opened.
pub struct Weights {
    shape: Vec<usize>,
    prepared: Prepared,
}

impl<V: Variant> Protocol for HelperAided<V> {
    type Secret = Share;
    type Weights = Weights;
    type Bits = Share;

    const MAX_POOL: Selection = if V::FORM.carries_index { Selection::ValueWithIndex } else { Selection::Value };

    fn info() -> &'static BackendInfo {
        V::info()
    }

    fn new(env: Env) -> Result<Self> {
        let unsupported = |what| ProtocolError::Unsupported { backend: V::FORM.name, what };
        let parties = env.transport.parties();
        if parties != ROLES.len() {
            return Err(unsupported(format!("{parties} parties")));
        }
        let role = Role::new(&env, &V::FORM).ok_or_else(|| unsupported(format!("party {}", env.transport.me().0)))?;
        Ok(HelperAided { role, recorder: env.recorder, variant: PhantomData })
    }

    /// # Security
    /// The other holder's share comes from k01, so nothing is sent and the helper knows neither share. An input of the helper is
    /// dealt: the client's share from k02, the server's by message.
    async fn input(&self, cx: &Cx<'_>, owner: Party, shape: &[usize], value: Option<RingTensor>) -> Result<Share> {
        check_ring::<V>(cx)?;
        let step = cx.next_step();
        let n = shape.iter().product();
        if let Some(value) = &value {
            check_shape(cx, "input", shape, value.shape())?;
        }
        let mask = |prg| Ok::<_, ProtocolError>(tensor::from_vec(shape, words(cx, prg, Purpose::Input, step, 0, n)?));
        let mine = |value: Option<RingTensor>| {
            value.ok_or(ProtocolError::Shape {
                op: cx.op,
                what: "the owner's input",
                expected: shape.to_vec(),
                found: vec![],
            })
        };
        match &self.role {
            Role::Helper(helper) if owner == HELPER => {
                let rest = sub(&mine(value)?, &mask(&helper.client)?);
                wire::send_tensor(cx, SERVER, rest.into_raw_vec_and_offset().0).await?;
                Ok(Share::absent(shape))
            }
            Role::Helper(_) => Ok(Share::absent(shape)),
            Role::Holder(holder) if owner == HELPER && holder.first => Ok(Share::held(mask(&holder.dealt)?)),
            Role::Holder(_) if owner == HELPER => {
                Ok(Share::held(tensor::from_vec(shape, wire::recv_tensor(cx, HELPER, n).await?)))
            }
            Role::Holder(holder) if (owner == CLIENT) == holder.first => {
                Ok(Share::held(sub(&mine(value)?, &mask(&holder.common)?)))
            }
            Role::Holder(holder) => Ok(Share::held(mask(&holder.common)?)),
        }
    }

    /// # Security
    /// To a holder: the peer's share, which is the secret less its own. To the helper: both shares, randomised by a zero share from
    /// k01, because the helper knows part of the randomness that the shares were made with.
    async fn reveal(&self, cx: &Cx<'_>, x: &Share, to: &[Party]) -> Result<Option<RingTensor>> {
        check_ring::<V>(cx)?;
        if let Some(stranger) = to.iter().find(|to| to.0 >= ROLES.len()) {
            return Err(ProtocolError::Unsupported {
                backend: V::FORM.name,
                what: format!("a receiver number {}", stranger.0),
            });
        }
        let step = cx.next_step();
        let n = x.len();
        match &self.role {
            Role::Helper(_) => {
                if !to.contains(&HELPER) {
                    return Ok(None);
                }
                let mut sum = wire::recv_tensor(cx, CLIENT, n).await?;
                wire::recv_and_add(cx, SERVER, &mut sum).await?;
                Ok(Some(tensor::from_vec(x.shape(), sum)))
            }
            Role::Holder(holder) => {
                if to.contains(&HELPER) {
                    let zero = words(cx, &holder.common, Purpose::RevealZero, step, 0, n)?;
                    let masked = x
                        .words()
                        .iter()
                        .zip(zero)
                        .map(|(x, z)| if holder.first { x.wrapping_add(z) } else { x.wrapping_sub(z) });
                    wire::send_tensor(cx, HELPER, masked.collect()).await?;
                }
                if to.contains(&holder.peer) {
                    wire::send_tensor(cx, holder.peer, x.words().to_vec()).await?;
                }
                if !to.contains(&cx.me()) {
                    return Ok(None);
                }
                let mut sum = x.words().to_vec();
                wire::recv_and_add(cx, holder.peer, &mut sum).await?;
                Ok(Some(tensor::from_vec(x.shape(), sum)))
            }
        }
    }

    fn shape<'s>(&self, x: &'s Share) -> &'s [usize] {
        x.shape()
    }

    fn linear(&self, xs: &[&Share], shape: &[usize], f: &(dyn Fn(&[&RingTensor]) -> RingTensor + Sync)) -> Share {
        match self.role {
            Role::Helper(_) => Share::absent(shape),
            Role::Holder(_) => Share::held(f(&xs.iter().map(|x| x.tensor()).collect::<Vec<_>>())),
        }
    }

    fn add_public(&self, x: &Share, c: &RingTensor) -> Share {
        match &self.role {
            Role::Holder(holder) if holder.first => Share::held(add(x.tensor(), c)),
            _ => x.clone(),
        }
    }

    fn constant(&self, c: &RingTensor) -> Share {
        match &self.role {
            Role::Helper(_) => Share::absent(c.shape()),
            Role::Holder(holder) => Share::held(c.mapv(|c| holder.public(c))),
        }
    }

    async fn prepare(&self, cx: &Cx<'_>, w: &Share) -> Result<Weights> {
        check_ring::<V>(cx)?;
        let prepared = match &self.role {
            Role::Holder(holder) => holder.prepare(cx, w.tensor()).await?,
            Role::Helper(helper) => helper.prepare(cx, w.shape())?,
        };
        Ok(Weights { shape: w.shape().to_vec(), prepared })
    }

    async fn bilinear(&self, cx: &Cx<'_>, kind: &Bilinear, x: &Share, w: &Weights) -> Result<Share> {
        check_ring::<V>(cx)?;
        let y = kind.output_shape(cx.op, x.shape(), &w.shape)?;
        let unrolled = if V::FORM.unrolls { Unrolled::new(kind, x.shape(), &w.shape, &y) } else { None };
        let form = |w: &RingTensor| unrolled.as_ref().map(|unrolled| unrolled.second(w));
        match (&self.role, &unrolled) {
            (Role::Holder(holder), None) => {
                Ok(Share::held(holder.bilinear(cx, kind, x.tensor(), &w.prepared, &form).await?))
            }
            (Role::Holder(holder), Some(u)) => {
                let x = u.first(x.tensor());
                let y = holder.bilinear(cx, &Bilinear::MatMul, &x, &w.prepared, &form).await?;
                Ok(Share::held(u.result(&y)))
            }
            (Role::Helper(helper), None) => {
                helper.bilinear(cx, kind, x.shape(), &w.prepared, &form, &y).await?;
                Ok(Share::absent(&y))
            }
            (Role::Helper(helper), Some(u)) => {
                helper.bilinear(cx, &Bilinear::MatMul, &u.x, &w.prepared, &form, &u.y).await?;
                Ok(Share::absent(&y))
            }
        }
    }

    async fn mul(&self, cx: &Cx<'_>, x: &Share, y: &Share) -> Result<Share> {
        let mut products = self.products(cx, &[[x, y]]).await?;
        Ok(products.pop().expect("invariant: one for each pair"))
    }

    /// # Security
    /// Nothing is sent. But the result is ceil((x - rho) / 2^shift), where rho, the last bits of the client's share, is uniform and the
    /// client's to know; the server knows as much from its own share, and the helper can compute rho from its masks for any x that it
    /// guesses. Who receives an output that depends on this learns it for a known rho: no more of x at once than floor(x / 2^shift) would
    /// tell, but the outputs of many inferences on equal inputs together tell bits of x below the last place.
    ///
    /// # Source
    /// SecureML (Mohassel, Zhang; S&P 2017), section 4.1: each holder shifts its share; off by one in the last place, and wrong altogether with probability about |x| / 2^64.
    async fn scale_down(&self, cx: &Cx<'_>, x: &Share, spec: ScaleDown) -> Result<Share> {
        check_ring::<V>(cx)?;
        let shift = match (spec.rounding, u8::try_from(spec.shift)) {
            (Rounding::Local, Ok(shift)) if shift < 64 => shift,
            (rounding, _) => {
                return Err(ProtocolError::Unsupported {
                    backend: V::FORM.name,
                    what: format!("{} rounding by {} bits", rounding.name(), spec.shift),
                });
            }
        };
        let Role::Holder(holder) = &self.role else { return Ok(x.clone()) };
        let side = if holder.first { treville_ring::Share::First } else { treville_ring::Share::Second };
        let y = scale_down_share(x.tensor(), shift, RingBits::FULL, side);
        if let Some(recorder) = &self.recorder {
            recorder.scale_down(cx.op, cx.inference, x.tensor(), &y);
        }
        Ok(Share::held(y))
    }

    async fn drelu(&self, cx: &Cx<'_>, x: &Share) -> Result<Share> {
        check_ring::<V>(cx)?;
        match &self.role {
            Role::Holder(holder) => Ok(Share::held(tensor::from_vec(x.shape(), holder.drelu(cx, x.words()).await?))),
            Role::Helper(helper) => {
                helper.drelu(cx, x.len()).await?;
                Ok(Share::absent(x.shape()))
            }
        }
    }

    /// The bits are shares in Z_2^64: nothing is sent.
    async fn bits_to_ring(&self, _: &Cx<'_>, bits: &Share, _: &[usize]) -> Result<Share> {
        Ok(bits.clone())
    }

    async fn mux(&self, cx: &Cx<'_>, bits: &Share, xs: &[&Share]) -> Result<Vec<Share>> {
        let pairs: Vec<[&Share; 2]> = xs.iter().map(|x| [bits, *x]).collect();
        self.products(cx, &pairs).await
    }
}

impl<V: Variant> HelperAided<V> {
    /// Elementwise products of pairs of one shape, in one round.
    async fn products(&self, cx: &Cx<'_>, pairs: &[[&Share; 2]]) -> Result<Vec<Share>> {
        check_ring::<V>(cx)?;
        let Some([first, _]) = pairs.first() else { return Ok(Vec::new()) };
        let (n, shape) = (first.len(), first.shape());
        pairs.iter().flatten().try_for_each(|x| check_shape(cx, "factor", shape, x.shape()))?;
        match &self.role {
            Role::Holder(holder) => {
                let words: Vec<[&[u64]; 2]> = pairs.iter().map(|[x, y]| [x.words(), y.words()]).collect();
                let products = holder.mul(cx, n, &words).await?;
                Ok(products.into_iter().map(|product| Share::held(tensor::from_vec(shape, product))).collect())
            }
            Role::Helper(helper) => {
                helper.mul(cx, n, pairs.len()).await?;
                Ok(pairs.iter().map(|_| Share::absent(shape)).collect())
            }
        }
    }
}

fn check_ring<V: Variant>(cx: &Cx<'_>) -> Result<()> {
    if cx.ring == RingBits::FULL {
        Ok(())
    } else {
        Err(ProtocolError::Unsupported { backend: V::FORM.name, what: format!("a ring of {} bits", cx.ring.get()) })
    }
}

fn check_shape(cx: &Cx<'_>, what: &'static str, expected: &[usize], found: &[usize]) -> Result<()> {
    if expected == found {
        Ok(())
    } else {
        Err(ProtocolError::Shape { op: cx.op, what, expected: expected.to_vec(), found: found.to_vec() })
    }
}
