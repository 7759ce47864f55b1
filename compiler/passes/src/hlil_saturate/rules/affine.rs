//! Products and sums with what is fixed.

use egg::Id;
use treville_ir::{Attr, Attrs, attrs};

use super::super::terms::{Term, Terms};
use super::{affine_in, is_single, spread, vector_along, with_fixed};

pub(super) fn sub_as_add(terms: &mut Terms<'_>, _: Id, term: &Term) -> Vec<Id> {
    let Some((x, fixed)) = with_fixed(terms, term) else { return Vec::new() };
    let sum = if term.operands[1] == fixed {
        terms.add("neg", &[fixed], Attrs::new()).and_then(|b| terms.add("add", &[x, b], Attrs::new()))
    } else {
        terms.add("neg", &[x], Attrs::new()).and_then(|x| terms.add("add", &[x, fixed], Attrs::new()))
    };
    sum.into_iter().collect()
}

pub(super) fn merge_shifts(terms: &mut Terms<'_>, id: Id, term: &Term) -> Vec<Id> {
    merge(terms, id, term, "add")
}

pub(super) fn merge_scales(terms: &mut Terms<'_>, id: Id, term: &Term) -> Vec<Id> {
    merge(terms, id, term, "mul")
}

/// (x op b) op c = x op (b op c).
fn merge(terms: &mut Terms<'_>, id: Id, term: &Term, op: &str) -> Vec<Id> {
    let Some((inner, c)) = with_fixed(terms, term) else { return Vec::new() };
    let mut equal = Vec::new();
    for (x, b) in affine_in(terms, inner, op) {
        let both = terms.add(op, &[b, c], Attrs::new());
        let merged = both.and_then(|both| terms.add(op, &[x, both], Attrs::new()));
        equal.extend(merged.filter(|merged| terms.ty(*merged) == terms.ty(id)));
    }
    equal
}

pub(super) fn scale_before_shift(terms: &mut Terms<'_>, id: Id, term: &Term) -> Vec<Id> {
    let Some((inner, s)) = with_fixed(terms, term) else { return Vec::new() };
    if terms.ty(inner) != terms.ty(id) {
        return Vec::new();
    }
    let mut equal = Vec::new();
    for (x, b) in affine_in(terms, inner, "add") {
        let scaled = terms.add("mul", &[x, s], Attrs::new());
        let shift = terms.add("mul", &[b, s], Attrs::new());
        let sum = scaled.zip(shift).and_then(|(scaled, shift)| terms.add("add", &[scaled, shift], Attrs::new()));
        equal.extend(sum);
    }
    equal
}

pub(super) fn scale_parts(terms: &mut Terms<'_>, id: Id, term: &Term) -> Vec<Id> {
    let Some((inner, fixed)) = with_fixed(terms, term) else { return Vec::new() };
    // What others need whole would be computed twice.
    if terms.ty(inner) != terms.ty(id) || !terms.is_affine_only(inner) {
        return Vec::new();
    }
    let rank = terms.ty(id).rank();
    let mut equal = Vec::new();
    for concat in terms.ops(inner, "concat") {
        let axis = concat.attrs()["axis"].as_int().unwrap_or(0) as usize;
        // It pays only where a part takes the factor in.
        let takes = |part: &Id| {
            let ops = ["conv", "matmul", "conv_transpose", "concat", "add", "mul"];
            ops.iter().any(|op| !terms.ops(*part, op).is_empty())
        };
        if !concat.operands.iter().any(takes) {
            continue;
        }
        let vector = vector_along(terms, fixed, inner, axis);
        let Some(vector) = vector else { continue };
        let single = is_single(terms, vector);
        let mut start = 0;
        let parts: Option<Vec<Id>> = concat
            .operands
            .iter()
            .map(|&part| {
                let end = start + terms.shape(part)[axis] as i64;
                let of_part = if single {
                    vector
                } else {
                    terms.add("slice", &[vector], attrs! { starts: [start], ends: [end], steps: [1] })?
                };
                start = end;
                if terms.is_fixed(part) {
                    return None;
                }
                let of_part = spread(terms, of_part, axis, rank)?;
                terms.add(term.op(), &[part, of_part], Attrs::new())
            })
            .collect();
        equal.extend(parts.and_then(|parts| terms.again(&concat, &parts)));
    }
    equal
}

pub(super) fn scale_before_pad(terms: &mut Terms<'_>, id: Id, term: &Term) -> Vec<Id> {
    let Some((inner, fixed)) = with_fixed(terms, term) else { return Vec::new() };
    if terms.ty(inner) != terms.ty(id) {
        return Vec::new();
    }
    let mut equal = Vec::new();
    for pad in terms.ops(inner, "pad").into_iter().filter(|pad| pad.float("value") == Some(0.0)) {
        let (shape, rank) = (terms.shape(fixed).to_vec(), terms.ty(id).rank());
        let lead = rank - shape.len().min(rank);
        let grows = |axis: usize| pad.ints("begin")[axis] != 0 || pad.ints("end")[axis] != 0;
        if (0..shape.len()).any(|i| shape[i] != 1 && grows(i + lead)) {
            continue;
        }
        let scaled = terms.add("mul", &[pad.operands[0], fixed], Attrs::new());
        equal.extend(scaled.and_then(|scaled| terms.again(&pad, &[scaled])));
    }
    equal
}

pub(super) fn scale_after_move(terms: &mut Terms<'_>, _: Id, term: &Term) -> Vec<Id> {
    let mut equal = Vec::new();
    for (x, s) in affine_in(terms, term.operands[0], "mul") {
        if !is_single(terms, s) {
            continue;
        }
        let scalar = terms.add("reshape", &[s], attrs! { shape: Attr::Ints(Vec::new()) });
        let moved = terms.again(term, &[x]);
        let product = moved.zip(scalar).and_then(|(moved, s)| terms.add("mul", &[moved, s], Attrs::new()));
        equal.extend(product);
    }
    equal
}
