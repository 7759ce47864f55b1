//! The matrix product mod 2^64.

use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::{RingTensor, product::product, tensor::from_vec};

/// The product of two matrices mod 2^64.
///
/// # Shapes
/// a: M, K; b: K, N; result: M, N.
///
/// # Panics
/// When the operands are no matrices or their inner dimensions differ.
pub fn matmul(a: &RingTensor, b: &RingTensor) -> RingTensor {
    matmul_with(Kernel::best(), a, b)
}

/// [`matmul`] with a kernel of the caller's choice.
///
/// # Panics
/// As [`matmul`], and when this machine cannot run the kernel.
pub fn matmul_with(kernel: Kernel, a: &RingTensor, b: &RingTensor) -> RingTensor {
    let (&[m, k], &[k_right, n]) = (a.shape(), b.shape()) else {
        panic!("matmul of shapes {:?} and {:?}", a.shape(), b.shape());
    };
    assert_eq!(k, k_right, "matmul of shapes {:?} and {:?}", a.shape(), b.shape());
    if a.is_empty() || b.is_empty() {
        return from_vec(&[m, n], vec![0; m * n]);
    }
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let left = Operand::rows(a.as_slice().expect("invariant: standard layout"), m, k);
    let right = Operand::columns(b.as_slice().expect("invariant: standard layout"), n, k);
    let mut out = vec![0; m * n];
    product(&kernel.loops(), &left, &right, &mut out);
    from_vec(&[m, n], out)
}
