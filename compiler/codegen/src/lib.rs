//! LLIL to Rust source: a cargo package that computes one model as one party.
//!
//! [`Plan`] numbers everything that a run can measure; generated code and the interpreter share it, so
//! that their streams, frames and reports agree. [`program_source`] writes one function for each node of
//! the model, in calls of the runtime's `Exec`; weights stay outside. [`package_files`] adds the manifest and the entry point.
#![forbid(unsafe_code)]

mod action;
mod calls;
mod emit;
mod layers;
mod names;
mod package;
mod plan;

pub use action::Action;
pub use emit::program_source;
pub use package::{Runtime, package_files};
pub use plan::{ArgPlan, OpPlan, Plan, Row};
