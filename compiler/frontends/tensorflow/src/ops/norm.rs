//! Batch norms and means.

use crate::node::Node;
use crate::ops::array::axis;
use crate::ops::spatial::Layout;
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
    let layout = Layout::of(node)?;
    let [_, channels, ..] = layout.nchw(node, &node.shape(0)?)?;
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

/// `Mean` over height and width, or one of them.
pub(super) fn mean(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let rank = node.shape(0)?.len();
    let mut axes = Vec::new();
    for a in node.ints(1, "axes")? {
        axes.push(axis(node, a, rank)?);
    }
    axes.sort_unstable();
    axes.dedup();
    let keepdims = node.bool("keep_dims", false)?;
    // The mean is what it says in either layout; the layout only chooses where the transposes stand.
    let layout = [Layout::Nhwc, Layout::Nchw].into_iter().find(|l| axes.iter().all(|a| l.spatial().contains(a)));
    let Some(layout) = layout.filter(|_| rank == 4 && !axes.is_empty()) else {
        let why = format!("its axes {axes:?} are not height and width of 4 dimensions");
        return Err(node.unsupported(why, "only means over the spatial axes are supported"));
    };
    let in_nchw: Vec<i64> =
        axes.iter().map(|&a| if layout == Layout::Nhwc { a as i64 + 1 } else { a as i64 }).collect();
    let x = node.data(0)?;
    let x = layout.enter(node, x)?;
    let mut y = node.emit("reduce_mean", &[x], attrs! { axes: in_nchw, keepdims: keepdims })?;
    if keepdims {
        y = layout.leave(node, y)?;
    } else if layout == Layout::Nhwc && axes.len() == 1 {
        // What is left of N, C, H, W is the batch, the channels and one spatial axis.
        y = node.emit("transpose", &[y], attrs! { perm: [0, 2, 1] })?;
    }
    Ok(Val::Data(y))
}
