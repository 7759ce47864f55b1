//! Where values come from: inputs, weights and public constants.

use crate::graph::show_dims;
use crate::import::{CLIENT, Importer, SERVER};
use crate::model::show_shape;
use crate::{Constant, Dim, NumType, Port, Problem, Result, Role, Val, Values};
use ndarray::ArrayD;
use std::rc::Rc;
use treville_hlil::{Elem, Scalar, Tensor};
use treville_ir::{Arg, ArgKind, Attrs, Diagnostic, TensorType, ValueId, attrs};

impl Importer<'_> {
    /// The function's value for a constant.
    pub(crate) fn constant(&mut self, constant: &Rc<Constant>) -> Result<ValueId> {
        if let Some(value) = self.constants.get(&constant.name) {
            return Ok(*value);
        }
        let shape = constant.shape().to_vec();
        if constant.len() == 0 {
            return Err(Diagnostic::error("E0113", format!("the constant `{}` has no elements", constant.name))
                .at_node(&constant.name, format!("its shape is {}", show_dims(&shape)))
                .with_help("empty tensors are not supported; export the model without them")
                .into());
        }
        let value = if self.folding.is_some() {
            // What is computed of a secret is one, and stays in the program.
            self.foldable &= constant.public;
            self.argument_of_fold(constant)
        } else if constant.public {
            let dims: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
            let attrs: Attrs = match constant.values() {
                Tensor::F32(a) => attrs! { shape: dims, values: listed(a, f64::from) },
                Tensor::I64(a) => attrs! { shape: dims, values: listed(a, |v| v) },
            };
            self.func.push1("constant", &[], attrs, &constant.name)?
        } else {
            self.weight(constant, shape)?
        };
        self.constants.insert(constant.name.clone(), value);
        Ok(value)
    }

    fn weight(&mut self, constant: &Constant, shape: Vec<usize>) -> Result<ValueId> {
        if constant.values.scalar() != Scalar::F32 {
            let message = format!("the constant `{}` holds integers, which cannot be secret", constant.name);
            return Err(Diagnostic::error("E0113", message)
                .at_node(&constant.name, format!("its type is {}", constant.dtype))
                .with_help("leave it public")
                .into());
        }
        let ty = TensorType::new(shape, Elem::SECRET_F32);
        ty.check().map_err(|error| {
            Diagnostic::error("E0117", format!("the constant `{}` cannot be a weight: {error}", constant.name))
                .at_node(&constant.name, "this constant")
        })?;
        let added = match &constant.values {
            Values::Stored(stored, _) => self.weights.add_stored(&constant.name, stored.clone()),
            Values::Tensor(Tensor::F32(values)) => self.weights.add_source(&constant.name, values.clone()),
            Values::Tensor(Tensor::I64(_)) => unreachable!("invariant: its kind was checked above"),
        };
        added
            .map_err(|error| Diagnostic::error("E0117", error.to_string()).at_node(&constant.name, "this constant"))?;
        let owner = self.owner(&constant.name, self.options.weights_owner.as_deref().unwrap_or(SERVER));
        Ok(self.func.add_arg(Arg::new(&constant.name, ty, owner, ArgKind::Weight)))
    }

    fn argument_of_fold(&mut self, constant: &Constant) -> ValueId {
        let elem = Elem { scalar: constant.values.scalar(), secret: false };
        let ty = TensorType::new(constant.shape(), elem);
        self.folding.get_or_insert_default().insert(constant.name.clone(), constant.values().clone());
        self.func.add_arg(Arg::new(&constant.name, ty, CLIENT, ArgKind::Input))
    }

    /// A constant that stands in the file: a weight, unless it is public.
    pub(crate) fn stored(&mut self, name: &str, dtype: NumType, values: Values) -> Val {
        let by_default = values.scalar() == Scalar::I64 || values.shape().iter().product::<usize>() == 1;
        let public = (by_default || self.options.public.contains(name)) && !self.options.secret.contains(name);
        self.narrow(dtype, name);
        if dtype.is_float() && public {
            self.disclose(name);
        }
        Val::Const(Rc::new(Constant::new(name, dtype, values, public)))
    }

    /// The value that the options give an input.
    pub(crate) fn bound(&mut self, name: &str) -> Result<Val> {
        let values = self.options.bound[name].clone();
        let port = self.graph.find(name);
        if let Some(declared) = port.and_then(|port| self.model.declared_shape(port))
            && !fits(&declared, values.shape())
        {
            return Err(misfit(name, &declared, "--bind", values.shape()));
        }
        let by_scalar = match values.scalar() {
            Scalar::F32 => NumType::F32,
            Scalar::I64 => NumType::I64,
        };
        let dtype = port.and_then(|port| self.model.number_type(port.node)).unwrap_or(by_scalar);
        let fits = dtype.is_float() == by_scalar.is_float();
        if !fits || values.as_i64().and_then(|values| dtype.misfit(values)).is_some() {
            let message = format!("the value that --bind gives the input `{name}` is no {dtype}");
            return Err(Diagnostic::error("E0109", message)
                .at_node(name, "this input")
                .with_help("give it as the numbers that the model takes")
                .into());
        }
        Ok(Val::Const(Rc::new(Constant::new(name, dtype, values, true))))
    }

    /// An argument for an input of a type that we compute with, whose shape the file declares as this.
    pub(crate) fn input(&mut self, name: &str, op: &str, dtype: NumType, declared: Option<&[Dim]>) -> Result<Val> {
        let shape = self.input_shape(name, op, declared)?;
        let secret = !self.options.public.contains(name);
        self.narrow(dtype, name);
        let elem = Elem { scalar: if dtype.is_float() { Scalar::F32 } else { Scalar::I64 }, secret };
        let ty = TensorType::new(shape, elem);
        ty.check().map_err(|error| {
            Diagnostic::error("E0114", format!("the input `{name}` has a shape that cannot be: {error}"))
                .at_node(name, "this input")
                .with_help(format!("give its shape with --shape {name}:..."))
        })?;
        Ok(Val::Data(self.func.add_arg(Arg::new(name, ty, self.owner(name, CLIENT), ArgKind::Input))))
    }

    /// Learns from the shapes of the options what the named dimensions of the file are.
    pub(crate) fn name_symbols(&mut self) {
        for (idx, node) in self.graph.nodes.iter().enumerate().filter(|(_, node)| node.role == Role::Input) {
            let given = self.options.shapes.get(&node.name).map(Vec::as_slice);
            let given = given.or_else(|| self.options.bound.get(&node.name).map(Tensor::shape));
            let declared = self.model.declared_shape(Port { node: idx, output: 0 });
            let (Some(given), Some(declared)) = (given, declared) else { continue };
            for (dim, &size) in declared.iter().zip(given) {
                if let Dim::Unknown(symbol) = dim
                    && symbol != "?"
                {
                    self.symbols.entry(symbol.clone()).or_insert(size);
                }
            }
        }
    }

    /// The shape of an input: as the options, the size file or the graph give it, in this order.
    fn input_shape(&mut self, name: &str, op: &str, declared: Option<&[Dim]>) -> Result<Vec<usize>> {
        let given = self.options.shapes.get(name).map(|shape| (shape.clone(), "--shape"));
        let measured = || self.options.sizes.as_ref().and_then(|s| s.get(name)).map(|s| (s.to_vec(), "the size file"));
        if let Some((shape, source)) = given.or_else(measured) {
            if let Some(declared) = declared.filter(|d| !fits(d, &shape)) {
                return Err(misfit(name, declared, source, &shape));
            }
            return Ok(shape);
        }
        let Some(declared) = declared else {
            let option = format!("--shape {name}:1x28x28x1, with its dimensions");
            return Err(dynamic(name, op, "its shape is unknown", &option));
        };
        let size = |dim: &Dim| match dim {
            Dim::Known(size) => Some(*size),
            Dim::Unknown(symbol) => self.symbols.get(symbol).copied(),
        };
        let mut shape: Vec<Option<usize>> = declared.iter().map(size).collect();
        if let Some(first @ None) = shape.first_mut() {
            *first = Some(1);
            let message = format!("the first dimension of the input `{name}` is unknown and becomes 1");
            self.notes.push(
                Diagnostic::note("N0101", message)
                    .at_node(name, format!("its shape is {}", show_shape(declared)))
                    .with_note("several samples are several inferences in one session"),
            );
        }
        if let Some(known) = shape.iter().copied().collect::<Option<Vec<usize>>>() {
            return Ok(known);
        }
        let dims: Vec<String> = shape.iter().map(|d| d.map_or_else(|| "?".to_owned(), |d| d.to_string())).collect();
        let why = format!("its shape {} is not fully known", show_shape(declared));
        let option = format!("--shape {name}:{}, with a number for each `?`", dims.join("x"));
        Err(dynamic(name, op, &why, &option))
    }

    fn narrow(&mut self, dtype: NumType, name: &str) {
        if dtype.is_float() && !dtype.is_f32 {
            self.narrowed.entry(dtype.to_string()).or_insert_with(|| name.to_owned());
        }
    }

    /// Whether a constant may be made public for what reads it: not if the user called it secret.
    pub(crate) fn may_disclose(&self, name: &str) -> bool {
        !self.options.secret.contains(name)
    }

    /// Notes that the program will show the values of a constant that could have been a weight.
    pub(crate) fn disclose(&mut self, name: &str) {
        self.disclosed.insert(name.to_owned());
    }

    pub(crate) fn owner(&self, name: &str, default: &str) -> String {
        self.options.owners.get(name).map_or(default, String::as_str).to_owned()
    }
}

