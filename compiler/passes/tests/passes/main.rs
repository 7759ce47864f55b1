//! Tests of the passes, one file a pass, named like it.
//!
//! Semantics are compared through the reference evaluators on generated networks ([`net::random`]); seeds are fixed and in every message.

mod analysis;
mod apply;
mod canonicalize;
mod dce;
mod examples;
mod failure;
mod hlil_defer_softmax;
mod hlil_expand_quotients;
mod hlil_fold_batch_norm;
mod hlil_fold_constants;
mod hlil_infer_scales;
mod hlil_saturate;
mod hlil_to_llil;
mod llil_lazy_scale_down;
mod llil_liveness;
mod llil_schedule_rounds;
mod manager;
mod net;
mod operations;
mod pipeline;
