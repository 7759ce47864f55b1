//! Families: the values that have to have the same fraction bits.

use treville_hlil::{Hlil, Scalar};
use treville_ir::{ArgKind, Func, Op, ValueId};

use super::mean;

/// Disjoint sets of values, each with the greatest mean magnitude of its members.
pub(super) struct Families {
    parent: Vec<usize>,
    mean: Vec<Option<f64>>,
}

impl Families {
    pub(super) fn of(func: &Func<Hlil>) -> Self {
        let parent = (0..func.values().len()).collect();
        let mut families = Self { parent, mean: func.values().map(|(value, _)| mean::of(func, value)).collect() };
        for (_, op) in func.ops() {
            families.join_operands(func, op);
        }
        for (_, op) in func.ops().filter(|(_, op)| op.def.mnemonic == "apply") {
            for value in [op.operands[0], op.results[0]] {
                let root = families.root(value.index());
                families.mean[root] = Some(1.0);
            }
        }
        families
    }

    /// The mean magnitude that a value's fraction bits go by.
    pub(super) fn mean(&mut self, value: ValueId) -> Option<f64> {
        let root = self.root(value.index());
        self.mean[root]
    }

    fn join_operands(&mut self, func: &Func<Hlil>, op: &Op<Hlil>) {
        let result = op.results[0];
        let joined: &[ValueId] = match op.def.mnemonic {
            "add" | "sub" | "max" | "concat" => &op.operands,
            "select" => &op.operands[1..],
            "neg" | "relu" | "clip" | "reshape" | "transpose" | "slice" | "gather" | "pad" | "max_pool"
            | "avg_pool" | "reduce_max" | "reduce_mean" => &op.operands[..1],
            "greater" | "equal" => {
                if is_computed(func, op.operands[0]) && is_computed(func, op.operands[1]) {
                    self.join(op.operands[0], op.operands[1]);
                }
                return;
            }
            _ => return,
        };
        for &operand in joined.iter().filter(|v| is_computed(func, **v)) {
            self.join(operand, result);
        }
    }

    fn join(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.root(a.index()), self.root(b.index()));
        if a != b {
            self.parent[b] = a;
            self.mean[a] = self.mean[a].into_iter().chain(self.mean[b]).reduce(f64::max);
        }
    }

    fn root(&mut self, mut value: usize) -> usize {
        while self.parent[value] != value {
            self.parent[value] = self.parent[self.parent[value]];
            value = self.parent[value];
        }
        value
    }
}

/// Whether a value is a real that is computed or given anew, unlike a weight or constant, which is encoded as its user wants it.
fn is_computed(func: &Func<Hlil>, value: ValueId) -> bool {
    let encoded = match func.as_arg(value) {
        Some(arg) => arg.kind == ArgKind::Weight,
        None => func.defining_op(value).is_some_and(|(_, op)| op.def.mnemonic == "constant"),
    };
    !encoded && func.ty(value).elem.scalar == Scalar::F32
}
