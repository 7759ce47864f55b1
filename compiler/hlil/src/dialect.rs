//! The dialect and its element types.

use std::fmt::{Display, Formatter, Result as FmtResult};

use treville_ir::{Dialect, ElemType, OpDef, OpView, TypeNode, TypeParam};

use crate::Tensor;

/// The dialect of real-valued tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hlil;

impl Dialect for Hlil {
    const NAME: &'static str = "hlil";
    type Elem = Elem;
    /// The op on tensors that have the operands' types.
    type Eval = fn(&OpView<'_, Hlil>, &[&Tensor]) -> Tensor;

    fn ops() -> &'static [&'static OpDef<Self>] {
        crate::ops::OPS
    }
}

/// An element type: a number, public or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Elem {
    /// The kind of number.
    pub scalar: Scalar,
    /// Whether it depends on a party's secret.
    pub secret: bool,
}

/// A kind of number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// A real number.
    F32,
    /// An index or another integer.
    I64,
}

impl Elem {
    /// `!hlil.secret<f32>`
    pub const SECRET_F32: Self = Self { scalar: Scalar::F32, secret: true };
    /// `f32`
    pub const F32: Self = Self { scalar: Scalar::F32, secret: false };
    /// `!hlil.secret<i64>`
    pub const SECRET_I64: Self = Self { scalar: Scalar::I64, secret: true };
    /// `i64`
    pub const I64: Self = Self { scalar: Scalar::I64, secret: false };
}

impl ElemType for Elem {
    fn parse(node: &TypeNode) -> Result<Self, String> {
        let (name, secret) = match node {
            TypeNode::Builtin(name) => (name, false),
            TypeNode::Dialect { dialect, name, params } => match (dialect.as_str(), name.as_str(), &params[..]) {
                ("hlil", "secret", [TypeParam::Type(inner)]) => (inner, true),
                _ => return Err("the only type of the dialect is `!hlil.secret<f32>` or `!hlil.secret<i64>`".into()),
            },
        };
        match name.as_str() {
            "f32" => Ok(Self { scalar: Scalar::F32, secret }),
            "i64" => Ok(Self { scalar: Scalar::I64, secret }),
            _ => Err(format!("elements are `f32` or `i64`, not `{name}`")),
        }
    }

    fn irdl() -> String {
        "irdl.type @secret {\n  %0 = irdl.is f32\n  %1 = irdl.is i64\n  %2 = irdl.any_of(%0, %1)\n  irdl.parameters(inner: %2)\n}"
            .into()
    }
}

impl Display for Scalar {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::I64 => "i64",
        })
    }
}

impl Display for Elem {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self.secret {
            true => write!(f, "!hlil.secret<{}>", self.scalar),
            false => self.scalar.fmt(f),
        }
    }
}
