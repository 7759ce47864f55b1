//! What of a graph is to be computed.

use crate::graph::{Graph, MAX_LABELS, quoted};
use crate::ops;
use crate::options::Options;
use crate::proto::NodeDef;
use treville_ir::Diagnostic;

/// The nodes that the outputs need, in order; for coverage.
pub(crate) fn live_nodes(graph: &Graph, options: &Options) -> std::result::Result<Vec<usize>, Box<Diagnostic>> {
    let outputs = find_outputs(graph, options)?;
    Ok(graph.order(outputs.nodes.iter().chain(&outputs.constant).copied()).nodes)
}

/// What is to be computed.
#[derive(Default)]
pub(crate) struct Outputs {
    pub(crate) nodes: Vec<usize>,
    /// Nodes that nobody reads and that depend on no input. They are no outputs, but unsupported ops among what they need
    /// are reported, since they may hide an input.
    pub(crate) constant: Vec<usize>,
}

pub(crate) fn find_outputs(graph: &Graph, options: &Options) -> std::result::Result<Outputs, Box<Diagnostic>> {
    let from_input = graph.depends_on(|node| node.op == "Placeholder");
    let mut outputs = Outputs::default();
    for name in &options.outputs {
        let Some(node) = graph.find(name) else {
            let diagnostic = Diagnostic::error("E0107", format!("there is no node `{name}` that could be an output"));
            return Err(diagnostic.with_help("outputs are named by nodes of the graph").into());
        };
        if !outputs.nodes.contains(&node) {
            outputs.nodes.push(node);
        }
    }
    if outputs.nodes.is_empty() {
        let from_variable = graph.depends_on(|node| ops::is_variable(&node.op));
        let is_data = |node: &NodeDef| !matches!(node.op.as_str(), "Placeholder" | "Const" | "NoOp" | "Assert");
        let sinks: Vec<usize> = graph.sinks().into_iter().filter(|&n| is_data(&graph.nodes[n])).collect();
        outputs.nodes = sinks.iter().copied().filter(|&n| from_input[n]).collect();
        outputs.constant = sinks.into_iter().filter(|&n| !from_input[n] && !from_variable[n]).collect();
    }
    if outputs.nodes.is_empty() && outputs.constant.is_empty() {
        if let Some(cycle) = graph.order(0..graph.nodes.len()).cycles.first() {
            return Err(cycle_diagnostic(graph, cycle).into());
        }
        let diagnostic = Diagnostic::error("E0107", "the graph has no output that depends on an input");
        return Err(diagnostic
            .with_help("an output is a node that no other node reads; name others with --result")
            .into());
    }
    Ok(outputs)
}

pub(crate) fn cycle_diagnostic(graph: &Graph, cycle: &[usize]) -> Diagnostic {
    let names: Vec<&str> = cycle.iter().map(|&n| graph.nodes[n].name.as_str()).collect();
    let start = Diagnostic::error("E0106", format!("the nodes {} wait for each other", quoted(&names)));
    let labelled = names.iter().take(MAX_LABELS).fold(start, |d, name| d.at_node(*name, "waits for itself"));
    labelled.with_help("a graph for inference has no cycles: export it without loops")
}

/// Overrides must name something, or they would be ignored in silence.
pub(crate) fn check_options(graph: &Graph, options: &Options) -> Vec<Diagnostic> {
    let op = |name: &str| graph.find(name).map(|n| graph.nodes[n].op.as_str());
    let mut problems = Vec::new();
    let mut complain = |name: &str, what: &str| {
        let message = format!("the options name `{name}`, which is no {what} of the graph");
        problems.push(Diagnostic::error("E0119", message).with_help("`treville inspect` lists inputs and constants"));
    };
    for name in options.shapes.keys().filter(|name| op(name) != Some("Placeholder")) {
        complain(name, "input");
    }
    for name in options.public.iter().chain(&options.secret) {
        if !matches!(op(name), Some("Placeholder" | "Const")) {
            complain(name, "input or constant");
        }
    }
    for name in options.owners.keys().filter(|name| op(name).is_none()) {
        complain(name, "node");
    }
    for name in options.public.intersection(&options.secret) {
        let diagnostic = Diagnostic::error("E0119", format!("the options make `{name}` both public and secret"));
        problems.push(diagnostic.with_help("choose one"));
    }
    problems
}
