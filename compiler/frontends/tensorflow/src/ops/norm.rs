//! Batch norms, and norms over neighbouring channels.

use crate::node::Node;
use crate::ops::spatial::{IMAGES, Layout};
use treville_frontend_common::compose::normalize::{self, Lrn};
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `FusedBatchNorm`, `FusedBatchNormV2`, `FusedBatchNormV3`, with the statistics of training.
pub(super) fn fused_batch_norm(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(5)?;
    if node.bool("is_training", true)? {
        return Err(node.unsupported(
            "it normalizes by the batch's own statistics (is_training)",
            "export the model for inference, with the statistics of training",
        ));
    }
    let layout = Layout::of(node, IMAGES)?;
    let (channels, _) = layout.split(node, &node.shape(0)?)?;
    for i in 1..5 {
        if node.shape(i)? != [channels] {
            return Err(node.invalid(format!("its input {i} does not have one value for each of {channels} channels")));
        }
    }
    let epsilon = f64::from(node.float("epsilon", 1e-4)?);
    let x = node.data(0)?;
    let x = layout.enter(node, x)?;
    let operands = [x, node.data(1)?, node.data(2)?, node.data(3)?, node.data(4)?];
    let y = node.emit("batch_norm", &operands, attrs! { epsilon: epsilon })?;
    Ok(Val::Data(layout.leave(node, y)?))
}

/// `LRN`: its sum of squares is `size` times the mean that the composition takes.
pub(super) fn lrn(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let layout = Layout::of(node, IMAGES)?;
    layout.split(node, &node.shape(0)?)?;
    let radius = usize::try_from(node.int("depth_radius", 5)?).ok().filter(|&r| r <= 1 << 20);
    let Some(radius) = radius else { return Err(node.invalid("its depth_radius is out of range")) };
    let float = |name: &str, default: f32| node.float(name, default).map(f64::from);
    let (bias, alpha, beta) = (float("bias", 1.0)?, float("alpha", 1.0)?, float("beta", 0.5)?);
    let window = Lrn { before: radius, after: radius, alpha: alpha * (2 * radius + 1) as f64, beta, bias };
    let x = node.data(0)?;
    let x = layout.enter(node, x)?;
    let y = normalize::lrn(node, x, window)?;
    Ok(Val::Data(layout.leave(node, y)?))
}
