//! HLIL, the dialect of real-valued tensors: what a model means, before anything is made fixed-point.
//!
//! - [`Hlil`] is the dialect, [`ops`] its table, one file an op. Elements are `f32` and `i64`, public or secret.
//! - [`evaluate`] is the f32 reference evaluator; [`evaluate_with`] shows every value to an observer, for calibration.
//! - [`FUNCTIONS`] are the smooth functions that the op `apply` knows.
//! - [`Weights`] is the store beside the module: names, shapes, and lazy recipes over the source tensors.
//!
//! Spatial ops are N-dimensional and channels-first (NCHW, NCDHW ...). What depends on a secret is secret.
//!
//! Deliberately absent: dynamic shapes, in-place ops, rounding of any kind.
#![forbid(unsafe_code)]

mod dialect;
mod evaluate;
mod functions;
pub mod ops;
mod product;
mod rules;
mod stored;
mod taps;
mod tensor;
mod weights;

pub use dialect::{Elem, Hlil, Scalar};
pub use evaluate::{EvalError, evaluate, evaluate_with};
pub use functions::{FUNCTIONS, Function};
pub use rules::{conv_spec, pool_window};
pub use stored::{Encoding, StoredError, StoredTensor, half_to_f32};
pub use tensor::Tensor;
pub use weights::{Weights, WeightsError};

/// A function of HLIL.
pub type Func = treville_ir::Func<Hlil>;
/// A tensor type of HLIL.
pub type TensorType = treville_ir::TensorType<Elem>;
