//! Tensors as they lie in files: bytes, decoded when they are asked for.

use std::fmt::{Debug, Formatter, Result as FmtResult};

use bytes::Bytes;
use treville_ring::tensor::from_vec;

use crate::{Scalar, Tensor};

/// How an element lies in a file, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Encoding {
    F16,
    BF16,
    F32,
    F64,
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl Encoding {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::I8 | Self::U8 => 1,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// What its elements are to HLIL.
    pub fn scalar(self) -> Scalar {
        match self {
            Self::F16 | Self::BF16 | Self::F32 | Self::F64 => Scalar::F32,
            _ => Scalar::I64,
        }
    }
}

/// A tensor as it lies in a file. Clones share the bytes, and `Debug` does not show them: they may be a party's secret.
#[derive(Clone)]
pub struct StoredTensor {
    shape: Vec<usize>,
    encoding: Encoding,
    bytes: Bytes,
}

/// The bytes are not those of such a tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tensor of shape {shape:?} of {encoding:?} does not lie in {actual} bytes")]
pub struct StoredError {
    /// The shape.
    pub shape: Vec<usize>,
    /// The encoding.
    pub encoding: Encoding,
    /// How many bytes were given.
    pub actual: usize,
}

impl StoredTensor {
    /// A tensor whose elements lie one after the other in `bytes`.
    ///
    /// # Errors
    /// Where there are more or fewer bytes than it has.
    pub fn new(shape: impl Into<Vec<usize>>, encoding: Encoding, bytes: Bytes) -> Result<Self, StoredError> {
        let shape = shape.into();
        let size = shape.iter().try_fold(encoding.size(), |n, &dim| n.checked_mul(dim));
        match size == Some(bytes.len()) {
            true => Ok(Self { shape, encoding, bytes }),
            false => Err(StoredError { shape, encoding, actual: bytes.len() }),
        }
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How its elements lie in the file.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The kind of its elements, decoded.
    pub fn scalar(&self) -> Scalar {
        self.encoding.scalar()
    }

    /// Its elements: floats of any width rounded to f32, integers and booleans as i64 (those above it wrapped).
    pub fn decode(&self) -> Tensor {
        match self.encoding {
            Encoding::F16 => self.reals(|b| half_to_f32(u16::from_le_bytes(b))),
            Encoding::BF16 => self.reals(|b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
            Encoding::F32 => self.reals(f32::from_le_bytes),
            Encoding::F64 => self.reals(|b| f64::from_le_bytes(b) as f32),
            Encoding::Bool => self.integers(|b: [u8; 1]| i64::from(b != [0])),
            Encoding::I8 => self.integers(|b| i8::from_le_bytes(b).into()),
            Encoding::I16 => self.integers(|b| i16::from_le_bytes(b).into()),
            Encoding::I32 => self.integers(|b| i32::from_le_bytes(b).into()),
            Encoding::I64 => self.integers(i64::from_le_bytes),
            Encoding::U8 => self.integers(|b| u8::from_le_bytes(b).into()),
            Encoding::U16 => self.integers(|b| u16::from_le_bytes(b).into()),
            Encoding::U32 => self.integers(|b| u32::from_le_bytes(b).into()),
            Encoding::U64 => self.integers(|b| u64::from_le_bytes(b) as i64),
        }
    }

    fn reals<const SIZE: usize>(&self, decode: impl Fn([u8; SIZE]) -> f32) -> Tensor {
        Tensor::F32(from_vec(&self.shape, self.elements(decode)))
    }

    fn integers<const SIZE: usize>(&self, decode: impl Fn([u8; SIZE]) -> i64) -> Tensor {
        Tensor::I64(from_vec(&self.shape, self.elements(decode)))
    }

    fn elements<T, const SIZE: usize>(&self, decode: impl Fn([u8; SIZE]) -> T) -> Vec<T> {
        self.bytes.as_chunks().0.iter().map(|bytes| decode(*bytes)).collect()
    }
}

impl Debug for StoredTensor {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.debug_struct("StoredTensor")
            .field("shape", &self.shape)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

/// The value of an IEEE half-precision number, by its bits.
pub fn half_to_f32(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1F), f32::from(bits & 0x3FF) / 1024.0);
    let magnitude = match exponent {
        0 => fraction * 2f32.powi(-14),
        0x1F if fraction == 0.0 => f32::INFINITY,
        0x1F => f32::NAN,
        _ => (1.0 + fraction) * 2f32.powi(exponent - 15),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}
