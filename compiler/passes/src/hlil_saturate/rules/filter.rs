//! Linear ops whose weights take in what is around them.

use egg::Id;
use treville_ir::{Attr, Attrs, attrs};

use super::super::terms::{Term, Terms};
use super::{affine_in, spread, vector_along, with_fixed};

/// Where the channels of a linear op lie.
struct Axes {
    /// The output channels in the result.
    output: usize,
    /// The output channels in the filter.
    filter_output: usize,
    /// The input channels in the filter, and in the operand; `None` where groups divide them.
    input: Option<(usize, usize)>,
}

/// The axes of a linear op with a fixed filter.
fn axes(terms: &Terms<'_>, term: &Term) -> Option<Axes> {
    let &[x, filter] = term.operands.as_slice() else { return None };
    if terms.is_fixed(x) || !terms.is_fixed(filter) {
        return None;
    }
    let (rank, filter_rank) = (terms.ty(x).rank(), terms.ty(filter).rank());
    match term.op() {
        "conv" => {
            let filter = terms.shape(filter);
            // One channel for each: what scales the input scales the output.
            let is_depthwise = filter[1] == 1 && groups(term) as usize == filter[0];
            let input = match groups(term) {
                1 => Some((1, 1)),
                _ if is_depthwise => Some((0, 1)),
                _ => None,
            };
            Some(Axes { output: 1, filter_output: 0, input })
        }
        "conv_transpose" if groups(term) == 1 => Some(Axes { output: 1, filter_output: 1, input: Some((0, 1)) }),
        "matmul" if filter_rank == 2 && rank >= 2 => {
            Some(Axes { output: rank - 1, filter_output: 1, input: Some((0, rank - 1)) })
        }
        _ => None,
    }
}

fn groups(term: &Term) -> i64 {
    term.attrs().get("groups").and_then(Attr::as_int).unwrap_or(1)
}

/// The linear op with its filter times a vector along one axis.
fn scaled(terms: &mut Terms<'_>, linear: &Term, x: Id, vector: Id, axis: usize) -> Option<Id> {
    let filter = linear.operands[1];
    let vector = spread(terms, vector, axis, terms.ty(filter).rank())?;
    let filter = terms.add("mul", &[filter, vector], Attrs::new())?;
    terms.again(linear, &[x, filter])
}

/// The linear ops of a class.
pub(super) fn linear_in(terms: &Terms<'_>, id: Id) -> Vec<Term> {
    ["conv", "matmul", "conv_transpose"].iter().flat_map(|op| terms.ops(id, op)).collect()
}

pub(super) fn scale_into_filter(terms: &mut Terms<'_>, id: Id, term: &Term) -> Vec<Id> {
    let Some((inner, s)) = with_fixed(terms, term) else { return Vec::new() };
    if terms.ty(inner) != terms.ty(id) {
        return Vec::new();
    }
    let mut equal = Vec::new();
    for linear in linear_in(terms, inner) {
        let Some(axes) = axes(terms, &linear) else { continue };
        let vector = vector_along(terms, s, inner, axes.output);
        let vector = vector.and_then(|vector| scaled(terms, &linear, linear.operands[0], vector, axes.filter_output));
        equal.extend(vector);
    }
    equal
}

pub(super) fn scale_through_filter(terms: &mut Terms<'_>, _: Id, term: &Term) -> Vec<Id> {
    let Some(Axes { input: Some((filter_axis, axis)), .. }) = axes(terms, term) else { return Vec::new() };
    let above = term.operands[0];
    let mut equal = Vec::new();
    for (x, s) in affine_in(terms, above, "mul") {
        let vector = vector_along(terms, s, above, axis);
        equal.extend(vector.and_then(|vector| scaled(terms, term, x, vector, filter_axis)));
    }
    equal
}

pub(super) fn shift_through_filter(terms: &mut Terms<'_>, id: Id, term: &Term) -> Vec<Id> {
    let Some(Axes { input: Some((filter_axis, axis)), output, filter_output }) = axes(terms, term) else {
        return Vec::new();
    };
    // Where zeros are around, the shift is missing there.
    if term.ints("pads").iter().any(|&pad| pad != 0) {
        return Vec::new();
    }
    let (above, filter) = (term.operands[0], term.operands[1]);
    let (filter_rank, rank) = (terms.ty(filter).rank(), terms.ty(id).rank());
    let mut equal = Vec::new();
    for (x, b) in affine_in(terms, above, "add") {
        let others: Vec<i64> = (0..filter_rank as i64).filter(|&axis| axis != filter_output as i64).collect();
        let shift = vector_along(terms, b, above, axis)
            .and_then(|vector| spread(terms, vector, filter_axis, filter_rank))
            .and_then(|vector| terms.add("mul", &[filter, vector], Attrs::new()))
            .and_then(|product| terms.add("reduce_sum", &[product], attrs! { axes: others, keepdims: false }))
            .and_then(|sums| spread(terms, sums, output, rank));
        let rest = terms.again(term, &[x, filter]);
        let sum = rest.zip(shift).and_then(|(rest, shift)| terms.add("add", &[rest, shift], Attrs::new()));
        equal.extend(sum);
    }
    equal
}

pub(super) fn compose_filters(terms: &mut Terms<'_>, _: Id, term: &Term) -> Vec<Id> {
    if axes(terms, term).is_none() {
        return Vec::new();
    }
    let (above, outer) = (term.operands[0], term.operands[1]);
    let mut equal = Vec::new();
    for inner in terms.ops(above, term.op()) {
        if axes(terms, &inner).is_none() {
            continue;
        }
        let composed = match term.op() {
            "matmul" => terms
                .add("matmul", &[inner.operands[1], outer], Attrs::new())
                .and_then(|filter| terms.again(term, &[inner.operands[0], filter])),
            _ => compose_convolutions(terms, &inner, term),
        };
        equal.extend(composed);
    }
    equal
}

/// One convolution that does what two do, where the second one takes single places.
fn compose_convolutions(terms: &mut Terms<'_>, inner: &Term, outer: &Term) -> Option<Id> {
    let (v, w) = (terms.shape(inner.operands[1]).to_vec(), terms.shape(outer.operands[1]).to_vec());
    let single = w[2..].iter().all(|&n| n == 1) && outer.ints("pads").iter().all(|&pad| pad == 0);
    if !single || groups(inner) != 1 || groups(outer) != 1 {
        return None;
    }
    let dims = |shape: &[usize]| shape.iter().map(|&n| n as i64).collect::<Vec<_>>();
    let taps: usize = v[1..].iter().product();
    let left = terms.add("reshape", &[outer.operands[1]], attrs! { shape: dims(&w[..2]) })?;
    let right = terms.add("reshape", &[inner.operands[1]], attrs! { shape: dims(&[v[0], taps]) })?;
    let product = terms.add("matmul", &[left, right], Attrs::new())?;
    let filter = terms.add("reshape", &[product], attrs! { shape: dims(&[&[w[0]], &v[1..]].concat()) })?;
    let strides: Vec<i64> = inner.ints("strides").iter().zip(outer.ints("strides")).map(|(a, b)| a * b).collect();
    let mut attrs = inner.attrs().clone();
    attrs.insert("strides".into(), Attr::Ints(strides));
    terms.add("conv", &[inner.operands[0], filter], attrs)
}
