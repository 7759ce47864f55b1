//! Operations of model formats that are compositions of HLIL's.
//!
//! Each takes the node that it is imported for, and fails where an op of HLIL does not take its operands.

pub mod activation;
pub mod arg;
pub mod cum_sum;
pub mod einsum;
pub mod elementwise;
pub mod normalize;
pub mod reduce;
pub mod resize;
pub mod take;
