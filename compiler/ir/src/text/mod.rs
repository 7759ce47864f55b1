//! Text: a strict subset of MLIR's generic operation form, for every dialect.
//!
//! ```mlir
//! "func.func"() ({
//! ^bb0(%x: tensor<1x30x!hlil.secret<f32>>, %w: tensor<30x1x!hlil.secret<f32>>):
//!   %0 = "hlil.matmul"(%x, %w) : (tensor<1x30x!hlil.secret<f32>>, tensor<30x1x!hlil.secret<f32>>) -> tensor<1x1x!hlil.secret<f32>> loc("dense/MatMul")
//!   "func.return"(%0) : (tensor<1x1x!hlil.secret<f32>>) -> ()
//! }) {arg_attrs = [...], function_type = (...) -> ..., res_attrs = [...], sym_name = "main"} : () -> ()
//! ```
//!
//! Owner, kind and name of arguments and results stand in `arg_attrs` and `res_attrs`, analysis results among an op's attributes, all
//! with the dialect's prefix. Names of SSA values carry no meaning: the printer derives them from the argument names.

mod ast;
mod print;
mod read;
mod row;

pub use read::parse;
pub(crate) use row::parse_row;
