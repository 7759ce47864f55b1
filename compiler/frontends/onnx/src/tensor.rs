//! The values of a `TensorProto`.
//!
//! # Source
//! ONNX's `onnx.proto`: either `raw_data` holds all elements little endian, or the list of their type holds them, or another
//! file does.

use crate::dtype::DType;
use crate::proto::TensorProto;
use bytes::Bytes;
use ndarray::{ArrayD, IxDyn};
use prost::Message;
use treville_frontend_common::Values;
use treville_hlil::{StoredTensor, Tensor, half_to_f32};

/// Why a tensor's values cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The bytes are no TensorProto.
    #[error("the bytes are not a tensor: {reason}")]
    Malformed {
        /// What the decoder says.
        reason: String,
    },
    /// A data type that we do not compute with.
    #[error("its data type {dtype} is not supported")]
    Type {
        /// The type.
        dtype: DType,
    },
    /// A dimension is negative, or there are more elements than any memory holds.
    #[error("its shape {dims:?} is no shape of a tensor")]
    Shape {
        /// The dimensions as they stand in the file.
        dims: Vec<i64>,
    },
    /// The values do not have the number that the shape asks for.
    #[error("its shape asks for {expected} {unit}, and there are {actual}")]
    Length {
        /// What the shape asks for.
        expected: usize,
        /// What is there.
        actual: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A value that 64-bit integers with sign cannot hold.
    #[error("its value {value} does not fit int64")]
    TooLarge {
        /// The value.
        value: u64,
    },
    /// Values in another file that cannot be had.
    #[error("{reason}")]
    External {
        /// Why.
        reason: String,
    },
}

/// Reads a file that holds one tensor, such as the test data of the ONNX model zoo: its name and its values.
///
/// # Errors
/// [`TensorError`].
pub fn read_tensor(bytes: &[u8]) -> Result<(String, Tensor), TensorError> {
    let proto = TensorProto::decode(bytes).map_err(|error| TensorError::Malformed { reason: error.to_string() })?;
    let values = decode(&proto, &|_| Err(std::io::Error::other("a tensor by itself has no other files")))?;
    Ok((proto.name, values))
}

/// Reads another file of the model by its path relative to the model's folder.
pub type Read<'r> = &'r dyn Fn(&str) -> std::io::Result<Bytes>;

/// The dimensions of a tensor.
///
/// # Errors
/// [`TensorError::Shape`] for a negative dimension or an element count that overflows.
pub fn dims(proto: &TensorProto) -> Result<Vec<usize>, TensorError> {
    let known: Option<Vec<usize>> = proto.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let countable = |dims: &Vec<usize>| dims.iter().try_fold(8usize, |n, &d| n.checked_mul(d.max(1))).is_some();
    known.filter(countable).ok_or_else(|| TensorError::Shape { dims: proto.dims.clone() })
}

/// The values of a tensor: floats of any width as `f32`, integers and booleans as `i64`.
///
/// # Errors
/// [`TensorError`]. No memory is taken for elements that are not there.
pub fn decode(proto: &TensorProto, read: Read<'_>) -> Result<Tensor, TensorError> {
    values(proto, read).map(|values| values.tensor().clone())
}

/// The values of a tensor, which stay where they are in the file until somebody asks for them.
///
/// # Errors
/// As [`decode`].
pub fn values(proto: &TensorProto, read: Read<'_>) -> Result<Values, TensorError> {
    let dtype = DType(proto.data_type);
    let dims = dims(proto)?;
    let Some(encoding) = dtype.encoding() else { return Err(TensorError::Type { dtype }) };
    let raw = if proto.data_location == EXTERNAL { external(proto, read)? } else { proto.raw_data.clone() };
    if raw.is_empty() {
        return listed(proto, dtype, &dims).map(Values::from);
    }
    if dtype == DType::UINT64 {
        let (words, _) = raw.as_chunks();
        check_u64(words.iter().map(|word| u64::from_le_bytes(*word)))?;
    }
    let stored = StoredTensor::new(dims, encoding, raw).map_err(|error| {
        let expected = error.shape.iter().product::<usize>() * encoding.size();
        TensorError::Length { expected, actual: error.actual, unit: "bytes" }
    })?;
    Ok(stored.into())
}

