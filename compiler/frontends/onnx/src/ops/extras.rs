//! Operators that are products with constants: sums by named indices, running sums, triangles, one-hot vectors.

use crate::node::Node;
use treville_frontend_common::compose::einsum::einsum as compose_einsum;
use treville_frontend_common::compose::take;
use treville_frontend_common::{Result, Val};
use treville_hlil::Scalar;
use treville_ir::attrs;

/// `Einsum`.
pub(super) fn einsum(node: &mut Node<'_, '_>) -> Result<Val> {
    let operands = node.all(0)?;
    let equation = node.text("equation", "")?;
    compose_einsum(node, &operands, equation).map(Val::Data)
}

/// `CumSum`: the product with a triangle of ones.
pub(super) fn cum_sum(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let x = node.data(0)?;
    let mut dims = node.dims(x);
    let axis = node.axis(node.one_int(1, "axis")?, dims.len())?;
    let (exclusive, reverse) = (node.flag("exclusive", false)?, node.flag("reverse", false)?);
    let n = dims[axis];
    if n > MAX_TRIANGLE {
        return Err(
            node.unsupported(format!("it sums along {n} elements"), format!("at most {MAX_TRIANGLE} are supported"))
        );
    }
    // Whether element i counts for sum j.
    let counts = |i: usize, j: usize| if exclusive { i < j } else { i <= j };
    let triangle: Vec<f64> = (0..n * n)
        .map(|k| (k / n, k % n))
        .map(|(i, j)| f64::from(u8::from(if reverse { counts(j, i) } else { counts(i, j) })))
        .collect();
    let triangle = node.emit("constant", &[], attrs! { shape: vec![n as i64, n as i64], values: triangle })?;
    let mut perm: Vec<i64> = (0..dims.len() as i64).collect();
    perm.swap(axis, dims.len() - 1);
    let turned = node.emit("transpose", &[x], attrs! { perm: perm.clone() })?;
    let last = dims.len() - 1;
    dims.swap(axis, last);
    let lanes = take::reshape(node, turned, &[dims.iter().product::<usize>() / n, n])?;
    let sums = node.emit("matmul", &[lanes, triangle], attrs! {})?;
    let sums = take::reshape(node, sums, &dims)?;
    Ok(Val::Data(node.emit("transpose", &[sums], attrs! { perm: perm })?))
}

/// So many elements along a dimension make a triangle of 16 MB.
const MAX_TRIANGLE: usize = 2048;

/// `Trilu`: one triangle of each matrix, zeros elsewhere.
pub(super) fn trilu(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 2)?;
    let x = node.data(0)?;
    let dims = node.dims(x);
    let &[.., rows, columns] = dims.as_slice() else { return Err(node.invalid("its input is no matrix")) };
    let k = if node.has(1) { node.one_int(1, "k")? } else { 0 };
    let upper = node.flag("upper", true)?;
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
