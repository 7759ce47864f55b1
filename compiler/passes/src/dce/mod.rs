//! `dce`: dead code elimination, in both dialects.
//!
//! Removes ops on which no result depends, and weight arguments that nobody uses. Inputs stay: they are the program's interface.
//! The weights themselves stay in their store, where recipes may draw on them.

use treville_ir::{ArgKind, Diagnostic, Dialect, Func};

use crate::{Domain, Example, Level, Module, Options, Pass};

/// The pass.
pub static PASS: Pass = Pass {
    name: "dce",
    summary: "removes ops and weights that no result depends on",
    takes: &[Level::Hlil, Level::Llil],
    domain: Domain::RingExact,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    Ok(match module {
        Module::Hlil(func, weights) => Module::Hlil(without_dead_code(&func), weights),
        Module::Llil(func, weights) => Module::Llil(without_dead_code(&func), weights),
    })
}

/// The function without dead ops and unused weights.
pub(crate) fn without_dead_code<D: Dialect>(func: &Func<D>) -> Func<D> {
    func.without_dead_ops().without_unused_args(|arg| arg.kind == ArgKind::Weight)
}
