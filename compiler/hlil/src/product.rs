//! The product of matrices, as `matmul` and the convolutions use it.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice};

/// Rows of a below which packing b for the blocked product costs more than it saves.
pub(crate) const FEW_ROWS: usize = 4;

/// out = a b, on this thread.
pub(crate) fn product(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>, mut out: ArrayViewMut2<'_, f32>) {
    if a.nrows() >= FEW_ROWS {
        return general_mat_mul(1.0, &a, &b, 0.0, &mut out);
    }
    out.fill(0.0);
    for (k, b) in b.rows().into_iter().enumerate() {
        for (a, mut out) in a.column(k).iter().zip(out.rows_mut()) {
            out.scaled_add(*a, &b);
        }
    }
}

/// The matrix whose rows are one after the other in `elements`.
///
/// # Panics
/// Where these are not as many as it has.
pub(crate) fn matrix(n_rows: usize, n_columns: usize, elements: &[f32]) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((n_rows, n_columns), elements).expect("the elements of a matrix")
}

/// Some rows of a matrix.
pub(crate) fn rows<'a>(matrix: ArrayView2<'a, f32>, range: Range<usize>) -> ArrayView2<'a, f32> {
    matrix.slice_axis_move(Axis(0), Slice::from(range))
}

/// Some columns of a matrix.
pub(crate) fn columns<'a>(matrix: ArrayView2<'a, f32>, range: Range<usize>) -> ArrayView2<'a, f32> {
    matrix.slice_axis_move(Axis(1), Slice::from(range))
}
