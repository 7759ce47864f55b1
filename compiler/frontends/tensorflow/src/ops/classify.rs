//! What ends a classifier.

use crate::dtype::DType;
use crate::node::Node;
use crate::ops::array::axis;
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `ArgMax`: the first of equal values.
pub(super) fn arg_max(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let output = node.dtype("output_type", Some(DType::INT64))?;
    if !output.is_int() {
        return Err(node.unsupported(format!("its output_type {output} is not supported"), "use int32 or int64"));
    }
    let rank = node.shape(0)?.len();
    let &[dimension] = node.ints(1, "dimension")?.as_slice() else {
        return Err(node.invalid("its dimension is no scalar"));
    };
    let axis = axis(node, dimension, rank)? as i64;
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("arg_max", &[x], attrs! { axis: axis, keepdims: false })?))
}

/// `Softmax` over the last axis: only a result may be one, which its receiver computes in the clear.
pub(super) fn softmax(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    if node.shape(0)?.is_empty() {
        return Err(node.invalid("its input has no axis"));
    }
    Ok(Val::Softmax { logits: node.data(0)?, node: node.idx() })
}
