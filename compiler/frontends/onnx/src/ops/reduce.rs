//! Reductions, and positions of extremes.

use crate::node::Node;
use treville_frontend_common::compose::arg::{Extreme, arg, top_k as compose_top_k};
use treville_frontend_common::compose::reduce::{self as compose, Axes};
use treville_frontend_common::{Result, Val};
use treville_ir::ValueId;

/// `ReduceSum`: its axes are an input since version 13.
pub(super) fn sum(node: &mut Node<'_, '_>) -> Result<Val> {
    over_axes(node, 13, |node, x, over| compose::sum(node, x, over))
}

/// Any other reduction: its axes are an input since version 18.
pub(super) fn reduce(
    node: &mut Node<'_, '_>,
    f: fn(&mut treville_frontend_common::Node<'_, '_>, ValueId, &Axes) -> Result<ValueId>,
) -> Result<Val> {
    over_axes(node, 18, |node, x, over| f(node, x, over))
}

fn over_axes(
    node: &mut Node<'_, '_>,
    axes_are_input_since: i64,
    f: impl FnOnce(&mut Node<'_, '_>, ValueId, &Axes) -> Result<ValueId>,
) -> Result<Val> {
    let x = node.data(0)?;
    let rank = node.dims(x).len();
    let axes = if node.opset() >= axes_are_input_since {
        node.expect(1, 2)?;
        let axes = if node.has(1) { node.ints(1, "axes")? } else { Vec::new() };
        match axes.as_slice() {
            [] if node.flag("noop_with_empty_axes", false)? => Some(Vec::new()),
            [] => None,
            _ => Some(axes),
        }
    } else {
        node.expect(1, 1)?;
        node.list("axes")?.filter(|axes| !axes.is_empty())
    };
    let axes = match axes {
        Some(axes) => node.axes(&axes, rank)?,
        None => (0..rank).collect(),
    };
    let over = Axes { axes, keepdims: node.flag("keepdims", true)? };
    f(node, x, &over).map(Val::Data)
}

/// `ArgMax` and `ArgMin`.
pub(super) fn position(node: &mut Node<'_, '_>, largest: bool) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let axis = node.axis(node.int("axis", 0)?, node.dims(x).len())?;
    let keepdims = node.flag("keepdims", true)?;
    let which = Extreme { largest, last: node.flag("select_last_index", false)? };
    arg(node, x, axis, keepdims, which).map(Val::Data)
}

/// `TopK`: `k` is an input since version 10, and may ask for the least since version 11.
///
/// Where the order does not matter, as `sorted` = 0 says, the sorted one is as good as any.
pub(super) fn top_k(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    let k = if node.opset() >= 10 {
        node.expect(2, 2)?;
        node.one_int(1, "k")?
    } else {
        node.expect(1, 1)?;
        node.required_int("k")?
    };
    let k = usize::try_from(k).map_err(|_| node.invalid(format!("its k is {k}")))?;
    let x = node.data(0)?;
    let axis = node.axis(node.int("axis", -1)?, node.dims(x).len())?;
    let largest = node.flag("largest", true)?;
    let (values, indices) = compose_top_k(node, x, axis, k, largest)?;
    Ok(vec![Val::Data(values), Val::Data(indices)])
}
