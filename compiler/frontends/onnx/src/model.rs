//! An ONNX model as the importer's core sees it.

use crate::dtype::DType;
use crate::graph::{self, Def, Resolved};
use crate::node::Node;
use crate::ops::{self, Import};
use crate::proto::TensorProto;
use crate::tensor::{self, Read};
use treville_frontend_common::{
    self as common, Dim, Graph, NumType, Options, Outputs, Port, Problem, Result, Unsupported, Val,
};
use treville_ir::Diagnostic;

/// A model with the other files that its weights may be in.
pub(crate) struct Model<'r> {
    resolved: Resolved,
    read: Read<'r>,
}

impl<'r> Model<'r> {
    pub(crate) fn new(resolved: Resolved, read: Read<'r>) -> Self {
        Self { resolved, read }
    }

    /// What is to be computed: what the options name, or else the outputs of the file.
    pub(crate) fn outputs(&self, options: &Options) -> std::result::Result<Outputs, Box<Diagnostic>> {
        let graph = &self.resolved.graph;
        let fault = |message: String, help: &str| Box::new(Diagnostic::error("E0107", message).with_help(help));
        let mut results = Vec::new();
        for name in &options.outputs {
            let by_node = || graph.nodes.iter().position(|n| n.name == *name).map(|node| Port { node, output: 0 });
            let Some(port) = graph.find(name).or_else(by_node) else {
                let message = format!("there is no value `{name}` that could be an output");
                return Err(fault(
                    message,
                    "outputs are named by values of the graph, or by nodes for their first output",
                ));
            };
            if results.iter().all(|(p, _)| *p != port) {
                results.push((port, name.clone()));
            }
        }
        if options.outputs.is_empty() {
            results.clone_from(&self.resolved.outputs);
        }
        if results.is_empty() {
            return Err(fault("the model has no outputs".to_owned(), "name some with --result"));
        }
        Ok(Outputs { results, constant: Vec::new(), named: true })
    }

    /// What the user should know about the file as a whole.
    pub(crate) fn notes(&self) -> Vec<Diagnostic> {
        self.resolved.notes.clone()
    }

    fn initializer(&self, mut node: common::Node<'_, '_>, proto: &TensorProto) -> Result<Val> {
        let dtype = DType(proto.data_type);
        let values = tensor::values(proto, self.read).map_err(|error| unreadable(&node, &error.to_string()))?;
        match dtype.number() {
            Some(number) => Ok(node.stored_constant(number, values)),
            None => Err(unreadable(&node, &format!("its type {dtype} is no type of numbers"))),
        }
    }
}

impl common::Model for Model<'_> {
    fn graph(&self) -> &Graph {
        &self.resolved.graph
    }

    fn supports(&self, op: &str) -> bool {
        matches!(op, graph::INPUT | graph::INITIALIZER | "Constant") || ops::find(op).is_some()
    }

    fn import<'m>(&'m self, mut node: common::Node<'_, 'm>) -> Result<Vec<Val>> {
        let (def, opset) = match &self.resolved.defs[node.idx()] {
            Def::Input(info) => {
                let declared = graph::shape(info);
                let dtype = graph::elem_type(info);
                let Some(number) = dtype.and_then(DType::number) else {
                    let dtype = dtype.map_or_else(|| "no tensor".to_owned(), |t| t.to_string());
                    let why = format!("its type is {dtype}, which is not supported");
                    return Err(node.problem("E0113", why, "inputs are tensors of floats, integers or booleans"));
                };
                return node.argument(number, declared.as_deref()).map(|val| vec![val]);
            }
            Def::Initializer(tensor) => return self.initializer(node, tensor).map(|val| vec![val]),
            Def::Node(def, opset) => (def, *opset),
        };
        if node.op() == "Constant" {
            return match ops::constant_tensor(def) {
                Some(tensor) => self.initializer(node, &tensor),
                None => Err(unreadable(&node, "only tensors, floats and integers are supported")),
            }
            .map(|val| vec![val]);
        }
        let Some(op) = ops::find(node.op()) else { return Err(node.invalid("its op is not known")) };
        let mut node = Node::new(node, def, opset);
        if let Some(attr) = def.attribute.iter().find(|a| !op.attrs.split(' ').any(|known| known == a.name)) {
            let why = format!("its attribute `{}` = {} is not known to this importer", attr.name, graph::show(attr));
            return Err(node.problem("E0112", why, "it may change what the op computes; export without it"));
        }
        if let Some(attr) = def.attribute.iter().find(|a| !a.ref_attr_name.is_empty()) {
            return Err(node.invalid(format!("its attribute `{}` stands for one of a function", attr.name)));
        }
        if ops::may_wrap(node.op()) {
            refuse_narrow(&node)?;
        }
        match op.import {
            Import::One(import) => import(&mut node).map(|val| vec![val]),
            Import::Many(import) => import(&mut node),
        }
    }

    fn why_unsupported(&self, node: usize) -> Unsupported {
        let (why, help) = ops::why_unsupported(&self.resolved.graph.nodes[node].op);
        Unsupported { why: why.to_owned(), help: help.to_owned() }
    }

    fn keeps_shape(&self, op: &str) -> bool {
        ops::keeps_shape(op)
    }

    fn declared_shape(&self, port: Port) -> Option<Vec<Dim>> {
        match &self.resolved.defs[port.node] {
            Def::Input(info) => graph::shape(info),
            Def::Initializer(tensor) => Some(tensor::dims(tensor).ok()?.into_iter().map(Dim::Known).collect()),
            Def::Node(..) => graph::shape(self.resolved.infos.get(&port)?),
        }
    }

    fn number_type(&self, node: usize) -> Option<NumType> {
        match &self.resolved.defs[node] {
            Def::Input(info) => graph::elem_type(info)?.number(),
            _ => None,
        }
    }

    fn invalid_help(&self) -> &'static str {
        "the file is damaged, or breaks ONNX's rules: onnx.checker.check_model says more"
    }
}

/// Arithmetic on an input of narrow integers would wrap where it leaves their range, and ours does not.
fn refuse_narrow(node: &Node<'_, '_>) -> Result<()> {
    let is_narrow = |dtype: &NumType| dtype.range.is_some_and(|(_, high)| high < i32::MAX.into());
    let narrow = |i: usize| node.number_type(i).filter(is_narrow).filter(|_| matches!(node.input(i), Ok(Val::Data(_))));
    match (0..node.n_inputs()).find_map(narrow) {
        Some(dtype) => {
            let why = format!("it computes with values of {dtype}, which may wrap");
            Err(node.unsupported(why, "cast them to int32, int64 or floats before"))
        }
        None => Ok(()),
    }
}

fn unreadable(node: &common::Node<'_, '_>, why: &str) -> Problem {
    Diagnostic::error("E0113", format!("{} `{}` cannot be read: {why}", node.op(), node.name()))
        .at_node(node.name(), "this constant")
        .with_help("floats, integers and booleans are supported; external data stand beside the model")
        .into()
}
