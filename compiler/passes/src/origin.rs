//! Which parties' data a real value depends on.

use treville_hlil::Hlil;
use treville_ir::{Arg, ArgKind, Dialect, Func, Op};

/// What a value depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Public constants only.
    Public,
    /// The weights of one party, and public constants.
    Weights(String),
    /// An input, or the weights of several parties.
    Secret,
}

impl Origin {
    /// The origins of all values of a function, by index.
    pub(crate) fn of_values(func: &Func<Hlil>) -> Vec<Self> {
        let mut origins = vec![Self::Public; func.values().len()];
        for (value, arg) in func.args() {
            origins[value.index()] = Self::of_arg(arg);
        }
        for (_, op) in func.ops() {
            let origin = Self::of_op(op, |v| &origins[v.index()]);
            op.results.iter().for_each(|v| origins[v.index()] = origin.clone());
        }
        origins
    }

    /// The origin of an argument.
    pub(crate) fn of_arg<E>(arg: &Arg<E>) -> Self {
        if arg.kind == ArgKind::Weight { Self::Weights(arg.owner.clone()) } else { Self::Secret }
    }

    /// The origin of an op's results.
    pub(crate) fn of_op<'a, D: Dialect>(op: &Op<D>, of: impl Fn(treville_ir::ValueId) -> &'a Self) -> Self {
        op.operands.iter().fold(Self::Public, |origin, v| origin.join(of(*v)))
    }

    /// Whether no input is needed to compute it.
    pub(crate) fn is_fixed(&self) -> bool {
        *self != Self::Secret
    }

    fn join(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Public, other) => other.clone(),
            (own, Self::Public) => own,
            (Self::Weights(a), Self::Weights(b)) if a == *b => Self::Weights(a),
            _ => Self::Secret,
        }
    }
}
