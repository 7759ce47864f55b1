//! The graph behind a model: inputs, initializers and nodes by name.

use crate::dtype::DType;
use crate::functions::{self, Versioned, domain, is_if};
use crate::node::kind;
use crate::proto::tensor_shape_proto::Value as DimValue;
use crate::proto::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use std::collections::{HashMap, HashSet};
use treville_frontend_common::{Dim, Graph, GraphNode, Port, Role, listing_line, show_dims, show_shape};
use treville_ir::{Diagnostic, Listing};

/// What a node of the graph is in the file.
pub(crate) enum Def {
    /// An input.
    Input(ValueInfoProto),
    /// A constant.
    Initializer(TensorProto),
    /// A node, with the version of its operator set.
    Node(NodeProto, i64),
}

/// The graph of a model whose names are resolved.
pub(crate) struct Resolved {
    pub(crate) graph: Graph,
    pub(crate) defs: Vec<Def>,
    /// The outputs with their names, in the file's order.
    pub(crate) outputs: Vec<(Port, String)>,
    /// What the file says about the types of values.
    pub(crate) infos: HashMap<Port, ValueInfoProto>,
    pub(crate) notes: Vec<Diagnostic>,
}

/// The kind of node that an input is.
pub(crate) const INPUT: &str = "Input";
/// The kind of node that an initializer is.
pub(crate) const INITIALIZER: &str = "Initializer";

/// The operator sets that this importer was written for.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=23;

/// Resolves a model's names.
///
/// # Errors
/// A diagnostic for each name that is taken twice and each value that nothing makes, with the listing that they point into.
pub(crate) fn resolve(mut model: ModelProto, file: &str) -> Result<(Resolved, Listing), (Vec<Diagnostic>, Listing)> {
    let mut graph_proto = model.graph.take().unwrap_or_default();
    model.graph = Some(crate::proto::GraphProto { node: std::mem::take(&mut graph_proto.node), ..Default::default() });
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    let opset = model.opset_import.iter().find(|set| domain(&set.domain).is_empty()).map(|set| set.version);
    match opset {
        Some(version) if version < *OPSETS.start() => problems.push(old(version)),
        Some(version) if version > *OPSETS.end() => notes.push(new(version)),
        _ => {}
    }
    let nodes = functions::inline(model).map_err(|diagnostic| (vec![*diagnostic], Listing::new(file)))?;
    let mut defs = Vec::new();
    let stored: HashSet<String> = graph_proto.initializer.iter().map(|t| t.name.clone()).collect();
    defs.extend(graph_proto.input.into_iter().filter(|info| !stored.contains(&info.name)).map(Def::Input));
    defs.extend(graph_proto.initializer.into_iter().map(Def::Initializer));
    for Versioned { node, opset } in nodes {
        if opset.is_none() && domain(&node.domain).is_empty() && problems.is_empty() {
            let diagnostic =
                Diagnostic::error("E0121", "the model does not say which version of ONNX's operators it uses");
            problems.push(diagnostic.with_help("the file is damaged, or its `opset_import` is missing"));
        }
        defs.push(Def::Node(node, opset.unwrap_or(1)));
    }
    let labels = labels(&defs);
    let listing = listing(file, &labels, &defs);
    for sparse in graph_proto.sparse_initializer {
        let name = sparse.values.unwrap_or_default().name;
        let diagnostic = Diagnostic::error("E0113", format!("the initializer `{name}` is a sparse tensor"));
        problems.push(diagnostic.with_help("export the model with dense tensors"));
    }
    let mut graph = Graph::default();
    for (node, def) in defs.iter().enumerate() {
        for (output, name) in outputs_of(def).into_iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            if graph.names.insert(name.to_owned(), Port { node, output }).is_some() {
                let diagnostic = Diagnostic::error("E0104", format!("two values are called `{name}`"));
                problems.push(
                    diagnostic
                        .at_node(&labels[node], format!("makes `{name}` again"))
                        .with_help("names must be unique: the file is damaged, or two graphs were joined"),
                );
            }
        }
    }
    for (def, label) in defs.iter().zip(labels) {
        let (op, role, names) = match def {
            Def::Input(_) => (INPUT.to_owned(), Role::Input, &[][..]),
            Def::Initializer(_) => (INITIALIZER.to_owned(), Role::Constant, &[][..]),
            Def::Node(node, _) => {
                let role = if is_constant(node) { Role::Constant } else { Role::Op };
                (op_name(node), role, node.input.as_slice())
            }
        };
        let mut inputs = Vec::new();
        for name in names {
            let port = graph.find(name);
            if port.is_none() && !name.is_empty() {
                problems.push(missing(&format!("node `{label}` reads `{name}`"), &label, name));
            }
            inputs.push(port);
        }
        if let Def::Node(node, _) = def
            && is_if(node)
        {
            let names = node.attribute.iter().flat_map(|attr| &attr.strings).map(|name| String::from_utf8_lossy(name));
            let ports = names.filter_map(|name| graph.find(&name)).collect();
            graph.branches.insert(graph.nodes.len(), ports);
        }
        graph.nodes.push(GraphNode { name: label, op, inputs, role });
    }
    let mut outputs = Vec::new();
    for info in &graph_proto.output {
        match graph.find(&info.name) {
            Some(port) => outputs.push((port, info.name.clone())),
            None => problems.push(missing(&format!("the model's output is `{}`", info.name), "", &info.name)),
        }
    }
    if !problems.is_empty() {
        return Err((problems, listing));
    }
    let mut infos: HashMap<Port, ValueInfoProto> = HashMap::new();
    for info in graph_proto.value_info.into_iter().chain(graph_proto.output) {
        if let Some(port) = graph.find(&info.name) {
            infos.insert(port, info);
        }
    }
    Ok((Resolved { graph, defs, outputs, infos, notes }, listing))
}

