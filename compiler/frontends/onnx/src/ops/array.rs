//! What moves elements.

use crate::node::Node;
use ndarray::IxDyn;
use treville_frontend_common::compose::take;
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;
use treville_ir::{ValueId, attrs};

/// Input 0 with other dimensions; of a constant without elements too, which is none of the function.
fn with_dims(node: &mut Node<'_, '_>, dims: &[usize]) -> Result<Val> {
    if node.shape(0)? == dims {
        return Ok(node.input(0)?.clone());
    }
    if let Some(constant) = node.public(0)?
        && constant.len() == 0
    {
        let misfit = |_| node.invalid(format!("no elements cannot have the shape {dims:?}"));
        let values = match constant.values() {
            Tensor::F32(values) => Tensor::F32(values.to_shape(IxDyn(dims)).map_err(misfit)?.into_owned()),
            Tensor::I64(values) => Tensor::I64(values.to_shape(IxDyn(dims)).map_err(misfit)?.into_owned()),
        };
        return node.public_constant(constant.dtype, values);
    }
    let x = node.data(0)?;
    take::reshape(node, x, dims).map(Val::Data)
}

/// `Reshape`: -1 stands for what is left, and 0 for the input's dimension unless `allowzero`.
pub(super) fn reshape(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let shape = node.shape(0)?;
    let n: usize = shape.iter().product();
    let copies = !node.flag("allowzero", false)?;
    let wanted = node.ints(1, "shape")?;
    let bad = || format!("{n} elements of shape {shape:?} cannot have the shape {wanted:?}");
    let mut dims = Vec::new();
    let mut unknown = None;
    for (i, &d) in wanted.iter().enumerate() {
        dims.push(match d {
            0 if copies => *shape.get(i).ok_or_else(|| node.invalid(bad()))?,
            -1 if unknown.replace(i).is_none() => 1,
            d => usize::try_from(d).map_err(|_| node.invalid(bad()))?,
        });
    }
    let known = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let known = known.ok_or_else(|| node.invalid(bad()))?;
    if let Some(i) = unknown {
        dims[i] = n.checked_div(known).unwrap_or(0);
    }
    if dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(n) {
        return Err(node.invalid(bad()));
    }
    with_dims(node, &dims)
}

/// `Flatten`: a matrix whose columns are the dimensions from the axis on.
pub(super) fn flatten(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let shape = node.shape(0)?;
    let axis = node.int("axis", 1)?;
    let axis = if axis == shape.len() as i64 { shape.len() } else { node.axis(axis, shape.len())? };
    with_dims(node, &[shape[..axis].iter().product(), shape[axis..].iter().product()])
}

/// The axes that an attribute gives before version 13, and input 1 since.
fn axes(node: &Node<'_, '_>) -> Result<Option<Vec<i64>>> {
    match node.opset() {
        ..13 => node.list("axes"),
        _ if node.has(1) => node.ints(1, "axes").map(Some),
        _ => Ok(None),
    }
}

/// `Squeeze`: drops the given dimensions of 1, or all of them.
pub(super) fn squeeze(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 2)?;
    let shape = node.shape(0)?;
    let dropped = match axes(node)? {
        Some(axes) => node.axes(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&a| shape[a] == 1).collect(),
    };
    if let Some(a) = dropped.iter().find(|&&a| shape[a] != 1) {
        return Err(node.invalid(format!("axis {a} of {shape:?} is not 1")));
    }
    let dims: Vec<usize> = (0..shape.len()).filter(|a| !dropped.contains(a)).map(|a| shape[a]).collect();
    with_dims(node, &dims)
}

/// `Unsqueeze`: puts in dimensions of 1, which the axes name in the result.
pub(super) fn unsqueeze(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 2)?;
    let mut dims = node.shape(0)?;
    let axes = axes(node)?.ok_or_else(|| node.invalid("its axes are missing"))?;
    for axis in node.axes(&axes, dims.len() + axes.len())? {
        dims.insert(axis, 1);
    }
    with_dims(node, &dims)
}

/// `Transpose`: reverses the dimensions by default.
pub(super) fn transpose(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let rank = node.dims(x).len() as i64;
    let perm = node.list("perm")?.unwrap_or_else(|| (0..rank).rev().collect());
    Ok(Val::Data(node.emit("transpose", &[x], attrs! { perm: perm })?))
}

