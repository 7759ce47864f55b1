//! Passes and their manager: what happens to a program between the front end and the code generator.
//!
//! - [`Module`] is what passes work on: a function of HLIL or LLIL, and the weights beside it.
//! - [`PASSES`] is the table of passes, [`PIPELINES`] that of their standard sequences, [`resolve`] finds both by name.
//! - [`Manager`] runs passes, verifies, times and shows what they do; [`run_passes`] is the short form.
//! - [`analysis`] knows ranges, the probability of failure, and the scale that keeps accuracy.
//! - [`encode_inputs`], [`encode_weights`] and [`decode_results`] lead from reals to the ring and back.
//!
//! A pass is a pure function of module and options, one folder each; its module page states its rules and their domain.
//! Deliberately absent: cost models. What a program costs is the backend's to say; whoever runs the passes brings [`Prices`].
#![forbid(unsafe_code)]

// The networks of the tests name this crate as a user does.
#[cfg(test)]
extern crate self as treville_passes;

pub mod analysis;
pub mod approximate;
pub mod canonicalize;
pub mod dce;
mod encode;
pub mod hlil_defer_softmax;
pub mod hlil_expand_quotients;
pub mod hlil_fold_batch_norm;
pub mod hlil_fold_constants;
pub mod hlil_infer_scales;
pub mod hlil_saturate;
pub mod hlil_to_llil;
pub mod llil_lazy_scale_down;
pub mod llil_liveness;
pub mod llil_schedule_rounds;
mod manager;
mod module;
mod origin;
mod pass;
mod price;
mod recipe;

pub use encode::{decode_results, decode_tensor, encode_inputs, encode_weights};
pub use llil_liveness::{live_bytes, peak_live_bytes};
pub use manager::{Manager, Moment, Observer, PassError, Timing, run_passes};
pub use module::{Level, Module};
pub use pass::{Domain, Example, Options, PASSES, PIPELINES, Pass, Pipeline, pass, resolve};
pub use price::{Network, Price, PriceFn, Prices, multiplications, multiplications_of};
