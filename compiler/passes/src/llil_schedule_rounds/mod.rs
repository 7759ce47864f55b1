//! `llil-schedule-rounds`: independent branches run side by side, so that their messages share rounds.
//!
//! The ops that depend on an input are taken apart: an op that all others come before or after stands alone; what lies between two
//! such ops falls into branches that share nothing, and each of these is taken apart again. So the rounds of a
//! program are those of its critical path. Where a connected part has no such op, it goes by levels: all that needs the same number of
//! exchanges before it runs side by side.
//!
//! What sends nothing gains nothing, and stays on the strand of what it follows; what depends on no input comes right before its first
//! use. Branches are alive together, so a join is undone where it would take 16 MiB and a quarter more than the program takes at its largest
//! without any join.
//!
//! Each op gets the annotation `strand` ([`treville_llil::schedule`]), and ops are put in the order of their strands.

mod order;

use std::collections::{BTreeMap, BTreeSet};

use treville_ir::{Attr, Diagnostic, Func, OpId, Rewriter};
use treville_llil::Llil;
use treville_llil::schedule::{Run, Step, ops};

use crate::llil_liveness::{live_bytes, peak_live_bytes};
use crate::{Domain, Example, Level, Module, Options, Pass};

/// The pass.
pub static PASS: Pass = Pass {
    name: "llil-schedule-rounds",
    summary: "runs independent branches side by side, so that their messages share rounds",
    takes: &[Level::Llil],
    domain: Domain::RingExact,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

/// What a join may take beyond the program without joins, however small that is.
const SPARE_BYTES: u64 = 16 << 20;

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Llil(func, weights) = module else { return Ok(module) };
    let alone = peak_live_bytes(&func);
    let limit = alone + (alone / 4).max(SPARE_BYTES);
    let mut steps = order::steps(&func);
    while steps.iter().any(|step| matches!(step.run, Run::Join(_))) {
        let scheduled = in_order(&func, &steps).map_err(|e| vec![e])?;
        let live = live_bytes(&scheduled);
        let too_large: BTreeSet<usize> = (0..live.len()).filter(|&place| live[place] > limit).collect();
        let mut place = 0;
        let kept = within(&steps, &too_large, &mut place);
        if kept == steps {
            return Ok(Module::Llil(scheduled, weights));
        }
        steps = kept;
    }
    Ok(Module::Llil(func, weights))
}

/// Without the outermost joins that have an op at one of the places in `too_large`.
fn within(steps: &[Step], too_large: &BTreeSet<usize>, place: &mut usize) -> Vec<Step> {
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps {
        let Run::Join(branches) = &step.run else {
            *place += 1;
            kept.push(step.clone());
            continue;
        };
        let after = *place + ops(std::slice::from_ref(step)).len();
        match too_large.range(*place..after).next() {
            None => kept.push(step.clone()),
            Some(_) => kept.extend(branches.iter().flatten().cloned()),
        }
        *place = after;
    }
    kept
}

/// The function with its ops in the order of the steps, and the strands written beside them.
fn in_order(func: &Func<Llil>, steps: &[Step]) -> Result<Func<Llil>, Diagnostic> {
    let mut paths = BTreeMap::new();
    let mut path = Vec::new();
    note_paths(steps, &mut path, &mut paths);
    let mut rw = Rewriter::new(func);
    rw.copy_args();
    for op in ops(steps) {
        rw.copy(op)?;
        let new = rw.func().last_op().expect("invariant: an op was just copied");
        if let Some(path) = paths.get(&op) {
            rw.func_mut().annotate(new, "strand", Attr::Ints(path.clone()));
        }
    }
    rw.finish()
}

/// The path to the strand of each op that is not on the main strand.
fn note_paths(steps: &[Step], path: &mut Vec<i64>, paths: &mut BTreeMap<OpId, Vec<i64>>) {
    let mut n_joins = 0;
    for step in steps {
        match &step.run {
            Run::Op(_) if path.is_empty() => {}
            Run::Op(op) => drop(paths.insert(*op, path.clone())),
            Run::Join(branches) => {
                for (branch, steps) in (0..).zip(branches) {
                    path.extend([n_joins, branch]);
                    note_paths(steps, path, paths);
                    path.truncate(path.len() - 2);
                }
                n_joins += 1;
            }
        }
    }
}
