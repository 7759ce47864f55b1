//! A GraphDef as the importer's core sees it.

use crate::functions::Flat;
use crate::graph;
use crate::node::Node;
use crate::ops;
use crate::proto::{NodeDef, TensorShapeProto, Value};
use crate::tensor;
use std::cell::Cell;
use std::collections::BTreeMap;
use treville_frontend_common::{self as common, Dim, Graph, Port, Result, Unsupported, Val};
use treville_ir::Diagnostic;

/// A graph whose inputs are resolved.
pub(crate) struct Model {
    graph: Graph,
    nodes: Vec<NodeDef>,
    /// The calls of functions, by name, that cannot be replaced by their bodies, and what each does.
    refused: BTreeMap<String, String>,
    /// Elements that tensors may still have beyond those that stand in the file.
    repeated: Cell<usize>,
}

impl Model {
    /// Resolves the inputs of all nodes.
    ///
    /// # Errors
    /// As [`graph::resolve`].
    pub(crate) fn new(Flat { nodes, refused }: Flat) -> std::result::Result<Self, Vec<Diagnostic>> {
        Ok(Self { graph: graph::resolve(&nodes)?, nodes, refused, repeated: Cell::new(tensor::MAX_REPEATED) })
    }
}

impl common::Model for Model {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn supports(&self, op: &str) -> bool {
        ops::find(op).is_some()
    }

    fn import<'m>(&'m self, node: common::Node<'_, 'm>) -> Result<Vec<Val>> {
        let def = &self.nodes[node.idx()];
        let mut node = Node::new(node, def, &self.repeated);
        let Some(op) = ops::find(&def.op) else { return Err(node.invalid("its op is not known")) };
        let known = |name: &str| name.starts_with('_') || op.attrs.split(' ').any(|a| a == name);
        if let Some(attr) = def.attr.keys().find(|name| !known(name)) {
            let why = format!("its attribute `{attr}` = {} is not known to this importer", node.show_attr(attr));
            return Err(node.problem("E0112", why, "it may change what the op computes; export without it"));
        }
        op.import.run(&mut node)
    }

    fn why_unsupported(&self, node: usize) -> Unsupported {
        let node = &self.nodes[node];
        let (why, help) = match self.refused.get(&node.name) {
            Some(why) => (why.as_str(), "export the model without this call, with its function put in place"),
            None => ops::why_unsupported(&node.op),
        };
        Unsupported { why: why.to_owned(), help: help.to_owned() }
    }

    fn keeps_shape(&self, op: &str) -> bool {
        ops::keeps_shape(op)
    }

    fn declared_shape(&self, port: Port) -> Option<Vec<Dim>> {
        (port.output == 0).then(|| declared_shape(&self.nodes[port.node])).flatten().map(dims)
    }

    fn invalid_help(&self) -> &'static str {
        "the file is damaged, or written for another version of TensorFlow"
    }

    fn variables_help(&self) -> &'static str {
        "freeze the graph: tf.compat.v1.graph_util.convert_variables_to_constants (sessions), \
         or convert_variables_to_constants_v2 (TensorFlow 2)"
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

/// The dimensions of a shape whose rank is known.
pub(crate) fn dims(shape: &TensorShapeProto) -> Vec<Dim> {
    let dim = |size: i64| usize::try_from(size).map_or_else(|_| Dim::Unknown("?".to_owned()), Dim::Known);
    shape.dim.iter().map(|d| dim(d.size)).collect()
}
