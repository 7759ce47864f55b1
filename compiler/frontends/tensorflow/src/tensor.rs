//! The values of a `TensorProto`.
//!
//! # Source
//! TensorFlow's `Tensor::FromProto`: either `tensor_content` holds all elements as they lie in memory (little endian), or a
//! typed list holds them; a list that is too short has its last value repeated, an empty one means zeros, and what is too
//! many is ignored.

use crate::dtype::DType;
use crate::proto::TensorProto;
use ndarray::{ArrayD, IxDyn};
use treville_frontend_common::Values;
use treville_hlil::{Encoding, StoredTensor, Tensor};

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

/// The values of a tensor: floats of any width as `f32`, integers and booleans as `i64`. Those in `tensor_content` stay there.
///
/// `repeated` counts down the elements that may still be added by repetition.
///
/// # Errors
/// [`TensorError`]. No memory is taken for elements that are not there, except within `repeated`.
pub fn read(proto: &TensorProto, repeated: &mut usize) -> Result<Values, TensorError> {
    let dtype = DType(proto.dtype);
    let dims = dims(proto)?;
    let Some(encoding) = dtype.encoding() else { return Err(TensorError::Type { dtype }) };
    if proto.tensor_content.is_empty() {
        return list(proto, encoding, &dims, repeated).map(Values::from);
    }
    let stored = StoredTensor::new(dims, encoding, proto.tensor_content.clone());
    stored.map(Values::from).map_err(|e| {
        let expected = e.shape.iter().product::<usize>() * encoding.size();
        TensorError::ContentLength { expected, actual: e.actual }
    })
}

/// The values that stand in the list of their type.
fn list(proto: &TensorProto, encoding: Encoding, dims: &[usize], repeated: &mut usize) -> Result<Tensor, TensorError> {
    let mut fill = Fill { dims, repeated };
    Ok(match encoding {
        Encoding::F32 => Tensor::F32(fill.array(&proto.float_val, |v| v)?),
        Encoding::F64 => Tensor::F32(fill.array(&proto.double_val, |v| v as f32)?),
        // 16-bit floats stand in the list as their bits.
        Encoding::F16 | Encoding::BF16 => {
            let bits = proto.half_val.iter().flat_map(|&v| (v as u16).to_le_bytes()).collect::<Vec<_>>();
            let stored = StoredTensor::new([proto.half_val.len()], encoding, bits.into());
            let decoded = stored.expect("invariant: two bytes an element").decode();
            let values: Vec<f32> = decoded.as_f32().into_iter().flatten().copied().collect();
            Tensor::F32(fill.array(&values, |v| v)?)
        }
        Encoding::Bool => Tensor::I64(fill.array(&proto.bool_val, i64::from)?),
        Encoding::I8 => Tensor::I64(fill.array(&proto.int_val, |v| (v as i8).into())?),
        Encoding::I16 => Tensor::I64(fill.array(&proto.int_val, |v| (v as i16).into())?),
        Encoding::I32 => Tensor::I64(fill.array(&proto.int_val, i64::from)?),
        Encoding::I64 => Tensor::I64(fill.array(&proto.int64_val, |v| v)?),
        Encoding::U8 => Tensor::I64(fill.array(&proto.int_val, |v| (v as u8).into())?),
        Encoding::U16 => Tensor::I64(fill.array(&proto.int_val, |v| (v as u16).into())?),
        Encoding::U32 | Encoding::U64 => return Err(TensorError::Type { dtype: DType(proto.dtype) }),
    })
}

/// The elements of a tensor from a list that may be too short or too long.
struct Fill<'a> {
    dims: &'a [usize],
    repeated: &'a mut usize,
}

impl Fill<'_> {
    fn array<T: Copy + Default, U: Clone>(
        &mut self,
        list: &[T],
        convert: impl Fn(T) -> U,
    ) -> Result<ArrayD<U>, TensorError> {
        let n: usize = self.dims.iter().product();
        let given = &list[..list.len().min(n)];
        let missing = n - given.len();
        let left = self.repeated.checked_sub(missing);
        *self.repeated = left.ok_or(TensorError::Repeated { elements: n, given: given.len() })?;
        let mut values: Vec<U> = given.iter().map(|&v| convert(v)).collect();
        values.resize(n, convert(given.last().copied().unwrap_or_default()));
        ArrayD::from_shape_vec(IxDyn(self.dims), values)
            .map_err(|_| TensorError::Shape { dims: self.dims.iter().map(|&d| d as i64).collect() })
    }
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
        match read(proto, &mut MAX_REPEATED.clone()).map(|values| values.tensor().clone()) {
            Ok(Tensor::F32(a)) => a.into_raw_vec_and_offset().0,
            other => panic!("{other:?}"),
        }
    }

    fn ints(proto: &TensorProto) -> Vec<i64> {
        match read(proto, &mut MAX_REPEATED.clone()).map(|values| values.tensor().clone()) {
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
        assert!(matches!(read(&one, &mut MAX_REPEATED.clone()), Err(TensorError::Repeated { given: 1, .. })));
        let overflow = proto(DType::FLOAT, &[i64::MAX, i64::MAX]);
        assert!(matches!(read(&overflow, &mut MAX_REPEATED.clone()), Err(TensorError::Shape { .. })));
        let overflow_beside_zero = proto(DType::FLOAT, &[0, i64::MAX, i64::MAX]);
        assert!(matches!(read(&overflow_beside_zero, &mut MAX_REPEATED.clone()), Err(TensorError::Shape { .. })));
        let negative = proto(DType::FLOAT, &[-1]);
        assert!(matches!(read(&negative, &mut MAX_REPEATED.clone()), Err(TensorError::Shape { .. })));
        let content = TensorProto { tensor_content: vec![0; 7].into(), ..proto(DType::FLOAT, &[2]) };
        let error = read(&content, &mut MAX_REPEATED.clone()).err();
        assert_eq!(error, Some(TensorError::ContentLength { expected: 8, actual: 7 }));
        let mut budget = 5;
        let four = TensorProto { float_val: vec![1.0], ..proto(DType::FLOAT, &[4]) };
        assert!(read(&four, &mut budget).is_ok() && read(&four, &mut budget).is_err());
    }
}
