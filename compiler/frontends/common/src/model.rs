//! What a front end supplies.

use crate::{Graph, Node, NumType, Port, Result, Val};

/// A model of some format.
pub trait Model {
    /// The nodes and what they read.
    fn graph(&self) -> &Graph;

    /// Whether [`Model::import`] knows this kind of node.
    fn supports(&self, op: &str) -> bool;

    /// Imports a node of a kind that is supported: a value for each of its outputs.
    ///
    /// # Errors
    /// Why it has no values. The importer goes on with what it knows about their shapes.
    fn import<'m>(&'m self, node: Node<'_, 'm>) -> Result<Vec<Val>>;

    /// Why a node of a kind that is not supported cannot be imported, and what to do instead.
    fn why_unsupported(&self, node: usize) -> Unsupported;

    /// Whether an op that is not supported has the shape of its first input, so that the nodes behind it can be checked.
    fn keeps_shape(&self, op: &str) -> bool;

    /// The shape that the file gives for an output; none where it says nothing, not even the number of dimensions.
    fn declared_shape(&self, port: Port) -> Option<Vec<Dim>>;

    /// The type of numbers that the file gives for an input.
    fn number_type(&self, _node: usize) -> Option<NumType> {
        None
    }

    /// What to do about a node that breaks the format's rules.
    fn invalid_help(&self) -> &'static str {
        "the file is damaged, or written for another version of its format"
    }

    /// What to do about variables whose values are not in the file.
    fn variables_help(&self) -> &'static str {
        "export the model with the values of its weights"
    }
}

/// What is to be computed.
#[derive(Default)]
pub struct Outputs {
    /// The results with their names.
    pub results: Vec<(Port, String)>,
    /// Nodes that nobody reads and that depend on no input. They are no results, but unsupported ops among what they need
    /// are reported, since they may hide an input.
    pub constant: Vec<usize>,
    /// The file or the options name the results, so that none of them may be left out in silence.
    pub named: bool,
}

/// Why a kind of node is not supported.
pub struct Unsupported {
    /// Goes on after the node's op and name: `is control flow, which is not supported`.
    pub why: String,
    /// What the user can do.
    pub help: String,
}

/// A dimension as a file declares it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dim {
    /// A number.
    Known(usize),
    /// Unknown, by the name that the file gives it, or `?`.
    Unknown(String),
}

impl Dim {
    /// The number, if it is known.
    pub fn known(&self) -> Option<usize> {
        if let Self::Known(size) = self { Some(*size) } else { None }
    }
}

/// A declared shape as people write it.
pub fn show_shape(dims: &[Dim]) -> String {
    let show = |dim: &Dim| match dim {
        Dim::Known(size) => size.to_string(),
        Dim::Unknown(name) => name.clone(),
    };
    format!("[{}]", dims.iter().map(show).collect::<Vec<_>>().join(", "))
}
