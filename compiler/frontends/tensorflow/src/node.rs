//! What an op's importer sees: one node with its inputs and attributes, and the function under construction.

use crate::dtype::DType;
use crate::graph;
use crate::proto::{NodeDef, TensorProto, Value};
use crate::tensor::{self, TensorError};
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use treville_frontend_common::{self as common, Result, Val, Values};
use treville_hlil::Tensor;
use treville_ir::ValueId;

/// A node under import.
pub(crate) struct Node<'a, 'm> {
    base: common::Node<'a, 'm>,
    def: &'m NodeDef,
    repeated: &'m Cell<usize>,
}

impl<'a, 'm> Deref for Node<'a, 'm> {
    type Target = common::Node<'a, 'm>;

    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

impl DerefMut for Node<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.base
    }
}

impl<'a, 'm> Node<'a, 'm> {
    pub(crate) fn new(base: common::Node<'a, 'm>, def: &'m NodeDef, repeated: &'m Cell<usize>) -> Self {
        Self { base, def, repeated }
    }

    pub(crate) fn def(&self) -> &'m NodeDef {
        self.def
    }

    /// The values of a tensor in the file.
    pub(crate) fn read(&self, proto: &TensorProto) -> std::result::Result<Values, TensorError> {
        let mut repeated = self.repeated.get();
        let values = tensor::read(proto, &mut repeated);
        self.repeated.set(repeated);
        values
    }

    /// A public constant under this node's name.
    pub(crate) fn constant(&self, dtype: DType, values: Tensor) -> Result<Val> {
        match dtype.number() {
            Some(dtype) => self.public_constant(dtype, values),
            None => Err(self.invalid(format!("{dtype} is no type of numbers"))),
        }
    }

    /// All inputs as values of the function.
    pub(crate) fn operands<const N: usize>(&mut self) -> Result<[ValueId; N]> {
        self.expect_inputs(N)?;
        let mut operands = [self.data(0)?; N];
        for (i, operand) in operands.iter_mut().enumerate().skip(1) {
            *operand = self.data(i)?;
        }
        Ok(operands)
    }

    // Attributes.

    fn attr(&self, name: &str) -> Option<&'m Value> {
        self.def.attr.get(name).and_then(|v| v.value.as_ref())
    }

    fn attr_as<T>(
        &self,
        name: &str,
        wanted: &str,
        default: Option<T>,
        get: impl Fn(&'m Value) -> Option<T>,
    ) -> Result<T> {
        match (self.attr(name), default) {
            (Some(value), _) => {
                get(value).ok_or_else(|| self.invalid(format!("its attribute `{name}` is not {wanted}")))
            }
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.invalid(format!("its attribute `{name}` is missing"))),
        }
    }

    /// A boolean attribute, or TensorFlow's default for it.
    pub(crate) fn bool(&self, name: &str, default: bool) -> Result<bool> {
        self.attr_as(name, "a boolean", Some(default), |v| if let Value::B(b) = v { Some(*b) } else { None })
    }

    /// An integer attribute.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64> {
        self.attr_as(name, "an integer", Some(default), |v| if let Value::I(i) = v { Some(*i) } else { None })
    }

    /// A float attribute.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32> {
        self.attr_as(name, "a float", Some(default), |v| if let Value::F(f) = v { Some(*f) } else { None })
    }

    /// A data type attribute.
    pub(crate) fn dtype(&self, name: &str, default: Option<DType>) -> Result<DType> {
        self.attr_as(name, "a data type", default, |v| if let Value::Type(t) = v { Some(DType(*t)) } else { None })
    }

    /// A string attribute.
    pub(crate) fn text(&self, name: &str, default: Option<&'static str>) -> Result<&'m str> {
        let get = |v: &'m Value| if let Value::S(s) = v { std::str::from_utf8(s).ok() } else { None };
        self.attr_as(name, "a string", default, get)
    }

    /// A list of integers.
    pub(crate) fn list(&self, name: &str, default: Option<&[i64]>) -> Result<Vec<i64>> {
        let get = |v: &'m Value| match v {
            Value::List(l) => Some(l.i.clone()),
            _ => None,
        };
        self.attr_as(name, "a list of integers", default.map(<[i64]>::to_vec), get)
    }

    /// The attribute's value as text.
    pub(crate) fn show_attr(&self, name: &str) -> String {
        self.def.attr.get(name).map_or_else(|| "absent".to_owned(), graph::show)
    }
}
