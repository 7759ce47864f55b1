//! Joining tensors, and taking them apart.

use crate::node::Node;
use crate::ops::array::axis;
use treville_frontend_common::compose::take::reshape;
use treville_frontend_common::{Result, Val};
use treville_ir::{ValueId, attrs};

/// `ConcatV2`: the last input is the axis.
pub(super) fn concat(node: &mut Node<'_, '_>) -> Result<Val> {
    match node.n_inputs().checked_sub(1) {
        Some(last) => join(node, last, 0..last),
        None => Err(node.invalid("it has no axis")),
    }
}

/// `Concat`: the first input is the axis.
pub(super) fn concat_v1(node: &mut Node<'_, '_>) -> Result<Val> {
    join(node, 0, 1..node.n_inputs())
}

fn join(node: &mut Node<'_, '_>, axis_input: usize, parts: std::ops::Range<usize>) -> Result<Val> {
    if parts.is_empty() {
        return Err(node.invalid("it has nothing to join"));
    }
    let along = scalar(node, axis_input, "axis")?;
    let along = axis(node, along, node.shape(parts.start)?.len())?;
    // Shapes are joined with parts that have no elements.
    let mut operands = Vec::new();
    for i in parts.clone() {
        if !node.shape(i)?.contains(&0) {
            operands.push(node.data(i)?);
        }
    }
    if operands.is_empty() {
        return Ok(node.input(parts.start)?.clone());
    }
    Ok(Val::Data(node.emit("concat", &operands, attrs! { axis: along as i64 })?))
}

/// `Pack`: joins along a new axis.
pub(super) fn pack(node: &mut Node<'_, '_>) -> Result<Val> {
    let n = node.n_inputs();
    if n == 0 {
        return Err(node.invalid("it has nothing to join"));
    }
    let mut dims = node.shape(0)?;
    let along = axis(node, node.int("axis", 0)?, dims.len() + 1)?;
    let same = (0..n).map(|i| Ok(node.shape(i)? == dims)).collect::<Result<Vec<bool>>>()?;
    if same.contains(&false) {
        return Err(node.invalid("its inputs differ in shape"));
    }
    dims.insert(along, 1);
    let mut parts = Vec::new();
    for i in 0..n {
        let part = node.data(i)?;
        parts.push(reshape(node, part, &dims)?);
    }
    Ok(Val::Data(node.emit("concat", &parts, attrs! { axis: along as i64 })?))
}

/// `Unpack`: each slice along an axis, without the axis.
pub(super) fn unpack(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect_inputs(1)?;
    let mut dims = node.shape(0)?;
    let along = axis(node, node.int("axis", 0)?, dims.len())?;
    let n = dims.remove(along);
    if usize::try_from(node.int("num", n as i64)?) != Ok(n) {
        return Err(node.invalid(format!("it has {n} slices, and its attribute `num` is another number")));
    }
    if n > MAX_PARTS {
        return Err(node.unsupported(format!("it has {n} slices"), format!("at most {MAX_PARTS} are supported")));
    }
    let parts = split_at(node, 0, along, &vec![1; n])?;
    parts.into_iter().map(|part| Ok(Val::Data(reshape(node, part, &dims)?))).collect()
}

/// `Split`: parts of one size; the first input is the axis.
pub(super) fn split(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect_inputs(2)?;
    let dims = node.shape(1)?;
    let along = scalar(node, 0, "split_dim")?;
    let along = axis(node, along, dims.len())?;
    let n = usize::try_from(node.int("num_split", 0)?).unwrap_or(0);
    if n == 0 || dims[along] % n != 0 || n > MAX_PARTS {
        return Err(node.invalid(format!("{} elements cannot be split into {n} parts", dims[along])));
    }
    let parts = split_at(node, 1, along, &vec![dims[along] / n; n])?;
    Ok(parts.into_iter().map(Val::Data).collect())
}

/// `SplitV`: parts of given sizes, one of which may be -1 for what is left.
pub(super) fn split_v(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect_inputs(3)?;
    let dims = node.shape(0)?;
    let along = scalar(node, 2, "split_dim")?;
    let along = axis(node, along, dims.len())?;
    let given = node.ints(1, "size_splits")?;
    let known: i64 = given.iter().filter(|&&s| s >= 0).fold(0, |sum, &s| sum.saturating_add(s));
    let left = dims[along] as i64 - known;
    let sizes: Vec<i64> = given.iter().map(|&s| if s == -1 { left } else { s }).collect();
    let n_open = given.iter().filter(|&&s| s == -1).count();
    let fits = n_open <= 1 && sizes.iter().all(|&s| s > 0) && (n_open == 1 || left == 0) && sizes.len() <= MAX_PARTS;
    if !fits {
        return Err(node.unsupported(
            format!("{} elements are split into parts of {given:?}", dims[along]),
            "sizes must be positive and sum to the dimension",
        ));
    }
    let sizes: Vec<usize> = sizes.iter().map(|&s| s as usize).collect();
    let parts = split_at(node, 0, along, &sizes)?;
    Ok(parts.into_iter().map(Val::Data).collect())
}

/// The parts of an input, one after another along an axis.
fn split_at(node: &mut Node<'_, '_>, input: usize, axis: usize, sizes: &[usize]) -> Result<Vec<ValueId>> {
    let x = node.data(input)?;
    let dims = node.dims(x);
    let mut begin = 0;
    let mut parts = Vec::new();
    for size in sizes {
        let (mut starts, mut ends) = (vec![0; dims.len()], dims.iter().map(|&d| d as i64).collect::<Vec<_>>());
        starts[axis] = begin;
        begin += *size as i64;
        ends[axis] = begin;
        let steps = vec![1i64; dims.len()];
        parts.push(node.emit("slice", &[x], attrs! { starts: starts, ends: ends, steps: steps })?);
    }
    Ok(parts)
}

/// Input `i` as one public integer.
pub(super) fn scalar(node: &Node<'_, '_>, i: usize, what: &str) -> Result<i64> {
    match node.ints(i, what)?.as_slice() {
        &[value] => Ok(value),
        _ => Err(node.invalid(format!("its {what} is no scalar"))),
    }
}

/// More parts than any model takes a tensor into.
const MAX_PARTS: usize = 1 << 16;
