//! Structural operations on tensors of any element type: they move elements and never compute.
//!
//! Transpose, slice and broadcast are one mechanism: a strided view of a standard-layout tensor, written out in one pass.

use ndarray::{ArrayD, ArrayRef, IxDyn};
use rayon::prelude::*;

/// Below this many elements the work of starting threads is not worth it.
pub(crate) const PARALLEL_MIN: usize = 1 << 16;

/// The tensor of this shape whose elements in standard order are `values`.
///
/// # Panics
/// When there are more or fewer values than the shape has places.
pub fn from_vec<T>(shape: &[usize], values: Vec<T>) -> ArrayD<T> {
    let n_values = values.len();
    ArrayD::from_shape_vec(shape, values).unwrap_or_else(|_| panic!("{n_values} values do not fill shape {shape:?}"))
}

/// The same elements in standard order under another shape.
///
/// # Panics
/// When the shapes have different numbers of elements.
pub fn reshape<T: Copy>(x: &ArrayD<T>, shape: &[usize]) -> ArrayD<T> {
    from_vec(shape, x.iter().copied().collect())
}

/// [`reshape`] without a copy (for a tensor in standard layout, as all here are).
///
/// # Panics
/// As [`reshape`].
pub fn reshape_owned<T: Copy>(x: ArrayD<T>, shape: &[usize]) -> ArrayD<T> {
    if !x.is_standard_layout() {
        return reshape(&x, shape);
    }
    let from = x.shape().to_vec();
    x.into_shape_with_order(shape).unwrap_or_else(|_| panic!("shape {from:?} cannot become {shape:?}"))
}

/// Axis i of the result is axis `perm[i]` of `x`.
///
/// # Panics
/// When `perm` is no permutation of the axes.
pub fn transpose<T: Copy + Send + Sync>(x: &ArrayD<T>, perm: &[usize]) -> ArrayD<T> {
    let mut seen = vec![false; x.ndim()];
    perm.iter().for_each(|&axis| seen[axis] = true);
    assert!(perm.len() == x.ndim() && seen.iter().all(|&s| s), "{perm:?} is no permutation of {} axes", x.ndim());
    let strides = standard_strides(x.shape());
    let axes = perm.iter().map(|&axis| Axis { len: x.shape()[axis], stride: strides[axis] }).collect();
    gather(x, 0, axes)
}

/// Every `steps[i]`-th element of `starts[i]..ends[i]` along axis i.
///
/// # Panics
/// When the lists have not one entry an axis, a step is 0, or a range leaves its axis.
pub fn slice<T: Copy + Send + Sync>(x: &ArrayD<T>, starts: &[usize], ends: &[usize], steps: &[usize]) -> ArrayD<T> {
    let rank = x.ndim();
    assert!(starts.len() == rank && ends.len() == rank && steps.len() == rank, "slice needs one entry for each axis");
    let strides = standard_strides(x.shape());
    let mut offset = 0;
    let axes = (0..rank)
        .map(|axis| {
            let (start, end, step) = (starts[axis], ends[axis], steps[axis]);
            let fits = start <= end && end <= x.shape()[axis] && step > 0;
            assert!(fits, "slice {start}..{end} step {step} does not fit axis {axis} of {:?}", x.shape());
            offset += start * strides[axis];
            Axis { len: (end - start).div_ceil(step), stride: strides[axis] * step }
        })
        .collect();
    gather(x, offset, axes)
}

/// `x` repeated to `shape` by numpy's rule: axes are aligned at the end, and an axis of size 1 repeats.
///
/// # Panics
/// When `x` does not broadcast to `shape`.
pub fn broadcast_to<T: Copy + Send + Sync>(x: &ArrayD<T>, shape: &[usize]) -> ArrayD<T> {
    if x.shape() == shape {
        return x.as_standard_layout().into_owned();
    }
    gather(x, 0, broadcast_axes(x.shape(), shape))
}

/// The shape that two shapes broadcast to, `None` when they do not go together.
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |own| shape[own]);
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (1, other) | (other, 1) => Some(other),
            (left, right) => (left == right).then_some(left),
        })
        .collect()
}

/// The tensors of `parts` one after the other along `axis`.
///
/// # Panics
/// When there is no part, or their shapes differ in another axis than `axis`.
pub fn concat<T: Copy + Send + Sync>(parts: &[&ArrayD<T>], axis: usize) -> ArrayD<T> {
    let mut shape = parts.first().expect("concat of no tensors").shape().to_vec();
    assert!(axis < shape.len(), "concat along axis {axis} of shape {shape:?}");
    shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
    for part in parts {
        let same = part.ndim() == shape.len() && (0..shape.len()).all(|i| i == axis || part.shape()[i] == shape[i]);
        assert!(same, "concat of shape {:?} into {shape:?} along axis {axis}", part.shape());
    }
    let parts: Vec<_> = parts.iter().map(|part| part.as_standard_layout()).collect();
    let rows: Vec<(&[T], usize)> = parts
        .iter()
        .map(|part| (part.as_slice().expect("invariant: standard layout"), part.shape()[axis..].iter().product()))
        .collect();
    let mut out = Vec::with_capacity(shape.iter().product());
    for outer in 0..shape[..axis].iter().product() {
        for (values, row_len) in &rows {
            out.extend_from_slice(&values[outer * row_len..][..*row_len]);
        }
    }
    from_vec(&shape, out)
}

