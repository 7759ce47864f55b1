//! What repeats, reverses or mirrors elements along dimensions: each is a choice of indices.

use crate::{Node, Result};
use treville_ir::{ValueId, attrs};

/// The elements at these indices along a dimension, as they are where that changes nothing.
///
/// # Source
/// ONNX Gather-13 with a vector of indices.
pub fn take(node: &mut Node<'_, '_>, x: ValueId, axis: usize, indices: Vec<i64>) -> Result<ValueId> {
    let size = node.dims(x).get(axis).copied().unwrap_or(0);
    if indices.len() == size && indices.iter().zip(0..).all(|(&index, i)| index == i) {
        return Ok(x);
    }
    node.emit("gather", &[x], attrs! { axis: axis as i64, indices: indices })
}

/// The elements along a dimension from the last to the first.
///
/// # Source
/// TensorFlow ReverseV2 along one axis.
pub fn reverse(node: &mut Node<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let size = node.dims(x).get(axis).copied().unwrap_or(0) as i64;
    node.reserve(size as usize)?;
    take(node, x, axis, (0..size).rev().collect())
}

/// The tensor side by side with itself, so many times along each dimension.
///
/// # Source
/// ONNX Tile-13, TensorFlow Tile.
pub fn tile(node: &mut Node<'_, '_>, x: ValueId, times: &[usize]) -> Result<ValueId> {
    let dims = node.dims(x);
    let mut tiled = x;
    for (axis, (&size, &times)) in dims.iter().zip(times).enumerate() {
        node.reserve(size.saturating_mul(times))?;
        tiled = take(node, tiled, axis, (0..times).flat_map(|_| 0..size as i64).collect())?;
    }
    Ok(tiled)
}

/// The tensor repeated along its dimensions of 1 and along new ones before, to have this shape.
///
/// # Source
/// ONNX Expand-13, TensorFlow BroadcastTo.
pub fn expand(node: &mut Node<'_, '_>, x: ValueId, shape: &[usize]) -> Result<ValueId> {
    let dims = node.dims(x);
    let Some(n_new) = shape.len().checked_sub(dims.len()) else {
        return Err(node.invalid(format!("{dims:?} cannot be expanded to {shape:?}")));
    };
    let padded: Vec<usize> = std::iter::repeat_n(1, n_new).chain(dims.iter().copied()).collect();
    if padded.iter().zip(shape).any(|(&size, &wanted)| size != wanted && size != 1) {
        return Err(node.invalid(format!("{dims:?} cannot be expanded to {shape:?}")));
    }
    let mut expanded = reshape(node, x, &padded)?;
    for (axis, (&size, &wanted)) in padded.iter().zip(shape).enumerate() {
        if size != wanted {
            node.reserve(wanted)?;
            expanded = take(node, expanded, axis, vec![0; wanted])?;
        }
    }
    Ok(expanded)
}

/// What stands outside of a tensor's border.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Border {
    /// The tensor mirrored at its outermost elements, which are not repeated.
    Reflect,
    /// The tensor mirrored at its edge, so that the outermost elements stand twice.
    Symmetric,
    /// The outermost elements.
    Edge,
    /// The tensor again, as if it went round.
    Wrap,
}

/// The tensor with so many elements before and after each dimension, which the border gives.
///
/// # Source
/// ONNX Pad-21 in modes reflect, edge and wrap, TensorFlow MirrorPad.
pub fn extend(node: &mut Node<'_, '_>, x: ValueId, pads: &[(usize, usize)], border: Border) -> Result<ValueId> {
    let dims = node.dims(x);
    let mut extended = x;
    for (axis, (&size, &(before, after))) in dims.iter().zip(pads).enumerate() {
        node.reserve(before.saturating_add(after).saturating_add(size))?;
        let indices = (-(before as i64)..(size + after) as i64).map(|i| border.index(i, size as i64)).collect();
        extended = take(node, extended, axis, indices)?;
    }
    Ok(extended)
}

impl Border {
    /// The index inside of `size` elements that stands for an index inside or outside.
    fn index(self, i: i64, size: i64) -> i64 {
        match self {
            Self::Edge => i.clamp(0, size - 1),
            Self::Wrap => i.rem_euclid(size),
            Self::Symmetric => {
                let i = i.rem_euclid(2 * size);
                i.min(2 * size - 1 - i)
            }
            Self::Reflect => {
                let period = (2 * (size - 1)).max(1);
                let i = i.rem_euclid(period);
                i.min(period - i).min(size - 1)
            }
        }
    }
}

/// A tensor with other dimensions.
pub fn reshape(node: &mut Node<'_, '_>, x: ValueId, dims: &[usize]) -> Result<ValueId> {
    let shape: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
    node.emit("reshape", &[x], attrs! { shape: shape })
}

#[cfg(test)]
mod tests {
    use super::Border;

    #[test]
    fn borders_are_those_of_numpy() {
        let around = |border: Border| (-4..7).map(|i| border.index(i, 3)).collect::<Vec<_>>();
        assert_eq!(around(Border::Reflect), [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]);
        assert_eq!(around(Border::Symmetric), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(around(Border::Edge), [0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]);
        assert_eq!(around(Border::Wrap), [2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
        assert_eq!((-2..3).map(|i| Border::Reflect.index(i, 1)).collect::<Vec<_>>(), [0; 5]);
    }
}
