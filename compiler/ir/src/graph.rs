//! A function as a petgraph graph, for analyses that petgraph has.

use petgraph::graph::DiGraph;

use crate::{Dialect, Func, OpId, Use, ValueDef, ValueId};

/// A node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GraphNode {
    /// An argument.
    Arg(ValueId),
    /// An op.
    Op(OpId),
    /// A result of the function, by index.
    Result(usize),
}

/// The data flow: arguments first, then ops in order, then results; one edge for each use, labelled with the value.
pub fn graph<D: Dialect>(func: &Func<D>) -> DiGraph<GraphNode, ValueId> {
    let mut graph = DiGraph::new();
    let args: Vec<_> = func.args().map(|(value, _)| graph.add_node(GraphNode::Arg(value))).collect();
    let ops: Vec<_> = func.ops().map(|(id, _)| graph.add_node(GraphNode::Op(id))).collect();
    let results: Vec<_> = (0..func.results().len()).map(|i| graph.add_node(GraphNode::Result(i))).collect();
    let uses = func.uses();
    for (value, data) in func.values() {
        let from = match data.def {
            ValueDef::Arg(index) => args[index],
            ValueDef::Op(op, _) => ops[op.index()],
        };
        for use_ in uses.of(value) {
            let to = match *use_ {
                Use::Operand(op, _) => ops[op.index()],
                Use::Result(index) => results[index],
            };
            graph.add_edge(from, to, value);
        }
    }
    graph
}

impl<D: Dialect> Func<D> {
    /// The data flow as a petgraph graph; see [`graph`].
    pub fn graph(&self) -> DiGraph<GraphNode, ValueId> {
        graph(self)
    }
}
