//! What a backend must do, what it costs, and what every backend gets for free.
//!
//! A backend implements [`Protocol`]: a small set of tensor-level primitives over its own
//! representation of a secret. Composite operations (ReLU, max pooling, arg max) have default
//! bodies built from them, so that a new backend runs every model before anyone tunes it.
//! Compiled party programs and the in-process interpreter both drive a backend through
//! [`Exec`], which has one method for each LLIL operation, keeps the time, the bytes and the
//! rounds of each, and is the only place where an LLIL operation is turned into protocol calls.
//! It is the same type for all backends, so that a program knows none.
//!
//! What a backend pays is declared once, as [`Costs`], beside its code; tests hold the
//! declaration against what [`Exec`] measures.
#![forbid(unsafe_code)]

mod cost;
mod cx;
mod dynamic;
mod error;
mod exec;
mod priced;
mod protocol;
mod record;
mod select;
pub mod simulate;

pub use cost::{Call, Cost, Costs, Traffic, max_tree_cost};
pub use cx::{Cx, Parts};
pub use dynamic::{Secret, Weights};
pub use error::ProtocolError;
pub use exec::{Branch, Exec, OpReport, Operand, Prepared, Session, SharedWeight, Value, Weight};
pub use priced::Priced;
pub use protocol::{BackendInfo, Bilinear, Env, Protocol, Rounding, ScaleDown};
pub use record::Recorder;
pub use select::{Segments, Selection, arg_max_segments, max_pool_segments};

/// The result of every protocol call.
pub type Result<T> = std::result::Result<T, ProtocolError>;
