//! `Slice`, and `StridedSlice`: numpy's indexing with ranges, `...`, `newaxis` and single indices.
//!
//! # Source
//! TensorFlow's `ValidateStridedSliceOp` (core/util/strided_slice_op.cc).

use crate::node::Node;
use ndarray::ArrayD;
use treville_frontend_common::compose::take::{reshape, take};
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;
use treville_ir::{ValueId, attrs};

/// `StridedSlice`: slices forwards, reversals backwards, and a reshape.
pub(super) fn strided_slice(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(4)?;
    let shape = node.shape(0)?;
    let ranges = ranges(node, &shape)?;
    let taken: Vec<Range> =
        ranges.iter().filter_map(|r| if let Item::Range(r) = r { Some(*r) } else { None }).collect();
    let dims: Vec<usize> = ranges
        .iter()
        .filter_map(|item| match item {
            Item::NewAxis => Some(1),
            Item::Range(range) => (!range.shrink).then_some(range.len),
        })
        .collect();
    if dims.contains(&0) {
        // A shape may have no dimensions left, which only another shape can be made of.
        return match node.public(0)? {
            Some(constant) if matches!(constant.values(), Tensor::I64(_)) => {
                node.public_constant(constant.dtype, Tensor::I64(ArrayD::zeros(dims)))
            }
            _ => Err(node.unsupported("its result is empty", "empty tensors are not supported")),
        };
    }
    let mut x = node.data(0)?;
    for (axis, range) in taken.iter().enumerate().filter(|(_, range)| range.step < 0) {
        node.reserve(range.len)?;
        x = take(node, x, axis, (0..range.len as i64).map(|i| range.begin + i * range.step).collect())?;
    }
    let kept = |size: i64| Range { begin: 0, len: size as usize, step: 1, shrink: false };
    let forwards: Vec<Range> = taken.iter().map(|r| if r.step < 0 { kept(r.len as i64) } else { *r }).collect();
    let y = slice_ranges(node, x, &forwards)?;
    Ok(Val::Data(if node.dims(y) == dims { y } else { reshape(node, y, &dims)? }))
}

/// `Slice`: from a begin, so many elements; -1 for all that follow.
pub(super) fn slice(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(3)?;
    let (shape, begin, size) = (node.shape(0)?, node.ints(1, "begin")?, node.ints(2, "size")?);
    if begin.len() != shape.len() || size.len() != shape.len() {
        return Err(node.invalid(format!("its begin and size are not those of {} dimensions", shape.len())));
    }
    let mut ranges = Vec::new();
    for ((&dim, &begin), &size) in shape.iter().zip(&begin).zip(&size) {
        let dim = dim as i64;
        let len = if size == -1 { dim.saturating_sub(begin) } else { size };
        if !(0..dim).contains(&begin) || len < 1 || len > dim - begin {
            let why = format!("{size} elements from {begin} are not in a dimension of {dim}");
            return Err(node.unsupported(why, "slices must lie inside and cannot be empty"));
        }
        ranges.push(Range { begin, len: len as usize, step: 1, shrink: false });
    }
    let x = node.data(0)?;
    Ok(Val::Data(slice_ranges(node, x, &ranges)?))
}

/// Forward ranges, one for each dimension.
fn slice_ranges(node: &mut Node<'_, '_>, x: ValueId, ranges: &[Range]) -> Result<ValueId> {
    let starts: Vec<i64> = ranges.iter().map(|r| r.begin).collect();
    let ends: Vec<i64> = ranges.iter().map(|r| r.begin + (r.len as i64 - 1) * r.step + 1).collect();
    let steps: Vec<i64> = ranges.iter().map(|r| r.step).collect();
    let whole = ranges.iter().zip(node.dims(x)).all(|(r, size)| r.begin == 0 && r.step == 1 && r.len == size);
    if whole {
        return Ok(x);
    }
    node.emit("slice", &[x], attrs! { starts: starts, ends: ends, steps: steps })
}

