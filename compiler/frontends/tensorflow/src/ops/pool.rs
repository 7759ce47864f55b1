//! Pools.

use crate::node::Node;
use crate::ops::spatial::{IMAGES, Layout, VOLUMES, Window};
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `MaxPool`: what lies in the padding does not count.
pub(super) fn max_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    pool(node, "max_pool", IMAGES)
}

/// `MaxPool3D`.
pub(super) fn max_pool3d(node: &mut Node<'_, '_>) -> Result<Val> {
    pool(node, "max_pool", VOLUMES)
}

/// `AvgPool`: a window at the border divides by the number of elements inside the image.
pub(super) fn avg_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    pool(node, "avg_pool", IMAGES)
}

/// `AvgPool3D`.
pub(super) fn avg_pool3d(node: &mut Node<'_, '_>) -> Result<Val> {
    pool(node, "avg_pool", VOLUMES)
}

fn pool(node: &mut Node<'_, '_>, mnemonic: &str, format: &'static str) -> Result<Val> {
    node.expect_inputs(1)?;
    let layout = Layout::of(node, format)?;
    let (_, sizes) = layout.split(node, &node.shape(0)?)?;
    let window = Window {
        kernel: layout.per_axis(node, "ksize", false)?,
        strides: layout.per_axis(node, "strides", false)?,
        dilations: vec![1; sizes.len()],
    };
    let pads = layout.pads(node, &sizes, &window)?;
    let mut pool_attrs =
        attrs! { kernel: window.kernel, strides: window.strides, pads: pads, dilations: window.dilations };
    if mnemonic == "avg_pool" {
        pool_attrs.extend(attrs! { count_include_pad: false });
    }
    let x = node.data(0)?;
    let x = layout.enter(node, x)?;
    let y = node.emit(mnemonic, &[x], pool_attrs)?;
    Ok(Val::Data(layout.leave(node, y)?))
}
