//! Shapes: what moves elements, and what says how many there are.

use crate::dtype::DType;
use crate::node::Node;
use crate::ops::concat::scalar;
use ndarray::ArrayD;
use treville_frontend_common::compose::elementwise;
use treville_frontend_common::compose::take::{Border, expand, extend, reshape as reshape_to};
use treville_frontend_common::{Constant, Result, Val};
use treville_hlil::Tensor;
use treville_ir::attrs;

/// The axis that a number means, counted from the end if negative.
pub(super) fn axis(node: &Node<'_, '_>, axis: i64, rank: usize) -> Result<usize> {
    let counted = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(counted) {
        Ok(counted) if counted < rank => Ok(counted),
        _ => Err(node.invalid(format!("there is no axis {axis} in {rank} dimensions"))),
    }
}

/// `Reshape`: one dimension may be -1.
pub(super) fn reshape(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let n: usize = node.shape(0)?.iter().product();
    let wanted = node.ints(1, "shape")?;
    let bad = || format!("{n} elements cannot have the shape {wanted:?}");
    let mut known = 1usize;
    for &d in wanted.iter().filter(|&&d| d != -1) {
        let d = usize::try_from(d).ok();
        known = d.and_then(|d| known.checked_mul(d)).ok_or_else(|| node.invalid(bad()))?;
    }
    let n_unknown = wanted.iter().filter(|&&d| d == -1).count();
    let inferred = if n_unknown == 0 { 1 } else { n.checked_div(known).unwrap_or(0) };
    if n_unknown > 1 || known.checked_mul(inferred) != Some(n) {
        return Err(node.invalid(bad()));
    }
    let dims = wanted.iter().map(|&d| usize::try_from(d).unwrap_or(inferred)).collect();
    with_shape(node, dims)
}

/// `Squeeze`: drops the given dimensions of 1, or all of them.
pub(super) fn squeeze(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let shape = node.shape(0)?;
    let mut axes = Vec::new();
    for a in node.list("squeeze_dims", Some(&[]))? {
        axes.push(axis(node, a, shape.len())?);
    }
    if let Some(a) = axes.iter().find(|&&a| shape[a] != 1) {
        return Err(node.invalid(format!("axis {a} of {shape:?} is not 1")));
    }
    let dropped = |a: usize| if axes.is_empty() { shape[a] == 1 } else { axes.contains(&a) };
    let dims = (0..shape.len()).filter(|&a| !dropped(a)).map(|a| shape[a]).collect();
    with_shape(node, dims)
}

/// `ExpandDims`: puts in a dimension of 1.
pub(super) fn expand_dims(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let mut dims = node.shape(0)?;
    let &[a] = node.ints(1, "axis")?.as_slice() else {
        return Err(node.invalid("its axis is no scalar"));
    };
    dims.insert(axis(node, a, dims.len() + 1)?, 1);
    with_shape(node, dims)
}

/// Input 0 with other dimensions.
fn with_shape(node: &mut Node<'_, '_>, dims: Vec<usize>) -> Result<Val> {
    let x = node.data(0)?;
    Ok(Val::Data(reshape_to(node, x, &dims)?))
}

/// `Shape`: known at import, since every shape is.
pub(super) fn shape(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    shape_of(node, 0)
}

/// `ShapeN`: the shapes of all inputs.
pub(super) fn shape_n(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    (0..node.n_inputs()).map(|i| shape_of(node, i)).collect()
}

fn shape_of(node: &Node<'_, '_>, i: usize) -> Result<Val> {
    let dims: Vec<i64> = node.shape(i)?.iter().map(|&d| d as i64).collect();
    integers(node, "out_type", vec![dims.len()], dims)
}

/// `Rank`: the number of dimensions.
pub(super) fn rank(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let rank = node.shape(0)?.len() as i64;
    integers(node, "out_type", vec![], vec![rank])
}

/// `Size`: the number of elements.
pub(super) fn size(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let size = node.shape(0)?.iter().product::<usize>() as i64;
    integers(node, "out_type", vec![], vec![size])
}

/// A public constant of integers, whose type an attribute gives.
fn integers(node: &Node<'_, '_>, dtype: &str, dims: Vec<usize>, values: Vec<i64>) -> Result<Val> {
    let dtype = node.dtype(dtype, Some(DType::INT32))?;
    let values = ArrayD::from_shape_vec(dims, values).map_err(|_| node.invalid("its values have no shape"))?;
    node.constant(dtype, Tensor::I64(values))
}

