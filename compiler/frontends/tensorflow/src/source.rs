//! Where values come from: inputs, weights and public constants.

use crate::dtype::DType;
use crate::graph::{show_dims, show_shape};
use crate::import::{CLIENT, Importer, SERVER};
use crate::ops;
use crate::problem::{Problem, Result};
use crate::proto::{Dim, NodeDef, TensorShapeProto, Value};
use crate::tensor;
use crate::value::{Constant, Val};
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
        let value = if constant.public {
            let dims: Vec<i64> = shape.iter().map(|&d| d as i64).collect();
            let attrs: Attrs = match &constant.values {
                Tensor::F32(a) => attrs! { shape: dims, values: a.iter().map(|&v| f64::from(v)).collect::<Vec<_>>() },
                Tensor::I64(a) => attrs! { shape: dims, values: a.iter().copied().collect::<Vec<_>>() },
            };
            self.func.push1("constant", &[], attrs, &constant.name)?
        } else {
            let Tensor::F32(values) = &constant.values else {
                let message = format!("the constant `{}` holds integers, which cannot be secret", constant.name);
                return Err(Diagnostic::error("E0113", message)
                    .at_node(&constant.name, format!("its type is {}", constant.dtype))
                    .with_help("leave it public")
                    .into());
            };
            let ty = TensorType::new(shape, Elem::SECRET_F32);
            ty.check().map_err(|error| {
                Diagnostic::error("E0117", format!("the constant `{}` cannot be a weight: {error}", constant.name))
                    .at_node(&constant.name, "this constant")
            })?;
            self.weights.add_source(&constant.name, values.clone()).map_err(|error| {
                Diagnostic::error("E0117", error.to_string()).at_node(&constant.name, "this constant")
            })?;
            let owner = self.owner(&constant.name, self.options.weights_owner.as_deref().unwrap_or(SERVER));
            self.func.add_arg(Arg::new(&constant.name, ty, owner, ArgKind::Weight))
        };
        self.constants.insert(constant.name.clone(), value);
        Ok(value)
    }

    /// The constant of a `Const` node.
    pub(crate) fn decode(&mut self, node: &NodeDef) -> Result<Val> {
        let Some(Value::Tensor(proto)) = node.attr.get("value").and_then(|v| v.value.as_ref()) else {
            return Err(Diagnostic::error("E0117", format!("Const `{}` has no value", node.name))
                .at_node(&node.name, "this node")
                .with_help("the file is damaged, or the graph was exported without its constants")
                .into());
        };
        let values = tensor::decode(proto, &mut self.repeated).map_err(|error| {
            Diagnostic::error("E0113", format!("Const `{}` cannot be read: {error}", node.name))
                .at_node(&node.name, "this node")
                .with_help("constants of floats, integers and booleans are supported")
        })?;
        let dtype = DType(proto.dtype);
        let by_default = match &values {
            Tensor::I64(_) => true,
            Tensor::F32(a) => a.len() == 1,
        };
        let public =
            (by_default || self.options.public.contains(&node.name)) && !self.options.secret.contains(&node.name);
        if dtype.is_float() {
            self.narrow(dtype, &node.name);
            if public {
                self.disclose(&node.name);
            }
        }
        Ok(Val::Const(Rc::new(Constant { name: node.name.clone(), dtype, values, public })))
    }

    /// An argument for a `Placeholder` of a type that we compute with.
    pub(crate) fn placeholder(&mut self, node: &NodeDef, dtype: DType) -> Result<Val> {
        let shape = self.input_shape(node)?;
        let secret = !self.options.public.contains(&node.name);
        self.narrow(dtype, &node.name);
        let elem = Elem { scalar: if dtype.is_float() { Scalar::F32 } else { Scalar::I64 }, secret };
        let ty = TensorType::new(shape, elem);
        ty.check().map_err(|error| {
            Diagnostic::error("E0114", format!("the input `{}` has a shape that cannot be: {error}", node.name))
                .at_node(&node.name, "this input")
                .with_help(format!("give its shape with --shape {}:...", node.name))
        })?;
        Ok(Val::Data(self.func.add_arg(Arg::new(&node.name, ty, self.owner(&node.name, CLIENT), ArgKind::Input))))
    }

    /// The shape of an input: as the options, the size file or the graph give it, in this order.
    fn input_shape(&mut self, node: &NodeDef) -> Result<Vec<usize>> {
        let name = &node.name;
        // Old versions write an unknown shape as one without dimensions.
        let declared = declared_shape(node).filter(|s| !s.dim.is_empty());
        let given = self.options.shapes.get(name).map(|shape| (shape.clone(), "--shape"));
        let measured = || self.options.sizes.as_ref().and_then(|s| s.get(name)).map(|s| (s.to_vec(), "the size file"));
        if let Some((shape, source)) = given.or_else(measured) {
            let fits = |d: &TensorShapeProto| {
                let agree =
                    |(dim, &size): (&Dim, &usize)| usize::try_from(dim.size).is_ok_and(|d| d == size) || dim.size < 0;
                d.dim.len() == shape.len() && d.dim.iter().zip(&shape).all(agree)
            };
            if let Some(declared) = declared.filter(|d| !fits(d)) {
                let message = format!(
                    "the input `{name}` has shape {} in the graph, and {source} says {}",
                    show_shape(declared),
                    show_dims(&shape)
                );
                return Err(Diagnostic::error("E0109", message)
                    .at_node(name, "this input")
                    .with_help("only unknown dimensions, shown as `?`, can be chosen")
                    .into());
            }
            return Ok(shape);
        }
        let scalar = || declared_shape(node).is_some_and(|s| s.dim.is_empty());
        let Some(declared) = declared else {
            if scalar() {
                return Ok(Vec::new());
            }
            return Err(self.dynamic(
                name,
                "its shape is unknown",
                &format!("--shape {name}:1x28x28x1, with its dimensions"),
            ));
        };
        let mut shape: Vec<Option<usize>> = declared.dim.iter().map(|d| usize::try_from(d.size).ok()).collect();
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
        Err(self.dynamic(name, &why, &option))
    }

    fn dynamic(&self, name: &str, why: &str, option: &str) -> Problem {
        Diagnostic::error("E0114", format!("Placeholder `{name}`: {why}"))
            .at_node(name, "this input")
            .with_help(format!("give it with {option}"))
            .into()
    }

    fn narrow(&mut self, dtype: DType, name: &str) {
        if dtype.is_float() && dtype != DType::FLOAT {
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

/// The shape that a node says its output has.
pub(crate) fn declared_shape(node: &NodeDef) -> Option<&TensorShapeProto> {
    let shape = |name: &str| match node.attr.get(name)?.value.as_ref()? {
        Value::Shape(shape) => Some(shape),
        Value::List(list) => list.shape.first(),
        _ => None,
    };
    let own = if node.op == "Placeholder" || ops::is_variable(&node.op) { shape("shape") } else { None };
    own.filter(|s| !s.unknown_rank).or_else(|| shape("_output_shapes")).filter(|s| !s.unknown_rank)
}
