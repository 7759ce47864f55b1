//! The values of a `TensorProto`.
//!
//! # Source
//! TensorFlow's `Tensor::FromProto`: either `tensor_content` holds all elements as they lie in memory (little endian), or a
//! typed list holds them; a list that is too short has its last value repeated, an empty one means zeros, and what is too
//! many is ignored.

use crate::dtype::DType;
use crate::proto::TensorProto;
use ndarray::{ArrayD, IxDyn};
use treville_hlil::Tensor;

/// How many elements the tensors of one graph may have beyond those that stand in the file.
///
/// A few bytes can ask for a tensor of any size by a single value for all elements; this keeps a hostile file from
/// exhausting memory, and is far above what trained models contain.
pub const MAX_REPEATED: usize = 1 << 24;

/// Why a tensor's values cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
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
    /// `tensor_content` does not have the length that shape and type ask for.
    #[error("its shape asks for {expected} bytes of `tensor_content`, and there are {actual}")]
    ContentLength {
        /// Elements times bytes per element.
        expected: usize,
        /// Bytes in the file.
        actual: usize,
    },
    /// More than [`MAX_REPEATED`] elements that do not stand in the file.
    #[error("its {elements} elements are not in the file, which holds {given} of them")]
    Repeated {
        /// Elements of the shape.
        elements: usize,
        /// Elements in the file.
        given: usize,
    },
}

/// The dimensions of a tensor that has values.
///
/// # Errors
/// [`TensorError::Shape`] for an unknown dimension or an element count that overflows.
pub fn dims(proto: &TensorProto) -> Result<Vec<usize>, TensorError> {
    let shape = proto.tensor_shape.clone().unwrap_or_default();
    let sizes: Vec<i64> = shape.dim.iter().map(|d| d.size).collect();
    let known: Option<Vec<usize>> = sizes.iter().map(|&d| usize::try_from(d).ok()).collect();
    let countable = |dims: &Vec<usize>| dims.iter().try_fold(8usize, |n, &d| n.checked_mul(d.max(1))).is_some();
    known.filter(|dims| !shape.unknown_rank && countable(dims)).ok_or(TensorError::Shape { dims: sizes })
}

/// The values of a tensor: floats of any width as `f32`, integers and booleans as `i64`.
///
/// `repeated` counts down the elements that may still be added by repetition.
///
/// # Errors
/// [`TensorError`]. No memory is taken for elements that are not there, except within `repeated`.
pub fn decode(proto: &TensorProto, repeated: &mut usize) -> Result<Tensor, TensorError> {
    let dtype = DType(proto.dtype);
    let dims = dims(proto)?;
    let n: usize = dims.iter().product();
    let Some(size) = dtype.size() else { return Err(TensorError::Type { dtype }) };
    let content: &[u8] = &proto.tensor_content;
    if !content.is_empty() && content.len() != n * size {
        return Err(TensorError::ContentLength { expected: n * size, actual: content.len() });
    }
    let mut fill = Fill { dims: &dims, n, content, repeated };
    let bits16 = |list: &[i32]| list.iter().map(|&v| v as u16).collect::<Vec<_>>();
    Ok(match dtype {
        DType::FLOAT => Tensor::F32(fill.array(&proto.float_val, f32::from_le_bytes, |v| v)?),
        DType::DOUBLE => Tensor::F32(fill.array(&proto.double_val, f64::from_le_bytes, |v| v as f32)?),
        DType::HALF => Tensor::F32(fill.array(&bits16(&proto.half_val), u16::from_le_bytes, half)?),
        DType::BFLOAT16 => {
            let widen = |v| f32::from_bits(u32::from(v) << 16);
            Tensor::F32(fill.array(&bits16(&proto.half_val), u16::from_le_bytes, widen)?)
        }
        DType::INT64 => Tensor::I64(fill.array(&proto.int64_val, i64::from_le_bytes, |v| v)?),
        DType::BOOL => {
            let list: Vec<u8> = proto.bool_val.iter().map(|&b| b.into()).collect();
            Tensor::I64(fill.array(&list, u8::from_le_bytes, |v| i64::from(v != 0))?)
        }
        DType::INT32 => Tensor::I64(fill.array(&proto.int_val, i32::from_le_bytes, i64::from)?),
        DType::INT16 => {
            let list: Vec<i16> = proto.int_val.iter().map(|&v| v as i16).collect();
            Tensor::I64(fill.array(&list, i16::from_le_bytes, i64::from)?)
        }
        DType::UINT16 => Tensor::I64(fill.array(&bits16(&proto.int_val), u16::from_le_bytes, i64::from)?),
        DType::INT8 => {
            let list: Vec<i8> = proto.int_val.iter().map(|&v| v as i8).collect();
            Tensor::I64(fill.array(&list, i8::from_le_bytes, i64::from)?)
        }
        DType::UINT8 => {
            let list: Vec<u8> = proto.int_val.iter().map(|&v| v as u8).collect();
            Tensor::I64(fill.array(&list, u8::from_le_bytes, i64::from)?)
        }
        _ => return Err(TensorError::Type { dtype }),
    })
}

/// The elements of a tensor, from its content or from a list.
struct Fill<'a> {
    dims: &'a [usize],
    n: usize,
    content: &'a [u8],
    repeated: &'a mut usize,
}

