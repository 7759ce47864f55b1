//! Parts of tensors: slices, splits, and elements by constant indices.

use crate::node::Node;
use ndarray::{ArrayD, IxDyn};
use treville_frontend_common::compose::take;
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;
use treville_ir::{ValueId, attrs};

/// `Slice`: bounds were attributes before version 10. Negative steps run backwards.
pub(super) fn slice(node: &mut Node<'_, '_>) -> Result<Val> {
    let shape = node.shape(0)?;
    let rank = shape.len();
    let (starts, ends, axes, steps) = if node.opset() < 10 {
        node.expect(1, 1)?;
        let list = |name| node.list(name)?.ok_or_else(|| node.invalid(format!("its attribute `{name}` is missing")));
        (list("starts")?, list("ends")?, node.list("axes")?, None)
    } else {
        node.expect(3, 5)?;
        let optional = |i: usize, what| if node.has(i) { node.ints(i, what).map(Some) } else { Ok(None) };
        (node.ints(1, "starts")?, node.ints(2, "ends")?, optional(3, "axes")?, optional(4, "steps")?)
    };
    let n = starts.len();
    let axes = axes.unwrap_or_else(|| (0..n as i64).collect());
    let steps = steps.unwrap_or_else(|| vec![1; n]);
    if ends.len() != n || axes.len() != n || steps.len() != n {
        return Err(node.invalid("its starts, ends, axes and steps differ in number"));
    }
    node.axes(&axes, rank)?;
    let mut ranges: Vec<Range> = shape.iter().map(|&d| Range { start: 0, step: 1, len: d }).collect();
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = node.axis(axis, rank)?;
        ranges[axis] = range(node, start, end, step, shape[axis] as i64)?;
    }
    if ranges.iter().any(|r| r.len == 0) {
        return empty(node, &ranges);
    }
    let x = node.data(0)?;
    cut(node, x, &ranges).map(Val::Data)
}

/// The indices `start`, `start + step`, ..., `len` of them.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) len: usize,
}

fn range(node: &Node<'_, '_>, start: i64, end: i64, step: i64, size: i64) -> Result<Range> {
    if step == 0 {
        return Err(node.invalid("its step is 0"));
    }
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let bound = |at: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(low, high);
    let (start, end) = (bound(start).max(0), bound(end));
    let distance = if step > 0 { end - start } else { start - end };
    let len = if distance <= 0 { 0 } else { (distance - 1) / step.saturating_abs() + 1 };
    Ok(Range { start, step, len: len as usize })
}

/// A part without elements, which only a constant may have.
fn empty(node: &Node<'_, '_>, ranges: &[Range]) -> Result<Val> {
    match node.public(0)? {
        Some(constant) => {
            let dims: Vec<usize> = ranges.iter().map(|r| r.len).collect();
            let values = match constant.values() {
                Tensor::F32(_) => Tensor::F32(ArrayD::zeros(dims)),
                Tensor::I64(_) => Tensor::I64(ArrayD::zeros(dims)),
            };
            node.public_constant(constant.dtype, values)
        }
        None => Err(node.unsupported("its result is empty", "empty tensors are not supported")),
    }
}

/// The elements of these ranges along all dimensions.
pub(super) fn cut(node: &mut Node<'_, '_>, mut x: ValueId, ranges: &[Range]) -> Result<ValueId> {
    let dims = node.dims(x);
    let forward: Vec<(i64, i64, i64)> = ranges
        .iter()
        .zip(&dims)
        .map(|(r, &size)| {
            if r.step > 0 { (r.start, r.start + (r.len as i64 - 1) * r.step + 1, r.step) } else { (0, size as i64, 1) }
        })
        .collect();
    if forward.iter().zip(&dims).any(|(&(start, end, step), &size)| (start, end, step) != (0, size as i64, 1)) {
        let starts: Vec<i64> = forward.iter().map(|f| f.0).collect();
        let ends: Vec<i64> = forward.iter().map(|f| f.1).collect();
        let steps: Vec<i64> = forward.iter().map(|f| f.2).collect();
        x = node.emit("slice", &[x], attrs! { starts: starts, ends: ends, steps: steps })?;
    }
    for (axis, range) in ranges.iter().enumerate().filter(|(_, r)| r.step < 0) {
        node.reserve(range.len)?;
        x = take::take(node, x, axis, (0..range.len as i64).map(|i| range.start + i * range.step).collect())?;
    }
    Ok(x)
}

