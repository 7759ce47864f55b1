//! Our dialects in MLIR: it verifies and prints what we print, and lowers fixed-point programs to machine code.
//!
//! - [`Mlir`] is MLIR with both dialects loaded from their IRDL; [`Mlir::round_trip`] has it verify a dump and print it again.
//! - [`lower`] writes an LLIL function in upstream dialects: ring elements are integers of the ring's width, so arithmetic wraps by itself.
//! - [`Mlir::compile`] makes machine code of that. It shares nothing with our own evaluator but the op table's types, and must give the same
//!   bits: a second oracle.
//!
//! The only crate that knows melior. It needs LLVM 22: `docs/how-to/use-mlir.md`.

mod convolve;
mod dialects;
mod entry;
mod export;
mod jit;
mod lower;
mod moves;
mod sums;
mod writer;

pub use dialects::{Mlir, MlirError};
pub use export::export;
pub use jit::{Compiled, Elements};
pub use lower::lower;
