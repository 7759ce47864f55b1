//! SecureNN: semi-honest three-party computation with a helper, the baseline of CrypTFlow's Table 2.
//!
//! It shares all code with Porthos but for what [`treville_backend_common::Form`] says: the helper sends both halves of all that it deals for
//! comparisons, convolutions are masked as matrix products of unrolled inputs, and a maximum carries its index. Bytes an element: DReLU 664, ReLU
//! 704, max pool and arg max 744 for each comparison; a product (i x j)(j x k) 8 (2ij + 2jk + ik).
//!
//! # Source
//! SecureNN: 3-Party Secure Computation for Neural Network Training (Wagh, Gupta, Chandran; PoPETs 2019). Not kept, because it does not change
//! what is sent: DReLU's bit is an integer, maxima are trees. Not kept, though it does: weights are masked once for a session.
#![forbid(unsafe_code)]

use treville_backend_common::{FamilyCosts, Form, HelperAided, Packing, ROLES, Variant};
use treville_protocol::{BackendInfo, Rounding, Session};

pub use treville_backend_common::{CLIENT, HELPER, SERVER, Share, Weights};

/// One party of the protocol.
pub type SecureNn = HelperAided<Published>;

/// The protocol as it was published.
pub struct Published;

const FORM: Form =
    Form { name: "securenn", deals_both: true, unrolls: true, carries_index: true, packing: Packing::Bytes };

static INFO: BackendInfo = BackendInfo {
    name: FORM.name,
    summary: "semi-honest, three parties with a helper: the baseline that CrypTFlow compares Porthos with",
    roles: ROLES,
    ring_bits: 64..=64,
    rounding: Rounding::Local,
    default_max_failure_log2: -10.0,
    session: Session::new::<SecureNn>,
    costs: &FamilyCosts(FORM),
};

impl Variant for Published {
    const FORM: Form = FORM;

    fn info() -> &'static BackendInfo {
        &INFO
    }
}
