//! Ops side by side become one op over a concatenation.

use egg::Id;
use treville_ir::{Attrs, attrs};

use super::super::terms::{Term, Terms};

/// For each part of a concatenation the first op of this mnemonic, where all parts have one and `same` holds between them.
fn parts(terms: &Terms<'_>, concat: &Term, op: &str, same: impl Fn(&Term, &Term) -> bool) -> Option<Vec<Term>> {
    let first = terms.ops(*concat.operands.first()?, op);
    let found = first.into_iter().find_map(|first| {
        let rest = concat.operands[1..].iter();
        let rest = rest.map(|&part| terms.ops(part, op).into_iter().find(|term| same(&first, term)));
        let rest = rest.collect::<Option<Vec<Term>>>()?;
        Some([vec![first], rest].concat())
    });
    found.filter(|parts| parts.len() > 1)
}

pub(super) fn join_activations(terms: &mut Terms<'_>, _: Id, concat: &Term) -> Vec<Id> {
    let mut equal = Vec::new();
    for op in ["relu", "clip", "neg", "apply"] {
        if let Some(parts) = parts(terms, concat, op, |a, b| a.attrs() == b.attrs()) {
            let inner: Vec<Id> = parts.iter().map(|part| part.operands[0]).collect();
            let joined = terms.again(concat, &inner);
            equal.extend(joined.and_then(|joined| terms.again(&parts[0], &[joined])));
        }
    }
    equal
}

pub(super) fn join_maxima(terms: &mut Terms<'_>, _: Id, concat: &Term) -> Vec<Id> {
    let Some(parts) = parts(terms, concat, "max", |_, _| true) else { return Vec::new() };
    // Operands that are broadcast cannot be joined.
    let whole = parts.iter().zip(&concat.operands);
    if whole.clone().any(|(part, &id)| part.operands.iter().any(|&x| terms.shape(x) != terms.shape(id))) {
        return Vec::new();
    }
    let side = |i: usize| parts.iter().map(|part| part.operands[i]).collect::<Vec<Id>>();
    let (left, right) = (terms.again(concat, &side(0)), terms.again(concat, &side(1)));
    left.zip(right).and_then(|(left, right)| terms.add("max", &[left, right], Attrs::new())).into_iter().collect()
}

pub(super) fn join_filters(terms: &mut Terms<'_>, id: Id, concat: &Term) -> Vec<Id> {
    let axis = concat.attrs()["axis"].as_int().unwrap_or(0);
    let mut equal = Vec::new();
    for (op, output, filter_axis) in [("conv", 1, 0), ("matmul", terms.ty(id).rank() as i64 - 1, 1)] {
        let groups = |term: &Term| term.attrs().get("groups").and_then(treville_ir::Attr::as_int).unwrap_or(1);
        let same = |a: &Term, b: &Term| a.attrs() == b.attrs() && a.operands[0] == b.operands[0];
        let Some(parts) = (axis == output).then(|| parts(terms, concat, op, same)).flatten() else { continue };
        let filters: Vec<Id> = parts.iter().map(|part| part.operands[1]).collect();
        let joinable = |&filter: &Id| {
            let (shape, first) = (terms.shape(filter), terms.shape(filters[0]));
            let other_axes = |shape: &[usize]| {
                shape.iter().enumerate().filter(|(i, _)| *i != filter_axis).map(|(_, &n)| n).collect::<Vec<_>>()
            };
            terms.is_fixed(filter)
                && shape.len() == first.len()
                && (op == "conv" || shape.len() == 2)
                && other_axes(shape) == other_axes(first)
        };
        if groups(&parts[0]) != 1 || !filters.iter().all(joinable) {
            continue;
        }
        let filter = terms.add("concat", &filters, attrs! { axis: filter_axis as i64 });
        equal.extend(filter.and_then(|filter| terms.again(&parts[0], &[parts[0].operands[0], filter])));
    }
    equal
}
