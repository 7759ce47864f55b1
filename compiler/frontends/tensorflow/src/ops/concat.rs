//! Joining tensors.

use crate::node::Node;
use crate::ops::array::axis;
use ndarray::{ArrayViewD, Axis};
use std::rc::Rc;
use treville_frontend_common::{Constant, Result, Val};
use treville_hlil::Tensor;
use treville_ir::{ValueId, attrs};

/// `ConcatV2`: the last input is the axis.
pub(super) fn concat(node: &mut Node<'_, '_>) -> Result<Val> {
    let Some(n) = node.n_inputs().checked_sub(1).filter(|&n| n > 0) else {
        return Err(node.invalid("it has nothing to join"));
    };
    let rank = node.shape(0)?.len();
    let &[along] = node.ints(n, "axis")?.as_slice() else {
        return Err(node.invalid("its axis is no scalar"));
    };
    let along = axis(node, along, rank)?;
    if let Some(parts) = integers(node, n)? {
        let views: Vec<_> = parts.iter().filter_map(|p| view(p)).collect();
        let joined = ndarray::concatenate(Axis(along), &views).map_err(|_| node.invalid("its inputs do not match"))?;
        return node.public_constant(parts[0].dtype, Tensor::I64(joined));
    }
    let parts = (0..n).map(|i| node.data(i)).collect::<Result<Vec<ValueId>>>()?;
    Ok(Val::Data(node.emit("concat", &parts, attrs! { axis: along as i64 })?))
}

/// `Pack`: joins along a new axis.
pub(super) fn pack(node: &mut Node<'_, '_>) -> Result<Val> {
    let n = node.n_inputs();
    if n == 0 {
        return Err(node.invalid("it has nothing to join"));
    }
    let mut dims = node.shape(0)?;
    let along = axis(node, node.int("axis", 0)?, dims.len() + 1)?;
    if let Some(parts) = integers(node, n)? {
        let views: Vec<_> = parts.iter().filter_map(|p| view(p)).collect();
        let joined = ndarray::stack(Axis(along), &views).map_err(|_| node.invalid("its inputs do not match"))?;
        return node.public_constant(parts[0].dtype, Tensor::I64(joined));
    }
    let same = (0..n).map(|i| Ok(node.shape(i)? == dims)).collect::<Result<Vec<bool>>>()?;
    if same.contains(&false) {
        return Err(node.invalid("its inputs differ in shape"));
    }
    dims.insert(along, 1);
    let dims: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
    let mut parts = Vec::new();
    for i in 0..n {
        let part = node.data(i)?;
        parts.push(node.emit("reshape", &[part], attrs! { shape: dims.clone() })?);
    }
    Ok(Val::Data(node.emit("concat", &parts, attrs! { axis: along as i64 })?))
}

/// The first `n` inputs if all are public integers.
fn integers(node: &Node<'_, '_>, n: usize) -> Result<Option<Vec<Rc<Constant>>>> {
    let parts = (0..n).map(|i| node.public(i)).collect::<Result<Option<Vec<_>>>>();
    Ok(parts?.filter(|parts| parts.iter().all(|p| view(p).is_some())))
}

fn view(constant: &Constant) -> Option<ArrayViewD<'_, i64>> {
    if let Tensor::I64(values) = constant.values() { Some(values.view()) } else { None }
}
