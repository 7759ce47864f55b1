//! Makes one flat list of nodes: functions of the model stand in the place of their calls, and the nodes of an `If`'s branches
//! beside it.

use crate::node::kind;
use crate::proto::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};
use bytes::Bytes;
use std::collections::HashMap;
use treville_ir::Diagnostic;

/// A node with the version of its operator set.
pub(crate) struct Versioned {
    pub(crate) node: NodeProto,
    pub(crate) opset: Option<i64>,
}

/// Functions may call functions, but not without end.
const MAX_DEPTH: usize = 32;
/// So many nodes a model may have when all functions are in place.
const MAX_NODES: usize = 1 << 20;

/// The nodes of a model's graph without calls of its functions. The branches of an `If` are its attributes no longer, but the
/// names of their outputs are.
///
/// # Errors
/// Where functions call themselves, or make more nodes than any model has.
pub(crate) fn inline(model: ModelProto) -> Result<Vec<Versioned>, Box<Diagnostic>> {
    let key = |f: &FunctionProto| (domain(&f.domain).to_owned(), f.name.clone());
    let functions: HashMap<_, _> = model.functions.into_iter().map(|f| (key(&f), f)).collect();
    let mut inliner = Inliner { functions: &functions, nodes: Vec::new() };
    let versions = versions(&model.opset_import);
    for node in model.graph.unwrap_or_default().node {
        inliner.add(node, &Scope::default(), &versions, 0)?;
    }
    Ok(inliner.nodes)
}

/// The name of a domain, of which ONNX's own has two.
pub(crate) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// Whether a node is an `If` of ONNX.
pub(crate) fn is_if(node: &NodeProto) -> bool {
    node.op_type == "If" && domain(&node.domain).is_empty()
}

type Versions = HashMap<String, i64>;

fn versions(imports: &[OperatorSetIdProto]) -> Versions {
    imports.iter().map(|set| (domain(&set.domain).to_owned(), set.version)).collect()
}

/// What names mean inside of a function or a branch.
#[derive(Default)]
struct Scope<'o> {
    names: HashMap<String, String>,
    /// What nodes in it are called below.
    prefix: Option<String>,
    /// Where names are looked up that it does not have; the graph's own names mean themselves.
    outer: Option<&'o Scope<'o>>,
}

impl Scope<'_> {
    fn actual(&self, name: &str) -> String {
        match self.names.get(name) {
            Some(actual) => actual.clone(),
            None => self.outer.map_or_else(|| name.to_owned(), |outer| outer.actual(name)),
        }
    }

    /// The node with the names that it has in the flat list.
    fn rename(&self, mut node: NodeProto) -> NodeProto {
        for name in node.input.iter_mut().chain(&mut node.output).filter(|name| !name.is_empty()) {
            *name = self.actual(name);
        }
        if let Some(prefix) = self.prefix.as_ref().filter(|_| !node.name.is_empty()) {
            node.name = format!("{prefix}/{}", node.name);
        }
        node
    }

    /// Gives what the nodes make names below the prefix, unless they have one already.
    fn define<'n>(&mut self, prefix: &str, nodes: impl IntoIterator<Item = &'n NodeProto>) {
        for name in nodes.into_iter().flat_map(|node| &node.output).filter(|name| !name.is_empty()) {
            self.names.entry(name.clone()).or_insert_with(|| format!("{prefix}/{name}"));
        }
        self.prefix = Some(prefix.to_owned());
    }
}

struct Inliner<'f> {
    functions: &'f HashMap<(String, String), FunctionProto>,
    nodes: Vec<Versioned>,
}

