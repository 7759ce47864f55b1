//! Classes: which is the greatest, the greatest few, one of many, and how likely each is.

use crate::dtype::DType;
use crate::node::Node;
use crate::ops::array::axis;
use crate::ops::concat::scalar;
use treville_frontend_common::compose::arg::{self, Extreme};
use treville_frontend_common::compose::{activation, take};
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `ArgMax`: the first of equal values.
pub(super) fn arg_max(node: &mut Node<'_, '_>) -> Result<Val> {
    arg_of(node, true)
}

/// `ArgMin`: the first of equal values.
pub(super) fn arg_min(node: &mut Node<'_, '_>) -> Result<Val> {
    arg_of(node, false)
}

fn arg_of(node: &mut Node<'_, '_>, largest: bool) -> Result<Val> {
    node.expect_inputs(2)?;
    let output = node.dtype("output_type", Some(DType::INT64))?;
    if !output.is_int() {
        return Err(node.unsupported(format!("its output_type {output} is not supported"), "use int32 or int64"));
    }
    let dimension = scalar(node, 1, "dimension")?;
    let axis = axis(node, dimension, node.shape(0)?.len())?;
    let x = node.data(0)?;
    Ok(Val::Data(arg::arg(node, x, axis, false, Extreme { largest, last: false })?))
}

/// `LogSoftmax` over the last axis.
pub(super) fn log_softmax(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let Some(last) = node.shape(0)?.len().checked_sub(1) else { return Err(node.invalid("its input has no axis")) };
    let x = node.data(0)?;
    Ok(Val::Data(activation::log_softmax(node, x, last)?))
}

/// `Softmax` over the last axis.
pub(super) fn softmax(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let Some(last) = node.shape(0)?.len().checked_sub(1) else { return Err(node.invalid("its input has no axis")) };
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("softmax", &[x], attrs! { axis: last as i64 })?))
}

/// `TopKV2`: the greatest elements along the last axis, and where they stand.
pub(super) fn top_k_v2(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect_inputs(2)?;
    let k = scalar(node, 1, "k")?;
    top_k_of(node, k)
}

/// `TopK`, whose number of elements is an attribute.
pub(super) fn top_k(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect_inputs(1)?;
    top_k_of(node, node.int("k", 0)?)
}

fn top_k_of(node: &mut Node<'_, '_>, k: i64) -> Result<Vec<Val>> {
    let Some(last) = node.shape(0)?.len().checked_sub(1) else { return Err(node.invalid("its input has no axis")) };
    let x = node.data(0)?;
    let (values, indices) = arg::top_k(node, x, last, usize::try_from(k).unwrap_or(0), true)?;
    Ok(vec![Val::Data(values), Val::Data(indices)])
}

/// `OneHot`: a new axis, on which one value stands where the index is and another elsewhere.
pub(super) fn one_hot(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(4)?;
    let mut dims = node.shape(0)?;
    let along = match node.int("axis", -1)? {
        -1 => dims.len(),
        along => axis(node, along, dims.len() + 1)?,
    };
    let depth = scalar(node, 1, "depth")?;
    if !(1..=MAX_DEPTH).contains(&depth) {
        return Err(node.unsupported(format!("its depth is {depth}"), format!("1 to {MAX_DEPTH} are supported")));
    }
    node.reserve(depth as usize)?;
    dims.insert(along, 1);
    let indices = node.data(0)?;
    let indices = take::reshape(node, indices, &dims)?;
    let mut shape = vec![1i64; dims.len()];
    shape[along] = depth;
    let places = node.emit("constant", &[], attrs! { shape: shape, values: (0..depth).collect::<Vec<_>>() })?;
    let is_there = node.emit("equal", &[indices, places], attrs! {})?;
    let (on, off) = (node.data(2)?, node.data(3)?);
    Ok(Val::Data(node.emit("select", &[is_there, on, off], attrs! {})?))
}

/// More classes than any model has.
const MAX_DEPTH: i64 = 1 << 20;
