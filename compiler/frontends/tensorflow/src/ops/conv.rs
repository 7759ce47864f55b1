//! Convolutions and their transposes.

use crate::node::Node;
use crate::ops::spatial::{IMAGES, Layout, VOLUMES, Window};
use treville_frontend_common::compose::take::reshape;
use treville_frontend_common::{Result, Val};
use treville_ir::{ValueId, attrs};

/// `Conv2D`: the filter is HWIO; fewer input channels than the image has mean groups.
pub(super) fn conv2d(node: &mut Node<'_, '_>) -> Result<Val> {
    conv(node, IMAGES)
}

/// `Conv3D`: the filter is DHWIO.
pub(super) fn conv3d(node: &mut Node<'_, '_>) -> Result<Val> {
    conv(node, VOLUMES)
}

/// `Conv2DBackpropInput`: the transpose of the convolution that makes input 2 of an image of shape input 0.
pub(super) fn conv2d_backprop_input(node: &mut Node<'_, '_>) -> Result<Val> {
    conv_transpose(node, IMAGES)
}

/// `Conv3DBackpropInputV2`: the same of volumes.
pub(super) fn conv3d_backprop_input(node: &mut Node<'_, '_>) -> Result<Val> {
    conv_transpose(node, VOLUMES)
}

/// `DepthwiseConv2dNative`: the filter is HWCM, M results for each channel.
pub(super) fn depthwise_conv2d(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let layout = Layout::of(node, IMAGES)?;
    let (channels, sizes) = layout.split(node, &node.shape(0)?)?;
    let filter = filter_shape(node, layout)?;
    let &[kernel_h, kernel_w, filter_channels, multiplier] = filter.as_slice() else {
        return Err(node.invalid("its filter does not have 4 dimensions"));
    };
    if filter_channels != channels {
        return Err(node.invalid(format!("an image of {channels} channels has no filter of {filter_channels}")));
    }
    let window = window(node, layout, &filter)?;
    let pads = layout.pads(node, &sizes, &window)?;
    let x = node.data(0)?;
    let x = layout.enter(node, x)?;
    let w = node.data(1)?;
    let w = node.emit("transpose", &[w], attrs! { perm: [2, 3, 0, 1] })?;
    let w = reshape(node, w, &[channels * multiplier, 1, kernel_h, kernel_w])?;
    emit_conv(node, layout, [x, w], window, pads, channels)
}

fn conv(node: &mut Node<'_, '_>, format: &'static str) -> Result<Val> {
    node.expect_inputs(2)?;
    let layout = Layout::of(node, format)?;
    let (channels, sizes) = layout.split(node, &node.shape(0)?)?;
    let filter = filter_shape(node, layout)?;
    let groups = groups(node, &filter, channels)?;
    let window = window(node, layout, &filter)?;
    let pads = layout.pads(node, &sizes, &window)?;
    let x = node.data(0)?;
    let x = layout.enter(node, x)?;
    let w = filter_first(node)?;
    emit_conv(node, layout, [x, w], window, pads, groups)
}

fn conv_transpose(node: &mut Node<'_, '_>, format: &'static str) -> Result<Val> {
    node.expect_inputs(3)?;
    let layout = Layout::of(node, format)?;
    let given = node.ints(0, "input_sizes")?;
    let result: Option<Vec<usize>> = given.iter().map(|&d| usize::try_from(d).ok().filter(|&d| d > 0)).collect();
    let mut result = result.ok_or_else(|| node.invalid(format!("{given:?} is no shape of a result")))?;
    // The sizes of the spatial axes alone may be given.
    if result.len() + 2 == layout.rank() {
        let filter = filter_shape(node, layout)?;
        result.insert(0, node.shape(2)?.first().copied().unwrap_or(1));
        result.insert(layout.channels(), filter[filter.len() - 2]);
    }
    let (channels, sizes) = layout.split(node, &result)?;
    let (_, inputs) = layout.split(node, &node.shape(2)?)?;
    let filter = filter_shape(node, layout)?;
    let groups = groups(node, &filter, channels)? as i64;
    let window = window(node, layout, &filter)?;
    let pads = layout.pads(node, &sizes, &window)?;
    let n = sizes.len();
    let mut output_padding = Vec::new();
    for axis in 0..n {
        let covered =
            (inputs[axis] as i64 - 1) * window.strides[axis] + window.extent(axis) - pads[axis] - pads[axis + n];
        let missing = sizes[axis] as i64 - covered;
        // The convolution of a result of this size must have as many outputs as there are inputs.
        if !(0..window.strides[axis]).contains(&missing) {
            let why =
                format!("its input of {} along spatial axis {axis} cannot come from {}", inputs[axis], sizes[axis]);
            return Err(node.invalid(why));
        }
        output_padding.push(missing);
    }
    let x = node.data(2)?;
    let x = layout.enter(node, x)?;
    let w = filter_first(node)?;
    let Window { strides, dilations, .. } = window;
    let conv_attrs = attrs! {
        strides: strides, pads: pads, dilations: dilations, groups: groups, output_padding: output_padding
    };
    let y = node.emit("conv_transpose", &[x, w], conv_attrs)?;
    Ok(Val::Data(layout.leave(node, y)?))
}

fn emit_conv(
    node: &mut Node<'_, '_>,
    layout: Layout,
    operands: [ValueId; 2],
    window: Window,
    pads: Vec<i64>,
    groups: usize,
) -> Result<Val> {
    let Window { strides, dilations, .. } = window;
    let conv_attrs = attrs! { strides: strides, pads: pads, dilations: dilations, groups: groups as i64 };
    let y = node.emit("conv", &operands, conv_attrs)?;
    Ok(Val::Data(layout.leave(node, y)?))
}

/// The shape of the filter, which is input 1 of all: spatial axes, then two of channels.
fn filter_shape(node: &Node<'_, '_>, layout: Layout) -> Result<Vec<usize>> {
    let filter = node.shape(1)?;
    if filter.len() != layout.rank() {
        let why = format!("its filter of shape {filter:?} does not have {} dimensions", layout.rank());
        return Err(node.invalid(why));
    }
    Ok(filter)
}

/// How many groups a filter makes of an image's channels.
fn groups(node: &Node<'_, '_>, filter: &[usize], channels: usize) -> Result<usize> {
    let per_group = filter[filter.len() - 2];
    if per_group == 0 || !channels.is_multiple_of(per_group) {
        return Err(node.invalid(format!("an image of {channels} channels has no filter of {per_group}")));
    }
    Ok(channels / per_group)
}

fn window(node: &Node<'_, '_>, layout: Layout, filter: &[usize]) -> Result<Window> {
    Ok(Window {
        kernel: filter[..filter.len() - 2].iter().map(|&k| k as i64).collect(),
        strides: layout.per_axis(node, "strides", false)?,
        dilations: layout.per_axis(node, "dilations", true)?,
    })
}

/// The filter with its output channels, then its input channels before the spatial axes.
fn filter_first(node: &mut Node<'_, '_>) -> Result<ValueId> {
    let n_spatial = node.shape(1)?.len() as i64 - 2;
    let w = node.data(1)?;
    let perm: Vec<i64> = [n_spatial + 1, n_spatial].into_iter().chain(0..n_spatial).collect();
    node.emit("transpose", &[w], attrs! { perm: perm })
}
