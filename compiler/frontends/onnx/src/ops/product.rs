//! Products of matrices, and sums that are such.

use crate::node::Node;
use treville_frontend_common::compose::activation::scale;
use treville_frontend_common::compose::cum_sum::cum_sum as running_sums;
use treville_frontend_common::compose::{einsum as sums, take};
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `MatMul`, as numpy has it: a vector is a row on the left and a column on the right.
pub(super) fn mat_mul(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let (mut a, mut b) = (node.data(0)?, node.data(1)?);
    let (a_dims, b_dims) = (node.dims(a), node.dims(b));
    if a_dims.is_empty() || b_dims.is_empty() {
        return Err(node.invalid("an input has no dimensions"));
    }
    if let &[n] = a_dims.as_slice() {
        a = take::reshape(node, a, &[1, n])?;
    }
    if let &[n] = b_dims.as_slice() {
        b = take::reshape(node, b, &[n, 1])?;
    }
    let mut y = node.emit("matmul", &[a, b], attrs! {})?;
    let mut dims = node.dims(y);
    if b_dims.len() == 1 {
        dims.pop();
    }
    if a_dims.len() == 1 {
        dims.remove(dims.len() - 1 - usize::from(b_dims.len() > 1));
    }
    if dims != node.dims(y) {
        y = take::reshape(node, y, &dims)?;
    }
    Ok(Val::Data(y))
}

/// `Gemm`: alpha * A * B + beta * C, either matrix transposed; C may be left out since version 11.
pub(super) fn gemm(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 3)?;
    let mut operands = [node.data(0)?, node.data(1)?];
    for (operand, flag) in operands.iter_mut().zip(["transA", "transB"]) {
        if node.dims(*operand).len() != 2 {
            return Err(node.invalid("an input is no matrix"));
        }
        // Any number but 0 transposes.
        if node.int(flag, 0)? != 0 {
            *operand = node.emit("transpose", &[*operand], attrs! { perm: [1, 0] })?;
        }
    }
    let mut y = node.emit("matmul", &operands, attrs! {})?;
    let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
    y = scale(node, y, alpha)?;
    let Some(c) = node.optional(2)?.filter(|_| beta != 0.0) else { return Ok(Val::Data(y)) };
    let c = scale(node, c, beta)?;
    let sum = node.emit("add", &[y, c], attrs! {})?;
    if node.dims(sum) != node.dims(y) {
        return Err(node.invalid("its input 2 does not broadcast to the product"));
    }
    Ok(Val::Data(sum))
}

/// `Einsum`.
pub(super) fn einsum(node: &mut Node<'_, '_>) -> Result<Val> {
    let operands = node.all(0)?;
    let equation = node.text("equation", "")?;
    sums::einsum(node, &operands, equation).map(Val::Data)
}

/// `CumSum`.
pub(super) fn cum_sum(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let x = node.data(0)?;
    let axis = node.axis(node.one_int(1, "axis")?, node.dims(x).len())?;
    let (exclusive, reverse) = (node.flag("exclusive", false)?, node.flag("reverse", false)?);
    running_sums(node, x, axis, exclusive, reverse).map(Val::Data)
}
