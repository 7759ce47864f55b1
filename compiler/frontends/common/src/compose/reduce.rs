//! Reductions that are compositions of sums, means and maxima.

use super::elementwise::{abs, square};
use crate::{Node, Result};
use treville_ir::{Attrs, ValueId, attrs};

/// The dimensions that a reduction takes away, or leaves with size 1.
#[derive(Clone, Debug)]
pub struct Axes {
    /// In ascending order.
    pub axes: Vec<usize>,
    /// Whether they stay.
    pub keepdims: bool,
}

impl Axes {
    fn attrs(&self) -> Attrs {
        let axes: Vec<i64> = self.axes.iter().map(|&a| a as i64).collect();
        attrs! { axes: axes, keepdims: self.keepdims }
    }
}

/// `reduce_sum`, `reduce_mean` or `reduce_max` over the axes; over none it is `x`.
///
/// # Errors
/// Where the op does not take `x`.
pub fn reduce(node: &mut Node<'_, '_>, mnemonic: &str, x: ValueId, over: &Axes) -> Result<ValueId> {
    if over.axes.is_empty() { Ok(x) } else { node.emit(mnemonic, &[x], over.attrs()) }
}

/// The sum.
///
/// # Errors
/// As [`reduce`].
pub fn sum(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    reduce(node, "reduce_sum", x, over)
}

/// The mean.
///
/// # Errors
/// As [`reduce`].
pub fn mean(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    reduce(node, "reduce_mean", x, over)
}

/// The greatest element.
///
/// # Errors
/// As [`reduce`].
pub fn max(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    reduce(node, "reduce_max", x, over)
}

/// The least element (ONNX ReduceMin-20, TensorFlow Min).
///
/// # Errors
/// As [`reduce`].
pub fn min(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    let negated = node.emit("neg", &[x], attrs! {})?;
    let max = reduce(node, "reduce_max", negated, over)?;
    node.emit("neg", &[max], attrs! {})
}

/// The sum of magnitudes (ONNX ReduceL1-18).
///
/// # Errors
/// As [`reduce`].
pub fn l1(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    let magnitude = abs(node, x)?;
    sum(node, magnitude, over)
}

/// The sum of squares (ONNX ReduceSumSquare-18).
///
/// # Errors
/// As [`reduce`].
pub fn sum_square(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    let square = square(node, x)?;
    sum(node, square, over)
}

/// The square root of the sum of squares (ONNX ReduceL2-18).
///
/// # Errors
/// As [`reduce`].
pub fn l2(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    let squares = sum_square(node, x, over)?;
    apply(node, "sqrt", squares)
}

/// The logarithm of the sum (ONNX ReduceLogSum-18).
///
/// # Errors
/// As [`reduce`].
pub fn log_sum(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    let sum = sum(node, x, over)?;
    apply(node, "log", sum)
}

/// The logarithm of the sum of exponentials, none of which is above 1 (ONNX ReduceLogSumExp-18).
///
/// # Errors
/// As [`reduce`].
pub fn log_sum_exp(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    let max = reduce(node, "reduce_max", x, &Axes { keepdims: true, ..over.clone() })?;
    let below = node.emit("sub", &[x, max], attrs! {})?;
    let exp = apply(node, "exp", below)?;
    let log = log_sum(node, exp, over)?;
    let shape: Vec<i64> = node.dims(log).iter().map(|&d| d as i64).collect();
    let max = node.emit("reshape", &[max], attrs! { shape: shape })?;
    node.emit("add", &[log, max], attrs! {})
}

/// The product, as a tree of products of two (ONNX ReduceProd-18, TensorFlow Prod).
///
/// # Errors
/// As [`reduce`].
pub fn prod(node: &mut Node<'_, '_>, x: ValueId, over: &Axes) -> Result<ValueId> {
    let mut product = x;
    for &axis in &over.axes {
        while node.dims(product)[axis] > 1 {
            let size = node.dims(product)[axis];
            let half = size / 2;
            let (first, second) = (part(node, product, axis, 0..half)?, part(node, product, axis, half..2 * half)?);
            let pairs = node.emit("mul", &[first, second], attrs! {})?;
            product = if size.is_multiple_of(2) {
                pairs
            } else {
                let last = part(node, product, axis, size - 1..size)?;
                node.emit("concat", &[pairs, last], attrs! { axis: axis as i64 })?
            };
        }
    }
    let kept = |&(i, _): &(usize, &usize)| over.keepdims || !over.axes.contains(&i);
    let shape: Vec<i64> = node.dims(product).iter().enumerate().filter(kept).map(|(_, &d)| d as i64).collect();
    node.emit("reshape", &[product], attrs! { shape: shape })
}

/// A function of each element, from HLIL's table of those without parameter.
pub(crate) fn apply(node: &mut Node<'_, '_>, function: &str, x: ValueId) -> Result<ValueId> {
    node.emit("apply", &[x], attrs! { function: function, parameter: 0.0 })
}

/// The elements of a range along one dimension.
pub(crate) fn part(node: &mut Node<'_, '_>, x: ValueId, axis: usize, range: std::ops::Range<usize>) -> Result<ValueId> {
    let dims = node.dims(x);
    let mut starts = vec![0_i64; dims.len()];
    let mut ends: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
    (starts[axis], ends[axis]) = (range.start as i64, range.end as i64);
    let steps = vec![1_i64; dims.len()];
    node.emit("slice", &[x], attrs! { starts: starts, ends: ends, steps: steps })
}
