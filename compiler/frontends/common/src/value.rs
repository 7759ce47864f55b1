//! What the importer knows about a node's output.

use crate::NumType;
use std::rc::Rc;
use treville_hlil::Tensor;
use treville_ir::ValueId;

/// An output of a node.
#[derive(Clone)]
pub enum Val {
    /// A value of the function.
    Data(ValueId),
    /// A constant that is no value of the function yet: an argument of another op, or a weight before its first use.
    Const(Rc<Constant>),
    /// The softmax of a value, which only a result of the graph may be.
    Softmax {
        /// What it is the softmax of.
        logits: ValueId,
        /// The node of the softmax.
        node: usize,
    },
    /// Its node, or one before it, has a diagnostic already.
    Unknown,
}

/// A tensor whose values are known at import.
pub struct Constant {
    /// The node that it came from.
    pub name: String,
    /// Its type in the model.
    pub dtype: NumType,
    /// Its values.
    pub values: Tensor,
    /// Everyone may know it. Otherwise it is a party's weight.
    pub public: bool,
}

impl Constant {
    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        self.values.shape()
    }

    /// The number of elements.
    #[allow(clippy::len_without_is_empty, reason = "a count of elements, not of a collection")]
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }
}
