//! What the user says about a graph.

use crate::sizes::Sizes;
use std::collections::{BTreeMap, BTreeSet};

/// What the user says about a graph beyond the file. The default says nothing.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The file's name, for diagnostics.
    pub file: String,
    /// The signature of a SavedModel (`--signature`), by default `serving_default`, or the only one.
    pub signature: Option<String>,
    /// Shapes of inputs, by name (`--shape`). They go before those of the size file.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Shapes of tensors from a size file; they count for inputs.
    pub sizes: Option<Sizes>,
    /// The nodes whose values are the outputs; if empty, those that depend on an input and that no node reads.
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