/// `Range`: the numbers from a start up to a limit, exclusive.
pub(super) fn range(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(3)?;
    let dtype = node.dtype("Tidx", Some(DType::INT32))?;
    let too_many = |node: &Node<'_, '_>| node.unsupported("it has too many numbers, or none", "use 1 to 2^24 numbers");
    if dtype.is_int() {
        let [start, limit, delta] =
            [scalar(node, 0, "start")?, scalar(node, 1, "limit")?, scalar(node, 2, "delta")?].map(i128::from);
        let n = if delta == 0 { 0 } else { (limit - start + delta - delta.signum()) / delta };
        if !(1..=MAX_RANGE).contains(&n) {
            return Err(too_many(node));
        }
        node.reserve(n as usize)?;
        let values: Vec<i64> = (0..n).map(|i| (start + i * delta) as i64).collect();
        return integers(node, "Tidx", vec![values.len()], values);
    }
    let mut bounds = [0.0; 3];
    for (i, bound) in bounds.iter_mut().enumerate() {
        match node.reals(i, "bound")?.as_slice() {
            &[value] => *bound = value,
            _ => return Err(node.invalid("its bounds are no scalars")),
        }
    }
    let [start, limit, delta] = bounds;
    let n = ((limit - start) / delta).ceil();
    if !(1.0..=MAX_RANGE as f32).contains(&n) {
        return Err(too_many(node));
    }
    node.reserve(n as usize)?;
    let values: Vec<f32> = (0..n as usize).map(|i| start + i as f32 * delta).collect();
    let values = ArrayD::from_shape_vec(vec![values.len()], values).map_err(|_| too_many(node))?;
    node.constant(dtype, Tensor::F32(values))
}

/// More numbers than any model counts.
const MAX_RANGE: i128 = 1 << 24;

/// `Fill`: one value everywhere.
pub(super) fn fill(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let dims = sizes(node, 0, "dims")?;
    let value = node.data(1)?;
    Ok(Val::Data(expand(node, value, &dims)?))
}

/// `BroadcastTo`.
pub(super) fn broadcast_to(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let dims = sizes(node, 1, "shape")?;
    let x = node.data(0)?;
    Ok(Val::Data(expand(node, x, &dims)?))
}

/// `ZerosLike`.
pub(super) fn zeros_like(node: &mut Node<'_, '_>) -> Result<Val> {
    all_like(node, 0)
}

/// `OnesLike`.
pub(super) fn ones_like(node: &mut Node<'_, '_>) -> Result<Val> {
    all_like(node, 1)
}

fn all_like(node: &mut Node<'_, '_>, number: i32) -> Result<Val> {
    node.expect_inputs(1)?;
    let dims: Vec<i64> = node.shape(0)?.iter().map(|&d| d as i64).collect();
    let attrs = if node.dtype("T", None)?.is_float() {
        attrs! { shape: dims, values: vec![f64::from(number)] }
    } else {
        attrs! { shape: dims, values: vec![i64::from(number)] }
    };
    Ok(Val::Data(node.emit("constant", &[], attrs)?))
}

/// Input `i` as dimensions of a result.
pub(super) fn sizes(node: &Node<'_, '_>, i: usize, what: &str) -> Result<Vec<usize>> {
    let given = node.ints(i, what)?;
    let sizes: Option<Vec<usize>> = given.iter().map(|&d| usize::try_from(d).ok().filter(|&d| d > 0)).collect();
    sizes.ok_or_else(|| {
        node.unsupported(format!("its {what} {given:?} is not positive"), "empty tensors are not supported")
    })
}

/// `Transpose`.
pub(super) fn transpose(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let perm = node.ints(1, "permutation")?;
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("transpose", &[x], attrs! { perm: perm })?))
}

/// `Pad`, `PadV2`: with zeros, or with a public number.
pub(super) fn pad(node: &mut Node<'_, '_>) -> Result<Val> {
    let value = match node.n_inputs() {
        2 => 0.0,
        _ => {
            node.expect_inputs(3)?;
            match node.public(2)?.as_deref().map(|c| c.values()) {
                Some(Tensor::F32(a)) if a.len() == 1 => f64::from(a.first().copied().unwrap_or_default()),
                Some(Tensor::I64(a)) if a.len() == 1 => a.first().copied().unwrap_or_default() as f64,
                _ => return Err(node.unsupported("its padding is no public number", "pad with a constant")),
            }
        }
    };
    let (begin, end): (Vec<i64>, Vec<i64>) = paddings(node, 1)?.iter().map(|&(b, e)| (b as i64, e as i64)).unzip();
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("pad", &[x], attrs! { begin: begin, end: end, value: value })?))
}

