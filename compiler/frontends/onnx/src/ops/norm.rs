//! Normalisations.

use crate::node::Node;
use treville_frontend_common::compose::normalize::{self as compose, Lrn};
use treville_frontend_common::compose::reduce::{Axes, l1, l2};
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `BatchNormalization` with the statistics that it is given: there is no training here.
pub(super) fn batch_normalization(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(5, 5)?;
    if node.flag("training_mode", false)? || (1..node.n_outputs()).any(|i| node.wants(i)) {
        return Err(node.unsupported("it takes its statistics from the batch", "export the model for inference"));
    }
    if !node.flag("spatial", true)? {
        return Err(node.unsupported("it normalises each element of a channel by itself", "export with a newer opset"));
    }
    let operands = node.all(0)?;
    let epsilon = node.float("epsilon", 1e-5)?;
    Ok(Val::Data(node.emit("batch_norm", &operands, attrs! { epsilon: epsilon })?))
}

/// `InstanceNormalization`.
pub(super) fn instance_normalization(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(3, 3)?;
    let (x, scale, bias) = (node.data(0)?, node.data(1)?, node.data(2)?);
    let epsilon = node.float("epsilon", 1e-5)?;
    compose::instance_norm(node, x, epsilon, scale, bias).map(Val::Data)
}

/// `LayerNormalization`, with mean and inverse deviation as outputs 1 and 2.
pub(super) fn layer_normalization(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect(2, 3)?;
    let (x, scale, bias) = (node.data(0)?, node.data(1)?, node.optional(2)?);
    let dims = node.dims(x);
    let axis = node.axis(node.int("axis", -1)?, dims.len())?;
    let epsilon = node.float("epsilon", 1e-5)?;
    let y = compose::layer_norm(node, x, axis, epsilon, scale, bias)?;
    if node.dims(y.values) != dims {
        return Err(node.invalid("its scale or bias does not broadcast to its input"));
    }
    Ok([y.values, y.mean, y.inverse_deviation].map(Val::Data).to_vec())
}

/// `GroupNormalization`: scale and bias are for channels since version 21, and were for groups before.
pub(super) fn group_normalization(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(3, 3)?;
    let (x, mut scale, mut bias) = (node.data(0)?, node.data(1)?, node.data(2)?);
    let groups = node.required_int("num_groups")?;
    let groups = usize::try_from(groups).map_err(|_| node.invalid(format!("it has {groups} groups")))?;
    let channels = node.dims(x).get(1).copied().unwrap_or(0);
    if node.opset() < 21 && groups > 0 {
        // A group's number is its channels' number.
        node.reserve(channels)?;
        let of_channel: Vec<i64> = (0..channels).map(|c| (c / (channels / groups).max(1)) as i64).collect();
        for value in [&mut scale, &mut bias] {
            *value = node.emit("gather", &[*value], attrs! { axis: 0_i64, indices: of_channel.clone() })?;
        }
    }
    let epsilon = node.float("epsilon", 1e-5)?;
    compose::group_norm(node, x, groups, epsilon, scale, bias).map(Val::Data)
}

/// `MeanVarianceNormalization`.
pub(super) fn mean_variance_normalization(node: &mut Node<'_, '_>) -> Result<Val> {
    // The specification adds it to the deviation, so that a constant becomes zero.
    const EPSILON: f64 = 1e-18;
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let axes = node.list("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    let axes = node.axes(&axes, node.dims(x).len())?;
    Ok(Val::Data(compose::normalize(node, x, axes, EPSILON)?.values))
}

/// `LRN`.
pub(super) fn lrn(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let size = node.required_int("size")?;
    let around = usize::try_from(size - 1).map_err(|_| node.invalid(format!("its size is {size}")))?;
    let window = Lrn {
        before: around / 2,
        after: around - around / 2,
        alpha: node.float("alpha", 1e-4)?,
        beta: node.float("beta", 0.75)?,
        bias: node.float("bias", 1.0)?,
    };
    compose::lrn(node, x, window).map(Val::Data)
}

/// `LpNormalization`: each lane over its norm.
pub(super) fn lp_normalization(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let axis = node.axis(node.int("axis", -1)?, node.dims(x).len())?;
    let over = Axes { axes: vec![axis], keepdims: true };
    let norm = match node.int("p", 2)? {
        1 => l1(node, x, &over)?,
        2 => l2(node, x, &over)?,
        p => return Err(node.unsupported(format!("its norm has p = {p}"), "use p = 1 or 2")),
    };
    Ok(Val::Data(node.emit("div", &[x, norm], attrs! {})?))
}
