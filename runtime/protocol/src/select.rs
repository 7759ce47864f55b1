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
}

/// The flat input indices that compete for each output element, and the output's shape.
pub struct Segments {
    /// One list for each output element, in C order.
    pub members: Vec<Vec<u32>>,
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
    let plane: usize = spatial.iter().product();
    let windows = window_indices(spatial, window)?;
    let members = (0..outer.iter().product::<usize>())
        .flat_map(|c| windows.iter().map(move |w| w.iter().map(|&i| (c * plane + i) as u32).collect()))
        .collect();
    Ok(Segments { members, shape: [outer, &window.output_dims(spatial)?].concat() })
}

/// The members of each line along `axis`, in ascending order.
pub fn arg_max_segments(x: &[usize], axis: usize, keepdims: bool) -> Segments {
    let (inner, extent): (usize, usize) = (x[axis + 1..].iter().product(), x[axis]);
    let outer: usize = x[..axis].iter().product();
    let members = (0..outer)
        .flat_map(|o| (0..inner).map(move |i| (0..extent).map(|k| ((o * extent + k) * inner + i) as u32).collect()))
        .collect();
    let mut shape = x.to_vec();
    if keepdims {
        shape[axis] = 1;
    } else {
        shape.remove(axis);
    }
    Segments { members, shape }
}

/// One level of the tree: which values meet, which pass through, and where the next level finds them.
struct Level {
    left: Vec<u32>,
    right: Vec<u32>,
    passing: Vec<u32>,
}

/// Pairs neighbours in every segment and renumbers the segments: winners first, in order, then the values that had no partner.
fn level(members: &mut [Vec<u32>]) -> Level {
    let n_pairs: usize = members.iter().map(|m| m.len() / 2).sum();
    let mut level =
        Level { left: Vec::with_capacity(n_pairs), right: Vec::with_capacity(n_pairs), passing: Vec::new() };
    for segment in members {
        let mut next = Vec::with_capacity(segment.len().div_ceil(2));
        for pair in segment.chunks(2) {
            if let &[a, b] = pair {
                next.push(level.left.len() as u32);
                level.left.push(a);
                level.right.push(b);
            } else {
                next.push((n_pairs + level.passing.len()) as u32);
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

fn gather<P: Protocol>(p: &P, x: &P::Secret, indices: &[u32]) -> P::Secret {
    p.linear(&[x], &[indices.len()], &|xs| {
        let flat = xs[0].as_slice().expect("invariant: ring tensors are in standard layout");
        tensor::from_vec(&[indices.len()], indices.iter().map(|&i| flat[i as usize]).collect())
    })
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
    let len = parts.iter().map(|x| p.shape(x)[0]).sum();
    p.linear(parts, &[len], &|xs| tensor::concat(xs, 0))
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
    let Segments { mut members, shape } = segments;
    if let Some(index) = members.iter().position(Vec::is_empty) {
        return Err(ProtocolError::EmptyMaximum { op: cx.op, index });
    }
    let n: usize = p.shape(x).iter().product();
    let mut values = p.linear(&[x], &[n], &|xs| tensor::reshape(xs[0], &[n]));
    let mut indices = (selection == Selection::Index).then(|| {
        let mut index = RingTensor::zeros(vec![n]);
        for segment in &members {
            for (i, &m) in segment.iter().enumerate() {
                index[m as usize] = i as u64;
            }
        }
        p.constant(&index)
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
    let order: Vec<u32> = members.iter().map(|m| m[0]).collect();
    let result = gather(p, indices.as_ref().unwrap_or(&values), &order);
    Ok(p.linear(&[&result], &shape, &|xs| tensor::reshape(xs[0], &shape)))
}
