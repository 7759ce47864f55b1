//! What an op's importer sees: one node with its inputs and attributes, and the function under construction.

use crate::dtype::DType;
use crate::proto::{AttributeProto, NodeProto, TensorProto};
use ndarray::{ArrayD, IxDyn};
use std::ops::{Deref, DerefMut};
use treville_frontend_common::{self as common, Result, Val};
use treville_hlil::Tensor;
use treville_ir::ValueId;

/// A node under import.
pub(crate) struct Node<'a, 'm> {
    base: common::Node<'a, 'm>,
    def: &'m NodeProto,
    /// The version of the node's operator set.
    opset: i64,
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
    pub(crate) fn new(base: common::Node<'a, 'm>, def: &'m NodeProto, opset: i64) -> Self {
        Self { base, def, opset }
    }

    /// The version of the operator set, on which the meaning of the node may depend.
    pub(crate) fn opset(&self) -> i64 {
        self.opset
    }

    /// The number of outputs that the node names.
    pub(crate) fn n_outputs(&self) -> usize {
        self.def.output.len()
    }

    /// Whether anybody may read output `i`.
    pub(crate) fn wants(&self, i: usize) -> bool {
        self.def.output.get(i).is_some_and(|name| !name.is_empty())
    }

    /// Checks the number of inputs, of which the last ones are optional.
    pub(crate) fn expect(&self, min: usize, max: usize) -> Result<()> {
        let n = self.n_inputs();
        if (min..=max).contains(&n) && (0..min).all(|i| self.has(i)) {
            return Ok(());
        }
        let wanted = if min == max { min.to_string() } else { format!("{min} to {max}") };
        Err(self.invalid(format!("it takes {wanted} inputs and has {n}")))
    }

    /// Input `i` as a value of the function, if it is there.
    pub(crate) fn optional(&mut self, i: usize) -> Result<Option<ValueId>> {
        if self.has(i) { self.data(i).map(Some) } else { Ok(None) }
    }

    /// Inputs from `from` on as values of the function.
    pub(crate) fn all(&mut self, from: usize) -> Result<Vec<ValueId>> {
        (from..self.n_inputs()).map(|i| self.data(i)).collect()
    }

    /// The integer that input `i` is.
    pub(crate) fn one_int(&self, i: usize, what: &str) -> Result<i64> {
        match self.ints(i, what)?.as_slice() {
            &[value] => Ok(value),
            values => Err(self.invalid(format!("its {what} has {} elements instead of one", values.len()))),
        }
    }

    /// The float that input `i` is.
    pub(crate) fn one_real(&mut self, i: usize, what: &str) -> Result<f64> {
        match self.reals(i, what)?.as_slice() {
            &[value] => Ok(value.into()),
            values => Err(self.invalid(format!("its {what} has {} elements instead of one", values.len()))),
        }
    }