/// The values of a tensor that stand in the list of their type.
fn listed(proto: &TensorProto, dtype: DType, dims: &[usize]) -> Result<Tensor, TensorError> {
    let ints = proto.int32_data.as_slice();
    let bits16 = |v: &i32| *v as u16;
    Ok(match dtype {
        DType::FLOAT => Tensor::F32(array(dims, &proto.float_data, |v| *v)?),
        DType::DOUBLE => Tensor::F32(array(dims, &proto.double_data, |v| *v as f32)?),
        DType::FLOAT16 => Tensor::F32(array(dims, ints, |v| half_to_f32(bits16(v)))?),
        DType::BFLOAT16 => Tensor::F32(array(dims, ints, |v| f32::from_bits(u32::from(bits16(v)) << 16))?),
        DType::INT64 => Tensor::I64(array(dims, &proto.int64_data, |v| *v)?),
        DType::INT32 => Tensor::I64(array(dims, ints, |v| i64::from(*v))?),
        DType::INT16 => Tensor::I64(array(dims, ints, |v| i64::from(*v as i16))?),
        DType::UINT16 => Tensor::I64(array(dims, ints, |v| bits16(v).into())?),
        DType::INT8 => Tensor::I64(array(dims, ints, |v| i64::from(*v as i8))?),
        DType::UINT8 => Tensor::I64(array(dims, ints, |v| i64::from(*v as u8))?),
        DType::BOOL => Tensor::I64(array(dims, ints, |v| i64::from(*v != 0))?),
        DType::UINT32 => Tensor::I64(array(dims, &proto.uint64_data, |v| i64::from(*v as u32))?),
        DType::UINT64 => {
            check_u64(proto.uint64_data.iter().copied())?;
            Tensor::I64(array(dims, &proto.uint64_data, |v| *v as i64)?)
        }
        _ => return Err(TensorError::Type { dtype }),
    })
}

fn array<T, U>(dims: &[usize], list: &[T], convert: impl Fn(&T) -> U) -> Result<ArrayD<U>, TensorError> {
    let expected = dims.iter().product();
    let values = list.iter().map(convert).collect();
    ArrayD::from_shape_vec(IxDyn(dims), values).map_err(|_| TensorError::Length {
        expected,
        actual: list.len(),
        unit: "values",
    })
}

fn check_u64(mut values: impl Iterator<Item = u64>) -> Result<(), TensorError> {
    match values.find(|v| i64::try_from(*v).is_err()) {
        Some(value) => Err(TensorError::TooLarge { value }),
        None => Ok(()),
    }
}

/// `TensorProto.DataLocation.EXTERNAL`
const EXTERNAL: i32 = 1;

/// The bytes of a tensor in another file. The file must lie in the model's folder or below it.
fn external(proto: &TensorProto, read: Read<'_>) -> Result<Bytes, TensorError> {
    let fail = |reason: String| TensorError::External { reason };
    let entry = |key: &str| proto.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => {
            text.parse::<usize>().map(Some).map_err(|_| fail(format!("the {key} {text:?} of its values is no number")))
        }
    };
    let Some(location) = entry("location") else {
        return Err(fail("it does not say which file its values are in".into()));
    };
    if !is_below(location) {
        return Err(fail(format!("its values are in `{location}`, which is not below the model's folder")));
    }
    let file = read(location)
        .map_err(|error| fail(format!("its values are in `{location}`, which cannot be read: {error}")))?;
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(file.len().saturating_sub(offset));
    match offset.checked_add(length) {
        Some(end) if end <= file.len() => Ok(file.slice(offset..end)),
        _ => Err(fail(format!(
            "its values are the {length} bytes from {offset} of `{location}`, which has {} bytes",
            file.len()
        ))),
    }
}

/// Whether a path names a file in a folder or below it, however the system reads it.
fn is_below(path: &str) -> bool {
    let mut parts = path.split(['/', '\\']);
    !path.is_empty() && !path.contains(':') && parts.all(|part| !matches!(part, "" | ".."))
}
