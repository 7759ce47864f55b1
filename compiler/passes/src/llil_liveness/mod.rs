//! `llil-liveness`: where values die, and how much is alive at once.
//!
//! Each op gets the annotation `frees`: the positions of the operands that have their last use there. A value that stands at several
//! positions is freed at the last of them. Weights live as long as the session and results until they are revealed; neither is freed.
//! What several branches of a join use is freed when the join ends ([`treville_llil::schedule`]).

use std::collections::BTreeSet;

use treville_ir::{ArgKind, Attr, Diagnostic, Func, OpId, ValueId};
use treville_llil::Llil;
use treville_llil::schedule::{Run, Step, schedule};

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
    let Module::Llil(func, weights) = module else { return Ok(module) };
    Ok(Module::Llil(annotated(func), weights))
}

/// The function with its annotations `frees`.
pub(crate) fn annotated(mut func: Func<Llil>) -> Func<Llil> {
    func.clear_annotation("frees");
    for (op, positions) in frees(&func) {
        func.annotate(op, "frees", Attr::Ints(positions));
    }
    func
}

/// The positions of the operands that die at each op where one does.
fn frees(func: &Func<Llil>) -> Vec<(OpId, Vec<i64>)> {
    let kept = |v: &ValueId| func.as_arg(*v).is_some_and(|arg| arg.kind == ArgKind::Weight);
    let mut seen: BTreeSet<ValueId> = func.results().iter().map(|r| r.value).collect();
    let mut all: Vec<(OpId, Vec<i64>)> = Vec::with_capacity(func.ops().len());
    for (id, op) in func.ops().rev() {
        let operands = op.operands.iter().enumerate().rev();
        let mut positions: Vec<i64> =
            operands.filter(|(_, v)| !kept(v) && seen.insert(**v)).map(|(i, _)| i as i64).collect();
        positions.sort_unstable();
        if !positions.is_empty() {
            all.push((id, positions));
        }
    }
    all
}

/// The largest number of bytes of values that are alive at once, at 8 bytes an element, weights not counted.
///
/// An op's operands and its result are alive together, and so are the largest moments of the branches of a join.
pub fn peak_live_bytes(func: &Func<Llil>) -> u64 {
    live_bytes(func).into_iter().max().unwrap_or(0).max(Live::of_inputs(func))
}

/// For each op, the bytes of values that are alive while it runs, as [`peak_live_bytes`] counts them. Values die as `llil-liveness` says,
/// whether the function has its annotations or not.
pub fn live_bytes(func: &Func<Llil>) -> Vec<u64> {
    let func = annotated(func.clone());
    let uses = func.uses();
    let unused = |v: &ValueId| uses.of(*v).is_empty();
    let live = Live { func: &func, unused: &unused };
    let mut by_op = vec![0; func.ops().len()];
    live.strand(&schedule(&func), Live::of_inputs(&func) as i64, &mut by_op);
    by_op.into_iter().map(|bytes| u64::try_from(bytes).unwrap_or(0)).collect()
}

struct Live<'a> {
    func: &'a Func<Llil>,
    unused: &'a dyn Fn(&ValueId) -> bool,
}

impl Live<'_> {
    fn of_inputs(func: &Func<Llil>) -> u64 {
        let inputs = func.args().filter(|(_, arg)| arg.kind == ArgKind::Input);
        inputs.map(|(v, _)| 8 * func.ty(v).elements() as u64).sum()
    }

    fn bytes<'v>(&self, values: impl IntoIterator<Item = &'v ValueId>) -> i64 {
        values.into_iter().map(|v| 8 * self.func.ty(*v).elements() as i64).sum()
    }

    /// Writes what is alive at each op of a strand that starts with `live` bytes. Returns the most that was, and what is left.
    fn strand(&self, steps: &[Step], mut live: i64, by_op: &mut [i64]) -> (i64, i64) {
        let mut peak = live;
        for step in steps {
            match &step.run {
                Run::Op(op) => {
                    let results = &self.func.op(*op).results;
                    live += self.bytes(results);
                    by_op[op.index()] = live;
                    peak = peak.max(live);
                    live -= self.bytes(results.iter().filter(|v| (self.unused)(v)));
                }
                Run::Join(branches) => {
                    // What each branch adds, at most and in the end.
                    let added: Vec<(i64, i64)> = branches.iter().map(|branch| self.strand(branch, 0, by_op)).collect();
                    let most: i64 = added.iter().map(|(most, _)| most).sum();
                    for (branch, (own, _)) in branches.iter().zip(&added) {
                        for op in treville_llil::schedule::ops(branch) {
                            by_op[op.index()] += live + most - own;
                        }
                    }
                    peak = peak.max(live + most);
                    live += added.iter().map(|(_, left)| left).sum::<i64>();
                }
            }
            live -= self.bytes(&step.frees);
        }
        (peak, live)
    }
}
