//! The rules as data: what each is called, where it holds, which ops it starts from, and what it makes of them.

mod affine;
mod compare;
mod filter;
mod join;
mod pool;

use egg::Id;
use treville_ir::attrs;

use super::terms::{Term, Terms};
use crate::Domain;

/// A rule: terms that are equal to a term.
pub struct Rule {
    /// Its name, a verb phrase or what it makes.
    pub name: &'static str,
    /// What kind of rewrite it is.
    pub set: Set,
    /// Where it is an identity.
    pub domain: Domain,
    /// The rewrite in one line.
    pub summary: &'static str,
    /// The mnemonics of the ops that it looks at.
    pub(super) roots: &'static [&'static str],
    /// The classes that are equal to the class of a term with one of these ops.
    pub(super) apply: fn(&mut Terms<'_>, Id, &Term) -> Vec<Id>,
}

/// Kinds of rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Set {
    /// Products and sums with weights meet.
    Affine,
    /// Weights take in what is around a linear op.
    Filter,
    /// Pooling changes places.
    Pool,
    /// Parallel ops become one.
    Join,
    /// Comparisons are shared.
    Compare,
}

/// The rules, in the order in which they are tried.
pub static RULES: &[Rule] = &[
    Rule {
        name: "sub-as-add",
        set: Set::Affine,
        domain: Domain::RingExact,
        summary: "x - b = x + (-b), and b - x = (-x) + b, for a fixed b",
        roots: &["sub"],
        apply: affine::sub_as_add,
    },
    Rule {
        name: "merge-shifts",
        set: Set::Affine,
        domain: Domain::Real,
        summary: "(x + b) + c = x + (b + c), for fixed b and c",
        roots: &["add"],
        apply: affine::merge_shifts,
    },
    Rule {
        name: "merge-scales",
        set: Set::Affine,
        domain: Domain::Real,
        summary: "(x * s) * t = x * (s * t), for fixed s and t",
        roots: &["mul"],
        apply: affine::merge_scales,
    },
    Rule {
        name: "scale-before-shift",
        set: Set::Affine,
        domain: Domain::Real,
        summary: "(x + b) * s = x * s + b * s, for fixed b and s",
        roots: &["mul"],
        apply: affine::scale_before_shift,
    },
    Rule {
        name: "scale-parts",
        set: Set::Affine,
        domain: Domain::RingExact,
        summary: "concat(x, y) * s = concat(x * s', y * s''), and so for sums, for a fixed s along the axis or of one element",
        roots: &["mul", "add"],
        apply: affine::scale_parts,
    },
    Rule {
        name: "scale-before-pad",
        set: Set::Affine,
        domain: Domain::RingExact,
        summary: "pad(x) * s = pad(x * s), for zeros around and a fixed s along an axis that is not padded",
        roots: &["mul"],
        apply: affine::scale_before_pad,
    },
    Rule {
        name: "scale-after-move",
        set: Set::Affine,
        domain: Domain::RingExact,
        summary: "reshape(x * s) = reshape(x) * s, and so for transpose and slice, for a fixed s of one element",
        roots: &["reshape", "transpose", "slice"],
        apply: affine::scale_after_move,
    },
    Rule {
        name: "scale-into-filter",
        set: Set::Filter,
        domain: Domain::Real,
        summary: "conv(x, w) * s = conv(x, w * s), and so for matmul and conv_transpose, for a fixed s along the output channels",
        roots: &["mul"],
        apply: filter::scale_into_filter,
    },
    Rule {
        name: "scale-through-filter",
        set: Set::Filter,
        domain: Domain::Real,
        summary: "conv(x * s, w) = conv(x, w * s), and so for matmul and conv_transpose, for a fixed s along the input channels",
        roots: &["conv", "matmul", "conv_transpose"],
        apply: filter::scale_through_filter,
    },
    Rule {
        name: "shift-through-filter",
        set: Set::Filter,
        domain: Domain::Real,
        summary: "conv(x + b, w) = conv(x, w) + sum of w * b, and so for matmul, without padding, for a fixed b along the input channels",
        roots: &["conv", "matmul"],
        apply: filter::shift_through_filter,
    },
    Rule {
        name: "compose-filters",
        set: Set::Filter,
        domain: Domain::Real,
        summary: "conv(conv(x, v), w) = conv(x, w v) where w is 1x1, and matmul(matmul(x, v), w) = matmul(x, v w)",
        roots: &["conv", "matmul"],
        apply: filter::compose_filters,
    },
    Rule {
        name: "relu-after-pool",
        set: Set::Pool,
        domain: Domain::RingExact,
        summary: "max_pool(relu(x)) = relu(max_pool(x)), and so for clip, also with zeros padded between them",
        roots: &["max_pool"],
        apply: pool::relu_after_pool,
    },
    Rule {
        name: "relu-before-pool",
        set: Set::Pool,
        domain: Domain::RingExact,
        summary: "relu(max_pool(x)) = max_pool(relu(x)), and so for clip: cheaper where relu(x) is there already",
        roots: &["relu", "clip"],
        apply: pool::relu_before_pool,
    },
    Rule {
        name: "filter-after-mean",
        set: Set::Pool,
        domain: Domain::Real,
        summary: "avg_pool(conv(x, w)) = conv(avg_pool(x), w) where w is 1x1, and so for reduce_mean over positions",
        roots: &["avg_pool", "reduce_mean"],
        apply: pool::filter_after_mean,
    },
    Rule {
        name: "affine-after-mean",
        set: Set::Pool,
        domain: Domain::Real,
        summary: "avg_pool(x * s) = avg_pool(x) * s and avg_pool(x + b) = avg_pool(x) + b, for fixed s and b along the channels, and so for reduce_mean",
        roots: &["avg_pool", "reduce_mean"],
        apply: pool::affine_after_mean,
    },
    Rule {
        name: "mean-as-sum",
        set: Set::Pool,
        domain: Domain::Real,
        summary: "reduce_mean(x) = reduce_sum(x) * 1/n, so that the quotient can go into a filter",
        roots: &["reduce_mean"],
        apply: pool::mean_as_sum,
    },
    Rule {
        name: "join-activations",
        set: Set::Join,
        domain: Domain::RingExact,
        summary: "concat(relu(x), relu(y)) = relu(concat(x, y)), and so for clip, neg and apply: fewer rounds",
        roots: &["concat"],
        apply: join::join_activations,
    },
    Rule {
        name: "join-maxima",
        set: Set::Join,
        domain: Domain::RingExact,
        summary: "concat(max(a, b), max(c, d)) = max(concat(a, c), concat(b, d))",
        roots: &["concat"],
        apply: join::join_maxima,
    },
    Rule {
        name: "join-filters",
        set: Set::Join,
        domain: Domain::RingExact,
        summary: "concat(conv(x, v), conv(x, w)) = conv(x, concat(v, w)), and so for matmul: x is opened once",
        roots: &["concat"],
        apply: join::join_filters,
    },
    Rule {
        name: "negative-part",
        set: Set::Compare,
        domain: Domain::RingExact,
        summary: "relu(-x) = relu(x) - x, and relu(b - a) = relu(a - b) - (a - b)",
        roots: &["relu"],
        apply: compare::negative_part,
    },
    Rule {
        name: "parts-make-whole",
        set: Set::Compare,
        domain: Domain::RingExact,
        summary: "relu(x) - relu(-x) = x",
        roots: &["sub"],
        apply: compare::parts_make_whole,
    },
    Rule {
        name: "max-as-relu",
        set: Set::Compare,
        domain: Domain::RingExact,
        summary: "max(a, b) = relu(a - b) + b = relu(b - a) + a, and max(x, -x) = 2 relu(x) - x",
        roots: &["max"],
        apply: compare::max_as_relu,
    },
    Rule {
        name: "clip-as-relus",
        set: Set::Compare,
        domain: Domain::RingExact,
        summary: "clip(x, min, max) = min + relu(x - min) - relu(x - max)",
        roots: &["clip"],
        apply: compare::clip_as_relus,
    },
    Rule {
        name: "choice-as-relu",
        set: Set::Compare,
        domain: Domain::RingExact,
        summary: "select(x > 0, x, 0) = relu(x)",
        roots: &["select"],
        apply: compare::choice_as_relu,
    },
];

