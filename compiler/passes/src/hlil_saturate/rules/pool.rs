//! Pooling changes places with what is around it.

use egg::Id;
use treville_ir::{Attr, Attrs, attrs};

use super::super::terms::{Term, Terms};
use super::{affine_in, number, spread, vector_along};

pub(super) fn relu_after_pool(terms: &mut Terms<'_>, _: Id, pool: &Term) -> Vec<Id> {
    let x = pool.operands[0];
    let mut found: Vec<(Option<Term>, Term)> = activations(terms, x).into_iter().map(|f| (None, f)).collect();
    for pad in terms.ops(x, "pad").into_iter().filter(|pad| pad.float("value") == Some(0.0)) {
        // Zeros stay zeros.
        let keeps_zero = |f: &Term| {
            f.op() == "relu"
                || f.float("min").is_some_and(|min| min <= 0.0) && f.float("max").is_some_and(|max| max >= 0.0)
        };
        let below = activations(terms, pad.operands[0]);
        found.extend(below.into_iter().filter(keeps_zero).map(|f| (Some(pad.clone()), f)));
    }
    let mut equal = Vec::new();
    for (pad, f) in found {
        let above = match pad {
            None => Some(f.operands[0]),
            Some(pad) => terms.again(&pad, &[f.operands[0]]),
        };
        let pooled = above.and_then(|above| terms.again(pool, &[above]));
        equal.extend(pooled.and_then(|pooled| terms.again(&f, &[pooled])));
    }
    equal
}

fn activations(terms: &Terms<'_>, id: Id) -> Vec<Term> {
    ["relu", "clip"].iter().flat_map(|op| terms.ops(id, op)).collect()
}

pub(super) fn relu_before_pool(terms: &mut Terms<'_>, _: Id, f: &Term) -> Vec<Id> {
    let mut equal = Vec::new();
    for pool in terms.ops(f.operands[0], "max_pool") {
        let below = terms.again(f, &[pool.operands[0]]);
        equal.extend(below.and_then(|below| terms.again(&pool, &[below])));
    }
    equal
}

/// Whether a mean runs over positions only, so that channels (axis 1) stay apart and where they are.
fn is_over_positions(mean: &Term) -> bool {
    mean.op() == "avg_pool" || mean.ints("axes").iter().all(|&axis| axis > 1)
}

pub(super) fn filter_after_mean(terms: &mut Terms<'_>, _: Id, mean: &Term) -> Vec<Id> {
    let keeps_rank = mean.op() == "avg_pool" || mean.attrs()["keepdims"] == Attr::Bool(true);
    let mut equal = Vec::new();
    if !is_over_positions(mean) || !keeps_rank {
        return equal;
    }
    for conv in terms.ops(mean.operands[0], "conv") {
        let is_single = terms.shape(conv.operands[1])[2..].iter().all(|&n| n == 1);
        let dense = conv.ints("strides").iter().all(|&s| s == 1) && conv.ints("pads").iter().all(|&pad| pad == 0);
        if is_single && dense && terms.is_fixed(conv.operands[1]) {
            let pooled = terms.again(mean, &[conv.operands[0]]);
            equal.extend(pooled.and_then(|pooled| terms.again(&conv, &[pooled, conv.operands[1]])));
        }
    }
    equal
}

pub(super) fn affine_after_mean(terms: &mut Terms<'_>, id: Id, mean: &Term) -> Vec<Id> {
    let mut equal = Vec::new();
    if !is_over_positions(mean) {
        return equal;
    }
    let (x, rank) = (mean.operands[0], terms.ty(id).rank());
    // Places outside that count as zeros do not have the shift.
    let counts_outside = mean.ints("pads").iter().any(|&pad| pad != 0)
        && mean.attrs().get("count_include_pad") == Some(&Attr::Bool(true));
    for op in ["mul", "add"] {
        if op == "add" && counts_outside {
            continue;
        }
        for (inner, fixed) in affine_in(terms, x, op) {
            let vector = vector_along(terms, fixed, x, 1).and_then(|vector| spread(terms, vector, 1, rank));
            let pooled = terms.again(mean, &[inner]);
            let moved = pooled.zip(vector).and_then(|(pooled, vector)| terms.add(op, &[pooled, vector], Attrs::new()));
            equal.extend(moved);
        }
    }
    equal
}

pub(super) fn mean_as_sum(terms: &mut Terms<'_>, id: Id, mean: &Term) -> Vec<Id> {
    let count = terms.ty(mean.operands[0]).elements() / terms.ty(id).elements().max(1);
    let attrs = attrs! { axes: mean.attrs()["axes"].clone(), keepdims: mean.attrs()["keepdims"].clone() };
    let sum = terms.add("reduce_sum", &[mean.operands[0]], attrs);
    let share = number(terms, 1.0 / count as f64);
    let product = sum.zip(share).and_then(|(sum, share)| terms.add("mul", &[sum, share], Attrs::new()));
    product.into_iter().collect()
}