    /// The axis that a number means, counted from the end if negative.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let counted = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
        match usize::try_from(counted) {
            Ok(counted) if counted < rank => Ok(counted),
            _ => Err(self.invalid(format!("there is no axis {axis} in {rank} dimensions"))),
        }
    }

    /// The axes that numbers mean, in ascending order, none of them twice.
    pub(crate) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>> {
        let mut found = axes.iter().map(|&a| self.axis(a, rank)).collect::<Result<Vec<_>>>()?;
        found.sort_unstable();
        if found.windows(2).any(|w| w[0] == w[1]) {
            return Err(self.invalid(format!("its axes {axes:?} name one twice")));
        }
        Ok(found)
    }

    // Attributes.

    pub(crate) fn attr(&self, name: &str) -> Option<&'m AttributeProto> {
        self.def.attribute.iter().find(|a| a.name == name)
    }

    /// The attribute, if it is there and of this type.
    fn typed(&self, name: &str, kind: i32, wanted: &str) -> Result<Option<&'m AttributeProto>> {
        match self.attr(name) {
            // Files of the first version do not say the type.
            Some(attr) if attr.r#type == kind || attr.r#type == 0 => Ok(Some(attr)),
            Some(_) => Err(self.invalid(format!("its attribute `{name}` is not {wanted}"))),
            None => Ok(None),
        }
    }

    /// Whether one attribute stands before another.
    pub(crate) fn comes_before(&self, first: &str, second: &str) -> bool {
        self.def.attribute.iter().find(|a| a.name == first || a.name == second).is_some_and(|a| a.name == first)
    }

    fn missing(&self, name: &str) -> common::Problem {
        self.invalid(format!("its attribute `{name}` is missing"))
    }

    /// An integer attribute, or ONNX's default for it.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64> {
        Ok(self.typed(name, kind::INT, "an integer")?.map_or(default, |a| a.i))
    }

    /// An integer attribute without default.
    pub(crate) fn required_int(&self, name: &str) -> Result<i64> {
        self.typed(name, kind::INT, "an integer")?.map(|a| a.i).ok_or_else(|| self.missing(name))
    }

    /// An integer attribute that is 0 or 1.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool> {
        match self.int(name, default.into())? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.invalid(format!("its attribute `{name}` is {other}, neither 0 nor 1"))),
        }
    }

    /// A float attribute.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f64> {
        let value = self.typed(name, kind::FLOAT, "a float")?.map_or(default, |a| a.f);
        if value.is_nan() {
            return Err(self.invalid(format!("its attribute `{name}` is no number")));
        }
        Ok(value.into())
    }

    /// A string attribute.
    pub(crate) fn text(&self, name: &str, default: &'m str) -> Result<&'m str> {
        match self.typed(name, kind::STRING, "a string")? {
            None => Ok(default),
            Some(attr) => {
                std::str::from_utf8(&attr.s).map_err(|_| self.invalid(format!("its attribute `{name}` is not UTF-8")))
            }
        }
    }

    /// A list of integers, if it is there.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<i64>>> {
        Ok(self.typed(name, kind::INTS, "a list of integers")?.map(|a| a.ints.clone()))
    }

    /// A list of floats, if it is there.
    pub(crate) fn floats(&self, name: &str) -> Result<Option<&'m [f32]>> {
        Ok(self.typed(name, kind::FLOATS, "a list of floats")?.map(|a| a.floats.as_slice()))
    }

    /// The number of strings in a list, if it is there.
    pub(crate) fn n_strings(&self, name: &str) -> Result<Option<usize>> {
        Ok(self.typed(name, kind::STRINGS, "a list of strings")?.map(|a| a.strings.len()))
    }

    /// A tensor attribute, if it is there.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<&'m TensorProto>> {
        let attr = self.typed(name, kind::TENSOR, "a tensor")?;
        attr.map(|a| a.t.as_ref().ok_or_else(|| self.invalid(format!("its attribute `{name}` has no value"))))
            .transpose()
    }

    /// A data type attribute.
    pub(crate) fn dtype(&self, name: &str, default: Option<DType>) -> Result<DType> {
        let given = self.typed(name, kind::INT, "a data type")?.map(|a| i32::try_from(a.i).unwrap_or(0));
        given.map(DType).or(default).ok_or_else(|| self.missing(name))
    }

    // Results.

    /// A weight that is an attribute of the node: `name/attr` in the function.
    pub(crate) fn weight(&mut self, attr: &str, dims: &[usize], values: Vec<f32>) -> Result<ValueId> {
        let shape = || self.invalid(format!("its attribute `{attr}` has not the shape {dims:?}"));
        let values = ArrayD::from_shape_vec(IxDyn(dims), values).map_err(|_| shape())?;
        self.inner_weight(attr, values)
    }

    /// A public constant as output 0.
    pub(crate) fn constant(&self, dtype: DType, values: Tensor) -> Result<Val> {
        match dtype.number() {
            Some(number) => self.public_constant(number, values),
            None => Err(self.unsupported(format!("{dtype} is not supported"), "use floats, integers or booleans")),
        }
    }
}

/// `AttributeProto.AttributeType`
pub(crate) mod kind {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const INT: i32 = 2;
    pub(crate) const STRING: i32 = 3;
    pub(crate) const TENSOR: i32 = 4;
    pub(crate) const GRAPH: i32 = 5;
    pub(crate) const FLOATS: i32 = 6;
    pub(crate) const INTS: i32 = 7;
    pub(crate) const STRINGS: i32 = 8;
}
