//! Tensors over Z_2^k: encoding, windows, SIMD kernels, bit packing.
//!
//! A ring element mod 2^k lives in a `u64` whose upper bits are zero. The arithmetic here is mod 2^64, which is exact for
//! every smaller ring too; [`wrap`] brings a result back to k bits. Every result is in standard (C) layout.
//!
//! Shapes are checked when a program is built, not here: the tensor functions panic on shapes that do not fit, and each says
//! so. What arrives from outside at run time (values to encode, bytes to unpack, window parameters) gives a `Result`.

#![deny(unsafe_code)]

mod arith;
mod bits;
mod conv;
mod conv_transpose;
mod encode;
#[allow(unsafe_code)]
mod kernel;
mod matmul;
mod operand;
mod pack;
mod product;
pub mod tensor;
mod window;

pub use arith::{
    Share, add, add_assign, avg_pool, map, mul, neg, reduce, reduce_sum, scale, scale_down_share, shift_left,
    shift_right, sub, sub_assign, sub_from, wrap, zip_with,
};
pub use bits::{RingBits, RingBitsError};
pub use conv::{ConvSpec, conv, conv_with};
pub use conv_transpose::{ConvTransposeSpec, conv_transpose, conv_transpose_with};
pub use encode::{EncodeError, decode, encode, encode_value};
pub use kernel::Kernel;
pub use matmul::{matmul, matmul_shape, matmul_with};
pub use pack::{UnpackError, pack, packed_len, unpack};
pub use window::{Window, WindowError, WindowIndices, window_fold, window_indices};

/// A tensor of ring elements: values mod 2^k, kept masked in `u64`, in standard layout.
pub type RingTensor = ndarray::ArrayD<u64>;

/// Has this process compute with `n` threads instead of one for each core.
///
/// # Errors
/// Where it has computed already.
pub fn use_threads(n: std::num::NonZero<usize>) -> Result<(), ThreadsError> {
    rayon::ThreadPoolBuilder::new().num_threads(n.get()).build_global().map_err(|e| ThreadsError(e.to_string()))
}

/// The number of threads can no longer be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the number of threads can no longer be chosen: {0}")]
pub struct ThreadsError(String);
