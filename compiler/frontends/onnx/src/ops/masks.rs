//! Ones at some places, zeros elsewhere; and what they choose.

use crate::node::Node;
use crate::ops::activation::over_axis;
use treville_frontend_common::compose::take;
use treville_frontend_common::{Result, Val};
use treville_hlil::Scalar;
use treville_ir::{ValueId, attrs};

/// `Trilu`: one triangle of each matrix, zeros elsewhere.
pub(super) fn trilu(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 2)?;
    let x = node.data(0)?;
    let dims = node.dims(x);
    let &[.., rows, columns] = dims.as_slice() else { return Err(node.invalid("its input is no matrix")) };
    let k = if node.has(1) { node.one_int(1, "k")? } else { 0 };
    let upper = node.flag("upper", true)?;
    node.reserve(rows.saturating_mul(columns))?;
    let is_kept = |i: usize, j: usize| {
        let above = (j as i64).saturating_sub(i as i64);
        if upper { above >= k } else { above <= k }
    };
    let mask: Vec<i64> = (0..rows * columns).map(|n| i64::from(is_kept(n / columns, n % columns))).collect();
    let mask = node.emit("constant", &[], attrs! { shape: vec![rows as i64, columns as i64], values: mask })?;
    let zero = match node.ty(x).elem.scalar {
        Scalar::F32 => node.number(0.0)?,
        Scalar::I64 => node.integer(0)?,
    };
    Ok(Val::Data(node.emit("select", &[mask, x, zero], attrs! {})?))
}

/// `OneHot`: `values` are those elsewhere and at the index.
pub(super) fn one_hot(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(3, 3)?;
    let indices = node.data(0)?;
    let depth = match node.public(1)?.map(|c| c.values().clone()) {
        Some(treville_hlil::Tensor::F32(depth)) => depth.iter().map(|&d| d as i64).collect(),
        _ => node.ints(1, "depth")?,
    };
    let values = node.data(2)?;
    let (&[depth], [2]) = (depth.as_slice(), node.dims(values).as_slice()) else {
        return Err(node.invalid("its depth is no number, or its values are not two"));
    };
    if !(1..=1 << 20).contains(&depth) {
        return Err(node.invalid(format!("its depth is {depth}")));
    }
    node.reserve(depth as usize)?;
    let dims = node.dims(indices);
    let axis = node.axis(node.int("axis", -1)?, dims.len() + 1)?;
    let mut shape = dims.clone();
    shape.insert(axis, 1);
    let mut indices = take::reshape(node, indices, &shape)?;
    if node.ty(indices).elem.scalar == Scalar::F32 {
        indices = node.emit("cast", &[indices], attrs! { to: "i64" })?;
    }
    // Negative indices count from the end.
    let mut places = vec![1_i64; shape.len()];
    places[axis] = depth;
    let at = |node: &mut Node<'_, '_>, from: i64| {
        let values: Vec<i64> = (from..from + depth).collect();
        let places = node.emit("constant", &[], attrs! { shape: places.clone(), values: values })?;
        node.emit("equal", &[indices, places], attrs! {})
    };
    let (from_start, from_end) = (at(node, 0)?, at(node, -depth)?);
    let is_hot = node.emit("max", &[from_start, from_end], attrs! {})?;
    let off = take::take(node, values, 0, vec![0])?;
    let on = take::take(node, values, 0, vec![1])?;
    Ok(Val::Data(node.emit("select", &[is_hot, on, off], attrs! {})?))
}

/// `Hardmax`: 1 where the first greatest element along an axis stands, 0 elsewhere.
pub(super) fn hardmax(node: &mut Node<'_, '_>) -> Result<Val> {
    over_axis(node, one_at_greatest)
}

fn one_at_greatest(node: &mut Node<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let dims = node.dims(x);
    node.reserve(dims[axis])?;
    let best = node.emit("arg_max", &[x], attrs! { axis: axis as i64, keepdims: true })?;
    let mut shape = vec![1i64; dims.len() - axis];
    shape[0] = dims[axis] as i64;
    let places: Vec<i64> = (0..dims[axis] as i64).collect();
    let places = node.emit("constant", &[], attrs! { shape: shape, values: places })?;
    let here = node.emit("equal", &[best, places], attrs! {})?;
    node.emit("cast", &[here], attrs! { to: "f32" })
}
