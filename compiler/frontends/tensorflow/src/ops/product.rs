//! Products of matrices and what is such.

use crate::node::Node;
use crate::ops::array::axis;
use crate::ops::concat::scalar;
use treville_frontend_common::{Result, Val, compose};
use treville_ir::{ValueId, attrs};

/// `MatMul`: either matrix may be given transposed.
pub(super) fn mat_mul(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    for i in 0..2 {
        if node.shape(i)?.len() != 2 {
            return Err(node.invalid(format!("its input {i} is no matrix")));
        }
    }
    product(node, ["transpose_a", "transpose_b"])
}

/// `BatchMatMul`, `BatchMatMulV2`, `BatchMatMulV3`: of stacks of matrices, which broadcast.
pub(super) fn batch_mat_mul(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    product(node, ["adj_x", "adj_y"])
}

/// `Einsum`.
pub(super) fn einsum(node: &mut Node<'_, '_>) -> Result<Val> {
    let equation = node.text("equation", None)?;
    let operands = (0..node.n_inputs()).map(|i| node.data(i)).collect::<Result<Vec<ValueId>>>()?;
    Ok(Val::Data(compose::einsum::einsum(node, &operands, equation)?))
}

/// `Cumsum`.
pub(super) fn cum_sum(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let along = scalar(node, 1, "axis")?;
    let along = axis(node, along, node.shape(0)?.len())?;
    let (exclusive, reverse) = (node.bool("exclusive", false)?, node.bool("reverse", false)?);
    let x = node.data(0)?;
    Ok(Val::Data(compose::cum_sum::cum_sum(node, x, along, exclusive, reverse)?))
}

fn product(node: &mut Node<'_, '_>, transposed: [&str; 2]) -> Result<Val> {
    let mut operands = [node.data(0)?, node.data(1)?];
    for (operand, flag) in operands.iter_mut().zip(transposed) {
        if node.bool(flag, false)? {
            *operand = transpose_last(node, *operand)?;
        }
    }
    Ok(Val::Data(node.emit("matmul", &operands, attrs! {})?))
}

/// The last two axes exchanged.
fn transpose_last(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let mut perm: Vec<i64> = (0..node.dims(x).len() as i64).collect();
    let Some(swapped) = perm.len().checked_sub(2) else { return Err(node.invalid("its input is no matrix")) };
    perm.swap(swapped, swapped + 1);
    node.emit("transpose", &[x], attrs! { perm: perm })
}
