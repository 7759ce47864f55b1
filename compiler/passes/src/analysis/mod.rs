//! What is known of a program beside its types: ranges, the probability of failure, and the scale that keeps accuracy.

pub mod calibrate;
pub mod error;
pub mod failure;
pub mod mean;
pub mod proven;
pub mod range;
pub mod scale;
pub mod sweep;
pub mod trial;
