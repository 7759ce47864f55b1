//! What the user says about a graph.

use crate::{Graph, Role, Sizes};
use std::collections::{BTreeMap, BTreeSet};
use treville_hlil::Tensor;
use treville_ir::Diagnostic;

/// What the user says about a graph beyond the file. The default says nothing.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The file's name, for diagnostics.
    pub file: String,
    /// Shapes of inputs, by name (`--shape`). They go before those of the size file.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Shapes of tensors from a size file; they count for inputs.
    pub sizes: Option<Sizes>,
    /// Inputs whose values are fixed at compile time, and public (`--bind`).
    pub bound: BTreeMap<String, Tensor>,
    /// The signature of a SavedModel (`--signature`), by default `serving_default`, or the only one.
    pub signature: Option<String>,
    /// The nodes whose values are the outputs; if empty, those that the file names, or else those that depend on an input
    /// and that no node reads.
    pub outputs: Vec<String>,
    /// Constants and inputs that everyone may know (`--public`).
    pub public: BTreeSet<String>,
    /// Constants that only their owner may know (`--secret`).
    pub secret: BTreeSet<String>,
    /// The party that brings an input or weight, or learns an output, by name (`--owner`). By default `client` brings the
    /// inputs and learns the outputs, and `server` brings the weights.
    pub owners: BTreeMap<String, String>,
    /// The party that brings the weights that `owners` does not name, if it is not `server`.
    pub weights_owner: Option<String>,
}

/// Overrides must name something, or they would be ignored in silence.
pub fn check_options(graph: &Graph, options: &Options) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let mut complain = |name: &str, what: &str| {
        let message = format!("the options name `{name}`, which is no {what} of the graph");
        problems.push(Diagnostic::error("E0119", message).with_help("`treville inspect` lists inputs and constants"));
    };
    for name in options.shapes.keys().chain(options.bound.keys()) {
        if graph.role(name) != Some(Role::Input) {
            complain(name, "input");
        }
    }
    for name in options.public.iter().chain(&options.secret) {
        if !matches!(graph.role(name), Some(Role::Input | Role::Constant)) {
            complain(name, "input or constant");
        }
    }
    for name in options.owners.keys().filter(|name| graph.role(name).is_none()) {
        complain(name, "node");
    }
    for name in options.public.intersection(&options.secret) {
        let diagnostic = Diagnostic::error("E0119", format!("the options make `{name}` both public and secret"));
        problems.push(diagnostic.with_help("choose one"));
    }
    problems
}
