//! Porthos: semi-honest three-party computation with a helper, as published in CrypTFlow.
//!
//! All of it is in [`treville_backend_common`]: streams of common randomness replace messages wherever one of two shares is free, and products of
//! convolutions are masked on the operands themselves.
//!
//! # Source
//! CrypTFlow: Secure TensorFlow Inference (Kumar, Rathee, Chandran, Gupta, Rastogi, Sharma; IEEE S&P 2020), section 5. The largest deviation
//! in cost: the helper deals half of eta' by common randomness too (a ReLU is 528 bytes, not 536).
//!
//! [`PorthosPacked`] is the same protocol, with the digits of comparisons in the seven bits that they need: a ReLU is 480 bytes. It is a backend
//! of its own, so that the bytes of `porthos` are those of the paper's formula.
#![forbid(unsafe_code)]

use treville_backend_common::{FamilyCosts, Form, HelperAided, Packing, ROLES, Variant};
use treville_protocol::{BackendInfo, Rounding, Session};

pub use treville_backend_common::{CLIENT, HELPER, SERVER, Share, Weights};

/// One party of the protocol.
pub type Porthos = HelperAided<Published>;

/// One party of the protocol with packed digits.
pub type PorthosPacked = HelperAided<Packed>;

/// The protocol as it was published.
pub struct Published;

/// The protocol with packed digits.
pub struct Packed;

const PUBLISHED: BackendInfo = BackendInfo {
    name: Published::FORM.name,
    summary: "semi-honest, three parties with a helper, as published in CrypTFlow",
    roles: ROLES,
    ring_bits: 64..=64,
    rounding: Rounding::Local,
    default_max_failure_log2: -10.0,
    session: Session::new::<Porthos>,
    costs: &FamilyCosts(Published::FORM),
};

impl Variant for Published {
    const FORM: Form =
        Form { name: "porthos", deals_both: false, unrolls: false, carries_index: false, packing: Packing::Bytes };

    fn info() -> &'static BackendInfo {
        static INFO: BackendInfo = PUBLISHED;
        &INFO
    }
}

impl Variant for Packed {
    const FORM: Form = Form { name: "porthos-packed", packing: Packing::SevenBits, ..Published::FORM };

    fn info() -> &'static BackendInfo {
        static INFO: BackendInfo = BackendInfo {
            name: Packed::FORM.name,
            summary: "porthos with seven bits a digit instead of eight: a twelfth less to send",
            session: Session::new::<PorthosPacked>,
            costs: &FamilyCosts(Packed::FORM),
            ..PUBLISHED
        };
        &INFO
    }
}