/// The other operand and the fixed one, of a sum or product with one fixed operand.
fn with_fixed(terms: &Terms<'_>, term: &Term) -> Option<(Id, Id)> {
    let &[a, b] = term.operands.as_slice() else { return None };
    match (terms.is_fixed(a), terms.is_fixed(b)) {
        (false, true) => Some((a, b)),
        (true, false) => Some((b, a)),
        _ => None,
    }
}

/// The operands of the sums (or products) with a fixed operand in a class: the other one, and the fixed one. The result has the
/// other one's type.
fn affine_in(terms: &Terms<'_>, id: Id, op: &str) -> Vec<(Id, Id)> {
    let pairs = terms.ops(id, op).into_iter().filter_map(|term| with_fixed(terms, &term));
    pairs.filter(|(x, _)| terms.ty(*x) == terms.ty(id)).collect()
}

/// A fixed value that broadcasts to a class along this axis and no other, as a vector: of the axis' length, or of one element.
fn vector_along(terms: &mut Terms<'_>, fixed: Id, to: Id, axis: usize) -> Option<Id> {
    let (shape, rank) = (terms.shape(fixed).to_vec(), terms.ty(to).rank());
    let lead = rank.checked_sub(shape.len())?;
    let along = (0..shape.len()).all(|i| shape[i] == 1 || i + lead == axis);
    let n: usize = shape.iter().product();
    if !along {
        return None;
    }
    terms.add("reshape", &[fixed], attrs! { shape: vec![n as i64] })
}

/// A vector along one axis of a tensor of this rank.
fn spread(terms: &mut Terms<'_>, vector: Id, axis: usize, rank: usize) -> Option<Id> {
    let mut shape = vec![1; rank];
    shape[axis] = terms.ty(vector).elements() as i64;
    terms.add("reshape", &[vector], attrs! { shape: shape })
}

/// Whether a class is a single number.
fn is_single(terms: &Terms<'_>, id: Id) -> bool {
    terms.ty(id).elements() == 1
}

/// Whether a public constant is this number throughout.
fn is_filled_with(terms: &Terms<'_>, id: Id, number: f64) -> bool {
    terms.ops(id, "constant").iter().any(|constant| match &constant.attrs()["values"] {
        treville_ir::Attr::Ints(values) => values.iter().all(|&v| v as f64 == number),
        values => values.as_floats().is_some_and(|values| values.iter().all(|&v| v == number)),
    })
}

/// A public number.
fn number(terms: &mut Terms<'_>, number: f64) -> Option<Id> {
    terms.add("constant", &[], attrs! { shape: Vec::<i64>::new(), values: [number] })
}
