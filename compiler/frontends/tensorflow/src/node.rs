//! What an op's importer sees: one node with its inputs and attributes, and the function under construction.

use crate::dtype::DType;
use crate::graph::{self, Graph};
use crate::import::Importer;
use crate::problem::{Problem, Result};
use crate::proto::{NodeDef, Value};
use crate::value::{Constant, Val};
use std::rc::Rc;
use treville_hlil::Tensor;
use treville_ir::{Attrs, Diagnostic, ValueId};

/// A node under import.
pub(crate) struct Node<'a, 'g> {
    importer: &'a mut Importer<'g>,
    idx: usize,
    def: &'g NodeDef,
    inputs: Vec<Val>,
}

impl<'a, 'g> Node<'a, 'g> {
    pub(crate) fn new(importer: &'a mut Importer<'g>, graph: &'g Graph, idx: usize, inputs: Vec<Val>) -> Self {
        Self { importer, idx, def: &graph.nodes[idx], inputs }
    }

    pub(crate) fn name(&self) -> &'g str {
        &self.def.name
    }

    pub(crate) fn idx(&self) -> usize {
        self.idx
    }

    pub(crate) fn importer(&mut self) -> &mut Importer<'g> {
        self.importer
    }

    // Inputs.

    /// Checks the number of inputs.
    pub(crate) fn expect_inputs(&self, n: usize) -> Result<()> {
        if self.inputs.len() == n {
            return Ok(());
        }
        Err(self.invalid(format!("it takes {n} inputs and has {}", self.inputs.len())))
    }

    pub(crate) fn n_inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Input `i`, whatever it is.
    pub(crate) fn input(&self, i: usize) -> Result<&Val> {
        match self.inputs.get(i) {
            Some(Val::Unknown) => Err(Problem::Unknown),
            Some(val) => Ok(val),
            None => Err(self.invalid(format!("its input {i} is missing"))),
        }
    }

    /// Input `i` as a value of the function; a constant becomes one.
    pub(crate) fn data(&mut self, i: usize) -> Result<ValueId> {
        let val = self.input(i)?.clone();
        self.importer.data(&val, self.name())
    }

    /// The dimensions of input `i`.
    pub(crate) fn shape(&self, i: usize) -> Result<Vec<usize>> {
        let val = self.input(i)?;
        Ok(self.importer.shape(val).unwrap_or_default())
    }

    /// Input `i` if it is a constant that everyone may know.
    pub(crate) fn public(&self, i: usize) -> Result<Option<Rc<Constant>>> {
        match self.input(i)? {
            Val::Const(c) if c.public => Ok(Some(c.clone())),
            _ => Ok(None),
        }
    }

    /// Input `i` as a public constant of integers, which is called `what` in the diagnostic if it is none.
    pub(crate) fn ints(&self, i: usize, what: &str) -> Result<Vec<i64>> {
        if let Some(constant) = self.public(i)?
            && let Tensor::I64(values) = &constant.values
        {
            return Ok(values.iter().copied().collect());
        }
        let why = format!("its {what} (input {i}) must be a constant of integers that everyone may know");
        let help = match self.input(i)? {
            Val::Const(c) => format!("`{}` is no public constant of integers", c.name),
            _ => format!("export the model with fixed shapes, so that the {what} is a constant"),
        };
        Err(self.problem("E0118", why, help))
    }

    // Attributes.

    fn attr(&self, name: &str) -> Option<&'g Value> {
        self.def.attr.get(name).and_then(|v| v.value.as_ref())
    }

    fn attr_as<T>(
        &self,
        name: &str,
        wanted: &str,
        default: Option<T>,
        get: impl Fn(&'g Value) -> Option<T>,
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
    pub(crate) fn text(&self, name: &str, default: Option<&'static str>) -> Result<&'g str> {
        let get = |v: &'g Value| if let Value::S(s) = v { std::str::from_utf8(s).ok() } else { None };
        self.attr_as(name, "a string", default, get)
    }

    /// A list of integers.
    pub(crate) fn list(&self, name: &str, default: Option<&[i64]>) -> Result<Vec<i64>> {
        let get = |v: &'g Value| match v {
            Value::List(l) => Some(l.i.clone()),
            _ => None,
        };
        self.attr_as(name, "a list of integers", default.map(<[i64]>::to_vec), get)
    }

    /// The attribute's value as text.
    pub(crate) fn show_attr(&self, name: &str) -> String {
        self.def.attr.get(name).map_or_else(|| "absent".to_owned(), graph::show)
    }

    pub(crate) fn def(&self) -> &'g NodeDef {
        self.def
    }

    // Results.

    /// Appends an op to the function.
    pub(crate) fn emit(&mut self, mnemonic: &str, operands: &[ValueId], attrs: Attrs) -> Result<ValueId> {
        let name = self.name();
        match self.importer.func.push(mnemonic, operands, attrs, name) {
            Ok(results) if results.len() == 1 => Ok(results[0]),
            Ok(_) => Err(self.invalid(format!("`{mnemonic}` does not have one result"))),
            Err(mut diagnostic) => {
                // The kernel says what does not fit; here is what the model's author knows it by.
                diagnostic.labels.clear();
                let message = std::mem::take(&mut diagnostic.message);
                diagnostic.message = format!("{} `{name}` does not fit its inputs: {message}", self.def.op);
                diagnostic
                    .help
                    .get_or_insert_with(|| "check the shapes of its inputs, and those given for the model".to_owned());
                Err(self.locate(diagnostic).into())
            }
        }
    }

    /// A public constant under this node's name.
    pub(crate) fn constant(&self, dtype: DType, values: Tensor) -> Result<Val> {
        if let (Tensor::I64(values), Some((low, high))) = (&values, dtype.int_range())
            && let Some(v) = values.iter().find(|v| !(low..=high).contains(*v))
        {
            return Err(self.invalid(format!("its value {v} does not fit {dtype}")));
        }
        Ok(Val::Const(Rc::new(Constant { name: self.name().to_owned(), dtype, values, public: true })))
    }

    // Problems.

    /// A node that is no valid TensorFlow: a broken file.
    pub(crate) fn invalid(&self, why: impl Into<String>) -> Problem {
        self.problem("E0117", why, "the file is damaged, or written for another version of TensorFlow")
    }

    /// A setting that we do not support.
    pub(crate) fn unsupported(&self, why: impl Into<String>, help: impl Into<String>) -> Problem {
        self.problem("E0111", why, help)
    }

    /// A diagnostic about this node: its name, op and input shapes, why, and what to do.
    pub(crate) fn problem(&self, code: &'static str, why: impl Into<String>, help: impl Into<String>) -> Problem {
        let message = format!("{} `{}`: {}", self.def.op, self.def.name, why.into());
        self.locate(Diagnostic::error(code, message).with_help(help)).into()
    }

    fn locate(&self, diagnostic: Diagnostic) -> Diagnostic {
        let located = diagnostic.at_node(self.name(), "this node");
        match self.importer.show_inputs(self.idx, &self.inputs) {
            Some(inputs) => located.with_note(inputs),
            None => located,
        }
    }
}
