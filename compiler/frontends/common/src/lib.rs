//! What the front ends share.
//!
//! A front end reads its format into a [`Graph`] and implements [`Model`] over it: which op a node is, and how one node is
//! imported. [`import`] does the rest: it orders the nodes, hands each to the model with the values of its inputs, keeps
//! weights, names and secrecy, folds what only public constants feed, goes on behind nodes that cannot be imported, and
//! reports every problem of a graph in one run. [`compose`] holds the operations that are compositions of HLIL's.
//!
//! Deliberately absent: file formats, attributes, tables of ops, reading of files.
#![forbid(unsafe_code)]
#![allow(clippy::result_large_err, reason = "an import fails once, not in a loop")]

pub mod compose;
mod fold;
mod graph;
mod import;
mod model;
mod node;
mod number;
mod options;
mod problem;
mod results;
mod sizes;
mod source;
mod value;

pub use graph::{Graph, GraphNode, MAX_LABELS, Order, Port, Role, cycle_diagnostic, listing_line, quoted, show_dims};
pub use import::{Parts, import};
pub use model::{Dim, Model, Outputs, Unsupported, show_shape};
pub use node::Node;
pub use number::NumType;
pub use options::{Options, check_options};
pub use problem::{Problem, Result};
pub use sizes::Sizes;
pub use value::{Constant, Val, Values};

use std::collections::BTreeMap;
use treville_hlil::{Hlil, Weights};
use treville_ir::{Diagnostic, Func, Listing};

/// An imported model.
pub struct Imported {
    /// The function `main`: inputs and weights by name and owner, results by name and receiver.
    pub func: Func<Hlil>,
    /// The values of the arguments that are weights.
    pub weights: Weights,
    /// What the user should know, though nothing is wrong.
    pub notes: Vec<Diagnostic>,
    /// One line for each node of the graph, in the file's order.
    pub listing: Listing,
}

/// Why a model cannot be imported: all the problems of a run.
#[derive(Debug, thiserror::Error)]
#[error("the model cannot be imported: {}", .diagnostics.first().map_or_else(String::new, ToString::to_string))]
pub struct ImportError {
    /// The problems, about in the order in which the nodes are computed.
    pub diagnostics: Vec<Diagnostic>,
    /// What the labels point into.
    pub listing: Listing,
}

/// How many nodes of a kind a graph has among those that its outputs need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpCount {
    /// The format's name of the op.
    pub op: String,
    /// The number of nodes.
    pub nodes: usize,
    /// Whether the front end knows the op. A node may still be refused for its attributes.
    pub supported: bool,
}

/// The kinds of nodes that the outputs of a model need, by name.
pub fn coverage(model: &dyn Model, outputs: &Outputs) -> Vec<OpCount> {
    let graph = model.graph();
    let roots = outputs.results.iter().map(|(port, _)| port.node).chain(outputs.constant.iter().copied());
    let roots = roots.chain(graph.branches.values().flatten().map(|port| port.node));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for node in graph.order(roots).nodes {
        *counts.entry(&graph.nodes[node].op).or_default() += 1;
    }
    let count = |(op, nodes): (&str, usize)| OpCount { op: op.to_owned(), nodes, supported: model.supports(op) };
    counts.into_iter().map(count).collect()
}
