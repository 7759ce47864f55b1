//! The number types of model formats.

use std::fmt;

/// A number type of a model's format: its name there, and what it is to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumType {
    /// The format's name for it.
    pub name: &'static str,
    /// Smallest and largest value if it is a type of integers; booleans are 0 and 1. Otherwise it is a type of reals.
    pub range: Option<(i64, i64)>,
    /// Whether it is the 32-bit float that HLIL computes in.
    pub is_f32: bool,
}

impl NumType {
    /// Whether values are real numbers to us (`f32` in HLIL).
    pub fn is_float(self) -> bool {
        self.range.is_none()
    }

    /// Whether values are integers to us (`i64` in HLIL).
    pub fn is_int(self) -> bool {
        self.range.is_some()
    }

    /// The first of the values that does not fit the type.
    pub(crate) fn misfit<'a>(self, values: impl IntoIterator<Item = &'a i64>) -> Option<i64> {
        let (low, high) = self.range?;
        values.into_iter().copied().find(|v| !(low..=high).contains(v))
    }
}

impl fmt::Display for NumType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl NumType {
    /// 32-bit float.
    pub const F32: Self = Self { name: "float32", range: None, is_f32: true };
    /// 64-bit integer.
    pub const I64: Self = Self { name: "int64", range: Some((i64::MIN, i64::MAX)), is_f32: false };
}
