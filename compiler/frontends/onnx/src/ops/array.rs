//! Shapes: what moves elements, and what says how many there are.

use crate::dtype::DType;
use crate::node::Node;
use crate::tensor;
use ndarray::{ArrayD, IxDyn};
use treville_frontend_common::compose::take;
use treville_frontend_common::{NumType, Result, Val};
use treville_hlil::{Scalar, Tensor};
use treville_ir::{ValueId, attrs};

/// So many elements a constant that a node makes may have.
const MAX_MADE: usize = 1 << 24;

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
fn dims_of(node: &Node<'_, '_>, i: usize, what: &str) -> Result<Vec<usize>> {
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

/// `Shape`: known at import, since every shape is.
pub(super) fn shape(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let dims: Vec<i64> = node.shape(0)?.iter().map(|&d| d as i64).collect();
    let rank = dims.len() as i64;
    let bound = |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let (start, end) = (bound(node.int("start", 0)?), bound(node.int("end", rank)?));
    let dims = dims.get(start..end).unwrap_or_default().to_vec();
    node.constant(DType::INT64, Tensor::I64(vector(dims)))
}

/// `Size`.
pub(super) fn size(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let n: usize = node.shape(0)?.iter().product();
    node.constant(DType::INT64, Tensor::I64(ndarray::arr0(n as i64).into_dyn()))
}

fn vector<T>(values: Vec<T>) -> ArrayD<T> {
    ndarray::Array1::from_vec(values).into_dyn()
}

/// `ConstantOfShape`: zeros by default.
pub(super) fn constant_of_shape(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let dims = dims_of(node, 0, "shape")?;
    if dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).is_none_or(|n| n > MAX_MADE) {
        return Err(
            node.unsupported(format!("it makes a constant of shape {dims:?}"), "at most 2^24 elements are supported")
        );
    }
    let (dtype, value) = match node.tensor("value")? {
        None => (DType::FLOAT, Tensor::F32(vector(vec![0.0]))),
        Some(proto) => {
            let no_files: tensor::Read<'_> = &|_| Err(std::io::Error::other("an attribute has no files"));
            let value =
                tensor::decode(proto, no_files).map_err(|e| node.invalid(format!("its value cannot be read: {e}")))?;
            (DType(proto.data_type), value)
        }
    };
    let filled = match &value {
        Tensor::F32(v) if v.len() == 1 => v.first().map(|&v| Tensor::F32(ArrayD::from_elem(dims, v))),
        Tensor::I64(v) if v.len() == 1 => v.first().map(|&v| Tensor::I64(ArrayD::from_elem(dims, v))),
        _ => None,
    };
    match filled {
        Some(filled) => node.constant(dtype, filled),
        None => Err(node.invalid("its value is no single element")),
    }
}

/// `Range`: from a start by steps up to a limit, exclusive.
pub(super) fn range(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(3, 3)?;
    let Val::Const(start) = node.input(0)?.clone() else {
        return Err(node.problem("E0118", "its start must be a constant", "export the model with fixed shapes"));
    };
    let too_many = |node: &Node<'_, '_>| {
        node.unsupported("it makes too many elements, or counts by zero", "at most 2^24 elements are supported")
    };
    if start.dtype.is_float() {
        let [start_at, limit, delta] =
            [node.one_real(0, "start")?, node.one_real(1, "limit")?, node.one_real(2, "delta")?];
        let n = ((limit - start_at) / delta).ceil().max(0.0);
        if n.is_nan() || n > MAX_MADE as f64 {
            return Err(too_many(node));
        }
        let values = (0..n as usize).map(|i| (start_at + i as f64 * delta) as f32).collect();
        return node.public_constant(start.dtype, Tensor::F32(vector(values)));
    }
    let [first, limit, delta] = [node.one_int(0, "start")?, node.one_int(1, "limit")?, node.one_int(2, "delta")?];
    let distance = i128::from(limit) - i128::from(first);
    let delta = i128::from(delta);
    if delta == 0 {
        return Err(too_many(node));
    }
    let n = ((distance + delta - delta.signum()) / delta).max(0);
    if n > MAX_MADE as i128 {
        return Err(too_many(node));
    }
    let values = (0..n).map(|i| (i128::from(first) + i * delta) as i64).collect();
    node.public_constant(start.dtype, Tensor::I64(vector(values)))
}