impl Fill<'_> {
    fn array<T: Copy + Default, U: Clone, const SIZE: usize>(
        &mut self,
        list: &[T],
        from_bytes: fn([u8; SIZE]) -> T,
        convert: impl Fn(T) -> U,
    ) -> Result<ArrayD<U>, TensorError> {
        let mut values: Vec<U>;
        if self.content.is_empty() {
            let given = &list[..list.len().min(self.n)];
            let missing = self.n - given.len();
            let left = self.repeated.checked_sub(missing);
            *self.repeated = left.ok_or(TensorError::Repeated { elements: self.n, given: given.len() })?;
            values = given.iter().map(|&v| convert(v)).collect();
            values.resize(self.n, convert(given.last().copied().unwrap_or_default()));
        } else {
            values = self.content.as_chunks().0.iter().map(|&bytes| convert(from_bytes(bytes))).collect();
        }
        let dims = self.dims.to_vec();
        ArrayD::from_shape_vec(IxDyn(self.dims), values)
            .map_err(|_| TensorError::Shape { dims: dims.iter().map(|&d| d as i64).collect() })
    }
}

/// The value of an IEEE half-precision number.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f32::from(bits & 0x3FF) / 1024.0);
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-14),
        0x1F if fraction == 0.0 => f32::INFINITY,
        0x1F => f32::NAN,
        _ => (1.0 + fraction) * 2f32.powi(exponent - 15),
    };
    sign * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{Dim, TensorShapeProto};

    fn proto(dtype: DType, dims: &[i64]) -> TensorProto {
        let dim = dims.iter().map(|&size| Dim { size, name: String::new() }).collect();
        let tensor_shape = Some(TensorShapeProto { dim, unknown_rank: false });
        TensorProto { dtype: dtype.0, tensor_shape, ..TensorProto::default() }
    }

    fn floats(proto: &TensorProto) -> Vec<f32> {
        match decode(proto, &mut MAX_REPEATED.clone()) {
            Ok(Tensor::F32(a)) => a.into_raw_vec_and_offset().0,
            other => panic!("{other:?}"),
        }
    }

    fn ints(proto: &TensorProto) -> Vec<i64> {
        match decode(proto, &mut MAX_REPEATED.clone()) {
            Ok(Tensor::I64(a)) => a.into_raw_vec_and_offset().0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn short_lists_repeat_their_last_value() {
        let mut t = proto(DType::FLOAT, &[4]);
        assert_eq!(floats(&t), [0.0; 4]);
        t.float_val = vec![1.0, 2.0];
        assert_eq!(floats(&t), [1.0, 2.0, 2.0, 2.0]);
        t.float_val = vec![1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(floats(&t), [1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn every_type_from_list_and_content() {
        let t = TensorProto { half_val: vec![0x3C00, 0xC200, 0x0001, 0x7C00], ..proto(DType::HALF, &[4]) };
        assert_eq!(floats(&t), [1.0, -3.0, 2f32.powi(-24), f32::INFINITY]);
        let t = TensorProto { half_val: vec![0x3FC0], ..proto(DType::BFLOAT16, &[1]) };
        assert_eq!(floats(&t), [1.5]);
        let t = TensorProto { double_val: vec![0.1], ..proto(DType::DOUBLE, &[]) };
        assert_eq!(floats(&t), [0.1]);
        for (dtype, content) in [
            (DType::INT8, vec![0xFE]),
            (DType::INT16, vec![0xFE, 0xFF]),
            (DType::INT32, vec![0xFE, 0xFF, 0xFF, 0xFF]),
            (DType::INT64, vec![0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        ] {
            assert_eq!(ints(&TensorProto { tensor_content: content.into(), ..proto(dtype, &[1]) }), [-2], "{dtype}");
            let list = TensorProto { int_val: vec![-2], int64_val: vec![-2], ..proto(dtype, &[1]) };
            assert_eq!(ints(&list), [-2], "{dtype}");
        }
        assert_eq!(ints(&TensorProto { tensor_content: vec![0xFE].into(), ..proto(DType::UINT8, &[1]) }), [254]);
        assert_eq!(ints(&TensorProto { tensor_content: vec![0xFE, 1].into(), ..proto(DType::UINT16, &[1]) }), [510]);
        assert_eq!(ints(&TensorProto { bool_val: vec![true, false], ..proto(DType::BOOL, &[2]) }), [1, 0]);
    }

    #[test]
    fn lies_about_size_are_found_before_memory_is_taken() {
        let one = TensorProto { float_val: vec![1.0], ..proto(DType::FLOAT, &[1 << 20, 1 << 20]) };
        assert!(matches!(decode(&one, &mut MAX_REPEATED.clone()), Err(TensorError::Repeated { given: 1, .. })));
        let overflow = proto(DType::FLOAT, &[i64::MAX, i64::MAX]);
        assert!(matches!(decode(&overflow, &mut MAX_REPEATED.clone()), Err(TensorError::Shape { .. })));
        let overflow_beside_zero = proto(DType::FLOAT, &[0, i64::MAX, i64::MAX]);
        assert!(matches!(decode(&overflow_beside_zero, &mut MAX_REPEATED.clone()), Err(TensorError::Shape { .. })));
        let negative = proto(DType::FLOAT, &[-1]);
        assert!(matches!(decode(&negative, &mut MAX_REPEATED.clone()), Err(TensorError::Shape { .. })));
        let content = TensorProto { tensor_content: vec![0; 7].into(), ..proto(DType::FLOAT, &[2]) };
        let error = decode(&content, &mut MAX_REPEATED.clone());
        assert_eq!(error, Err(TensorError::ContentLength { expected: 8, actual: 7 }));
        let mut budget = 5;
        let four = TensorProto { float_val: vec![1.0], ..proto(DType::FLOAT, &[4]) };
        assert!(decode(&four, &mut budget).is_ok() && decode(&four, &mut budget).is_err());
    }
}
