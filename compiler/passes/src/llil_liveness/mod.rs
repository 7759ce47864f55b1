//! `llil-liveness`: where values die, and how much is alive at once.
//!
//! Each op gets the annotation `frees`: the positions of the operands that have their last use there. A value that stands at several
//! positions is freed at the last of them. Weights live as long as the session and results until they are revealed; neither is freed.

use std::collections::BTreeSet;

use treville_ir::{ArgKind, Attr, Diagnostic, Func, OpId, ValueId};
use treville_llil::Llil;

use crate::{Domain, Example, Level, Module, Options, Pass};

/// The pass.
pub static PASS: Pass = Pass {
    name: "llil-liveness",
    summary: "annotates each op with the operands that die there",
    takes: &[Level::Llil],
    domain: Domain::RingExact,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Llil(mut func, weights) = module else { return Ok(module) };
    func.clear_annotation("frees");
    let frees: Vec<(OpId, Vec<usize>)> = frees(&func);
    for (op, positions) in frees.into_iter().filter(|(_, positions)| !positions.is_empty()) {
        func.annotate(op, "frees", Attr::Ints(positions.into_iter().map(|p| p as i64).collect()));
    }
    Ok(Module::Llil(func, weights))
}

/// The positions of the operands that die at each op.
fn frees(func: &Func<Llil>) -> Vec<(OpId, Vec<usize>)> {
    let kept = |v: &ValueId| func.as_arg(*v).is_some_and(|arg| arg.kind == ArgKind::Weight);
    let mut seen: BTreeSet<ValueId> = func.results().iter().map(|r| r.value).collect();
    let mut all: Vec<(OpId, Vec<usize>)> = Vec::with_capacity(func.ops().len());
    for (id, op) in func.ops().rev() {
        let mut positions: Vec<usize> = op
            .operands
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, v)| !kept(v) && seen.insert(**v))
            .map(|(i, _)| i)
            .collect();
        positions.sort_unstable();
        all.push((id, positions));
    }
    all.reverse();
    all
}

/// The largest number of bytes of values that are alive at once, at 8 bytes an element, weights not counted.
///
/// An op's operands and its result are alive together.
pub fn peak_live_bytes(func: &Func<Llil>) -> u64 {
    let inputs = func.args().filter(|(_, arg)| arg.kind == ArgKind::Input);
    let of_inputs = inputs.map(|(v, _)| bytes(func, v)).sum();
    live_bytes(func).into_iter().max().unwrap_or(0).max(of_inputs)
}

/// For each op, the bytes of values that are alive while it runs, as [`peak_live_bytes`] counts them.
pub fn live_bytes(func: &Func<Llil>) -> Vec<u64> {
    let bytes = |v: ValueId| bytes(func, v);
    let uses = func.uses();
    let mut live: u64 = func.args().filter(|(_, arg)| arg.kind == ArgKind::Input).map(|(v, _)| bytes(v)).sum();
    let mut by_op = Vec::new();
    for ((_, positions), (_, op)) in frees(func).into_iter().zip(func.ops()) {
        live += op.results.iter().copied().map(bytes).sum::<u64>();
        by_op.push(live);
        live -= positions.iter().map(|&p| bytes(op.operands[p])).sum::<u64>();
        live -= op.results.iter().filter(|v| uses.of(**v).is_empty()).copied().map(bytes).sum::<u64>();
    }
    by_op
}

fn bytes(func: &Func<Llil>, value: ValueId) -> u64 {
    8 * func.ty(value).elements() as u64
}