/// `MirrorPad`.
pub(super) fn mirror_pad(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let (border, outermost) = match node.text("mode", None)? {
        "REFLECT" => (Border::Reflect, 1),
        "SYMMETRIC" => (Border::Symmetric, 0),
        other => {
            return Err(node.unsupported(format!("its mode {other:?} is not supported"), "use REFLECT or SYMMETRIC"));
        }
    };
    let paddings = paddings(node, 1)?;
    let dims = node.shape(0)?;
    if dims.iter().zip(&paddings).any(|(&size, &(begin, end))| begin.max(end) + outermost > size) {
        return Err(node.invalid(format!("its paddings {paddings:?} are larger than {dims:?}")));
    }
    let x = node.data(0)?;
    Ok(Val::Data(extend(node, x, &paddings, border)?))
}

/// Input `i` as what is added before and after each dimension of input 0.
fn paddings(node: &Node<'_, '_>, i: usize) -> Result<Vec<(usize, usize)>> {
    let rank = node.shape(0)?.len();
    let paddings = node.ints(i, "paddings")?;
    if node.shape(i)? != [rank, 2] || paddings.iter().any(|p| !(0..=1 << 30).contains(p)) {
        return Err(node.invalid(format!("{paddings:?} is no padding of {rank} dimensions")));
    }
    Ok(paddings.chunks(2).map(|p| (p[0] as usize, p[1] as usize)).collect())
}

/// `Cast`. Floats of any width are one type to us, and so are integers.
pub(super) fn cast(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let (from, to) = (node.dtype("SrcT", None)?, node.dtype("DstT", None)?);
    if from == to || from.is_float() && to.is_float() {
        return Ok(node.input(0)?.clone());
    }
    if let Val::Const(constant) = node.input(0)?.clone() {
        return cast_constant(node, &constant, from, to);
    }
    let x = node.data(0)?;
    let wide = |to: DType| matches!(to, DType::INT32 | DType::INT64);
    if to == DType::BOOL {
        let zero = if from.is_float() { node.number(0.0)? } else { node.integer(0)? };
        Ok(Val::Data(elementwise::not_equal(node, x, zero)?))
    } else if to.is_float() && from.is_int() {
        Ok(Val::Data(node.emit("cast", &[x], attrs! { to: "f32" })?))
    } else if from.is_float() && wide(to) {
        Ok(Val::Data(node.emit("cast", &[x], attrs! { to: "i64" })?))
    } else if from == DType::BOOL && to.is_int() || from.is_int() && wide(to) {
        Ok(Val::Data(x))
    } else {
        Err(node.unsupported(format!("it casts {from} to {to}, where values may wrap"), "use int32 or int64"))
    }
}

fn cast_constant(node: &mut Node<'_, '_>, constant: &Constant, from: DType, to: DType) -> Result<Val> {
    // Integers are public. What floats become integers is no weight but a shape, unless the user says otherwise.
    let may_be_public = constant.public || to.is_int() && node.may_disclose(&constant.name);
    if !may_be_public {
        let why = format!("it casts {from} to {to}, and its input is secret");
        return Err(
            node.unsupported(why, format!("make it public with --public {}, or cast before the export", constant.name))
        );
    }
    if from.is_float() || constant.shape().iter().product::<usize>() > 1 && to.is_float() {
        node.disclose(&constant.name);
    }
    let values = match constant.values() {
        Tensor::I64(a) if to.is_float() => Tensor::F32(a.mapv(|v| v as f32)),
        Tensor::I64(a) if to == DType::BOOL => Tensor::I64(a.mapv(|v| i64::from(v != 0))),
        Tensor::F32(a) if to == DType::BOOL => Tensor::I64(a.mapv(|v| i64::from(v != 0.0))),
        Tensor::I64(a) if to.is_int() => Tensor::I64(a.clone()),
        // `as` rounds towards zero, as TensorFlow does; what does not fit is refused with the constant.
        Tensor::F32(a) if to.is_int() && a.iter().all(|v| v.is_finite()) => Tensor::I64(a.mapv(|v| v as i64)),
        _ => return Err(node.unsupported(format!("it casts {from} to {to}"), "cast before the export")),
    };
    node.constant(to, values)
}