/// The values of a constant as its attribute: one of them stands for as many that equal it.
fn listed<T: Copy + PartialEq, U>(values: &ArrayD<T>, convert: impl Fn(T) -> U) -> Vec<U> {
    let n_listed = if values.iter().skip(1).all(|v| Some(v) == values.first()) { 1 } else { values.len() };
    values.iter().take(n_listed).map(|&v| convert(v)).collect()
}

fn fits(declared: &[Dim], shape: &[usize]) -> bool {
    let agree = |(dim, &size): (&Dim, &usize)| dim.known().is_none_or(|d| d == size);
    declared.len() == shape.len() && declared.iter().zip(shape).all(agree)
}

fn misfit(name: &str, declared: &[Dim], source: &str, shape: &[usize]) -> Problem {
    let message = format!(
        "the input `{name}` has shape {} in the graph, and {source} says {}",
        show_shape(declared),
        show_dims(shape)
    );
    Diagnostic::error("E0109", message)
        .at_node(name, "this input")
        .with_help("only unknown dimensions, shown as `?` or by name, can be chosen")
        .into()
}

fn dynamic(name: &str, op: &str, why: &str, option: &str) -> Problem {
    Diagnostic::error("E0114", format!("{op} `{name}`: {why}"))
        .at_node(name, "this input")
        .with_help(format!("give it with {option}"))
        .into()
}
