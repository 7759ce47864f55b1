//! What the importer knows about a node's output.

use crate::NumType;
use std::cell::OnceCell;
use std::rc::Rc;
use treville_hlil::{Scalar, StoredTensor, Tensor};
use treville_ir::ValueId;

/// An output of a node.
#[derive(Clone)]
pub enum Val {
    /// A value of the function.
    Data(ValueId),
    /// A constant that is no value of the function yet: an argument of another op, or a weight before its first use.
    Const(Rc<Constant>),
    /// Its node, or one before it, has a diagnostic already.
    Unknown,
}

/// A tensor whose values are known at import.
pub struct Constant {
    /// The node that it came from.
    pub name: String,
    /// Its type in the model.
    pub dtype: NumType,
    /// Everyone may know it. Otherwise it is a party's weight.
    pub public: bool,
    pub(crate) values: Values,
}

/// The values of a constant: in memory, or where they lie in the file.
pub enum Values {
    /// In memory.
    Tensor(Tensor),
    /// In the file, and in memory once they were asked for: most weights never are.
    Stored(StoredTensor, OnceCell<Tensor>),
}

impl Constant {
    /// A constant of this name, type and values.
    pub fn new(name: impl Into<String>, dtype: NumType, values: impl Into<Values>, public: bool) -> Self {
        Self { name: name.into(), dtype, public, values: values.into() }
    }

    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        self.values.shape()
    }

    /// Its values.
    pub fn values(&self) -> &Tensor {
        self.values.tensor()
    }

    /// The number of elements.
    #[allow(clippy::len_without_is_empty, reason = "a count of elements, not of a collection")]
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }
}

impl Values {
    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Tensor(tensor) => tensor.shape(),
            Self::Stored(stored, _) => stored.shape(),
        }
    }

    /// The kind of the elements.
    pub fn scalar(&self) -> Scalar {
        match self {
            Self::Tensor(tensor) => tensor.scalar(),
            Self::Stored(stored, _) => stored.scalar(),
        }
    }

    /// The values in memory.
    pub fn tensor(&self) -> &Tensor {
        match self {
            Self::Tensor(tensor) => tensor,
            Self::Stored(stored, decoded) => decoded.get_or_init(|| stored.decode()),
        }
    }
}

impl From<Tensor> for Values {
    fn from(tensor: Tensor) -> Self {
        Self::Tensor(tensor)
    }
}

impl From<StoredTensor> for Values {
    fn from(stored: StoredTensor) -> Self {
        Self::Stored(stored, OnceCell::new())
    }
}
