//! Comparisons of the same value are done once.

use egg::Id;
use treville_ir::{Attrs, attrs};

use super::super::terms::{Term, Terms};
use super::{is_filled_with, number};

/// The classes whose negative a class is.
fn negatives(terms: &mut Terms<'_>, id: Id) -> Vec<Id> {
    let mut found: Vec<Id> = terms.ops(id, "neg").iter().map(|neg| neg.operands[0]).collect();
    for sub in terms.ops(id, "sub") {
        found.extend(terms.add("sub", &[sub.operands[1], sub.operands[0]], Attrs::new()));
    }
    found
}

pub(super) fn negative_part(terms: &mut Terms<'_>, _: Id, relu: &Term) -> Vec<Id> {
    let mut equal = Vec::new();
    for x in negatives(terms, relu.operands[0]) {
        let part = terms.add("relu", &[x], Attrs::new());
        equal.extend(part.and_then(|part| terms.add("sub", &[part, x], Attrs::new())));
    }
    equal
}

pub(super) fn parts_make_whole(terms: &mut Terms<'_>, _: Id, sub: &Term) -> Vec<Id> {
    let mut equal = Vec::new();
    for positive in terms.ops(sub.operands[0], "relu") {
        let x = positive.operands[0];
        for negative in terms.ops(sub.operands[1], "relu") {
            let y = negative.operands[0];
            let opposite = negatives(terms, y).contains(&x) || negatives(terms, x).contains(&y);
            equal.extend(opposite.then_some(x));
        }
    }
    equal
}

pub(super) fn max_as_relu(terms: &mut Terms<'_>, _: Id, max: &Term) -> Vec<Id> {
    let &[a, b] = max.operands.as_slice() else { return Vec::new() };
    let mut equal = Vec::new();
    for (x, y) in [(a, b), (b, a)] {
        if negatives(terms, y).contains(&x) {
            let part = terms.add("relu", &[x], Attrs::new());
            let twice = part.and_then(|part| terms.add("add", &[part, part], Attrs::new()));
            equal.extend(twice.and_then(|twice| terms.add("sub", &[twice, x], Attrs::new())));
            continue;
        }
        let difference = terms.add("sub", &[x, y], Attrs::new());
        let rest = difference.and_then(|difference| terms.add("relu", &[difference], Attrs::new()));
        equal.extend(rest.and_then(|rest| terms.add("add", &[rest, y], Attrs::new())));
    }
    equal
}

pub(super) fn clip_as_relus(terms: &mut Terms<'_>, _: Id, clip: &Term) -> Vec<Id> {
    let x = clip.operands[0];
    let (Some(min), Some(max)) = (clip.float("min"), clip.float("max")) else { return Vec::new() };
    if !(min.is_finite() && max.is_finite() && min <= max) {
        return Vec::new();
    }
    let mut above = |bound: f64| {
        if bound == 0.0 {
            return terms.add("relu", &[x], attrs! {});
        }
        let bound = number(terms, bound)?;
        let above = terms.add("sub", &[x, bound], Attrs::new())?;
        terms.add("relu", &[above], Attrs::new())
    };
    let both = above(min).zip(above(max));
    let between = both.and_then(|(low, high)| terms.add("sub", &[low, high], Attrs::new()));
    let clipped = if min == 0.0 {
        between
    } else {
        between.zip(number(terms, min)).and_then(|(between, min)| terms.add("add", &[between, min], Attrs::new()))
    };
    clipped.into_iter().collect()
}

pub(super) fn choice_as_relu(terms: &mut Terms<'_>, id: Id, select: &Term) -> Vec<Id> {
    let &[condition, x, zero] = select.operands.as_slice() else { return Vec::new() };
    let is_sign =
        |term: &Term| terms.0.find(term.operands[0]) == terms.0.find(x) && is_filled_with(terms, term.operands[1], 0.0);
    let found = is_filled_with(terms, zero, 0.0) && terms.ty(x) == terms.ty(id);
    let found = found && terms.ops(condition, "greater").iter().any(is_sign);
    found.then(|| terms.add("relu", &[x], Attrs::new())).flatten().into_iter().collect()
}
