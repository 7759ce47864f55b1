//! Tensor types over a dialect's element type.

use std::fmt::{Debug, Display, Formatter, Result as FmtResult};
use std::hash::Hash;

/// The element type of a dialect's tensors, such as `f32` or `!llil.fixed<64, 24, "secret">`.
///
/// `Display` writes the MLIR text, and `parse` of that text's node is its inverse.
pub trait ElemType: Clone + Eq + Hash + Debug + Display + Send + Sync + 'static {
    /// Reads an element type.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the node; the parser adds the place.
    fn parse(node: &TypeNode) -> Result<Self, String>;

    /// The IRDL text that declares the dialect's own types, one `irdl.type` after the other; empty where there are none.
    fn irdl() -> String;
}

/// An element type as the grammar sees it, before a dialect gives it meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeNode {
    /// A builtin type such as `f32`.
    Builtin(String),
    /// `!dialect.name<params>`.
    Dialect {
        /// The dialect's name.
        dialect: String,
        /// The type's name in the dialect.
        name: String,
        /// The parameters between the angle brackets.
        params: Vec<TypeParam>,
    },
}

/// A parameter of a dialect's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeParam {
    /// An integer.
    Int(i64),
    /// A quoted string.
    Str(String),
    /// A builtin type such as `f32`.
    Type(String),
}

/// A ranked tensor with static dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TensorType<E> {
    /// The dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// The element type.
    pub elem: E,
}

impl<E> TensorType<E> {
    /// A tensor type of this shape and element; [`TensorType::check`] says whether it is acceptable.
    pub fn new(shape: impl Into<Vec<usize>>, elem: E) -> Self {
        Self { shape: shape.into(), elem }
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements, saturating for shapes that [`TensorType::check`] refuses.
    pub fn elements(&self) -> usize {
        self.shape.iter().fold(1, |n, &d| n.saturating_mul(d))
    }

    /// The same shape with another element type.
    pub fn with_elem<F>(&self, elem: F) -> TensorType<F> {
        TensorType { shape: self.shape.clone(), elem }
    }

    /// Checks that no dimension is zero and that the elements can be counted.
    ///
    /// # Errors
    /// [`TypeError`] says which limit is broken. The builder runs this on all operands and results.
    pub fn check(&self) -> Result<(), TypeError> {
        if self.rank() > MAX_RANK {
            return Err(TypeError::Rank { rank: self.rank() });
        }
        if let Some(axis) = self.shape.iter().position(|&d| d == 0) {
            return Err(TypeError::EmptyDimension { axis });
        }
        match self.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) {
            Some(n) if n <= MAX_ELEMENTS => Ok(()),
            _ => Err(TypeError::TooLarge { shape: self.shape.clone() }),
        }
    }
}

/// Products of two such counts with an element's width still fit 64 bits.
const MAX_ELEMENTS: usize = 1 << 40;
const MAX_RANK: usize = 16;

/// A tensor type that no op accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TypeError {
    /// A dimension is zero.
    #[error("dimension {axis} is zero; empty tensors are not supported")]
    EmptyDimension {
        /// The dimension's index.
        axis: usize,
    },
    /// More elements than can be handled.
    #[error("shape {shape:?} has more than 2^40 elements")]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
    },
    /// More dimensions than can be handled.
    #[error("{rank} dimensions are more than 16")]
    Rank {
        /// The number of dimensions.
        rank: usize,
    },
}

impl<E: Display> Display for TensorType<E> {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str("tensor<")?;
        for d in &self.shape {
            write!(f, "{d}x")?;
        }
        write!(f, "{}>", self.elem)
    }
}
