//! What convolutions and pools share: windows over the spatial dimensions, and padding.

use crate::node::Node;
use treville_frontend_common::Result;

/// A window that slides over the spatial dimensions.
pub(super) struct Window {
    pub(super) kernel: Vec<i64>,
    pub(super) strides: Vec<i64>,
    pub(super) dilations: Vec<i64>,
    /// Before each spatial dimension, then after each.
    pub(super) pads: Vec<i64>,
}

/// Larger extents are no image's; the bound keeps products of two of them within 64 bits.
const MAX_SIZE: i64 = 1 << 30;

impl Window {
    /// The window that the node's attributes describe, over a space of these sizes. `ceil` rounds the number of its places up.
    pub(super) fn of(node: &Node<'_, '_>, kernel: Vec<i64>, sizes: &[usize], ceil: bool) -> Result<Self> {
        let n = sizes.len();
        if kernel.len() != n || kernel.iter().any(|k| !(1..=MAX_SIZE).contains(k)) {
            return Err(node.invalid(format!("its window {kernel:?} is none over {n} spatial dimensions")));
        }
        if sizes.iter().any(|&size| size as i64 > MAX_SIZE) {
            return Err(node.unsupported(format!("its space {sizes:?} is too large"), "use smaller tensors"));
        }
        let mut window = Self {
            strides: sizes_of(node, "strides", n, 1, 1)?,
            dilations: sizes_of(node, "dilations", n, 1, 1)?,
            pads: vec![0; 2 * n],
            kernel,
        };
        match node.text("auto_pad", "NOTSET")? {
            "NOTSET" => window.pads = sizes_of(node, "pads", 2 * n, 0, 0)?,
            "VALID" => {}
            same @ ("SAME_UPPER" | "SAME_LOWER") => window.pad_to_same(sizes, same == "SAME_LOWER"),
            other => return Err(node.invalid(format!("its auto_pad {other:?} is unknown"))),
        }
        if ceil {
            window.round_up(sizes);
        }
        Ok(window)
    }

    /// As many places as the space has strides; the odd one of an uneven padding stands after, or before if `lower`.
    fn pad_to_same(&mut self, sizes: &[usize], lower: bool) {
        let n = sizes.len();
        for (axis, &size) in sizes.iter().enumerate() {
            let (size, stride) = (size as i64, self.strides[axis]);
            let places = (size - 1) / stride + 1;
            let total = ((places - 1) * stride + self.extent(axis) - size).max(0);
            let (small, large) = (total / 2, total - total / 2);
            (self.pads[axis], self.pads[axis + n]) = if lower { (large, small) } else { (small, large) };
        }
    }

    /// Pads after the space until a last window fits that begins inside of it or of its padding before.
    fn round_up(&mut self, sizes: &[usize]) {
        let n = sizes.len();
        for (axis, &size) in sizes.iter().enumerate() {
            let (size, stride, extent) = (size as i64, self.strides[axis], self.extent(axis));
            let room = size + self.pads[axis] + self.pads[axis + n] - extent;
            if room < 0 {
                continue;
            }
            let steps = (room + stride - 1) / stride;
            let steps = if steps * stride >= size + self.pads[axis] { steps - 1 } else { steps };
            self.pads[axis + n] += (steps * stride - room).max(0);
        }
    }

    /// How far the window reaches along an axis.
    pub(super) fn extent(&self, axis: usize) -> i64 {
        (self.kernel[axis] - 1) * self.dilations[axis] + 1
    }
}

/// A list of integers of this length, which may not be less than `min`.
pub(super) fn sizes_of(node: &Node<'_, '_>, name: &str, n: usize, default: i64, min: i64) -> Result<Vec<i64>> {
    // Some exporters write an empty list where they mean the default.
    let list = node.list(name)?.filter(|list| !list.is_empty()).unwrap_or_else(|| vec![default; n]);
    if list.len() != n || list.iter().any(|v| !(min..=MAX_SIZE).contains(v)) {
        return Err(node.invalid(format!("its attribute `{name}` = {list:?} is no list of {n} numbers from {min}")));
    }
    Ok(list)
}

/// The sizes of the spatial dimensions: those behind batch and channels.
pub(super) fn space(node: &Node<'_, '_>, dims: &[usize]) -> Result<Vec<usize>> {
    match dims.get(2..) {
        Some(space) if !space.is_empty() => Ok(space.to_vec()),
        _ => Err(node.invalid(format!("its input of shape {dims:?} has no batch, channels and spatial dimensions"))),
    }
}