/// `Concat`: constants without elements add nothing.
pub(super) fn concat(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, usize::MAX)?;
    let axis = node.axis(node.required_int("axis")?, node.shape(0)?.len())?;
    let mut parts = Vec::new();
    for i in 0..node.n_inputs() {
        if !node.shape(i)?.contains(&0) {
            parts.push(node.data(i)?);
        }
    }
    match parts.as_slice() {
        [] => Ok(node.input(0)?.clone()),
        &[one] => Ok(Val::Data(one)),
        parts => Ok(Val::Data(node.emit("concat", parts, attrs! { axis: axis as i64 })?)),
    }
}

/// `Expand`: numpy's broadcasting with a shape, in either direction.
pub(super) fn expand(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let x = node.data(0)?;
    let dims = node.dims(x);
    let wanted = dims_of(node, 1, "shape")?;
    let rank = dims.len().max(wanted.len());
    let from_end = |dims: &[usize], i: usize| dims.len().checked_sub(rank - i).map_or(1, |at| dims[at]);
    let joint = |i: usize| match (from_end(&dims, i), from_end(&wanted, i)) {
        (size, 1) => size,
        (_, wanted) => wanted,
    };
    let shape: Vec<usize> = (0..rank).map(joint).collect();
    take::expand(node, x, &shape).map(Val::Data)
}

/// `Tile`.
pub(super) fn tile(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let x = node.data(0)?;
    let times = dims_of(node, 1, "repeats")?;
    if times.len() != node.dims(x).len() || times.contains(&0) {
        return Err(node.unsupported(format!("it repeats {times:?} times"), "repeat each dimension at least once"));
    }
    take::tile(node, x, &times).map(Val::Data)
}

/// An input of public sizes.
pub(super) fn dims_of(node: &Node<'_, '_>, i: usize, what: &str) -> Result<Vec<usize>> {
    let sizes = node.ints(i, what)?;
    let known: Option<Vec<usize>> = sizes.iter().map(|&d| usize::try_from(d).ok()).collect();
    known.ok_or_else(|| node.invalid(format!("its {what} {sizes:?} is negative")))
}

/// `DepthToSpace`: channels become blocks, whose elements are the outer (DCR) or the inner (CRD) part of a channel's number.
pub(super) fn depth_to_space(node: &mut Node<'_, '_>) -> Result<Val> {
    let (x, [n, c, h, w], block) = blocks(node)?;
    if c % (block * block) != 0 {
        return Err(node.invalid(format!("{c} channels make no blocks of {block} x {block}")));
    }
    let depth = c / (block * block);
    let (shape, perm) = match node.text("mode", "DCR")? {
        "DCR" => ([n, block, block, depth, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, depth, block, block, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(node.invalid(format!("its mode {other:?} is unknown"))),
    };
    regroup(node, x, &shape, perm, &[n, depth, h * block, w * block])
}

/// `SpaceToDepth`: the elements of a block become channels.
pub(super) fn space_to_depth(node: &mut Node<'_, '_>) -> Result<Val> {
    let (x, [n, c, h, w], block) = blocks(node)?;
    if h % block != 0 || w % block != 0 {
        return Err(node.invalid(format!("{h} x {w} elements make no blocks of {block} x {block}")));
    }
    let (h, w) = (h / block, w / block);
    regroup(node, x, &[n, c, h, block, w, block], [0, 3, 5, 1, 2, 4], &[n, c * block * block, h, w])
}

fn blocks(node: &mut Node<'_, '_>) -> Result<(ValueId, [usize; 4], usize)> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    let block = node.required_int("blocksize")?;
    let Ok(dims) = <[usize; 4]>::try_from(node.dims(x)) else {
        return Err(node.invalid("its input is no batch of images"));
    };
    if !(1..=1 << 15).contains(&block) {
        return Err(node.invalid(format!("its blocksize is {block}")));
    }
    Ok((x, dims, block as usize))
}

fn regroup(node: &mut Node<'_, '_>, x: ValueId, split: &[usize], perm: [i64; 6], joined: &[usize]) -> Result<Val> {
    let y = take::reshape(node, x, split)?;
    let y = node.emit("transpose", &[y], attrs! { perm: perm })?;
    take::reshape(node, y, joined).map(Val::Data)
}