/// `Cast`: between kinds of numbers; of floats all widths are one type to us.
pub(super) fn cast(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let to = node.dtype("to", None)?;
    let Some(number) = to.number() else {
        return Err(node.unsupported(format!("it casts to {to}"), "cast to floats, integers or booleans"));
    };
    cast_to(node, number)
}

/// `CastLike`: to the type of input 1. Of computed values the width is not known, which matters for integers only.
pub(super) fn cast_like(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    if let Val::Const(like) = node.input(1)?.clone() {
        return cast_to(node, like.dtype);
    }
    let like = node.data(1)?;
    match node.ty(like).elem.scalar {
        Scalar::F32 => cast_to(node, NumType::F32),
        Scalar::I64 => {
            Err(node.unsupported("the type that it casts to is that of computed integers", "use Cast instead"))
        }
    }
}

fn cast_to(node: &mut Node<'_, '_>, to: NumType) -> Result<Val> {
    let is = |dtype: DType| dtype.number() == Some(to);
    if is(DType::BFLOAT16) {
        return Err(node.unsupported("it rounds to bfloat16", "leave values as wider floats"));
    }
    if let Val::Const(constant) = node.input(0)?.clone() {
        // Integers are public. What floats become integers is no weight but a shape, unless the user says otherwise.
        let may_be_public = constant.public || to.is_int() && node.may_disclose(&constant.name);
        if constant.dtype == to || to.is_float() && constant.dtype.is_float() && !constant.public {
            return Ok(Val::Const(constant));
        }
        if may_be_public {
            if constant.dtype.is_float() && !constant.public {
                node.disclose(&constant.name);
            }
            let values = match constant.values() {
                Tensor::F32(a) if to.is_float() => Tensor::F32(a.clone()),
                Tensor::I64(a) if to.is_float() => Tensor::F32(a.mapv(|v| v as f32)),
                Tensor::I64(a) if is(DType::BOOL) => Tensor::I64(a.mapv(|v| i64::from(v != 0))),
                Tensor::F32(a) if is(DType::BOOL) => Tensor::I64(a.mapv(|v| i64::from(v != 0.0))),
                Tensor::I64(a) => Tensor::I64(a.clone()),
                // `as` rounds towards zero, as ONNX does; what does not fit is refused with the constant.
                Tensor::F32(a) if a.iter().all(|v| v.is_finite()) => Tensor::I64(a.mapv(|v| v as i64)),
                Tensor::F32(_) => return Err(node.unsupported("it casts infinities to integers", "cast finite values")),
            };
            return node.public_constant(to, values);
        }
    }
    let x = node.data(0)?;
    let from = node.ty(x).elem.scalar;
    Ok(Val::Data(match (from, to.is_float()) {
        (Scalar::F32, true) => x,
        (Scalar::I64, true) => node.emit("cast", &[x], attrs! { to: "f32" })?,
        _ if is(DType::BOOL) => {
            let zero = if from == Scalar::F32 { node.number(0.0)? } else { node.integer(0)? };
            treville_frontend_common::compose::elementwise::not_equal(node, x, zero)?
        }
        _ if !is(DType::INT64) && !is(DType::INT32) => {
            let why = format!("it casts a computed value to {to}, which might wrap");
            return Err(node.unsupported(why, "cast to int32 or int64"));
        }
        (Scalar::F32, false) => node.emit("cast", &[x], attrs! { to: "i64" })?,
        (Scalar::I64, false) => x,
    }))
}