/// `Split`: into parts of given sizes, or into as many as there are outputs.
pub(super) fn split(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect(1, 2)?;
    let x = node.data(0)?;
    let dims = node.dims(x);
    let axis = node.axis(node.int("axis", 0)?, dims.len())?;
    let size = dims[axis];
    let given = match node.opset() {
        ..13 => node.list("split")?,
        _ if node.has(1) => Some(node.ints(1, "split")?),
        _ => None,
    };
    let sizes: Vec<i64> = match given {
        Some(sizes) => sizes,
        None => {
            let n = node.n_outputs();
            let declared = node.int("num_outputs", n as i64)?;
            if n == 0 || declared != n as i64 {
                return Err(node.invalid(format!("it has {n} outputs, and num_outputs is {declared}")));
            }
            if node.opset() < 18 && !size.is_multiple_of(n) {
                return Err(node.invalid(format!("{size} elements make no {n} equal parts")));
            }
            let part = size.div_ceil(n);
            // The last part has what is left.
            (0..n).map(|i| size.saturating_sub(i * part).min(part) as i64).collect()
        }
    };
    if sizes.iter().any(|&s| s < 0) || sizes.iter().fold(0i64, |a, &b| a.saturating_add(b)) != size as i64 {
        return Err(node.invalid(format!("parts of {sizes:?} do not make up the {size} elements")));
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for (output, len) in sizes.into_iter().enumerate() {
        if len == 0 {
            if node.wants(output) {
                return Err(
                    node.unsupported(format!("its output {output} is empty"), "empty tensors are not supported")
                );
            }
            parts.push(Val::Unknown);
            continue;
        }
        let mut ranges: Vec<Range> = dims.iter().map(|&d| Range { start: 0, step: 1, len: d }).collect();
        ranges[axis] = Range { start, step: 1, len: len as usize };
        parts.push(Val::Data(cut(node, x, &ranges)?));
        start += len;
    }
    Ok(parts)
}

/// The indices of input 1 with their shape; negative ones count from the end of `size`.
fn indices(node: &Node<'_, '_>) -> Result<(Vec<i64>, Vec<usize>)> {
    let indices = node.ints(1, "indices")?;
    Ok((indices, node.shape(1)?))
}

fn wrapped(node: &Node<'_, '_>, index: i64, size: usize) -> Result<i64> {
    let counted = if index < 0 { index.saturating_add(size as i64) } else { index };
    if (0..size as i64).contains(&counted) {
        return Ok(counted);
    }
    Err(node.invalid(format!("there is no index {index} in a dimension of {size}")))
}

/// `Gather`: parts along an axis, in the shape of the indices.
pub(super) fn gather(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let dims = node.shape(0)?;
    let axis = node.axis(node.int("axis", 0)?, dims.len())?;
    let (indices, shape) = indices(node)?;
    let indices = indices.into_iter().map(|i| wrapped(node, i, dims[axis])).collect::<Result<Vec<_>>>()?;
    if indices.is_empty() {
        return Err(node.unsupported("its result is empty", "empty tensors are not supported"));
    }
    let x = node.data(0)?;
    let y = take::take(node, x, axis, indices)?;
    let joined = [&dims[..axis], &shape, &dims[axis + 1..]].concat();
    if node.dims(y) == joined { Ok(Val::Data(y)) } else { take::reshape(node, y, &joined).map(Val::Data) }
}

/// `Compress`: the parts along an axis where a constant condition holds, or of all elements in a row.
pub(super) fn compress(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let condition = node.ints(1, "condition")?;
    let mut x = node.data(0)?;
    let dims = node.dims(x);
    let axis = match node.attr("axis") {
        Some(_) => node.axis(node.required_int("axis")?, dims.len())?,
        None => {
            x = take::reshape(node, x, &[dims.iter().product()])?;
            0
        }
    };
    let chosen: Vec<i64> = (0..).zip(&condition).filter(|(_, holds)| **holds != 0).map(|(i, _)| i).collect();
    if chosen.is_empty() {
        return Err(node.unsupported("its result is empty", "empty tensors are not supported"));
    }
    take::take(node, x, axis, chosen).map(Val::Data)
}

/// `GatherElements`: an element of input 0 for each index.
pub(super) fn gather_elements(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let (flat, shape) = flat_elements(node)?;
    take_flat(node, flat, &shape)
}

/// The places in input 0, row after row, that the indices along an axis name; and their shape.
pub(super) fn flat_elements(node: &Node<'_, '_>) -> Result<(Vec<i64>, Vec<usize>)> {
    let dims = node.shape(0)?;
    let axis = node.axis(node.int("axis", 0)?, dims.len())?;
    let (indices, shape) = indices(node)?;
    let fits = |(a, (&n, &size)): (usize, (&usize, &usize))| a == axis || n <= size;
    if shape.len() != dims.len() || !shape.iter().zip(&dims).enumerate().all(fits) {
        return Err(node.invalid(format!("indices of shape {shape:?} do not fit {dims:?}")));
    }
    let indices =
        ArrayD::from_shape_vec(IxDyn(&shape), indices).map_err(|_| node.invalid("its indices have no shape"))?;
    let strides = strides(&dims);
    let mut flat = Vec::with_capacity(indices.len());
    for (at, &index) in indices.indexed_iter() {
        let index = wrapped(node, index, dims[axis])?;
        let place = |a: usize| if a == axis { index } else { at[a] as i64 };
        flat.push((0..dims.len()).map(|a| place(a) * strides[a]).sum());
    }
    Ok((flat, shape))
}

/// `GatherND`: the last dimension of the indices holds an index for each of the first dimensions.
pub(super) fn gather_nd(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let batch = usize::try_from(node.int("batch_dims", 0)?).map_err(|_| node.invalid("its batch_dims is negative"))?;
    let (flat, shape) = flat_nd(node, batch)?;
    take_flat(node, flat, &shape)
}

/// The places in input 0, row after row, of the parts that indices of several dimensions name; and the shape of them all.
pub(super) fn flat_nd(node: &mut Node<'_, '_>, batch: usize) -> Result<(Vec<i64>, Vec<usize>)> {
    let dims = node.shape(0)?;
    let (indices, shape) = indices(node)?;
    let Some((&depth, outer)) = shape.split_last() else { return Err(node.invalid("its indices are a scalar")) };
    if depth == 0
        || batch > outer.len()
        || depth > dims.len() - batch.min(dims.len())
        || outer[..batch] != dims[..batch]
    {
        return Err(node.invalid(format!("indices of shape {shape:?} do not fit {dims:?}")));
    }
    let strides = strides(&dims);
    let inner: usize = dims[batch + depth..].iter().product();
    node.reserve(inner.saturating_mul(indices.len()))?;
    let per_batch = outer[batch..].iter().product::<usize>().max(1);
    let mut flat = Vec::new();
    for (i, index) in indices.chunks(depth).enumerate() {
        let mut start = (i / per_batch) as i64 * if batch == 0 { 0 } else { strides[batch - 1] };
        for (d, &at) in index.iter().enumerate() {
            start += wrapped(node, at, dims[batch + d])? * strides[batch + d];
        }
        flat.extend((0..inner as i64).map(|k| start + k));
    }
    Ok((flat, [outer, &dims[batch + depth..]].concat()))
}

/// How far apart neighbours along each dimension stand.
fn strides(dims: &[usize]) -> Vec<i64> {
    (0..dims.len()).map(|a| dims[a + 1..].iter().product::<usize>() as i64).collect()
}

/// The elements of input 0 at these places in the order of the file, in a shape.
pub(super) fn take_flat(node: &mut Node<'_, '_>, flat: Vec<i64>, shape: &[usize]) -> Result<Val> {
    if flat.is_empty() {
        return Err(node.unsupported("its result is empty", "empty tensors are not supported"));
    }
    let x = node.data(0)?;
    let n = node.dims(x).iter().product();
    let row = take::reshape(node, x, &[n])?;
    let picked = take::take(node, row, 0, flat)?;
    take::reshape(node, picked, shape).map(Val::Data)
}
