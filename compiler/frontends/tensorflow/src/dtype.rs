//! TensorFlow's data types: their numbers, their names, and which of them we can compute with.

use std::fmt;
use treville_frontend_common::NumType;
use treville_hlil::Encoding;

/// A data type by its number in `types.proto`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct DType(pub i32);

impl DType {
    /// 32-bit float.
    pub const FLOAT: Self = Self(1);
    /// 64-bit float.
    pub const DOUBLE: Self = Self(2);
    /// 32-bit integer.
    pub const INT32: Self = Self(3);
    /// 8-bit unsigned integer.
    pub const UINT8: Self = Self(4);
    /// 16-bit integer.
    pub const INT16: Self = Self(5);
    /// 8-bit integer.
    pub const INT8: Self = Self(6);
    /// Strings.
    pub const STRING: Self = Self(7);
    /// 64-bit integer.
    pub const INT64: Self = Self(9);
    /// Boolean.
    pub const BOOL: Self = Self(10);
    /// The upper half of a 32-bit float.
    pub const BFLOAT16: Self = Self(14);
    /// 16-bit unsigned integer.
    pub const UINT16: Self = Self(17);
    /// IEEE half precision.
    pub const HALF: Self = Self(19);

    /// The type called `name`, such as `DT_FLOAT` or `DT_FLOAT_REF`.
    pub fn from_name(name: &str) -> Option<Self> {
        let (base, offset) = match name.strip_suffix("_REF") {
            Some(base) => (base, REF),
            None => (name, 0),
        };
        NAMES.iter().find(|(_, n)| *n == base).map(|(number, _)| Self(number + offset))
    }

    /// Whether values of this type are real numbers to us (`f32` in HLIL).
    pub fn is_float(self) -> bool {
        matches!(self, Self::FLOAT | Self::DOUBLE | Self::HALF | Self::BFLOAT16)
    }

    /// Whether values of this type are integers to us (`i64` in HLIL).
    pub fn is_int(self) -> bool {
        self.int_range().is_some()
    }

    /// Smallest and largest value, for the integer types that we compute with; booleans are 0 and 1.
    pub fn int_range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::BOOL => (0, 1),
            Self::INT8 => (i8::MIN.into(), i8::MAX.into()),
            Self::UINT8 => (0, u8::MAX.into()),
            Self::INT16 => (i16::MIN.into(), i16::MAX.into()),
            Self::UINT16 => (0, u16::MAX.into()),
            Self::INT32 => (i32::MIN.into(), i32::MAX.into()),
            Self::INT64 => (i64::MIN, i64::MAX),
            _ => return None,
        })
    }

    /// What the importer's core knows of the type, if it is one of numbers that we compute with.
    pub(crate) fn number(self) -> Option<NumType> {
        let (_, name) = NAMES.iter().find(|(number, _)| *number == self.0)?;
        let range = self.int_range();
        (self.is_float() || range.is_some()).then_some(NumType { name, range, is_f32: self == Self::FLOAT })
    }

    /// How an element lies in a file, for the types that we can read.
    pub fn encoding(self) -> Option<Encoding> {
        Some(match self {
            Self::HALF => Encoding::F16,
            Self::BFLOAT16 => Encoding::BF16,
            Self::FLOAT => Encoding::F32,
            Self::DOUBLE => Encoding::F64,
            Self::BOOL => Encoding::Bool,
            Self::INT8 => Encoding::I8,
            Self::INT16 => Encoding::I16,
            Self::INT32 => Encoding::I32,
            Self::INT64 => Encoding::I64,
            Self::UINT8 => Encoding::U8,
            Self::UINT16 => Encoding::U16,
            _ => return None,
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, suffix) = if self.0 > REF { (self.0 - REF, "_REF") } else { (self.0, "") };
        match NAMES.iter().find(|(n, _)| *n == number) {
            Some((_, name)) => write!(f, "{name}{suffix}"),
            None => write!(f, "data type {}", self.0),
        }
    }
}

/// Added to a type's number for a reference to a variable of that type.
const REF: i32 = 100;

const NAMES: [(i32, &str); 31] = [
    (0, "DT_INVALID"),
    (1, "DT_FLOAT"),
    (2, "DT_DOUBLE"),
    (3, "DT_INT32"),
    (4, "DT_UINT8"),
    (5, "DT_INT16"),
    (6, "DT_INT8"),
    (7, "DT_STRING"),
    (8, "DT_COMPLEX64"),
    (9, "DT_INT64"),
    (10, "DT_BOOL"),
    (11, "DT_QINT8"),
    (12, "DT_QUINT8"),
    (13, "DT_QINT32"),
    (14, "DT_BFLOAT16"),
    (15, "DT_QINT16"),
    (16, "DT_QUINT16"),
    (17, "DT_UINT16"),
    (18, "DT_COMPLEX128"),
    (19, "DT_HALF"),
    (20, "DT_RESOURCE"),
    (21, "DT_VARIANT"),
    (22, "DT_UINT32"),
    (23, "DT_UINT64"),
    (24, "DT_FLOAT8_E5M2"),
    (25, "DT_FLOAT8_E4M3FN"),
    (26, "DT_FLOAT8_E4M3FNUZ"),
    (27, "DT_FLOAT8_E4M3B11FNUZ"),
    (28, "DT_FLOAT8_E5M2FNUZ"),
    (29, "DT_INT4"),
    (30, "DT_UINT4"),
];
