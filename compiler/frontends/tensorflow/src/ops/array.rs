//! Shapes: what moves elements, and what says how many there are.

use crate::dtype::DType;
use crate::node::Node;
use ndarray::{ArrayD, IxDyn};
use treville_frontend_common::{Result, Val};
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
pub(super) fn with_shape(node: &mut Node<'_, '_>, dims: Vec<usize>) -> Result<Val> {
    if let Some(constant) = node.public(0)?
        && let Tensor::I64(values) = constant.values()
    {
        let values = values.to_shape(IxDyn(&dims)).map_err(|_| node.invalid("its shape does not match"))?.into_owned();
        return node.public_constant(constant.dtype, Tensor::I64(values));
    }
    let x = node.data(0)?;
    let shape: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
    Ok(Val::Data(node.emit("reshape", &[x], attrs! { shape: shape })?))
}

/// `Shape`: known at import, since every shape is.
pub(super) fn shape(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let dims: Vec<i64> = node.shape(0)?.iter().map(|&d| d as i64).collect();
    let values = ArrayD::from_shape_vec(vec![dims.len()], dims).map_err(|_| node.invalid("it has no shape"))?;
    node.constant(node.dtype("out_type", Some(DType::INT32))?, Tensor::I64(values))
}

/// `Transpose`.
pub(super) fn transpose(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let perm = node.ints(1, "permutation")?;
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("transpose", &[x], attrs! { perm: perm })?))
}

/// `Pad` with zeros.
pub(super) fn pad(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let rank = node.shape(0)?.len();
    let paddings = node.ints(1, "paddings")?;
    if node.shape(1)? != [rank, 2] || paddings.iter().any(|p| !(0..=1 << 30).contains(p)) {
        return Err(node.invalid(format!("{paddings:?} is no padding of {rank} dimensions")));
    }
    let (begin, end): (Vec<i64>, Vec<i64>) = paddings.chunks(2).map(|p| (p[0], p[1])).unzip();
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("pad", &[x], attrs! { begin: begin, end: end, value: 0.0 })?))
}

/// `Cast`: of public constants, and between floats, which are all one type to us.
pub(super) fn cast(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let (from, to) = (node.dtype("SrcT", None)?, node.dtype("DstT", None)?);
    if from == to || from.is_float() && to.is_float() {
        return Ok(node.input(0)?.clone());
    }
    let Val::Const(constant) = node.input(0)?.clone() else {
        let why = format!("it casts {from} to {to}, and its input is no constant");
        return Err(node.unsupported(why, "cast inputs before they are given to the model"));
    };
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
