//! Porthos: semi-honest three-party computation with a helper, as published in CrypTFlow.
//!
//! All of it is in [`treville_backend_common`]: streams of common randomness replace messages wherever one of two shares is free, and products of
//! convolutions are masked on the operands themselves.
//!
//! # Source
//! CrypTFlow: Secure TensorFlow Inference (Kumar, Rathee, Chandran, Gupta, Rastogi, Sharma; IEEE S&P 2020), section 5. The largest deviation
//! in cost: the helper deals half of eta' by common randomness too (a ReLU is 528 bytes, not 536).
#![forbid(unsafe_code)]

use treville_backend_common::{FamilyCosts, Form, HelperAided, ROLES, Variant};
use treville_protocol::{BackendInfo, Rounding, Session};

pub use treville_backend_common::{CLIENT, HELPER, SERVER, Share, Weights};

/// One party of the protocol.
pub type Porthos = HelperAided<Published>;

/// The protocol as it was published.
pub struct Published;

const FORM: Form = Form { name: "porthos", deals_both: false, unrolls: false, carries_index: false };

static INFO: BackendInfo = BackendInfo {
    name: FORM.name,
    summary: "semi-honest, three parties with a helper, as published in CrypTFlow",
    roles: ROLES,
    ring_bits: 64..=64,
    rounding: Rounding::Local,
    default_max_failure_log2: -10.0,
    session: Session::new::<Porthos>,
    costs: &FamilyCosts(FORM),
};

impl Variant for Published {
    const FORM: Form = FORM;

    fn info() -> &'static BackendInfo {
        &INFO
    }
}
