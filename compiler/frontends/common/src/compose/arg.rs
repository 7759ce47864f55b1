//! Positions of extremes.

use super::reduce::{Axes, min, reduce};
use super::take::reverse;
use crate::{Node, Result};
use treville_ir::{ValueId, attrs};

/// Which extreme, and which of equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extreme {
    /// The greatest, else the least.
    pub largest: bool,
    /// Of equal ones the last, else the first.
    pub last: bool,
}

/// Where the extreme element stands along a dimension (ONNX ArgMax-13, ArgMin-13).
///
/// # Errors
/// Where an op does not take `x`.
pub fn arg(node: &mut Node<'_, '_>, x: ValueId, axis: usize, keepdims: bool, which: Extreme) -> Result<ValueId> {
    let mut x = if which.largest { x } else { node.emit("neg", &[x], attrs! {})? };
    if which.last {
        x = reverse(node, x, axis)?;
    }
    let found = node.emit("arg_max", &[x], attrs! { axis: axis as i64, keepdims: keepdims })?;
    if !which.last {
        return Ok(found);
    }
    let size = node.dims(x)[axis] as i64;
    let last = node.integer(size - 1)?;
    node.emit("sub", &[last, found], attrs! {})
}

/// The `k` greatest or least elements along a dimension, in order, and where they stand; of equal ones the first comes first
/// (ONNX TopK-11, TensorFlow TopKV2).
///
/// # Cost
/// `k` maxima one after another: the element that was found is put below all others for the next.
///
/// # Errors
/// Where an op does not take `x`, or there are not so many elements.
pub fn top_k(node: &mut Node<'_, '_>, x: ValueId, axis: usize, k: usize, largest: bool) -> Result<(ValueId, ValueId)> {
    let dims = node.dims(x);
    if axis >= dims.len() || k == 0 || k > dims[axis] {
        return Err(node.invalid(format!("there are no {k} greatest elements along dimension {axis} of {dims:?}")));
    }
    // Each round is some operations of the program.
    node.reserve(k.saturating_mul(1 << 10).saturating_add(dims[axis]))?;
    let over = Axes { axes: vec![axis], keepdims: true };
    let mut rest = if largest { x } else { node.emit("neg", &[x], attrs! {})? };
    let least = min(node, rest, &over)?;
    let one = node.number(1.0)?;
    let below = node.emit("sub", &[least, one], attrs! {})?;
    let mut places = vec![1_i64; dims.len()];
    places[axis] = dims[axis] as i64;
    let places =
        node.emit("constant", &[], attrs! { shape: places, values: (0..dims[axis] as i64).collect::<Vec<i64>>() })?;
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for i in 0..k {
        values.push(reduce(node, "reduce_max", rest, &over)?);
        let found = node.emit("arg_max", &[rest], attrs! { axis: axis as i64, keepdims: true })?;
        indices.push(found);
        if i + 1 < k {
            let is_found = node.emit("equal", &[places, found], attrs! {})?;
            rest = node.emit("select", &[is_found, below, rest], attrs! {})?;
        }
    }
    let mut values = node.emit("concat", &values, attrs! { axis: axis as i64 })?;
    if !largest {
        values = node.emit("neg", &[values], attrs! {})?;
    }
    Ok((values, node.emit("concat", &indices, attrs! { axis: axis as i64 })?))
}
