//! Puts the functions that a model defines itself in the place of their calls.

use crate::proto::{AttributeProto, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto};
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

/// The nodes of a model's graph without calls of its functions.
///
/// # Errors
/// Where functions call themselves, or make more nodes than any model has.
pub(crate) fn inline(model: ModelProto) -> Result<Vec<Versioned>, Box<Diagnostic>> {
    let key = |f: &FunctionProto| (domain(&f.domain).to_owned(), f.name.clone());
    let functions = model.functions.into_iter().map(|f| (key(&f), f)).collect();
    let mut inliner = Inliner { functions, nodes: Vec::new() };
    let versions = versions(&model.opset_import);
    for node in model.graph.unwrap_or_default().node {
        inliner.add(node, &versions, 0)?;
    }
    Ok(inliner.nodes)
}

/// The name of a domain, of which ONNX's own has two.
pub(crate) fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

type Versions = HashMap<String, i64>;

fn versions(imports: &[OperatorSetIdProto]) -> Versions {
    imports.iter().map(|set| (domain(&set.domain).to_owned(), set.version)).collect()
}

struct Inliner {
    functions: HashMap<(String, String), FunctionProto>,
    nodes: Vec<Versioned>,
}

impl Inliner {
    fn add(&mut self, node: NodeProto, versions: &Versions, depth: usize) -> Result<(), Box<Diagnostic>> {
        let fault = |why: &str| {
            let message = format!("the calls of function `{}` {why}", node.op_type);
            Box::new(Diagnostic::error("E0117", message).with_help("export the model without functions of its own"))
        };
        let key = (domain(&node.domain).to_owned(), node.op_type.clone());
        let Some(function) = self.functions.get(&key).cloned() else {
            if self.nodes.len() >= MAX_NODES {
                return Err(fault("make too many nodes"));
            }
            let opset = versions.get(domain(&node.domain)).copied();
            self.nodes.push(Versioned { node, opset });
            return Ok(());
        };
        if depth >= MAX_DEPTH {
            return Err(fault("are nested too deep"));
        }
        let inner_versions = self::versions(&function.opset_import);
        for inner in body(&function, &node) {
            self.add(inner, &inner_versions, depth + 1)?;
        }
        Ok(())
    }
}

/// The nodes of a function with the names and attributes of a call.
fn body(function: &FunctionProto, call: &NodeProto) -> Vec<NodeProto> {
    // Names of values are unique in a graph, so that inner names below one of them are too.
    let prefix = call.output.iter().find(|name| !name.is_empty()).unwrap_or(&call.name);
    let actual = |formal: &[String], given: &[String]| -> HashMap<String, String> {
        formal.iter().enumerate().map(|(i, name)| (name.clone(), given.get(i).cloned().unwrap_or_default())).collect()
    };
    let inputs = actual(&function.input, &call.input);
    let mut outputs = actual(&function.output, &call.output);
    outputs.retain(|_, name| !name.is_empty());
    let rename = |name: &String| match inputs.get(name).or_else(|| outputs.get(name)) {
        Some(actual) => actual.clone(),
        None if name.is_empty() => String::new(),
        None => format!("{prefix}/{name}"),
    };
    let passed_on =
        outputs.iter().filter(|(formal, _)| inputs.contains_key(*formal)).map(|(formal, actual)| NodeProto {
            op_type: "Identity".to_owned(),
            input: vec![inputs[formal].clone()],
            output: vec![actual.clone()],
            ..NodeProto::default()
        });
    let renamed = function.node.iter().map(|node| NodeProto {
        input: node.input.iter().map(rename).collect(),
        output: node.output.iter().map(rename).collect(),
        name: if node.name.is_empty() { String::new() } else { format!("{prefix}/{}", node.name) },
        attribute: node.attribute.iter().filter_map(|attr| resolve(attr, function, call)).collect(),
        ..node.clone()
    });
    renamed.chain(passed_on).collect()
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
