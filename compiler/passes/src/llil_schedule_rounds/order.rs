//! Taking a program apart into ops that stand alone and branches that run side by side.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;
use petgraph::unionfind::UnionFind;
use treville_ir::{ArgKind, Func, Op, OpId, Use};
use treville_llil::schedule::{Run, Step, ops};
use treville_llil::{Llil, Secrecy};

/// The steps of a program, without liveness.
pub(super) fn steps(func: &Func<Llil>) -> Vec<Step> {
    let parts = Parts::new(func);
    let anchored: Vec<usize> = (0..func.ops().len()).filter(|&op| parts.anchored[op]).collect();
    let mut steps = parts.strand(&anchored);
    for op in (0..func.ops().len()).rev().filter(|&op| !parts.anchored[op]) {
        parts.before_first_use(op, &mut steps);
    }
    steps
}

/// Whether an op exchanges messages, with any backend.
fn communicates(func: &Func<Llil>, op: &Op<Llil>) -> bool {
    let is_secret = |v: &treville_ir::ValueId| func.ty(*v).elem.secrecy() == Secrecy::Secret;
    match op.def.mnemonic {
        "relu" | "drelu" | "max_pool" | "arg_max" | "scale_down" => op.operands.iter().all(is_secret),
        "matmul" | "conv" | "conv_transpose" | "mul" => op.operands.iter().all(is_secret),
        _ => false,
    }
}

/// What is known of each op, by index.
struct Parts {
    ids: Vec<OpId>,
    /// Whether it depends on an input.
    anchored: Vec<bool>,
    communicates: Vec<bool>,
    /// The ops whose results it uses.
    operands: Vec<Vec<usize>>,
    /// The ops that use its results.
    users: Vec<Vec<usize>>,
    /// All that it depends on.
    before: Vec<FixedBitSet>,
    /// All that depends on it.
    after: Vec<FixedBitSet>,
}

impl Parts {
    fn new(func: &Func<Llil>) -> Self {
        let n = func.ops().len();
        let uses = func.uses();
        let mut parts = Parts {
            ids: func.ops().map(|(id, _)| id).collect(),
            anchored: vec![false; n],
            communicates: func.ops().map(|(_, op)| communicates(func, op)).collect(),
            operands: vec![Vec::new(); n],
            users: vec![Vec::new(); n],
            before: vec![FixedBitSet::with_capacity(n); n],
            after: vec![FixedBitSet::with_capacity(n); n],
        };
        for (id, op) in func.ops() {
            let i = id.index();
            for operand in &op.operands {
                match func.defining_op(*operand) {
                    Some((from, _)) => parts.operands[i].push(from.index()),
                    None => parts.anchored[i] |= func.as_arg(*operand).is_some_and(|arg| arg.kind == ArgKind::Input),
                }
            }
            parts.anchored[i] |= parts.operands[i].iter().any(|&from| parts.anchored[from]);
            let of_results = op.results.iter().flat_map(|v| uses.of(*v));
            parts.users[i].extend(of_results.filter_map(|u| match u {
                Use::Operand(user, _) => Some(user.index()),
                Use::Result(_) => None,
            }));
        }
        for i in 0..n {
            parts.before[i] = reached(n, &parts.operands[i], &parts.before);
        }
        for i in (0..n).rev() {
            parts.after[i] = reached(n, &parts.users[i], &parts.after);
        }
        parts
    }

    fn step(&self, op: usize) -> Step {
        Step { run: Run::Op(self.ids[op]), frees: Vec::new() }
    }

    /// Steps for some ops, given in the order of the program.
    fn strand(&self, members: &[usize]) -> Vec<Step> {
        if let [op] = members {
            return vec![self.step(*op)];
        }
        let branches = self.branches(members);
        if branches.len() > 1 { self.side_by_side(&branches) } else { self.between_lone_ops(members) }
    }

    /// The connected parts of some ops, in the order of their first ops.
    fn branches(&self, members: &[usize]) -> Vec<Vec<usize>> {
        let place: BTreeMap<usize, usize> = members.iter().enumerate().map(|(place, &op)| (op, place)).collect();
        let mut connected = UnionFind::<usize>::new(members.len());
        for (&op, &at) in &place {
            for from in self.operands[op].iter().filter_map(|from| place.get(from)) {
                connected.union(at, *from);
            }
        }
        let mut branches: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (&op, &at) in &place {
            branches.entry(connected.find(at)).or_default().push(op);
        }
        let mut branches: Vec<_> = branches.into_values().collect();
        branches.sort_by_key(|branch| branch[0]);
        branches
    }

