//! Running sums.

use crate::{Node, Result};
use treville_ir::{ValueId, attrs};

/// The sums of the elements up to each one along a dimension: the product with a triangle of ones.
///
/// `exclusive` leaves each element out of its own sum; `reverse` sums from each element on.
pub fn cum_sum(node: &mut Node<'_, '_>, x: ValueId, axis: usize, exclusive: bool, reverse: bool) -> Result<ValueId> {
    let dims = node.dims(x);
    let Some(&n) = dims.get(axis) else { return Err(node.invalid(format!("there is no axis {axis} in {dims:?}"))) };
    if n > MAX_TRIANGLE {
        let help = format!("at most {MAX_TRIANGLE} are supported");
        return Err(node.unsupported(format!("it sums along {n} elements"), help));
    }
    node.reserve(n * n)?;
    let counts = |element: usize, sum: usize| {
        let (first, last) = if reverse { (sum, element) } else { (element, sum) };
        first < last || first == last && !exclusive
    };
    let triangle: Vec<f64> = (0..n * n).map(|k| f64::from(u8::from(counts(k / n, k % n)))).collect();
    let triangle = node.emit("constant", &[], attrs! { shape: [n as i64, n as i64], values: triangle })?;
    // The dimension becomes the last of at least two.
    let mut perm: Vec<i64> = (0..dims.len() as i64).collect();
    perm.swap(axis, dims.len() - 1);
    let turned = node.emit("transpose", &[x], attrs! { perm: perm.clone() })?;
    let mut shape: Vec<i64> = node.dims(turned).iter().map(|&d| d as i64).collect();
    let rows = node.emit("reshape", &[turned], attrs! { shape: [&[1], shape.as_slice()].concat() })?;
    let sums = node.emit("matmul", &[rows, triangle], attrs! {})?;
    shape[dims.len() - 1] = n as i64;
    let sums = node.emit("reshape", &[sums], attrs! { shape: shape })?;
    node.emit("transpose", &[sums], attrs! { perm: perm })
}

/// So many elements make a triangle of 16 MB.
const MAX_TRIANGLE: usize = 2048;
