//! ONNX's data types: their numbers, their names, and which of them we can compute with.

use std::fmt;
use treville_frontend_common::NumType;
use treville_hlil::Encoding;

/// A data type by its number in `TensorProto.DataType`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct DType(pub i32);

impl DType {
    /// 32-bit float.
    pub const FLOAT: Self = Self(1);
    /// 8-bit unsigned integer.
    pub const UINT8: Self = Self(2);
    /// 8-bit integer.
    pub const INT8: Self = Self(3);
    /// 16-bit unsigned integer.
    pub const UINT16: Self = Self(4);
    /// 16-bit integer.
    pub const INT16: Self = Self(5);
    /// 32-bit integer.
    pub const INT32: Self = Self(6);
    /// 64-bit integer.
    pub const INT64: Self = Self(7);
    /// Strings.
    pub const STRING: Self = Self(8);
    /// Boolean.
    pub const BOOL: Self = Self(9);
    /// IEEE half precision.
    pub const FLOAT16: Self = Self(10);
    /// 64-bit float.
    pub const DOUBLE: Self = Self(11);
    /// 32-bit unsigned integer.
    pub const UINT32: Self = Self(12);
    /// 64-bit unsigned integer, of which we compute with the lower half.
    pub const UINT64: Self = Self(13);
    /// The upper half of a 32-bit float.
    pub const BFLOAT16: Self = Self(16);

    /// How an element lies in a file, for the types that we can read.
    pub fn encoding(self) -> Option<Encoding> {
        Some(match self {
            Self::FLOAT => Encoding::F32,
            Self::DOUBLE => Encoding::F64,
            Self::FLOAT16 => Encoding::F16,
            Self::BFLOAT16 => Encoding::BF16,
            Self::BOOL => Encoding::Bool,
            Self::INT8 => Encoding::I8,
            Self::INT16 => Encoding::I16,
            Self::INT32 => Encoding::I32,
            Self::INT64 => Encoding::I64,
            Self::UINT8 => Encoding::U8,
            Self::UINT16 => Encoding::U16,
            Self::UINT32 => Encoding::U32,
            Self::UINT64 => Encoding::U64,
            _ => return None,
        })
    }

    /// What the importer's core knows of the type, if it is one of numbers that we compute with.
    pub fn number(self) -> Option<NumType> {
        let name = NAMES.get(usize::try_from(self.0).ok()?)?;
        let range = match self {
            Self::FLOAT | Self::DOUBLE | Self::FLOAT16 | Self::BFLOAT16 => None,
            Self::BOOL => Some((0, 1)),
            Self::INT8 => Some((i8::MIN.into(), i8::MAX.into())),
            Self::UINT8 => Some((0, u8::MAX.into())),
            Self::INT16 => Some((i16::MIN.into(), i16::MAX.into())),
            Self::UINT16 => Some((0, u16::MAX.into())),
            Self::INT32 => Some((i32::MIN.into(), i32::MAX.into())),
            Self::UINT32 => Some((0, u32::MAX.into())),
            Self::INT64 => Some((i64::MIN, i64::MAX)),
            Self::UINT64 => Some((0, i64::MAX)),
            _ => return None,
        };
        Some(NumType { name, range, is_f32: self == Self::FLOAT })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match usize::try_from(self.0).ok().and_then(|n| NAMES.get(n)) {
            Some(name) => f.write_str(name),
            None => write!(f, "data type {}", self.0),
        }
    }
}

const NAMES: [&str; 24] = [
    "undefined",
    "float",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "double",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
    "float8e4m3fn",
    "float8e4m3fnuz",
    "float8e5m2",
    "float8e5m2fnuz",
    "uint4",
    "int4",
    "float4e2m1",
];
