//! The matrix product mod 2^64, over any number of batch dimensions.

use rayon::prelude::*;

use crate::kernel::Kernel;
use crate::operand::Operand;
use crate::product::product;
use crate::tensor::{broadcast_shape, broadcast_to, from_vec};
use crate::{RingBits, RingTensor, kernel::Loops};

/// The shape of the product of stacks of matrices of these shapes, `None` when they do not go together: a is batch..., M, K; b is
/// batch..., K, N; the batch dimensions broadcast by numpy's rule.
pub fn matmul_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let (batch_a, &[m, k]) = a.split_last_chunk()?;
    let (batch_b, &[k_right, n]) = b.split_last_chunk()?;
    let mut shape = broadcast_shape(batch_a, batch_b).filter(|_| k == k_right)?;
    shape.extend([m, n]);
    Some(shape)
}

/// The product of two stacks of matrices mod 2^64.
///
/// # Shapes
/// a: batch..., M, K; b: batch..., K, N; result: batch..., M, N, with the batch dimensions broadcast.
///
/// # Panics
/// When [`matmul_shape`] refuses the shapes.
pub fn matmul(a: &RingTensor, b: &RingTensor) -> RingTensor {
    matmul_with(Kernel::best(RingBits::FULL), a, b)
}

/// [`matmul`] with a kernel of the caller's choice: right mod 2^k in every ring that the kernel is exact in.
///
/// # Panics
/// As [`matmul`], and when this machine cannot run the kernel.
pub fn matmul_with(kernel: Kernel, a: &RingTensor, b: &RingTensor) -> RingTensor {
    let shape = matmul_shape(a.shape(), b.shape())
        .unwrap_or_else(|| panic!("matmul of shapes {:?} and {:?}", a.shape(), b.shape()));
    let mut out = vec![0; shape.iter().product()];
    if out.is_empty() || a.is_empty() {
        return from_vec(&shape, out);
    }
    let (batch, &[m, n]) = shape.split_last_chunk().expect("invariant: a product has two axes at least");
    let k = a.shape()[a.ndim() - 1];
    let loops = kernel.loops();
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let (a_data, b_data) = (a.as_slice().expect(LAYOUT), b.as_slice().expect(LAYOUT));
    if b_data.len() == k * n {
        // One right matrix for all: the left ones are rows of a single matrix, but for batch dimensions that only b has, all 1.
        matrices(&loops, a_data, b_data, [a_data.len() / k, k, n], &mut out);
        return from_vec(&shape, out);
    }
    // Which matrix of a and which of b makes each of the result.
    let places = |x: &[usize]| {
        let of_x: Vec<usize> = x[..x.len() - 2].to_vec();
        broadcast_to(&from_vec(&of_x, (0..of_x.iter().product()).collect()), batch)
    };
    let (places_a, places_b) = (places(a.shape()), places(b.shape()));
    let pairs: Vec<(&usize, &usize)> = places_a.iter().zip(&places_b).collect();
    out.par_chunks_mut(m * n).zip(pairs).for_each(|(out, (i, j))| {
        matrices(&loops, &a_data[i * m * k..][..m * k], &b_data[j * k * n..][..k * n], [m, k, n], out);
    });
    from_vec(&shape, out)
}

const LAYOUT: &str = "invariant: standard layout";

/// The product of one (M, K) and one (K, N) matrix, added to `out`.
fn matrices(loops: &Loops, a: &[u64], b: &[u64], [m, k, n]: [usize; 3], out: &mut [u64]) {
    product(loops, &Operand::rows(a, m, k), &Operand::columns(b, n, k), out.chunks_mut(n).collect());
}