/// Element i along `axis` of the result is element `indices[i]` of `x`; each may occur any number of times.
///
/// # Panics
/// When `x` has no such axis, or an index lies outside it.
pub fn take<T: Copy + Send + Sync>(x: &ArrayD<T>, axis: usize, indices: &[usize]) -> ArrayD<T> {
    let mut shape = x.shape().to_vec();
    let size = std::mem::replace(&mut shape[axis], indices.len());
    assert!(indices.iter().all(|&i| i < size), "an index lies outside axis {axis} of size {size}");
    let inner: usize = shape[axis + 1..].iter().product();
    let x = x.as_standard_layout();
    let x = x.as_slice().expect("invariant: standard layout");
    let mut out = Vec::with_capacity(shape.iter().product());
    for block in x.chunks((size * inner).max(1)) {
        if inner == 1 {
            out.extend(indices.iter().map(|&i| block[i]));
        } else {
            indices.iter().for_each(|&i| out.extend_from_slice(&block[i * inner..][..inner]));
        }
    }
    from_vec(&shape, out)
}

/// `x` with `begin[i]` elements of `value` before and `end[i]` after it along axis i.
///
/// # Panics
/// When the lists have not one entry an axis.
pub fn pad<T: Copy>(x: &ArrayRef<T, IxDyn>, begin: &[usize], end: &[usize], value: T) -> ArrayD<T> {
    assert!(begin.len() == x.ndim() && end.len() == x.ndim(), "pad needs one entry for each axis");
    let shape: Vec<usize> = (0..x.ndim()).map(|axis| begin[axis] + x.shape()[axis] + end[axis]).collect();
    let mut out = ArrayD::from_elem(shape, value);
    out.slice_each_axis_mut(|axis| {
        let axis = axis.axis.index();
        ndarray::Slice::from(begin[axis]..begin[axis] + x.shape()[axis])
    })
    .assign(x);
    out
}

/// One axis of a strided view.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    pub(crate) len: usize,
    pub(crate) stride: usize,
}

/// The axes of the view that broadcasts a standard-layout tensor of shape `from` to shape `to`.
pub(crate) fn broadcast_axes(from: &[usize], to: &[usize]) -> Vec<Axis> {
    let fits = broadcast_shape(from, to).is_some_and(|shape| shape == to);
    assert!(fits, "shape {from:?} does not broadcast to {to:?}");
    let strides = standard_strides(from);
    let missing = to.len() - from.len();
    (0..to.len())
        .map(|axis| match axis.checked_sub(missing) {
            Some(own) if from[own] == to[axis] => Axis { len: to[axis], stride: strides[own] },
            _ => Axis { len: to[axis], stride: 0 },
        })
        .collect()
}

/// Strides of the standard layout.
fn standard_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Writes out the view of `x` that starts at `offset` and has these axes.
fn gather<T: Copy + Send + Sync>(x: &ArrayD<T>, offset: usize, axes: Vec<Axis>) -> ArrayD<T> {
    let shape: Vec<usize> = axes.iter().map(|axis| axis.len).collect();
    let n_elements: usize = shape.iter().product();
    if n_elements == 0 {
        return from_vec(&shape, Vec::new());
    }
    let x = x.as_standard_layout();
    let x = &x.as_slice().expect("invariant: standard layout")[offset..];
    let axes = merge_axes(axes);
    let mut out = vec![x[0]; n_elements];
    gather_into(x, &axes, &mut out);
    from_vec(&shape, out)
}

/// Drops axes of size 1 and joins neighbours that one stride covers.
fn merge_axes(axes: Vec<Axis>) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
    for axis in axes.into_iter().filter(|axis| axis.len != 1) {
        match merged.last_mut() {
            Some(last) if last.stride == axis.len * axis.stride => {
                *last = Axis { len: last.len * axis.len, stride: axis.stride };
            }
            _ => merged.push(axis),
        }
    }
    merged
}

fn gather_into<T: Copy + Send + Sync>(x: &[T], axes: &[Axis], out: &mut [T]) {
    let Some((first, rest)) = axes.split_first() else {
        out[0] = x[0];
        return;
    };
    match rest {
        [] if first.stride == 1 => out.copy_from_slice(&x[..first.len]),
        [] if first.stride == 0 => out.fill(x[0]),
        [] => out.iter_mut().zip(x.iter().step_by(first.stride)).for_each(|(to, from)| *to = *from),
        [inner] if inner.stride > 1 => gather_tiles(x, *first, *inner, out),
        _ => {
            let block = out.len() / first.len;
            let one = |(i, out): (usize, &mut [T])| gather_into(&x[i * first.stride..], rest, out);
            if out.len() >= PARALLEL_MIN {
                out.par_chunks_mut(block).enumerate().for_each(one);
            } else {
                out.chunks_mut(block).enumerate().for_each(one);
            }
        }
    }
}

