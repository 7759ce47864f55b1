//! Tensors as the evaluator holds them.

use ndarray::ArrayD;
use treville_ring::tensor;

use crate::Scalar;

/// A tensor of reals or of integers, in standard layout.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// Reals.
    F32(ArrayD<f32>),
    /// Integers.
    I64(ArrayD<i64>),
}

/// Runs an expression that is generic over the element type, and wraps its result again.
macro_rules! each {
    ($tensor:expr, $x:ident => $result:expr) => {
        match $tensor {
            $crate::Tensor::F32($x) => $crate::Tensor::F32($result),
            $crate::Tensor::I64($x) => $crate::Tensor::I64($result),
        }
    };
}
pub(crate) use each;

impl Tensor {
    /// The dimensions.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(x) => x.shape(),
            Self::I64(x) => x.shape(),
        }
    }

    /// The kind of its elements.
    pub fn scalar(&self) -> Scalar {
        match self {
            Self::F32(_) => Scalar::F32,
            Self::I64(_) => Scalar::I64,
        }
    }

    /// The reals, if it holds such.
    pub fn as_f32(&self) -> Option<&ArrayD<f32>> {
        if let Self::F32(x) = self { Some(x) } else { None }
    }

    /// The integers, if it holds such.
    pub fn as_i64(&self) -> Option<&ArrayD<i64>> {
        if let Self::I64(x) = self { Some(x) } else { None }
    }

    /// The reals of an operand that the op's constraints have made real.
    pub(crate) fn reals(&self) -> &ArrayD<f32> {
        self.as_f32().expect("invariant: the op's constraints ask for reals")
    }

    /// The integers of an operand that the op's constraints have made so.
    pub(crate) fn integers(&self) -> &ArrayD<i64> {
        self.as_i64().expect("invariant: the op's constraints ask for integers")
    }

    /// An element-wise op on both kinds, with numpy broadcasting.
    pub(crate) fn zip(&self, other: &Self, real: fn(f32, f32) -> f32, integer: fn(i64, i64) -> i64) -> Self {
        match (self, other) {
            (Self::F32(a), Self::F32(b)) => Self::F32(treville_ring::zip_with(a, b, real)),
            (Self::I64(a), Self::I64(b)) => Self::I64(treville_ring::zip_with(a, b, integer)),
            _ => unreachable!("invariant: the op's constraints ask for operands of the same kind"),
        }
    }

    /// 1 where a comparison holds, 0 elsewhere, with numpy broadcasting.
    pub(crate) fn compare(&self, other: &Self, real: fn(f32, f32) -> bool, integer: fn(i64, i64) -> bool) -> Self {
        Self::I64(match (self, other) {
            (Self::F32(a), Self::F32(b)) => treville_ring::zip_with(a, b, |a, b| real(a, b).into()),
            (Self::I64(a), Self::I64(b)) => treville_ring::zip_with(a, b, |a, b| integer(a, b).into()),
            _ => unreachable!("invariant: the op's constraints ask for operands of the same kind"),
        })
    }

    pub(crate) fn is_standard(&self) -> bool {
        match self {
            Self::F32(x) => x.is_standard_layout(),
            Self::I64(x) => x.is_standard_layout(),
        }
    }

    /// The same tensor in standard layout, which the kernels ask for.
    pub(crate) fn standard(self) -> Self {
        each!(self, x => {
            let shape = x.shape().to_vec();
            tensor::reshape_owned(x, &shape)
        })
    }
}

impl From<ArrayD<f32>> for Tensor {
    fn from(x: ArrayD<f32>) -> Self {
        Self::F32(x)
    }
}

impl From<ArrayD<i64>> for Tensor {
    fn from(x: ArrayD<i64>) -> Self {
        Self::I64(x)
    }
}