    /// A join of the branches that communicate; the others stand before it, or after it where they came after its first op.
    fn side_by_side(&self, branches: &[Vec<usize>]) -> Vec<Step> {
        let (busy, local): (Vec<_>, Vec<_>) =
            branches.iter().partition(|branch| branch.iter().any(|&op| self.communicates[op]));
        let first = busy.first().map_or(usize::MAX, |branch| branch[0]);
        let (early, late): (Vec<_>, Vec<_>) = local.into_iter().partition(|branch| branch[0] < first);
        let in_order = |branches: Vec<&Vec<usize>>| branches.into_iter().flatten().map(|&op| self.step(op)).collect();
        let mut steps: Vec<Step> = in_order(early);
        match busy[..] {
            [] => {}
            [only] => steps.extend(self.strand(only)),
            _ => {
                let run = Run::Join(busy.into_iter().map(|branch| self.strand(branch)).collect());
                steps.push(Step { run, frees: Vec::new() });
            }
        }
        steps.extend::<Vec<Step>>(in_order(late));
        steps
    }

    /// Steps for a connected part: each op that all others come before or after, and between them what there is.
    fn between_lone_ops(&self, members: &[usize]) -> Vec<Step> {
        let mut set = FixedBitSet::with_capacity(self.ids.len());
        set.extend(members.iter().copied());
        let related = |op: usize| self.before[op].intersection_count(&set) + self.after[op].intersection_count(&set);
        let alone: Vec<usize> = members.iter().copied().filter(|&op| related(op) + 1 == members.len()).collect();
        if alone.is_empty() {
            return self.by_levels(members);
        }
        let mut between: Vec<Vec<usize>> = vec![Vec::new(); alone.len() + 1];
        for &op in members.iter().filter(|op| !alone.contains(op)) {
            between[alone.iter().filter(|&&lone| self.before[op].contains(lone)).count()].push(op);
        }
        let mut steps = Vec::new();
        for (place, part) in between.iter().enumerate() {
            if !part.is_empty() {
                steps.extend(self.strand(part));
            }
            steps.extend(alone.get(place).map(|&op| self.step(op)));
        }
        steps
    }

    /// All that needs the same number of exchanges before it, level by level: first what is local, then the others side by side.
    fn by_levels(&self, members: &[usize]) -> Vec<Step> {
        let mut level: BTreeMap<usize, usize> = BTreeMap::new();
        let mut levels: BTreeMap<usize, [Vec<usize>; 2]> = BTreeMap::new();
        for &op in members {
            let needs = self.operands[op]
                .iter()
                .filter_map(|from| Some(level.get(from)? + usize::from(self.communicates[*from])));
            let at = needs.max().unwrap_or(0);
            level.insert(op, at);
            levels.entry(at).or_default()[usize::from(self.communicates[op])].push(op);
        }
        let mut steps = Vec::new();
        for [local, busy] in levels.into_values() {
            steps.extend(local.into_iter().map(|op| self.step(op)));
            let branches: Vec<_> = busy.iter().map(|&op| vec![op]).collect();
            steps.extend(self.side_by_side(&branches));
        }
        steps
    }

    /// Puts an op that depends on no input right before the first step that uses it, on the innermost strand that holds all its users.
    fn before_first_use(&self, op: usize, steps: &mut Vec<Step>) {
        let users: BTreeSet<OpId> = self.users[op].iter().map(|&user| self.ids[user]).collect();
        let uses = |step: &Step| ops(std::slice::from_ref(step)).iter().filter(|op| users.contains(op)).count();
        let Some(at) = steps.iter().position(|step| uses(step) > 0) else {
            return steps.push(self.step(op));
        };
        if let Run::Join(branches) = &mut steps[at].run {
            let only = branches.iter_mut().find(|branch| branch.iter().map(uses).sum::<usize>() == users.len());
            if let Some(branch) = only {
                return self.before_first_use(op, branch);
            }
        }
        steps.insert(at, self.step(op));
    }
}

/// The ops in `next`, and all that these reach.
fn reached(n: usize, next: &[usize], reach: &[FixedBitSet]) -> FixedBitSet {
    let mut all = FixedBitSet::with_capacity(n);
    for &op in next {
        all.insert(op);
        all.union_with(&reach[op]);
    }
    all
}
