//! Pooling.

use super::spatial::{Window, space};
use crate::node::Node;
use treville_frontend_common::compose::{elementwise, reduce};
use treville_frontend_common::{Result, Val};
use treville_ir::{ValueId, attrs};

/// `MaxPool`: its second output, the indices of the maxima, is not supported.
pub(super) fn max_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    if node.wants(1) {
        return Err(node.unsupported("it gives the indices of the maxima", "leave out its second output"));
    }
    let x = node.data(0)?;
    let window = window(node, x, node.flag("ceil_mode", false)?)?;
    max(node, x, window).map(Val::Data)
}

/// `AveragePool`: over the padding too, among it what `ceil_mode` adds, where `count_include_pad` says so.
pub(super) fn average_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let include_pad = node.flag("count_include_pad", false)?;
    let window = window(node, x, node.flag("ceil_mode", false)?)?;
    mean(node, x, window, include_pad).map(Val::Data)
}

/// `LpPool` with p = 1 or 2.
pub(super) fn lp_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let p = node.int("p", 2)?;
    let powers = power(node, x, p)?;
    let window = window(node, x, node.flag("ceil_mode", false)?)?;
    // An average over the padding too is over all places of the window: their number makes it a sum.
    let places: i64 = window.kernel.iter().product();
    let mean = mean(node, powers, window, true)?;
    let places = node.number(places as f64)?;
    let sum = node.emit("mul", &[mean, places], attrs! {})?;
    root(node, sum, p).map(Val::Data)
}

/// `GlobalAveragePool`.
pub(super) fn global_average_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let whole = whole(node, x)?;
    mean(node, x, whole, false).map(Val::Data)
}

/// `GlobalMaxPool`.
pub(super) fn global_max_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let whole = whole(node, x)?;
    max(node, x, whole).map(Val::Data)
}

/// `GlobalLpPool` with p = 1 or 2.
pub(super) fn global_lp_pool(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let p = node.int("p", 2)?;
    let powers = power(node, x, p)?;
    let over = reduce::Axes { axes: (2..node.dims(x).len()).collect(), keepdims: true };
    let sum = reduce::sum(node, powers, &over)?;
    root(node, sum, p).map(Val::Data)
}

fn max(node: &mut Node<'_, '_>, x: ValueId, window: Window) -> Result<ValueId> {
    let Window { kernel, strides, dilations, pads } = window;
    node.emit("max_pool", &[x], attrs! { kernel: kernel, strides: strides, pads: pads, dilations: dilations })
}

fn mean(node: &mut Node<'_, '_>, x: ValueId, window: Window, include_pad: bool) -> Result<ValueId> {
    let Window { kernel, strides, dilations, pads } = window;
    let attrs = attrs! {
        kernel: kernel,
        strides: strides,
        pads: pads,
        dilations: dilations,
        count_include_pad: include_pad,
    };
    node.emit("avg_pool", &[x], attrs)
}

fn power(node: &mut Node<'_, '_>, x: ValueId, p: i64) -> Result<ValueId> {
    match p {
        1 => elementwise::abs(node, x),
        2 => elementwise::square(node, x),
        _ => Err(node.unsupported(format!("its norm has p = {p}"), "use p = 1 or 2")),
    }
}

fn root(node: &mut Node<'_, '_>, x: ValueId, p: i64) -> Result<ValueId> {
    if p == 1 { Ok(x) } else { node.emit("apply", &[x], attrs! { function: "sqrt", parameter: 0.0 }) }
}

fn window(node: &Node<'_, '_>, x: ValueId, ceil: bool) -> Result<Window> {
    let kernel = node.list("kernel_shape")?.ok_or_else(|| node.invalid("its attribute `kernel_shape` is missing"))?;
    let space = space(node, &node.dims(x))?;
    Window::of(node, kernel, &space, ceil)
}

/// The window over all of the space.
fn whole(node: &Node<'_, '_>, x: ValueId) -> Result<Window> {
    let space = space(node, &node.dims(x))?;
    let n = space.len();
    let kernel = space.into_iter().map(|size| size as i64).collect();
    Ok(Window { kernel, strides: vec![1; n], dilations: vec![1; n], pads: vec![0; 2 * n] })
}
