//! What an op's importer sees: one node with its inputs, and the function under construction.

use crate::import::Importer;
use crate::{Constant, Dim, NumType, Problem, Result, Val, Values};
use ndarray::ArrayD;
use std::rc::Rc;
use treville_hlil::Tensor;
use treville_ir::{Attrs, Diagnostic, TensorType, ValueId, attrs};

/// A node under import.
pub struct Node<'a, 'm> {
    importer: &'a mut Importer<'m>,
    idx: usize,
    inputs: Vec<Option<Val>>,
}

impl<'a, 'm> Node<'a, 'm> {
    pub(crate) fn new(importer: &'a mut Importer<'m>, idx: usize, inputs: Vec<Option<Val>>) -> Self {
        Self { importer, idx, inputs }
    }

    /// The node's name.
    pub fn name(&self) -> &'m str {
        &self.importer.graph.nodes[self.idx].name
    }

    /// The format's name of the op.
    pub fn op(&self) -> &'m str {
        &self.importer.graph.nodes[self.idx].op
    }

    /// The node's index in the graph.
    pub fn idx(&self) -> usize {
        self.idx
    }

    // Inputs.

    /// Checks the number of inputs.
    ///
    /// # Errors
    /// Where it is another.
    pub fn expect_inputs(&self, n: usize) -> Result<()> {
        if self.inputs.len() == n {
            return Ok(());
        }
        Err(self.invalid(format!("it takes {n} inputs and has {}", self.inputs.len())))
    }

    /// The number of inputs, among them those that are left out.
    pub fn n_inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Whether input `i` is there; an optional one may be left out.
    pub fn has(&self, i: usize) -> bool {
        self.inputs.get(i).is_some_and(Option::is_some)
    }

    /// Input `i`, whatever it is.
    ///
    /// # Errors
    /// Where it is missing, or its node could not be imported.
    pub fn input(&self, i: usize) -> Result<&Val> {
        match self.inputs.get(i) {
            Some(Some(Val::Unknown)) => Err(Problem::Unknown),
            Some(Some(val)) => Ok(val),
            _ => Err(self.invalid(format!("its input {i} is missing"))),
        }
    }

    /// Input `i` as a value of the function; a constant becomes one.
    ///
    /// # Errors
    /// As [`Node::input`], and where the constant cannot become one.
    pub fn data(&mut self, i: usize) -> Result<ValueId> {
        let val = self.input(i)?.clone();
        self.importer.data(&val)
    }

    /// The dimensions of input `i`.
    ///
    /// # Errors
    /// As [`Node::input`].
    pub fn shape(&self, i: usize) -> Result<Vec<usize>> {
        let val = self.input(i)?;
        Ok(self.importer.shape(val).unwrap_or_default())
    }

    /// Input `i` if it is a constant that everyone may know.
    ///
    /// # Errors
    /// As [`Node::input`].
    pub fn public(&self, i: usize) -> Result<Option<Rc<Constant>>> {
        match self.input(i)? {
            Val::Const(c) if c.public => Ok(Some(c.clone())),
            _ => Ok(None),
        }
    }

    /// The model's type of input `i`, as far as the file says it: of constants and of inputs of the model.
    pub fn number_type(&self, i: usize) -> Option<NumType> {
        match self.inputs.get(i)?.as_ref()? {
            Val::Const(constant) => Some(constant.dtype),
            _ => {
                let port = self.importer.graph.nodes[self.idx].inputs.get(i).copied().flatten()?;
                self.importer.model.number_type(port.node)
            }
        }
    }

    /// Input `i` as a public constant of integers, which is called `what` in the diagnostic if it is none.
    ///
    /// # Errors
    /// Where it is none.
    pub fn ints(&self, i: usize, what: &str) -> Result<Vec<i64>> {
        if let Some(constant) = self.public(i)?
            && let Tensor::I64(values) = constant.values()
        {
            return Ok(values.iter().copied().collect());
        }
        let why = format!("its {what} (input {i}) must be a constant of integers that everyone may know");
        let help = match self.input(i)? {
            Val::Const(c) => format!("`{}` is no public constant of integers", c.name),
            _ => "export the model with fixed shapes, so that this input is a constant".to_owned(),
        };
        Err(self.problem("E0118", why, help))
    }

    /// Input `i` as a constant of reals that shapes the program, which makes it public unless the user called it secret.
    ///
    /// # Errors
    /// Where it is none.
    pub fn reals(&mut self, i: usize, what: &str) -> Result<Vec<f32>> {
        if let Val::Const(constant) = self.input(i)?.clone()
            && let Tensor::F32(values) = constant.values()
            && (constant.public || self.may_disclose(&constant.name))
        {
            if !constant.public {
                self.disclose(&constant.name);
            }
            return Ok(values.iter().copied().collect());
        }
        let why = format!("its {what} (input {i}) must be a constant of floats that everyone may know");
        let help = match self.input(i)? {
            Val::Const(c) => format!("`{}` is no public constant of floats", c.name),
            _ => "export the model so that this input is a constant".to_owned(),
        };
        Err(self.problem("E0118", why, help))
    }

    /// Output `i` of this node's branches, which are imported when they are asked for.
    ///
    /// # Errors
    /// Where there is no such output, or it could not be imported.
    pub fn branch(&mut self, i: usize) -> Result<Val> {
        let Some(port) = self.importer.graph.branches.get(&self.idx).and_then(|ports| ports.get(i)).copied() else {
            return Err(self.invalid("its branches have not the outputs that it names"));
        };
        match self.importer.branch(self.name(), port)? {
            Val::Unknown => Err(Problem::Unknown),
            val => Ok(val),
        }
    }

    /// A value of the function for a value that is no input.
    ///
    /// # Errors
    /// Where it cannot become one.
    pub fn value(&mut self, val: &Val) -> Result<ValueId> {
        self.importer.data(val)
    }

    /// Whether a constant may be made public for what reads it: not if the user called it secret.
    pub fn may_disclose(&self, name: &str) -> bool {
        self.importer.may_disclose(name)
    }

    /// Adds what the user should know, though nothing is wrong.
    pub fn note(&mut self, note: Diagnostic) {
        self.importer.notes.push(note);
    }

    /// Notes that the program will show the values of a constant that could have been a weight.
    pub fn disclose(&mut self, name: &str) {
        self.importer.disclose(name);
    }

    /// Takes so many elements, which do not stand in the file, from what all nodes may make together.
    ///
    /// # Errors
    /// Where there are not so many left.
    pub fn reserve(&mut self, n: usize) -> Result<()> {
        match self.importer.made.checked_sub(n) {
            Some(left) => {
                self.importer.made = left;
                Ok(())
            }
            None => Err(self.unsupported(
                format!("it makes {n} elements that are not in the file, more than are left to the model"),
                "at most 2^24 indices and elements of computed constants are supported",
            )),
        }
    }

    // Results.

    /// The type of a value of the function.
    pub fn ty(&self, value: ValueId) -> &TensorType<treville_hlil::Elem> {
        self.importer.func.ty(value)
    }

    /// The dimensions of a value of the function.
    pub fn dims(&self, value: ValueId) -> Vec<usize> {
        self.ty(value).shape.clone()
    }

    /// Appends an op to the function.
    ///
    /// # Errors
    /// Where the op does not take these operands.
    pub fn emit(&mut self, mnemonic: &str, operands: &[ValueId], attrs: Attrs) -> Result<ValueId> {
        let name = self.name();
        match self.importer.func.push(mnemonic, operands, attrs, name) {
            Ok(results) if results.len() == 1 => Ok(results[0]),
            Ok(_) => Err(self.invalid(format!("`{mnemonic}` does not have one result"))),
            Err(mut diagnostic) => {
                // The kernel says what does not fit; here is what the model's author knows it by.
                diagnostic.labels.clear();
                let message = std::mem::take(&mut diagnostic.message);
                diagnostic.message = format!("{} `{name}` does not fit its inputs: {message}", self.op());
                diagnostic
                    .help
                    .get_or_insert_with(|| "check the shapes of its inputs, and those given for the model".to_owned());
                Err(self.locate(diagnostic).into())
            }
        }
    }

    /// A public constant of one element, as a value of the function that broadcasts against any other.
    ///
    /// # Errors
    /// Where the number is not finite.
    pub fn number(&mut self, value: f64) -> Result<ValueId> {
        self.emit("constant", &[], attrs! { shape: Vec::<i64>::new(), values: vec![value] })
    }

    /// As [`Node::number`], for an integer.
    ///
    /// # Errors
    /// As [`Node::number`].
    pub fn integer(&mut self, value: i64) -> Result<ValueId> {
        self.emit("constant", &[], attrs! { shape: Vec::<i64>::new(), values: vec![value] })
    }

    /// A public constant under this node's name.
    ///
    /// # Errors
    /// Where a value does not fit the type.
    pub fn public_constant(&self, dtype: NumType, values: Tensor) -> Result<Val> {
        self.public_output(0, dtype, values)
    }

    /// As [`Node::public_constant`], for an output that is not the first.
    ///
    /// # Errors
    /// As [`Node::public_constant`].
    pub fn public_output(&self, output: usize, dtype: NumType, values: Tensor) -> Result<Val> {
        let name = if output == 0 { self.name().to_owned() } else { format!("{}:{output}", self.name()) };
        if let Tensor::I64(values) = &values
            && let Some(v) = dtype.misfit(values)
        {
            return Err(self.invalid(format!("its value {v} does not fit {dtype}")));
        }
        Ok(Val::Const(Rc::new(Constant::new(name, dtype, values, true))))
    }

    /// A constant that stands in the file under this node's name: a weight, unless it is public.
    pub fn stored_constant(&mut self, dtype: NumType, values: impl Into<Values>) -> Val {
        let name = self.name();
        self.importer.stored(name, dtype, values.into())
    }

    /// A value for a constant that is an attribute of this node: `name/attr` in the function, a weight unless it is public.
    ///
    /// # Errors
    /// Where it cannot be a weight.
    pub fn inner_weight(&mut self, attr: &str, values: ArrayD<f32>) -> Result<ValueId> {
        let name = format!("{}/{attr}", self.name());
        let val = self.importer.stored(&name, NumType::F32, Tensor::F32(values).into());
        self.importer.data(&val)
    }

    /// An argument of the function under this node's name, whose shape the file declares as this.
    ///
    /// # Errors
    /// Where the shape is not known, or cannot be.
    pub fn argument(&mut self, dtype: NumType, declared: Option<&[Dim]>) -> Result<Val> {
        let (name, op) = (self.name(), self.op());
        self.importer.input(name, op, dtype, declared)
    }

    /// Whether the options or the size file give a shape for this input.
    pub fn has_given_shape(&self) -> bool {
        let options = self.importer.options;
        let measured = || options.sizes.as_ref().is_some_and(|sizes| sizes.get(self.name()).is_some());
        options.shapes.contains_key(self.name()) || measured()
    }

    // Problems.

    /// A node that breaks its format's own rules: a broken file.
    pub fn invalid(&self, why: impl Into<String>) -> Problem {
        self.problem("E0117", why, self.importer.model.invalid_help())
    }

    /// A setting that we do not support.
    pub fn unsupported(&self, why: impl Into<String>, help: impl Into<String>) -> Problem {
        self.problem("E0111", why, help)
    }

    /// A diagnostic about this node: its name, op and input shapes, why, and what to do.
    pub fn problem(&self, code: &'static str, why: impl Into<String>, help: impl Into<String>) -> Problem {
        let message = format!("{} `{}`: {}", self.op(), self.name(), why.into());
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
