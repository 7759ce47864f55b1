//! Convolutions.

use crate::node::Node;
use crate::ops::spatial::{Layout, Window};
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `Conv2D`: the filter is HWIO; fewer input channels than the image has mean groups.
pub(super) fn conv2d(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let layout = Layout::of(node)?;
    let [_, channels, h, w] = layout.nchw(node, &node.shape(0)?)?;
    let filter = node.shape(1)?;
    let &[kernel_h, kernel_w, filter_channels, _] = filter.as_slice() else {
        return Err(node.invalid(format!("its filter of shape {filter:?} does not have 4 dimensions")));
    };
    if filter_channels == 0 || channels % filter_channels != 0 {
        return Err(node.invalid(format!("an image of {channels} channels has no filter of {filter_channels}")));
    }
    let window = Window {
        kernel: [kernel_h as i64, kernel_w as i64],
        strides: layout.pair(node, "strides", None)?,
        dilations: layout.pair(node, "dilations", Some(&[1; 4]))?,
    };
    let pads = layout.pads(node, [h, w], &window)?;
    let groups = (channels / filter_channels) as i64;
    let x = node.data(0)?;
    let x = layout.enter(node, x)?;
    let filter = node.data(1)?;
    let filter = node.emit("transpose", &[filter], attrs! { perm: [3, 2, 0, 1] })?;
    let conv_attrs = attrs! { strides: window.strides, pads: pads, dilations: window.dilations, groups: groups };
    let y = node.emit("conv", &[x, filter], conv_attrs)?;
    Ok(Val::Data(layout.leave(node, y)?))
}
