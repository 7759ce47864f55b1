//! The graph behind a GraphDef: names resolved to indices.

use crate::dtype::DType;
use crate::ops;
use crate::proto::{AttrValue, NodeDef, TensorShapeProto, Value};
use std::collections::HashMap;
use treville_frontend_common::{Graph, GraphNode, Port, Role, listing_line};
use treville_ir::{Diagnostic, Listing};

/// Resolves the inputs of all nodes.
///
/// # Errors
/// A diagnostic for each name that two nodes have, and each input that no node makes.
pub(crate) fn resolve(nodes: &[NodeDef]) -> Result<Graph, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut by_name = HashMap::with_capacity(nodes.len());
    for (idx, node) in nodes.iter().enumerate() {
        if by_name.insert(node.name.as_str(), idx).is_some() {
            let message = format!("two nodes are called `{}`", node.name);
            let diagnostic = Diagnostic::error("E0104", message).at_node(&node.name, "this name is taken twice");
            problems.push(diagnostic.with_help("names must be unique: the file is damaged, or two graphs were joined"));
        }
    }
    let mut graph = Graph::default();
    for (idx, node) in nodes.iter().enumerate() {
        let mut inputs = Vec::new();
        for input in node.input.iter().filter(|input| !input.starts_with('^')) {
            match port(input, &by_name) {
                Some(port) => inputs.push(Some(port)),
                None => problems.push(
                    Diagnostic::error("E0105", format!("node `{}` reads `{input}`, which no node makes", node.name))
                        .at_node(&node.name, format!("reads `{input}`"))
                        .with_help("the file may be cut off: write it again"),
                ),
            }
        }
        let role = match node.op.as_str() {
            "Placeholder" => Role::Input,
            "Const" => Role::Constant,
            op if ops::is_variable(op) => Role::Variable,
            _ => Role::Op,
        };
        graph.names.insert(node.name.clone(), Port { node: idx, output: 0 });
        graph.nodes.push(GraphNode { name: node.name.clone(), op: node.op.clone(), inputs, role });
    }
    if problems.is_empty() { Ok(graph) } else { Err(problems) }
}

/// The node of this name; `name:0` is `name`.
pub(crate) fn find(graph: &Graph, name: &str) -> Option<usize> {
    graph.find(name.strip_suffix(":0").unwrap_or(name)).map(|port| port.node)
}

fn port(input: &str, by_name: &HashMap<&str, usize>) -> Option<Port> {
    let (name, output) = match input.rsplit_once(':') {
        Some((name, output)) => (name, output.parse().ok()?),
        None => (input, 0),
    };
    by_name.get(name).map(|&node| Port { node, output })
}

/// One line for each node, for diagnostics to point at.
pub(crate) fn listing(file: &str, nodes: &[NodeDef]) -> Listing {
    let mut listing = Listing::new(file);
    for node in nodes {
        let attrs = node.attr.iter().filter(|(name, _)| !name.starts_with('_'));
        let attrs: Vec<String> = attrs.map(|(name, value)| format!("{name} = {}", show(value))).collect();
        let attrs = if attrs.is_empty() { String::new() } else { format!(" {{{}}}", attrs.join(", ")) };
        let line = format!("{} = {}({}){attrs}", node.name, node.op, node.input.join(", "));
        listing.push(&node.name, &listing_line(&line));
    }
    listing
}

/// A shape as people write it, `?` for what is unknown.
pub(crate) fn show_shape(shape: &TensorShapeProto) -> String {
    if shape.unknown_rank {
        return "?".to_owned();
    }
    let dim = |size: i64| if size < 0 { "?".to_owned() } else { size.to_string() };
    format!("[{}]", shape.dim.iter().map(|d| dim(d.size)).collect::<Vec<_>>().join(", "))
}

/// An attribute's value, short enough for a line.
pub(crate) fn show(value: &AttrValue) -> String {
    const MAX_ITEMS: usize = 8;
    fn join<T>(items: &[T], show: impl Fn(&T) -> String) -> Option<String> {
        let more = if items.len() > MAX_ITEMS { ", ..." } else { "" };
        let shown: Vec<String> = items.iter().take(MAX_ITEMS).map(show).collect();
        (!items.is_empty()).then(|| format!("[{}{more}]", shown.join(", ")))
    }
    let text = |bytes: &[u8]| {
        let text: String = String::from_utf8_lossy(bytes).chars().take(64).collect();
        format!("{text:?}")
    };
    match &value.value {
        None => "?".to_owned(),
        Some(Value::S(s)) => text(s),
        Some(Value::I(i)) => i.to_string(),
        Some(Value::F(f)) => f.to_string(),
        Some(Value::B(b)) => b.to_string(),
        Some(Value::Type(t)) => DType(*t).to_string(),
        Some(Value::Shape(shape)) => show_shape(shape),
        Some(Value::Tensor(t)) => {
            format!("{} {}", DType(t.dtype), show_shape(&t.tensor_shape.clone().unwrap_or_default()))
        }
        Some(Value::Placeholder(name)) => format!("${name}"),
        Some(Value::Func(f)) => format!("@{}", f.name),
        Some(Value::List(l)) => join(&l.i, i64::to_string)
            .or_else(|| join(&l.f, f32::to_string))
            .or_else(|| join(&l.b, bool::to_string))
            .or_else(|| join(&l.s, |s| text(s)))
            .or_else(|| join(&l.r#type, |t| DType(*t).to_string()))
            .or_else(|| join(&l.shape, show_shape))
            .or_else(|| join(&l.func, |f| format!("@{}", f.name)))
            .or_else(|| join(&l.tensor, |t| DType(t.dtype).to_string()))
            .unwrap_or_else(|| "[]".to_owned()),
    }
}