/// What the indices make of a tensor, in the order of the result's dimensions.
enum Item {
    /// A dimension of 1 that the input does not have.
    NewAxis,
    /// What is taken of the input's next dimension.
    Range(Range),
}

/// The indices `begin`, `begin + step`, ..., `len` of them.
#[derive(Clone, Copy)]
struct Range {
    begin: i64,
    len: usize,
    step: i64,
    /// A single index, whose dimension is dropped.
    shrink: bool,
}

fn ranges(node: &Node<'_, '_>, shape: &[usize]) -> Result<Vec<Item>> {
    let [begin, end, strides] = [node.ints(1, "begin")?, node.ints(2, "end")?, node.ints(3, "strides")?];
    let n = begin.len();
    if end.len() != n || strides.len() != n || n > MAX_INDICES {
        return Err(node.invalid("its begin, end and strides differ in length"));
    }
    let mask = |name: &str| -> Result<[bool; MAX_INDICES]> {
        let bits = node.int(name, 0)?;
        Ok(std::array::from_fn(|i| bits >> i & 1 == 1))
    };
    let [begin_mask, end_mask, ellipsis] = [mask("begin_mask")?, mask("end_mask")?, mask("ellipsis_mask")?];
    let [new_axis, shrink] = [mask("new_axis_mask")?, mask("shrink_axis_mask")?];
    if ellipsis[..n].iter().filter(|&&e| e).count() > 1 {
        return Err(node.invalid("it has more than one ellipsis"));
    }
    // New axes count only where no ellipsis stands; dimensions that no index names are covered by the ellipsis, or by one at the end.
    let n_named = (0..n).filter(|&i| !ellipsis[i] && !new_axis[i]).count();
    let Some(n_covered) = shape.len().checked_sub(n_named) else {
        return Err(node.invalid(format!("it has more indices than the {} dimensions of its input", shape.len())));
    };
    let mut items = Vec::new();
    let mut dims = shape.iter().map(|&d| d as i64);
    let whole = |d: i64| Item::Range(Range { begin: 0, len: d as usize, step: 1, shrink: false });
    for i in 0..n {
        if ellipsis[i] {
            items.extend(dims.by_ref().take(n_covered).map(whole));
        } else if new_axis[i] {
            items.push(Item::NewAxis);
        } else if let Some(size) = dims.next() {
            let bound = |given: i64, masked: bool| (!masked).then_some(given);
            items.push(if shrink[i] {
                single(node, begin[i], strides[i], size)?
            } else {
                range(node, bound(begin[i], begin_mask[i]), bound(end[i], end_mask[i]), strides[i], size)?
            });
        }
    }
    items.extend(dims.map(whole));
    Ok(items)
}

fn single(node: &Node<'_, '_>, index: i64, stride: i64, size: i64) -> Result<Item> {
    let begin = if index < 0 { index.saturating_add(size) } else { index };
    if !(0..size).contains(&begin) || stride <= 0 {
        return Err(node.invalid(format!("there is no index {index} in a dimension of {size}")));
    }
    Ok(Item::Range(Range { begin, len: 1, step: 1, shrink: true }))
}

fn range(node: &Node<'_, '_>, begin: Option<i64>, end: Option<i64>, step: i64, size: i64) -> Result<Item> {
    if step == 0 || step.unsigned_abs() > 1 << 31 {
        return Err(node.invalid(format!("its stride {step} is out of range")));
    }
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let clamp = |bound: i64| (if bound < 0 { bound.saturating_add(size) } else { bound }).clamp(low, high);
    let begin = begin.map_or(if step > 0 { low } else { high }, clamp);
    let end = end.map_or(if step > 0 { high } else { low }, clamp);
    let distance = if step > 0 { end - begin } else { begin - end };
    let len = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
    Ok(Item::Range(Range { begin, len: len as usize, step, shrink: false }))
}

/// TensorFlow allows as many indices as the masks have bits.
const MAX_INDICES: usize = 32;
