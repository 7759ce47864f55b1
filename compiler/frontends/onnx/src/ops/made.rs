//! Constants that nodes make: shapes, ranges, and tensors of one value.

use crate::dtype::DType;
use crate::node::Node;
use crate::ops::array::dims_of;
use crate::tensor;
use ndarray::ArrayD;
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;

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
    node.reserve(dims.iter().fold(1, |n, &d| n.saturating_mul(d)))?;
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
    if start.dtype.is_float() {
        let [start_at, limit, delta] =
            [node.one_real(0, "start")?, node.one_real(1, "limit")?, node.one_real(2, "delta")?];
        let n = ((limit - start_at) / delta).ceil().max(0.0);
        if n.is_nan() {
            return Err(node.invalid("it counts by zero"));
        }
        // The conversion saturates.
        node.reserve(n as usize)?;
        let values = (0..n as usize).map(|i| (start_at + i as f64 * delta) as f32).collect();
        return node.public_constant(start.dtype, Tensor::F32(vector(values)));
    }
    let [first, limit, delta] = [node.one_int(0, "start")?, node.one_int(1, "limit")?, node.one_int(2, "delta")?];
    let distance = i128::from(limit) - i128::from(first);
    let delta = i128::from(delta);
    if delta == 0 {
        return Err(node.invalid("it counts by zero"));
    }
    let n = ((distance + delta - delta.signum()) / delta).max(0);
    node.reserve(usize::try_from(n).unwrap_or(usize::MAX))?;
    let values = (0..n).map(|i| (i128::from(first) + i * delta) as i64).collect();
    node.public_constant(start.dtype, Tensor::I64(vector(values)))
}

/// `EyeLike`: ones along a diagonal of a matrix.
pub(super) fn eye_like(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let &[rows, columns] = node.shape(0)?.as_slice() else { return Err(node.invalid("its input is no matrix")) };
    let k = node.int("k", 0)?;
    node.reserve(rows.saturating_mul(columns))?;
    let by_input = match node.input(0)? {
        Val::Const(c) if c.dtype.is_int() => DType::INT64,
        _ => DType::FLOAT,
    };
    let dtype = node.dtype("dtype", Some(by_input))?;
    let on = |i: usize, j: usize| j as i64 - i as i64 == k;
    let values = (0..rows * columns).map(|n| i64::from(on(n / columns, n % columns))).collect();
    let eye =
        ArrayD::from_shape_vec(vec![rows, columns], values).map_err(|_| node.invalid("its input is no matrix"))?;
    let is_float = dtype.number().is_some_and(|number| number.is_float());
    node.constant(dtype, if is_float { Tensor::F32(eye.mapv(|v: i64| v as f32)) } else { Tensor::I64(eye) })
}
