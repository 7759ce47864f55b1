//! LLIL: the fixed-point ring dialect.
//!
//! A value is a tensor over Z_2^k; its type says how many of the k bits are fraction bits and whether the value is secret
//! ([`Elem`]). Products add fraction bits, ScaleDown removes them, and nothing else changes them, so the scale of every value
//! follows from its type.
//!
//! - [`Llil`] is the dialect with its op table; one file an op in [`ops`].
//! - [`evaluate`] is the reference: it computes what every backend must compute, and refuses what a comparison cannot decide.
//! - [`schedule`] reads from the annotations which ops run side by side, and when values die.
//! - [`Rounding`] says how a ScaleDown that is not exact rounds: as a reference, at random, or as a recorded run did.
//!
//! Deliberately absent: reals (HLIL has them; [`treville_ring::encode`] leads here) and who computes what (protocols know).
#![forbid(unsafe_code)]

mod check;
mod elem;
mod eval;
pub mod ops;
mod rounding;
pub mod schedule;

pub use elem::{Elem, Fixed, FixedError, Secrecy};
pub use eval::{Args, Eval, EvalError, Fault, Step, evaluate};
pub use rounding::{Exact, Local, Probabilistic, Replay, Rounding, RoundingMode};

/// The dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Llil;

impl treville_ir::Dialect for Llil {
    const NAME: &'static str = "llil";
    type Elem = Elem;
    type Eval = Eval;

    fn ops() -> &'static [&'static treville_ir::OpDef<Self>] {
        ops::OPS
    }
}

/// The bits below which a value must stay to be compared: relu, max and arg max need |x| < 2^(k-2), and so do the differences that
/// a maximum takes.
///
/// # Source
/// SecureNN's ShareConvert: a comparison converts shares of 2x.
pub fn comparison_bits(ring: treville_ring::RingBits) -> u8 {
    ring.get().saturating_sub(2)
}