/// The name of a node's operator, with its domain if it is not ONNX's own.
pub(crate) fn op_name(node: &NodeProto) -> String {
    match domain(&node.domain) {
        "" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    }
}

/// The shape that a value is said to have; none if not even the number of dimensions is known.
pub(crate) fn shape(info: &ValueInfoProto) -> Option<Vec<Dim>> {
    let dims = &info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?.dim;
    let dim = |value: &Option<DimValue>| match value {
        Some(DimValue::DimValue(size)) => {
            usize::try_from(*size).map_or_else(|_| Dim::Unknown("?".to_owned()), Dim::Known)
        }
        Some(DimValue::DimParam(name)) if !name.is_empty() => Dim::Unknown(name.clone()),
        _ => Dim::Unknown("?".to_owned()),
    };
    Some(dims.iter().map(|d| dim(&d.value)).collect())
}

/// The type of elements that a value is said to have, if it is a tensor.
pub(crate) fn elem_type(info: &ValueInfoProto) -> Option<DType> {
    Some(DType(info.r#type.as_ref()?.tensor_type.as_ref()?.elem_type))
}

fn is_constant(node: &NodeProto) -> bool {
    node.op_type == "Constant" && domain(&node.domain).is_empty()
}

fn outputs_of(def: &Def) -> Vec<&str> {
    match def {
        Def::Input(info) => vec![&info.name],
        Def::Initializer(tensor) => vec![&tensor.name],
        Def::Node(node, _) => node.output.iter().map(String::as_str).collect(),
    }
}

/// What each node is called: by its own name if it has one that nothing else has, or else by its first output's. Constants are
/// called by their output's always, as the options know them.
fn labels(defs: &[Def]) -> Vec<String> {
    let mut uses: HashMap<&str, usize> = HashMap::new();
    for def in defs {
        match def {
            Def::Node(node, _) if !is_constant(node) => *uses.entry(&node.name).or_default() += 1,
            _ => outputs_of(def).into_iter().for_each(|name| *uses.entry(name).or_default() += 1),
        }
    }
    let mut taken = HashSet::new();
    let label = |(idx, def): (usize, &Def)| {
        let value = outputs_of(def).into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let wanted = match def {
            Def::Node(node, _) if !is_constant(node) && !node.name.is_empty() && uses[node.name.as_str()] == 1 => {
                &node.name
            }
            _ => value,
        };
        let label =
            if wanted.is_empty() || taken.contains(wanted) { format!("{wanted}#{idx}") } else { wanted.to_owned() };
        taken.insert(label.clone());
        label
    };
    defs.iter().enumerate().map(label).collect()
}

/// One line for each node, for diagnostics to point at.
fn listing(file: &str, labels: &[String], defs: &[Def]) -> Listing {
    let mut listing = Listing::new(file);
    for (label, def) in labels.iter().zip(defs) {
        let line = match def {
            Def::Input(info) => {
                let dtype = elem_type(info).map_or_else(|| "no tensor".to_owned(), |t| t.to_string());
                let dims = shape(info).map_or_else(|| "?".to_owned(), |dims| show_shape(&dims));
                format!("{label} = {INPUT}() {{{dtype} {dims}}}")
            }
            Def::Initializer(tensor) => format!("{label} = {INITIALIZER}() {{{}}}", show_tensor(tensor)),
            Def::Node(node, _) => {
                let made: Vec<&str> = node.output.iter().map(String::as_str).collect();
                let made =
                    if made == [label.as_str()] { label.clone() } else { format!("{label}: {}", made.join(", ")) };
                let attrs: Vec<String> = node.attribute.iter().map(|a| format!("{} = {}", a.name, show(a))).collect();
                let attrs = if attrs.is_empty() { String::new() } else { format!(" {{{}}}", attrs.join(", ")) };
                format!("{made} = {}({}){attrs}", op_name(node), node.input.join(", "))
            }
        };
        listing.push(label, &listing_line(&line));
    }
    listing
}

fn show_tensor(tensor: &TensorProto) -> String {
    match crate::tensor::dims(tensor) {
        Ok(dims) => format!("{} {}", DType(tensor.data_type), show_dims(&dims)),
        Err(_) => format!("{} {:?}", DType(tensor.data_type), tensor.dims),
    }
}

/// An attribute's value, short enough for a line.
pub(crate) fn show(attr: &AttributeProto) -> String {
    const MAX_ITEMS: usize = 8;
    fn join<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
        let more = if items.len() > MAX_ITEMS { ", ..." } else { "" };
        format!("[{}{more}]", items.iter().take(MAX_ITEMS).map(show).collect::<Vec<_>>().join(", "))
    }
    let text = |bytes: &bytes::Bytes| {
        let text: String = String::from_utf8_lossy(bytes).chars().take(64).collect();
        format!("{text:?}")
    };
    match attr.r#type {
        kind::FLOAT => attr.f.to_string(),
        kind::INT => attr.i.to_string(),
        kind::STRING => text(&attr.s),
        kind::TENSOR => attr.t.as_ref().map_or_else(|| "?".to_owned(), show_tensor),
        kind::GRAPH => attr.g.as_ref().map_or_else(|| "?".to_owned(), |g| format!("a graph of {} nodes", g.node.len())),
        kind::FLOATS => join(&attr.floats, f32::to_string),
        kind::INTS => join(&attr.ints, i64::to_string),
        kind::STRINGS => join(&attr.strings, text),
        other => format!("a value of type {other}"),
    }
}

fn missing(what: &str, label: &str, name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0105", format!("{what}, which nothing makes"));
    let diagnostic = if label.is_empty() { diagnostic } else { diagnostic.at_node(label, format!("reads `{name}`")) };
    diagnostic.with_help("the file may be cut off: write it again")
}

fn old(version: i64) -> Diagnostic {
    let message = format!("the model uses version {version} of ONNX's operators, which is too old");
    let help = format!("convert it to version {} or newer with onnx.version_converter", OPSETS.start());
    Diagnostic::error("E0121", message).with_help(help)
}

fn new(version: i64) -> Diagnostic {
    let message = format!("the model uses version {version} of ONNX's operators, newer than {}", OPSETS.end());
    Diagnostic::warning("W0106", message).with_note("operators whose meaning changed since are read as before")
}
