//! The SSA kernel that HLIL and LLIL share: typed functions, the op table, text, diagnostics.
//!
//! A dialect is a type that implements [`Dialect`]: a name, an element type and a static table of [`OpDef`]s. Everything else in
//! this crate is generic over that table:
//!
//! - [`Func`] is an arena of values and ops in one block. [`Func::push`] checks operands and attributes against the table and runs the
//!   op's type inference, so ill-typed IR cannot be built. Operands always precede their users.
//! - [`parse`] and `Display` read and write a strict subset of MLIR's generic form; `print(parse(t)) == t` for every printed `t`.
//! - [`Rewriter`] walks one function and builds the next; types are never patched in place.
//! - [`irdl()`] exports a dialect so that `mlir-opt --irdl-file=` checks our dumps.
//! - [`Diagnostic`]s name a place in a model or a text, are collected, and are rendered over a [`Listing`].
//! - [`table::complaints`] tests the rows of an op table by their own examples and counterexamples.
//!
//! Deliberately absent: control flow, nested regions, symbol references between functions, mutation of an op after its push (only analysis
//! results can be annotated), reading and writing of files.
#![forbid(unsafe_code)]

mod annotate;
mod attr;
mod diag;
mod error;
mod func;
mod graph;
mod irdl;
mod op;
mod rewrite;
pub mod table;
pub mod text;
mod types;
mod verify;

pub use annotate::{ANNOTATIONS, AnnotationDef, Target};
pub use attr::{Attr, AttrKind, Attrs};
pub use diag::{Diagnostic, Label, Listing, Place, Severity, render};
pub use error::BuildError;
pub use func::{Arg, ArgKind, Func, FuncResult, Op, OpId, Post, Use, Uses, Value, ValueDef, ValueId};
pub use graph::{GraphNode, graph};
pub use irdl::irdl;
pub use op::{AttrDef, Dialect, Inferred, OpDef, OpKey, OpView, OperandDef, Violation};
pub use rewrite::Rewriter;
pub use text::parse;
pub use types::{ElemType, TensorType, TypeError, TypeNode, TypeParam};

#[doc(hidden)]
pub use indexmap::IndexMap;

/// Builds an [`Attrs`] map: `attrs! { strides: [1, 1], groups: 1 }`.
#[macro_export]
macro_rules! attrs {
    ($($name:ident : $value:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut map = $crate::Attrs::new();
        $( map.insert(stringify!($name).to_string(), $crate::Attr::from($value)); )*
        map
    }};
}

/// Declares a dialect's op table, one line an op: each `name` is the file `name.rs` with a `pub static OP: OpDef<Dialect>`.
#[macro_export]
macro_rules! ops {
    ($dialect:ty; $($name:ident),* $(,)?) => {
        $( pub mod $name; )*
        /// The op table, in the order of declaration.
        pub static OPS: &[&$crate::OpDef<$dialect>] = &[$(&$name::OP),*];
    };
}
