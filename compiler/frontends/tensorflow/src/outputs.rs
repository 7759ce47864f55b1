//! What of a graph is to be computed.

use crate::graph::find;
use treville_frontend_common::{Graph, GraphNode, Options, Outputs, Port, Role, cycle_diagnostic};
use treville_ir::Diagnostic;

/// The outputs that the options name; or else the nodes that depend on an input and that no node reads.
pub(crate) fn find_outputs(graph: &Graph, options: &Options) -> Result<Outputs, Box<Diagnostic>> {
    let from_input = graph.depends_on(|node| node.role == Role::Input);
    let mut nodes = Vec::new();
    let mut constant = Vec::new();
    for name in &options.outputs {
        let Some(node) = find(graph, name) else {
            let diagnostic = Diagnostic::error("E0107", format!("there is no node `{name}` that could be an output"));
            return Err(diagnostic.with_help("outputs are named by nodes of the graph").into());
        };
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    if nodes.is_empty() {
        let from_variable = graph.depends_on(|node| node.role == Role::Variable);
        let is_data = |node: &GraphNode| !matches!(node.op.as_str(), "Placeholder" | "Const" | "NoOp" | "Assert");
        let sinks: Vec<usize> = graph.sinks().into_iter().filter(|&n| is_data(&graph.nodes[n])).collect();
        nodes = sinks.iter().copied().filter(|&n| from_input[n]).collect();
        constant = sinks.into_iter().filter(|&n| !from_input[n] && !from_variable[n]).collect();
    }
    if nodes.is_empty() && constant.is_empty() {
        if let Some(cycle) = graph.order(0..graph.nodes.len()).cycles.first() {
            return Err(cycle_diagnostic(graph, cycle).into());
        }
        let diagnostic = Diagnostic::error("E0107", "the graph has no output that depends on an input");
        return Err(diagnostic
            .with_help("an output is a node that no other node reads; name others with --result")
            .into());
    }
    let result = |node: usize| (Port { node, output: 0 }, graph.nodes[node].name.clone());
    let results = nodes.into_iter().map(result).collect();
    Ok(Outputs { results, constant, named: !options.outputs.is_empty() })
}
