//! What convolutions, pools and batch norms share: the data layout, strides, and padding.
//!
//! HLIL's spatial ops are NCHW. A node in TensorFlow's NHWC becomes transpose - op - transpose; canonicalization cancels and
//! moves the transposes.

use crate::node::Node;
use treville_frontend_common::Result;
use treville_ir::{ValueId, attrs};

/// Where the channels of a 4-D tensor are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Layout {
    Nhwc,
    Nchw,
}

impl Layout {
    /// The node's `data_format`.
    pub(super) fn of(node: &Node<'_, '_>) -> Result<Self> {
        match node.text("data_format", Some("NHWC"))? {
            "NHWC" => Ok(Self::Nhwc),
            "NCHW" => Ok(Self::Nchw),
            other => Err(node.unsupported(format!("its data_format {other:?} is not supported"), "use NHWC or NCHW")),
        }
    }

    /// The two spatial axes.
    pub(super) fn spatial(self) -> [usize; 2] {
        match self {
            Self::Nhwc => [1, 2],
            Self::Nchw => [2, 3],
        }
    }

    /// The shape in the order N, C, H, W.
    pub(super) fn nchw(self, node: &Node<'_, '_>, shape: &[usize]) -> Result<[usize; 4]> {
        let &[n, a, b, c] = shape else {
            return Err(node.unsupported(
                format!("its input of shape {shape:?} is no batch of images"),
                "use tensors of 4 dimensions",
            ));
        };
        Ok(match self {
            Self::Nhwc => [n, c, a, b],
            Self::Nchw => [n, a, b, c],
        })
    }

    /// Turns a value of this layout into NCHW.
    pub(super) fn enter(self, node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
        match self {
            Self::Nhwc => node.emit("transpose", &[x], attrs! { perm: [0, 3, 1, 2] }),
            Self::Nchw => Ok(x),
        }
    }

    /// Turns a value in NCHW back into this layout.
    pub(super) fn leave(self, node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
        match self {
            Self::Nhwc => node.emit("transpose", &[x], attrs! { perm: [0, 2, 3, 1] }),
            Self::Nchw => Ok(x),
        }
    }

    /// The spatial part of a list with one number for each axis, which must be 1 for batch and channels.
    pub(super) fn pair(self, node: &Node<'_, '_>, name: &str, default: Option<&[i64]>) -> Result<[i64; 2]> {
        let list = node.list(name, default)?;
        let [h, w] = self.spatial();
        if list.len() != 4 {
            return Err(node.invalid(format!("its attribute `{name}` must have 4 numbers")));
        }
        if (0..4).any(|axis| axis != h && axis != w && list[axis] != 1) {
            let why = format!("its attribute `{name}` = {list:?} is not 1 for batch and channels");
            return Err(node.unsupported(why, "only windows over height and width are supported"));
        }
        if [list[h], list[w]].iter().any(|v| !(1..=MAX_SIZE).contains(v)) {
            return Err(node.invalid(format!("its attribute `{name}` = {list:?} is out of range")));
        }
        Ok([list[h], list[w]])
    }

    /// The padding before and after each spatial axis: `[top, left, bottom, right]`.
    ///
    /// # Source
    /// TensorFlow's `GetWindowedOutputSizeVerbose`: SAME makes ceil(size / stride) outputs and puts the odd one of an uneven
    /// padding after; VALID pads nothing; EXPLICIT lists begin and end for each axis of the layout.
    pub(super) fn pads(self, node: &Node<'_, '_>, size: [usize; 2], window: &Window) -> Result<[i64; 4]> {
        match node.text("padding", None)? {
            "VALID" => Ok([0; 4]),
            "SAME" => {
                let mut pads = [0; 4];
                for axis in 0..2 {
                    let (size, stride) = (size[axis] as i64, window.strides[axis]);
                    let extent = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
                    let outputs = (size - 1) / stride + 1;
                    let total = ((outputs - 1) * stride + extent - size).max(0);
                    pads[axis] = total / 2;
                    pads[axis + 2] = total - total / 2;
                }
                Ok(pads)
            }
            "EXPLICIT" => {
                let list = node.list("explicit_paddings", Some(&[]))?;
                let [h, w] = self.spatial();
                if list.len() != 8 || list.iter().any(|v| !(0..=MAX_SIZE).contains(v)) {
                    return Err(
                        node.invalid(format!("its attribute `explicit_paddings` = {list:?} is no padding of 4 axes"))
                    );
                }
                if (0..4).any(|axis| axis != h && axis != w && list[2 * axis..2 * axis + 2] != [0, 0]) {
                    return Err(node.unsupported("it pads batch or channels", "only height and width can be padded"));
                }
                Ok([list[2 * h], list[2 * w], list[2 * h + 1], list[2 * w + 1]])
            }
            other => {
                Err(node.unsupported(format!("its padding {other:?} is not supported"), "use SAME, VALID or EXPLICIT"))
            }
        }
    }
}

/// A window over height and width.
pub(super) struct Window {
    pub(super) kernel: [i64; 2],
    pub(super) strides: [i64; 2],
    pub(super) dilations: [i64; 2],
}

/// Larger extents are no image's; the bound keeps products of two of them within 64 bits.
const MAX_SIZE: i64 = 1 << 30;
