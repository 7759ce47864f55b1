//! Maxima and their indices by a tree of comparisons: the default bodies of max pooling and arg max.

use treville_ring::{RingTensor, Window, WindowError, tensor, window_indices};

use crate::{Cx, Protocol, ProtocolError, Result};

/// What a tree of comparisons carries upwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The largest value.
    Value,
    /// The index, within its segment, of the first largest value.
    Index,
    /// Both, of which the value is the result.
    ValueWithIndex,
}

/// The elements that compete for each output element, and the output's shape.
///
/// The tensor is `n_planes` planes of `plane` elements each, and in every plane the same places compete.
pub struct Segments {
    /// The number of planes.
    pub n_planes: usize,
    /// The elements of a plane.
    pub plane: usize,
    /// For each output element of a plane, in C order: the places in the plane that compete for it.
    pub members: Vec<Vec<usize>>,
    /// The shape of the output.
    pub shape: Vec<usize>,
}

/// The members of each pooling window of `x` `[N, C, spatial..]` that lie inside the tensor.
///
/// # Errors
/// If the window does not fit.
///
/// # Panics
/// If `x` has fewer than two axes.
pub fn max_pool_segments(x: &[usize], window: &Window) -> std::result::Result<Segments, WindowError> {
    let (outer, spatial) = x.split_at(2);
    Ok(Segments {
        n_planes: outer.iter().product(),
        plane: spatial.iter().product(),
        members: window_indices(spatial, window)?.iter().map(<[usize]>::to_vec).collect(),
        shape: [outer, &window.output_dims(spatial)?].concat(),
    })
}

/// The members of each line along `axis`, in ascending order.
pub fn arg_max_segments(x: &[usize], axis: usize, keepdims: bool) -> Segments {
    let (inner, extent): (usize, usize) = (x[axis + 1..].iter().product(), x[axis]);
    let mut shape = x.to_vec();
    if keepdims {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    Segments {
        n_planes: x[..axis].iter().product(),
        plane: extent * inner,
        members: (0..inner).map(|i| (0..extent).map(|k| k * inner + i).collect()).collect(),
        shape,
    }
}

/// One level of the tree: which values meet, which pass through, and where the next level finds them.
struct Level {
    left: Vec<usize>,
    right: Vec<usize>,
    passing: Vec<usize>,
}

/// Pairs neighbours in every segment and renumbers the segments: winners first, in order, then the values that had no partner.
fn level(members: &mut [Vec<usize>]) -> Level {
    let n_pairs: usize = members.iter().map(|m| m.len() / 2).sum();
    let mut level =
        Level { left: Vec::with_capacity(n_pairs), right: Vec::with_capacity(n_pairs), passing: Vec::new() };
    for segment in members {
        let mut next = Vec::with_capacity(segment.len().div_ceil(2));
        for pair in segment.chunks(2) {
            if let &[a, b] = pair {
                next.push(level.left.len());
                level.left.push(a);
                level.right.push(b);
            } else {
                next.push(n_pairs + level.passing.len());
                level.passing.push(pair[0]);
            }
        }
        *segment = next;
    }
    level
}

/// The number of comparisons in each level of the tree over segments of the given sizes.
pub(crate) fn level_sizes(sizes: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut sizes: Vec<usize> = sizes.collect();
    let mut levels = Vec::new();
    loop {
        let pairs: usize = sizes.iter().map(|n| n / 2).sum();
        if pairs == 0 {
            return levels;
        }
        levels.push(pairs);
        sizes.iter_mut().for_each(|n| *n = n.div_ceil(2));
    }
}

/// Some places of every plane, in the order of `places`.
fn gather<P: Protocol>(p: &P, x: &P::Secret, places: &[usize]) -> P::Secret {
    p.linear(&[x], &[p.shape(x)[0], places.len()], &|xs| tensor::take(xs[0], 1, places))
}

fn combine<P: Protocol>(p: &P, terms: &[&P::Secret], signs: &[bool]) -> P::Secret {
    let shape = p.shape(terms[0]).to_vec();
    p.linear(terms, &shape, &|xs| {
        let mut sum = xs[0].clone();
        for (x, &plus) in xs[1..].iter().zip(signs) {
            sum.zip_mut_with(x, |a, &b| *a = if plus { a.wrapping_add(b) } else { a.wrapping_sub(b) });
        }
        sum
    })
}

fn concat<P: Protocol>(p: &P, parts: &[&P::Secret]) -> P::Secret {
    let len = parts.iter().map(|x| p.shape(x)[1]).sum();
    p.linear(parts, &[p.shape(parts[0])[0], len], &|xs| tensor::concat(xs, 1))
}

/// Reduces each segment to its largest member, or to that member's index in the segment.
///
/// With a left of b in the segment, d = a - b and bit = [d >= 0], the winner is b + bit * d; on ties the left one
/// wins, so the index is that of the first maximum. The depth is ceil(log2 of the largest segment) comparisons.
pub(crate) async fn max_tree<P: Protocol>(
    p: &P,
    cx: &Cx<'_>,
    x: &P::Secret,
    segments: Segments,
    selection: Selection,
) -> Result<P::Secret> {
    let Segments { n_planes, plane, mut members, shape } = segments;
    if let Some(index) = members.iter().position(Vec::is_empty) {
        return Err(ProtocolError::EmptyMaximum { op: cx.op, index });
    }
    let planes = [n_planes, plane];
    let mut values = p.linear(&[x], &planes, &|xs| tensor::reshape(xs[0], &planes));
    let mut indices = (selection != Selection::Value).then(|| {
        let mut index = RingTensor::zeros(vec![plane]);
        for segment in &members {
            for (i, &m) in segment.iter().enumerate() {
                index[m] = i as u64;
            }
        }
        p.constant(&tensor::broadcast_to(&index, &planes))
    });
    while members.iter().any(|m| m.len() > 1) {
        let Level { left, right, passing } = level(&mut members);
        let b = gather(p, &values, &right);
        let d = combine(p, &[&gather(p, &values, &left), &b], &[false]);
        let bits = p.drelu(cx, &d).await?;
        let selected = match &indices {
            None => p.mux(cx, &bits, &[&d]).await?,
            Some(index) => {
                let jb = gather(p, index, &right);
                let dj = combine(p, &[&gather(p, index, &left), &jb], &[false]);
                let mut selected = p.mux(cx, &bits, &[&d, &dj]).await?;
                let won = combine(p, &[&jb, &selected.pop().expect("invariant: two selections")], &[true]);
                indices = Some(concat(p, &[&won, &gather(p, index, &passing)]));
                selected
            }
        };
        let won = combine(p, &[&b, &selected[0]], &[true]);
        values = concat(p, &[&won, &gather(p, &values, &passing)]);
    }
    let order: Vec<usize> = members.iter().map(|m| m[0]).collect();
    let selected = indices.as_ref().filter(|_| selection == Selection::Index).unwrap_or(&values);
    let result = gather(p, selected, &order);
    Ok(p.linear(&[&result], &shape, &|xs| tensor::reshape(xs[0], &shape)))
}
