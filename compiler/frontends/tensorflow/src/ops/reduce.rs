//! Reductions over axes.

use crate::node::Node;
use crate::ops::array::axis;
use crate::ops::spatial::Layout;
use treville_frontend_common::compose::reduce::{self, Axes};
use treville_frontend_common::compose::{activation, elementwise};
use treville_frontend_common::{self as common, Result, Val};
use treville_ir::{ValueId, attrs};

/// `Mean`.
pub(super) fn mean(node: &mut Node<'_, '_>) -> Result<Val> {
    let Some(axes) = axes(node)? else { return Ok(node.input(0)?.clone()) };
    let rank = node.shape(0)?.len();
    let keepdims = node.bool("keep_dims", false)?;
    let x = node.data(0)?;
    // The mean is what it says in any order of the axes; over an image's spatial axes it is a pool, and transposes stand
    // around it where they stand around pools.
    let Some(layout) = Layout::around(&axes, rank) else {
        return Ok(Val::Data(reduce::reduce(node, "reduce_mean", x, &Axes { axes, keepdims })?));
    };
    let entered: Vec<i64> = axes.iter().map(|&a| layout.entered(a) as i64).collect();
    let x = layout.enter(node, x)?;
    let y = node.emit("reduce_mean", &[x], attrs! { axes: entered, keepdims: keepdims })?;
    if keepdims {
        return Ok(Val::Data(layout.leave(node, y)?));
    }
    // What is left stands in HLIL's order, the channels behind the batch.
    let left: Vec<usize> = (0..rank).filter(|a| !axes.contains(a)).collect();
    let mut order = left.clone();
    order.sort_unstable_by_key(|&a| layout.entered(a));
    if order == left {
        return Ok(Val::Data(y));
    }
    let perm: Vec<i64> = left.iter().map(|a| order.iter().position(|o| o == a).unwrap_or_default() as i64).collect();
    Ok(Val::Data(node.emit("transpose", &[y], attrs! { perm: perm })?))
}

/// `Sum`.
pub(super) fn sum(node: &mut Node<'_, '_>) -> Result<Val> {
    over_axes(node, "reduce_sum")
}

/// `Max`, and `Any` of truth values.
pub(super) fn max(node: &mut Node<'_, '_>) -> Result<Val> {
    over_axes(node, "reduce_max")
}

/// `Min`, and `All` of truth values.
pub(super) fn min(node: &mut Node<'_, '_>) -> Result<Val> {
    composed(node, reduce::min)
}

/// `Prod`.
pub(super) fn prod(node: &mut Node<'_, '_>) -> Result<Val> {
    composed(node, reduce::prod)
}

fn composed(
    node: &mut Node<'_, '_>,
    compose: fn(&mut common::Node<'_, '_>, ValueId, &Axes) -> Result<ValueId>,
) -> Result<Val> {
    let Some(axes) = axes(node)? else { return Ok(node.input(0)?.clone()) };
    let keepdims = node.bool("keep_dims", false)?;
    let x = node.data(0)?;
    Ok(Val::Data(compose(node, x, &Axes { axes, keepdims })?))
}

/// `L2Loss`: half of the sum of all squares.
pub(super) fn l2_loss(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let rank = node.shape(0)?.len();
    let x = node.data(0)?;
    let mut sum = elementwise::square(node, x)?;
    if rank > 0 {
        let axes: Vec<i64> = (0..rank as i64).collect();
        sum = node.emit("reduce_sum", &[sum], attrs! { axes: axes, keepdims: false })?;
    }
    Ok(Val::Data(activation::scale(node, sum, 0.5)?))
}

fn over_axes(node: &mut Node<'_, '_>, mnemonic: &str) -> Result<Val> {
    let Some(axes) = axes(node)? else { return Ok(node.input(0)?.clone()) };
    let keepdims = node.bool("keep_dims", false)?;
    let x = node.data(0)?;
    Ok(Val::Data(reduce::reduce(node, mnemonic, x, &Axes { axes, keepdims })?))
}

/// The axes, input 1, in ascending order; none where there are none, which leaves input 0 as it is.
fn axes(node: &Node<'_, '_>) -> Result<Option<Vec<usize>>> {
    node.expect_inputs(2)?;
    let rank = node.shape(0)?.len();
    let mut axes = Vec::new();
    for a in node.ints(1, "axes")? {
        axes.push(axis(node, a, rank)?);
    }
    axes.sort_unstable();
    axes.dedup();
    Ok((!axes.is_empty()).then_some(axes))
}
