//! `conv_transpose`: the transpose of a convolution, which spreads each element over a window.

use ndarray::Array2;
use rayon::prelude::*;
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::tensor::from_vec;

use crate::product::{columns, matrix, product, rows};
use crate::rules::{self, Types, View};
use crate::taps::Taps;
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "conv_transpose",
    summary: "The transpose of the convolution with the filter w (C, O / groups, spatial...), applied to x (N, C, spatial...).",
    source: "ONNX ConvTranspose-11 without bias",
    operands: &[OperandDef::one("x"), OperandDef::one("w")],
    attrs: &[
        AttrDef::new("strides", AttrKind::Ints, "distance in the result of neighbours in x along each spatial dimension"),
        AttrDef::new("pads", AttrKind::Ints, "what is cut off the result before each spatial dimension, then after each"),
        AttrDef::new("dilations", AttrKind::Ints, "distance of the filter's elements along each spatial dimension"),
        AttrDef::new("groups", AttrKind::Int, "channel groups, each with its own filters"),
        AttrDef::new("output_padding", AttrKind::Ints, "what is added after each spatial dimension of the result"),
    ],
    constraints: &[
        ("C1", "both operands are real, of the same rank, with at least one spatial dimension"),
        (
            "C2",
            "the attributes' lists have positive sizes (`pads` and `output_padding` not negative) for each spatial dimension, \
             and `groups` is positive",
        ),
        ("C3", "x has as many channels as the filter, and `groups` divides them"),
        ("C4", "`pads` leave something of each spatial dimension"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [2, 2], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1 : i64, output_padding = [1, 1]} : (tensor<1x8x4x4x!hlil.secret<f32>>, tensor<8x3x3x3x!hlil.secret<f32>>) -> tensor<1x3x8x8x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [2, 1, 1], pads = [0, 0, 1, 0, 0, 0], dilations = [1, 1, 2], groups = 2 : i64, output_padding = [0, 0, 0]} : (tensor<1x4x2x3x3xf32>, tensor<4x1x2x1x2xf32>) -> tensor<1x2x4x3x4xf32>"#,
    ],
    counterexamples: &[
        (
            "C1",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x1x4xf32>, tensor<1x1xf32>) -> tensor<1x1x4xf32>"#,
        ),
        (
            "C1",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x1x4xi64>, tensor<1x1x2xi64>) -> tensor<1x1x5xi64>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [0], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x5xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1, 1], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x5xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = []} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x5xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 0 : i64, output_padding = [0]} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x5xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x2x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x5xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 2 : i64, output_padding = [0]} : (tensor<1x3x4xf32>, tensor<3x1x2xf32>) -> tensor<1x2x5xf32>"#,
        ),
        (
            "C4",
            r#"%0 = "hlil.conv_transpose"(%x, %w) {strides = [1], pads = [2, 3], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x1xf32>"#,
        ),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    let (x, w) = (view.operand(0), view.operand(1));
    Violation::unless(x.rank() > 2 && x.rank() == w.rank(), "C1", || format!("{x} with {w}"))?;
    let spec = rules::conv_spec(view)?;
    let extra = view.sizes("output_padding", 0, "C2")?;
    for (name, found) in [
        ("strides", spec.window.strides.len()),
        ("dilations", spec.window.dilations.len()),
        ("output_padding", extra.len()),
    ] {
        let message = || format!("`{name}` has {found} entries for {} spatial dimensions", x.rank() - 2);
        Violation::unless(found == x.rank() - 2, "C2", message)?;
    }
    let fits = x.shape[1] == w.shape[0] && x.shape[1].is_multiple_of(spec.groups);
    Violation::unless(fits, "C3", || format!("{x} with {w} in {} groups", spec.groups))?;
    let mut shape = vec![x.shape[0], w.shape[1].saturating_mul(spec.groups)];
    let window = &spec.window;
    for (axis, extra) in extra.into_iter().enumerate() {
        let steps = (x.shape[axis + 2] - 1).saturating_mul(window.strides[axis]);
        let reach = (window.kernel[axis] - 1).saturating_mul(window.dilations[axis]);
        let full = steps.saturating_add(reach).saturating_add(1 + extra);
        let cut = window.pads_begin[axis] + window.pads_end[axis];
        let message = || format!("{cut} of {full} elements are cut off spatial dimension {axis}");
        Violation::unless(cut < full, "C4", message)?;
        shape.push(full - cut);
    }
    rules::result(view, shape, Scalar::F32)
}

/// Positions of x that one matrix product spreads.
const TILE: usize = 1024;
/// Rows of one matrix product: some result channels times all taps.
const ROWS: usize = 64;

/// A matrix product gives what each element of x adds under each tap, tile by tile; then col2im.
fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let spec = rules::conv_spec(view).expect("invariant: C2");
    let (x, w) = (x[0].reals(), x[1].reals());
    let out_shape = &view.results[0].shape;
    let (n_out, plane_out) = (w.shape()[1], out_shape[2..].iter().product::<usize>());
    let (n_in, plane_in) = (w.shape()[0] / spec.groups, x.shape()[2..].iter().product::<usize>());
    let taps = Taps::new(&spec.window, &out_shape[2..], &x.shape()[2..]);
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let x = matrix(out_shape[0] * spec.groups * n_in, plane_in, x.as_slice().expect(STANDARD));
    let w = matrix(spec.groups * n_in, n_out * taps.count, w.as_slice().expect(STANDARD));
    let block = (ROWS / taps.count).max(1);

    let mut out = vec![0.0; out_shape.iter().product()];
    // One chunk of the result is one group of one sample; within it, blocks of channels are independent.
    out.par_chunks_mut(n_out * plane_out).enumerate().for_each(|(chunk, out)| {
        let group = chunk % spec.groups;
        let x = rows(x, chunk * n_in..(chunk + 1) * n_in);
        let filters = rows(w, group * n_in..(group + 1) * n_in);
        out.par_chunks_mut(block * plane_out).enumerate().for_each(|(block_idx, out)| {
            let first = block_idx * block * taps.count;
            let n_rows = out.len() / plane_out * taps.count;
            let filters = columns(filters, first..first + n_rows);
            for start in (0..plane_in).step_by(TILE) {
                let end = plane_in.min(start + TILE);
                let mut spread = Array2::zeros((n_rows, end - start));
                product(filters.t(), columns(x, start..end), spread.view_mut());
                for (row_idx, row) in spread.rows().into_iter().enumerate() {
                    let (channel, tap) = (row_idx / taps.count, row_idx % taps.count);
                    let plane = &mut out[channel * plane_out..][..plane_out];
                    taps.scatter_add(tap, start, row.as_slice().expect(STANDARD), plane);
                }
            }
        });
    });
    Tensor::F32(from_vec(out_shape, out))
}

const STANDARD: &str = "invariant: standard layout";
