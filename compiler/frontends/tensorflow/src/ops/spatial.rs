//! What convolutions, pools and batch norms share: the data layout, strides, and padding.
//!
//! HLIL's spatial ops are channels-first. A node in a channels-last layout becomes transpose - op - transpose;
//! canonicalization cancels and moves the transposes.

use crate::node::Node;
use treville_frontend_common::Result;
use treville_ir::{ValueId, attrs};

/// Where the channels of a tensor are, and how many spatial axes it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    channels_last: bool,
    n_spatial: usize,
}

/// The default `data_format` of images.
pub(super) const IMAGES: &str = "NHWC";
/// The default `data_format` of volumes.
pub(super) const VOLUMES: &str = "NDHWC";

impl Layout {
    /// The node's `data_format`.
    pub(super) fn of(node: &Node<'_, '_>, default: &'static str) -> Result<Self> {
        let format = node.text("data_format", Some(default))?;
        let (channels_last, n_spatial) = match format {
            "NHWC" => (true, 2),
            "NCHW" => (false, 2),
            "NDHWC" => (true, 3),
            "NCDHW" => (false, 3),
            other => {
                let help = format!("use {default}");
                return Err(node.unsupported(format!("its data_format {other:?} is not supported"), help));
            }
        };
        Ok(Self { channels_last, n_spatial })
    }

    /// The layout of tensors whose spatial axes are these, if there is one.
    pub(super) fn around(axes: &[usize], rank: usize) -> Option<Self> {
        let n_spatial = rank.checked_sub(2).filter(|&n| (1..=3).contains(&n))?;
        let layouts = [true, false].map(|channels_last| Self { channels_last, n_spatial });
        layouts.into_iter().find(|l| !axes.is_empty() && axes.iter().all(|a| l.spatial().contains(a)))
    }

    pub(super) fn rank(self) -> usize {
        self.n_spatial + 2
    }

    /// The axis of the channels.
    pub(super) fn channels(self) -> usize {
        if self.channels_last { self.n_spatial + 1 } else { 1 }
    }

    /// The spatial axes.
    pub(super) fn spatial(self) -> std::ops::Range<usize> {
        let first = if self.channels_last { 1 } else { 2 };
        first..first + self.n_spatial
    }

    /// The axis in HLIL's order, which is channels-first, of one of this layout.
    pub(super) fn entered(self, axis: usize) -> usize {
        let order = self.order();
        order.iter().position(|&a| a as usize == axis).unwrap_or(axis)
    }

    /// The number of channels and the spatial sizes of a shape.
    pub(super) fn split(self, node: &Node<'_, '_>, shape: &[usize]) -> Result<(usize, Vec<usize>)> {
        if shape.len() != self.rank() {
            let what = if self.n_spatial == 2 { "images" } else { "volumes" };
            let why = format!("its input of shape {shape:?} is no batch of {what}");
            return Err(node.unsupported(why, format!("use tensors of {} dimensions", self.rank())));
        }
        Ok((shape[self.channels()], shape[self.spatial()].to_vec()))
    }

    /// This layout's axes in HLIL's order.
    fn order(self) -> Vec<i64> {
        let channels = self.channels();
        [0, channels].into_iter().chain(self.spatial()).map(|axis| axis as i64).collect()
    }

    /// Turns a value of this layout into HLIL's.
    pub(super) fn enter(self, node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
        if !self.channels_last {
            return Ok(x);
        }
        node.emit("transpose", &[x], attrs! { perm: self.order() })
    }

    /// Turns a value of HLIL's layout back into this one.
    pub(super) fn leave(self, node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
        if !self.channels_last {
            return Ok(x);
        }
        let perm: Vec<i64> = [0].into_iter().chain(2..self.rank() as i64).chain([1]).collect();
        node.emit("transpose", &[x], attrs! { perm: perm })
    }

    /// The spatial part of a list with one number for each axis, which must be 1 for batch and channels; all 1 where there is
    /// no list and it may be left out.
    pub(super) fn per_axis(self, node: &Node<'_, '_>, name: &str, optional: bool) -> Result<Vec<i64>> {
        let ones = vec![1; self.rank()];
        let list = node.list(name, optional.then_some(&ones))?;
        if list.len() != self.rank() {
            return Err(node.invalid(format!("its attribute `{name}` must have {} numbers", self.rank())));
        }
        if [0, self.channels()].iter().any(|&axis| list[axis] != 1) {
            let why = format!("its attribute `{name}` = {list:?} is not 1 for batch and channels");
            return Err(node.unsupported(why, "only windows over the spatial axes are supported"));
        }
        let spatial = &list[self.spatial()];
        if spatial.iter().any(|v| !(1..=MAX_SIZE).contains(v)) {
            return Err(node.invalid(format!("its attribute `{name}` = {list:?} is out of range")));
        }
        Ok(spatial.to_vec())
    }

    /// The padding before each spatial axis, then after each.
    ///
    /// # Source
    /// TensorFlow's `GetWindowedOutputSizeVerbose`: SAME makes ceil(size / stride) outputs and puts the odd one of an uneven
    /// padding after; VALID pads nothing; EXPLICIT lists begin and end for each axis of the layout.
    pub(super) fn pads(self, node: &Node<'_, '_>, sizes: &[usize], window: &Window) -> Result<Vec<i64>> {
        let pads: Vec<[i64; 2]> = match node.text("padding", None)? {
            "VALID" => vec![[0, 0]; self.n_spatial],
            "SAME" => {
                let axis = |(axis, &size): (usize, &usize)| {
                    let (size, stride) = (size as i64, window.strides[axis]);
                    let outputs = (size - 1) / stride + 1;
                    let total = ((outputs - 1) * stride + window.extent(axis) - size).max(0);
                    [total / 2, total - total / 2]
                };
                sizes.iter().enumerate().map(axis).collect()
            }
            "EXPLICIT" => {
                let list = node.list("explicit_paddings", Some(&[]))?;
                if list.len() != 2 * self.rank() || list.iter().any(|v| !(0..=MAX_SIZE).contains(v)) {
                    let why =
                        format!("its attribute `explicit_paddings` = {list:?} is no padding of {} axes", self.rank());
                    return Err(node.invalid(why));
                }
                let of = |axis: usize| [list[2 * axis], list[2 * axis + 1]];
                if [0, self.channels()].into_iter().any(|axis| of(axis) != [0, 0]) {
                    return Err(node.unsupported("it pads batch or channels", "only spatial axes can be padded"));
                }
                self.spatial().map(of).collect()
            }
            other => {
                let why = format!("its padding {other:?} is not supported");
                return Err(node.unsupported(why, "use SAME, VALID or EXPLICIT"));
            }
        };
        Ok([0, 1].iter().flat_map(|&end| pads.iter().map(move |p| p[end])).collect())
    }
}

/// A window over the spatial axes.
pub(super) struct Window {
    pub(super) kernel: Vec<i64>,
    pub(super) strides: Vec<i64>,
    pub(super) dilations: Vec<i64>,
}

impl Window {
    /// How many elements the window spans along a spatial axis.
    pub(super) fn extent(&self, axis: usize) -> i64 {
        (self.kernel[axis] - 1) * self.dilations[axis] + 1
    }
}

/// Larger extents are no image's; the bound keeps products of two of them within 64 bits.
const MAX_SIZE: i64 = 1 << 30;