/// Two axes whose inner one jumps, in square tiles, so that the cache lines that one row touches serve the next rows too.
fn gather_tiles<T: Copy + Send + Sync>(x: &[T], rows: Axis, columns: Axis, out: &mut [T]) {
    const TILE: usize = 16;
    let band = |(band_idx, out): (usize, &mut [T])| {
        for column_start in (0..columns.len).step_by(TILE) {
            let column_end = columns.len.min(column_start + TILE);
            for (row, out) in out.chunks_mut(columns.len).enumerate() {
                let base = (band_idx * TILE + row) * rows.stride;
                for column in column_start..column_end {
                    out[column] = x[base + column * columns.stride];
                }
            }
        }
    };
    let band_len = TILE * columns.len;
    if out.len() >= PARALLEL_MIN {
        out.par_chunks_mut(band_len).enumerate().for_each(band);
    } else {
        out.chunks_mut(band_len).enumerate().for_each(band);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, IxDyn};

    use super::*;

    fn iota(shape: &[usize]) -> ArrayD<i32> {
        from_vec(shape, (0..shape.iter().product::<usize>() as i32).collect())
    }

    #[test]
    fn transpose_agrees_with_ndarray_for_every_permutation() {
        for shape in [[2, 3, 4, 5], [1, 40, 1, 33], [17, 1, 19, 2], [3, 64, 64, 7]] {
            let x = iota(&shape);
            for code in 0..256 {
                let perm = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3];
                if (0..4).all(|axis| perm.contains(&axis)) {
                    let y = transpose(&x, &perm);
                    assert_eq!(y, x.view().permuted_axes(IxDyn(&perm)), "{shape:?} {perm:?}");
                    assert!(y.is_standard_layout());
                }
            }
        }
    }

    #[test]
    fn slice_takes_every_step() {
        let x = iota(&[3, 7]);
        assert_eq!(slice(&x, &[1, 1], &[3, 6], &[1, 2]), from_vec(&[2, 3], vec![8, 10, 12, 15, 17, 19]));
        assert_eq!(slice(&x, &[0, 0], &[3, 7], &[1, 1]), x);
        assert_eq!(slice(&x, &[2, 3], &[2, 7], &[1, 1]).shape(), [0, 4]);
    }

    #[test]
    fn broadcast_follows_numpy() {
        let x = iota(&[3, 1]);
        assert_eq!(broadcast_to(&x, &[2, 3, 2]), from_vec(&[2, 3, 2], vec![0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]));
        assert_eq!(broadcast_to(&from_vec(&[], vec![5]), &[2]), from_vec(&[2], vec![5, 5]));
        assert_eq!(broadcast_to(&from_vec(&[1], vec![5]), &[0]).shape(), [0]);
        assert_eq!(broadcast_shape(&[4, 1], &[3]), Some(vec![4, 3]));
        assert_eq!(broadcast_shape(&[4, 2], &[3]), None);
    }

    #[test]
    #[should_panic(expected = "does not broadcast")]
    fn broadcast_refuses_to_shrink() {
        broadcast_to(&iota(&[3]), &[1]);
    }

    #[test]
    fn concat_joins_inner_axes() {
        let (a, b) = (iota(&[2, 1, 2]), iota(&[2, 2, 2]));
        assert_eq!(concat(&[&a, &b], 1), from_vec(&[2, 3, 2], vec![0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 6, 7]));
    }

    #[test]
    fn take_repeats_and_reorders_along_any_axis() {
        let x = iota(&[2, 3, 2]);
        for axis in 0..3 {
            for indices in [&[1, 0, 1, 1][..], &[0], &[]] {
                let expected = x.select(ndarray::Axis(axis), indices);
                assert_eq!(take(&x, axis, indices), expected);
            }
        }
        assert_eq!(take(&iota(&[2, 3, 0]), 1, &[2, 2]).shape(), [2, 2, 0]);
    }

    #[test]
    #[should_panic(expected = "outside axis 1 of size 3")]
    fn take_refuses_indices_that_are_not_there() {
        take(&iota(&[2, 3]), 1, &[0, 3]);
    }

    #[test]
    fn pad_surrounds() {
        let x = iota(&[1, 2]);
        assert_eq!(pad(&x, &[1, 0], &[0, 2], 9), from_vec(&[2, 4], vec![9, 9, 9, 9, 0, 1, 9, 9]));
    }

    #[test]
    fn reshape_reads_in_standard_order() {
        let x = Array::from_shape_vec((2, 3), vec![0, 1, 2, 3, 4, 5]).unwrap().reversed_axes().into_dyn();
        assert_eq!(reshape(&x, &[6]), from_vec(&[6], vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(reshape_owned(x, &[6]), from_vec(&[6], vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(reshape_owned(iota(&[4]), &[2, 2]), iota(&[2, 2]));
    }
}
