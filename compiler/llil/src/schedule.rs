//! The order of execution that the annotations `strand` and `frees` of a function give: one op after the other, and strands side by side.
//!
//! A strand is a run of ops. Ops without the annotation are the main strand. Where it splits, the ops of each branch follow each other, and
//! carry the path that leads there: the number of the join in its strand and that of the branch in the join, for each level. The
//! branches of a join use nothing of each other, which the verifier checks; they run side by side, so that their messages share rounds, and
//! the strand goes on when all have ended.

use std::collections::BTreeSet;

use treville_ir::{Attr, Func, Op, OpId, ValueId};

use crate::Llil;

/// A part of a strand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What runs.
    pub run: Run,
    /// The values that nobody needs when it has ended.
    pub frees: Vec<ValueId>,
}

/// What runs in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// One op.
    Op(OpId),
    /// Strands that run side by side.
    Join(Vec<Vec<Step>>),
}

/// The steps of a function's main strand.
pub fn schedule(func: &Func<Llil>) -> Vec<Step> {
    let ops: Vec<(OpId, &Op<Llil>)> = func.ops().collect();
    strand(&ops, 0)
}

/// The ops of a strand and of all its branches, in the order of the program.
pub fn ops(steps: &[Step]) -> Vec<OpId> {
    let of = |step: &Step| match &step.run {
        Run::Op(op) => vec![*op],
        Run::Join(branches) => branches.iter().flat_map(|branch| ops(branch)).collect(),
    };
    steps.iter().flat_map(of).collect()
}

/// The path to an op's strand.
fn path(op: &Op<Llil>) -> &[i64] {
    op.annotations.get("strand").and_then(Attr::as_ints).unwrap_or_default()
}

fn strand(ops: &[(OpId, &Op<Llil>)], depth: usize) -> Vec<Step> {
    let place = |op: &Op<Llil>, level: usize| path(op).get(level).copied();
    let mut steps = Vec::new();
    for part in ops.chunk_by(|(_, a), (_, b)| place(a, depth).is_some() && place(a, depth) == place(b, depth)) {
        let (id, op) = part[0];
        steps.push(match place(op, depth) {
            None => Step { run: Run::Op(id), frees: freed_at(op) },
            Some(_) => {
                let branches: Vec<_> =
                    part.chunk_by(|(_, a), (_, b)| place(a, depth + 1) == place(b, depth + 1)).collect();
                join(&branches, depth)
            }
        });
    }
    steps
}

/// Branches side by side. What several of them use dies when all have ended.
fn join(branches: &[&[(OpId, &Op<Llil>)]], depth: usize) -> Step {
    let mut strands: Vec<Vec<Step>> = branches.iter().map(|branch| strand(branch, depth + 2)).collect();
    let used: Vec<BTreeSet<ValueId>> =
        branches.iter().map(|branch| branch.iter().flat_map(|(_, op)| op.operands.iter().copied()).collect()).collect();
    let mut frees = Vec::new();
    for (i, strand) in strands.iter_mut().enumerate() {
        hoist(strand, &mut frees, &|v| used.iter().enumerate().any(|(j, used)| i != j && used.contains(&v)));
    }
    Step { run: Run::Join(strands), frees }
}

/// Moves the values that `shared` names from the steps to `frees`.
fn hoist(steps: &mut [Step], frees: &mut Vec<ValueId>, shared: &dyn Fn(ValueId) -> bool) {
    for step in steps {
        frees.extend(step.frees.extract_if(.., |v| shared(*v)));
        if let Run::Join(branches) = &mut step.run {
            branches.iter_mut().for_each(|branch| hoist(branch, frees, shared));
        }
    }
}

/// The values that have their last use at an op.
fn freed_at(op: &Op<Llil>) -> Vec<ValueId> {
    let positions = op.annotations.get("frees").and_then(Attr::as_ints).unwrap_or_default();
    positions.iter().filter_map(|&i| op.operands.get(usize::try_from(i).ok()?).copied()).collect()
}
