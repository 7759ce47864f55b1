//! Layers: runs of ops from one node of the model, each of which becomes a function, and the joins between them.

use std::cell::RefCell;
use std::collections::BTreeSet;

use treville_ir::{Func, OpId, Use, Uses, ValueId};
use treville_llil::Llil;
use treville_llil::schedule::{Run, Step, ops};

use crate::names::Names;

/// A part of a strand.
pub(crate) enum Item {
    /// A run of ops from one node.
    Layer(Layer),
    /// Strands side by side that are of several nodes, and the values that die when all have ended.
    Join { branches: Vec<Vec<Item>>, frees: Vec<ValueId> },
}

/// A run of ops from the same node of the model: what becomes one function.
pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) node: String,
    pub(crate) steps: Vec<Step>,
    /// Values from outside, in order of first use.
    pub(crate) params: Vec<ValueId>,
    /// Values that later layers or the results use.
    pub(crate) results: Vec<ValueId>,
    pub(crate) uses_weights: bool,
}

impl Item {
    /// The values that die in it.
    pub(crate) fn frees(&self) -> Vec<ValueId> {
        match self {
            Item::Layer(layer) => frees(&layer.steps),
            Item::Join { branches, frees } => {
                branches.iter().flatten().flat_map(Item::frees).chain(frees.iter().copied()).collect()
            }
        }
    }

    fn ops(&self) -> Vec<OpId> {
        match self {
            Item::Layer(layer) => ops(&layer.steps),
            Item::Join { branches, .. } => branches.iter().flatten().flat_map(Item::ops).collect(),
        }
    }
}

/// How many layers there are in some items.
pub(crate) fn n_layers(items: &[Item]) -> usize {
    let of = |item: &Item| match item {
        Item::Layer(_) => 1,
        Item::Join { branches, .. } => branches.iter().map(|branch| n_layers(branch)).sum(),
    };
    items.iter().map(of).sum()
}

fn frees(steps: &[Step]) -> Vec<ValueId> {
    let inside = |step: &Step| match &step.run {
        Run::Op(_) => Vec::new(),
        Run::Join(branches) => branches.iter().flat_map(|branch| frees(branch)).collect(),
    };
    steps.iter().flat_map(|step| inside(step).into_iter().chain(step.frees.iter().copied())).collect()
}

/// Makes layers.
pub(crate) struct Layers<'a> {
    func: &'a Func<Llil>,
    uses: Uses,
    weights: BTreeSet<ValueId>,
    names: RefCell<Names>,
}

impl<'a> Layers<'a> {
    pub(crate) fn new(func: &'a Func<Llil>, is_weight: impl Fn(ValueId) -> bool) -> Self {
        let weights = func.args().map(|(v, _)| v).filter(|v| is_weight(*v)).collect();
        Layers { func, uses: func.uses(), weights, names: RefCell::default() }
    }

    /// The items of a strand.
    pub(crate) fn items(&self, steps: &[Step]) -> Vec<Item> {
        let mut items = Vec::new();
        for run in steps.chunk_by(|a, b| self.node(a).is_some() && self.node(a) == self.node(b)) {
            items.push(match (self.node(&run[0]), &run[0].run) {
                (None, Run::Join(branches)) => Item::Join {
                    branches: branches.iter().map(|branch| self.items(branch)).collect(),
                    frees: run[0].frees.clone(),
                },
                (node, _) => Item::Layer(self.layer(node.unwrap_or_default(), run)),
            });
        }
        items
    }

    /// The node that all ops of a step come from.
    fn node(&self, step: &Step) -> Option<&'a str> {
        let mut nodes = ops(std::slice::from_ref(step)).into_iter().map(|op| self.func.op(op).loc.as_str());
        let first = nodes.next()?;
        nodes.all(|node| node == first).then_some(first)
    }

    fn layer(&self, node: &str, steps: &[Step]) -> Layer {
        let ops = ops(steps);
        let (params, results) = self.interface_of(&ops);
        let uses_weights =
            ops.iter().flat_map(|op| &self.func.op(*op).operands).any(|operand| self.weights.contains(operand));
        let name = self.names.borrow_mut().fresh(node);
        Layer { name, node: node.to_string(), steps: steps.to_vec(), params, results, uses_weights }
    }

    /// The values that some items use from outside, weights apart, and those that they make and others use.
    pub(crate) fn interface(&self, items: &[Item]) -> (Vec<ValueId>, Vec<ValueId>) {
        self.interface_of(&items.iter().flat_map(Item::ops).collect::<Vec<_>>())
    }

    fn interface_of(&self, ops: &[OpId]) -> (Vec<ValueId>, Vec<ValueId>) {
        let inside: BTreeSet<OpId> = ops.iter().copied().collect();
        let (mut given, mut made) = (Vec::new(), Vec::new());
        for &id in ops {
            for &operand in &self.func.op(id).operands {
                let from_inside = self.func.defining_op(operand).is_some_and(|(from, _)| inside.contains(&from));
                if !from_inside && !self.weights.contains(&operand) && !given.contains(&operand) {
                    given.push(operand);
                }
            }
            let escapes =
                |v: &ValueId| self.uses.of(*v).iter().any(|u| !matches!(u, Use::Operand(op, _) if inside.contains(op)));
            made.extend(self.func.op(id).results.iter().copied().filter(escapes));
        }
        (given, made)
    }
}

impl Layer {
    /// The values that a branch inside the layer makes for what comes after it.
    pub(crate) fn made_in(&self, func: &Func<Llil>, branch: &[Step]) -> Vec<ValueId> {
        let inside = ops(branch);
        let used = ops(&self.steps).into_iter().filter(|op| !inside.contains(op)).flat_map(|op| &func.op(op).operands);
        let outside: BTreeSet<ValueId> = used.chain(&self.results).copied().collect();
        let made = inside.iter().flat_map(|op| &func.op(*op).results).copied();
        made.filter(|v| outside.contains(v)).collect()
    }
}
