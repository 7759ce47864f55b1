//! Attributes of ops: numbers, strings, and lists of them.

use std::fmt::{Display, Formatter, Result as FmtResult, Write};
use std::hash::{Hash, Hasher};

/// Attributes by name, in the order of the op's table entry.
pub type Attrs = indexmap::IndexMap<String, Attr>;

/// An attribute's value. Equality compares floats by their bits, so that it agrees with the text.
#[derive(Clone, Debug)]
pub enum Attr {
    /// `12 : i64`
    Int(i64),
    /// `1.0e-3 : f64`
    Float(f64),
    /// `true`
    Bool(bool),
    /// `"exact"`
    Str(String),
    /// `[2, 2]`
    Ints(Vec<i64>),
    /// `[0.5, 1.0]`
    Floats(Vec<f64>),
    /// `["client", "server"]`
    Strs(Vec<String>),
}

/// The kinds of attributes that an op can declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttrKind {
    /// [`Attr::Int`]
    Int,
    /// [`Attr::Float`]
    Float,
    /// [`Attr::Bool`]
    Bool,
    /// [`Attr::Str`]
    Str,
    /// [`Attr::Ints`]
    Ints,
    /// [`Attr::Floats`]
    Floats,
    /// [`Attr::Strs`]
    Strs,
    /// [`Attr::Ints`] or [`Attr::Floats`]; an empty list is read as floats.
    Numbers,
}

impl AttrKind {
    /// Whether the attribute is of this kind.
    pub fn accepts(self, attr: &Attr) -> bool {
        self == attr.kind() || self == Self::Numbers && matches!(attr, Attr::Ints(_) | Attr::Floats(_))
    }
}

impl Display for AttrKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(match self {
            Self::Int => "an integer",
            Self::Float => "a float",
            Self::Bool => "a boolean",
            Self::Str => "a string",
            Self::Ints => "a list of integers",
            Self::Floats => "a list of floats",
            Self::Strs => "a list of strings",
            Self::Numbers => "a list of integers or of floats",
        })
    }
}

impl Attr {
    /// The attribute's kind, never [`AttrKind::Numbers`].
    pub fn kind(&self) -> AttrKind {
        match self {
            Self::Int(_) => AttrKind::Int,
            Self::Float(_) => AttrKind::Float,
            Self::Bool(_) => AttrKind::Bool,
            Self::Str(_) => AttrKind::Str,
            Self::Ints(_) => AttrKind::Ints,
            Self::Floats(_) => AttrKind::Floats,
            Self::Strs(_) => AttrKind::Strs,
        }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(v) = self { Some(*v) } else { None }
    }

    /// The float, if it is one.
    pub fn as_float(&self) -> Option<f64> {
        if let Self::Float(v) = self { Some(*v) } else { None }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(v) = self { Some(*v) } else { None }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(v) = self { Some(v) } else { None }
    }

    /// The integers, if it is a list of them.
    pub fn as_ints(&self) -> Option<&[i64]> {
        if let Self::Ints(v) = self { Some(v) } else { None }
    }

    /// The floats, if it is a list of them.
    pub fn as_floats(&self) -> Option<&[f64]> {
        if let Self::Floats(v) = self { Some(v) } else { None }
    }

    /// The strings, if it is a list of them.
    pub fn as_strs(&self) -> Option<&[String]> {
        if let Self::Strs(v) = self { Some(v) } else { None }
    }
}

impl PartialEq for Attr {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Str(a), Self::Str(b)) => a == b,
            (Self::Ints(a), Self::Ints(b)) => a == b,
            (Self::Floats(a), Self::Floats(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (Self::Strs(a), Self::Strs(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Attr {}

impl Hash for Attr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind().hash(state);
        match self {
            Self::Int(v) => v.hash(state),
            Self::Float(v) => v.to_bits().hash(state),
            Self::Bool(v) => v.hash(state),
            Self::Str(v) => v.hash(state),
            Self::Ints(v) => v.hash(state),
            Self::Floats(v) => v.iter().for_each(|v| v.to_bits().hash(state)),
            Self::Strs(v) => v.hash(state),
        }
    }
}

impl Display for Attr {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::Int(v) => write!(f, "{v} : i64"),
            Self::Float(v) if v.is_finite() => write!(f, "{} : f64", FloatText(*v)),
            Self::Float(v) => FloatText(*v).fmt(f),
            Self::Bool(v) => write!(f, "{v}"),
            Self::Str(v) => StrText(v).fmt(f),
            Self::Ints(v) => list(f, v),
            Self::Floats(v) => list(f, v.iter().map(|v| FloatText(*v))),
            Self::Strs(v) => list(f, v.iter().map(|v| StrText(v))),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, items: impl IntoIterator<Item = T>) -> FmtResult {
    f.write_char('[')?;
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{item}")?;
    }
    f.write_char(']')
}

/// A float as MLIR writes it: always with a point; infinities and NaN as typed hexadecimal bits.
struct FloatText(f64);

impl Display for FloatText {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        if !self.0.is_finite() {
            return write!(f, "0x{:016X} : f64", self.0.to_bits());
        }
        // Rust's shortest form reads back to the same bits, but leaves out the point before an exponent.
        let text = format!("{:?}", self.0);
        match text.split_once('e') {
            Some((mantissa, exponent)) if !mantissa.contains('.') => write!(f, "{mantissa}.0e{exponent}"),
            _ => f.write_str(&text),
        }
    }
}

/// A quoted string with MLIR's escapes.
pub(crate) struct StrText<'a>(pub(crate) &'a str);

impl Display for StrText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                c if c.is_ascii_control() => write!(f, "\\{:02X}", c as u32)?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

macro_rules! from {
    ($($source:ty => $pattern:ident => $attr:expr;)*) => {
        $( impl From<$source> for Attr { fn from($pattern: $source) -> Self { $attr } } )*
    };
}

from! {
    i64 => v => Self::Int(v);
    f64 => v => Self::Float(v);
    bool => v => Self::Bool(v);
    &str => v => Self::Str(v.to_string());
    String => v => Self::Str(v);
    Vec<i64> => v => Self::Ints(v);
    &[i64] => v => Self::Ints(v.to_vec());
    Vec<f64> => v => Self::Floats(v);
    Vec<String> => v => Self::Strs(v);
}

impl<const N: usize> From<[i64; N]> for Attr {
    fn from(v: [i64; N]) -> Self {
        Self::Ints(v.to_vec())
    }
}

impl<const N: usize> From<[f64; N]> for Attr {
    fn from(v: [f64; N]) -> Self {
        Self::Floats(v.to_vec())
    }
}

impl<const N: usize> From<[&str; N]> for Attr {
    fn from(v: [&str; N]) -> Self {
        Self::Strs(v.iter().map(|s| s.to_string()).collect())
    }
}