impl<'f> Inliner<'f> {
    fn add(
        &mut self,
        node: NodeProto,
        scope: &Scope<'_>,
        versions: &Versions,
        depth: usize,
    ) -> Result<(), Box<Diagnostic>> {
        let mut node = scope.rename(node);
        let key = (domain(&node.domain).to_owned(), node.op_type.clone());
        let function = self.functions.get(&key);
        if depth >= MAX_DEPTH && (function.is_some() || is_if(&node)) {
            return Err(fault(&node, "are nested too deep"));
        }
        if let Some(function) = function {
            return self.call(function, &node, depth + 1);
        }
        if is_if(&node) {
            for attr in &mut node.attribute {
                let Some(branch) = attr.g.take().filter(|_| attr.r#type == kind::GRAPH) else { continue };
                let prefix = format!("{}/{}", called(&node.output, &node.name), attr.name);
                let outputs = self.branch(branch, &prefix, scope, versions, depth + 1)?;
                *attr = AttributeProto {
                    name: attr.name.clone(),
                    r#type: kind::STRINGS,
                    strings: outputs,
                    ..Default::default()
                };
            }
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(fault(&node, "make too many nodes"));
        }
        let opset = versions.get(domain(&node.domain)).copied();
        self.nodes.push(Versioned { node, opset });
        Ok(())
    }

    /// The nodes of a function with the names and attributes of a call.
    fn call(&mut self, function: &'f FunctionProto, call: &NodeProto, depth: usize) -> Result<(), Box<Diagnostic>> {
        let mut scope = Scope::default();
        for (i, formal) in function.output.iter().enumerate() {
            if let Some(actual) = call.output.get(i).filter(|name| !name.is_empty()) {
                scope.names.insert(formal.clone(), actual.clone());
            }
        }
        let mut passed_on = Vec::new();
        for (i, formal) in function.input.iter().enumerate() {
            let actual = call.input.get(i).cloned().unwrap_or_default();
            if let Some(output) = scope.names.insert(formal.clone(), actual.clone()) {
                passed_on.push(identity(actual, output));
            }
        }
        // Names of values are unique in a graph, so that inner names below one of them are too; the function's name tells a
        // call from that in whose place it stands.
        scope.define(&format!("{}/{}", called(&call.output, &call.name), function.name), &function.node);
        let versions = self::versions(&function.opset_import);
        for inner in &function.node {
            let attribute = inner.attribute.iter().filter_map(|attr| resolve(attr, function, call)).collect();
            self.add(NodeProto { attribute, ..inner.clone() }, &scope, &versions, depth)?;
        }
        for node in passed_on {
            self.add(node, &Scope::default(), &HashMap::from([(String::new(), 1)]), depth)?;
        }
        Ok(())
    }

    /// The nodes of a branch, and the names of its outputs.
    fn branch(
        &mut self,
        graph: GraphProto,
        prefix: &str,
        outer: &Scope<'_>,
        versions: &Versions,
        depth: usize,
    ) -> Result<Vec<Bytes>, Box<Diagnostic>> {
        let constant = |tensor: crate::proto::TensorProto| NodeProto {
            op_type: "Constant".to_owned(),
            output: vec![tensor.name.clone()],
            attribute: vec![AttributeProto {
                name: "value".to_owned(),
                r#type: kind::TENSOR,
                t: Some(tensor),
                ..AttributeProto::default()
            }],
            ..NodeProto::default()
        };
        let nodes: Vec<NodeProto> = graph.initializer.into_iter().map(constant).chain(graph.node).collect();
        let mut scope = Scope { outer: Some(outer), ..Scope::default() };
        scope.define(prefix, &nodes);
        let outputs = graph.output.iter().map(|info| Bytes::from(scope.actual(&info.name))).collect();
        for node in nodes {
            self.add(node, &scope, versions, depth)?;
        }
        Ok(outputs)
    }
}

/// What inner nodes are called below: the first output, which no other node makes.
fn called<'n>(outputs: &'n [String], name: &'n str) -> &'n str {
    outputs.iter().find(|name| !name.is_empty()).map_or(name, String::as_str)
}

fn identity(from: String, to: String) -> NodeProto {
    NodeProto { op_type: "Identity".to_owned(), input: vec![from], output: vec![to], ..NodeProto::default() }
}

fn fault(node: &NodeProto, why: &str) -> Box<Diagnostic> {
    let message = format!("the functions and branches at `{}` {why}", node.op_type);
    Box::new(Diagnostic::error("E0117", message).with_help("export the model without functions of its own"))
}

/// An attribute, which may stand for one of the call or for the function's default; none where the call leaves it out.
fn resolve(attr: &AttributeProto, function: &FunctionProto, call: &NodeProto) -> Option<AttributeProto> {
    if attr.ref_attr_name.is_empty() {
        return Some(attr.clone());
    }
    let named = |attrs: &[AttributeProto]| attrs.iter().find(|a| a.name == attr.ref_attr_name).cloned();
    let value = named(&call.attribute).or_else(|| named(&function.attribute_proto))?;
    Some(AttributeProto { name: attr.name.clone(), ..value })
}
