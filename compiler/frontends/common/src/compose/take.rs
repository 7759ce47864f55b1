//! What repeats, reverses or mirrors elements along dimensions: each is a choice of indices.

use crate::{Node, Result};
use treville_ir::{ValueId, attrs};

/// The elements at these indices along a dimension, as they are where that changes nothing.
pub fn take(node: &mut Node<'_, '_>, x: ValueId, axis: usize, indices: Vec<i64>) -> Result<ValueId> {
    let size = node.dims(x).get(axis).copied().unwrap_or(0);
    if indices.len() == size && indices.iter().zip(0..).all(|(&index, i)| index == i) {
        return Ok(x);
    }
    node.emit("gather", &[x], attrs! { axis: axis as i64, indices: indices })
}

/// The elements along a dimension from the last to the first.
pub fn reverse(node: &mut Node<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let size = node.dims(x).get(axis).copied().unwrap_or(0) as i64;
    take(node, x, axis, (0..size).rev().collect())
}

/// The tensor side by side with itself, so many times along each dimension.
pub fn tile(node: &mut Node<'_, '_>, x: ValueId, times: &[usize]) -> Result<ValueId> {
    let dims = node.dims(x);
    let mut tiled = x;
    for (axis, (&size, &times)) in dims.iter().zip(times).enumerate() {
        check_size(node, size.checked_mul(times))?;
        tiled = take(node, tiled, axis, (0..times).flat_map(|_| 0..size as i64).collect())?;
    }
    Ok(tiled)
}

/// The tensor repeated along its dimensions of 1 and along new ones before, to have this shape.
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
            check_size(node, Some(wanted))?;
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
pub fn extend(node: &mut Node<'_, '_>, x: ValueId, pads: &[(usize, usize)], border: Border) -> Result<ValueId> {
    let dims = node.dims(x);
    let mut extended = x;
    for (axis, (&size, &(before, after))) in dims.iter().zip(pads).enumerate() {
        check_size(node, before.checked_add(after).and_then(|n| n.checked_add(size)))?;
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

/// Indices stand in the program, so a file must not ask for any number of them.
fn check_size(node: &Node<'_, '_>, size: Option<usize>) -> Result<()> {
    match size {
        Some(size) if size <= MAX_INDICES => Ok(()),
        _ => {
            Err(node
                .unsupported("it makes a dimension too large", "at most 2^24 elements along a dimension are supported"))
        }
    }
}

const MAX_INDICES: usize = 1 << 24;

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
