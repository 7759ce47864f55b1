//! `conv`: convolution over the spatial dimensions.

use ndarray::{Array2, ArrayViewMut2, Axis};
use rayon::prelude::*;
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::{Window, tensor::from_vec};

use crate::product::{columns, matrix, product, rows};
use crate::rules::{self, Types, View};
use crate::taps::Taps;
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "conv",
    summary: "Convolution (cross-correlation) of x (N, C, spatial...) with the filter w (O, C / groups, spatial...).",
    source: "ONNX Conv-11 without bias",
    operands: &[OperandDef::one("x"), OperandDef::one("w")],
    attrs: &[
        AttrDef::new("strides", AttrKind::Ints, "the filter's step along each spatial dimension"),
        AttrDef::new("pads", AttrKind::Ints, "zeros before each spatial dimension, then after each"),
        AttrDef::new("dilations", AttrKind::Ints, "distance of the filter's elements along each spatial dimension"),
        AttrDef::new("groups", AttrKind::Int, "channel groups, each with its own filters"),
    ],
    constraints: &[
        ("C1", "both operands are real, of the same rank, with at least one spatial dimension"),
        (
            "C2",
            "the attributes' lists have positive sizes (`pads` not negative) for each spatial dimension, `groups` is positive, \
             and the filter fits the padded operand",
        ),
        ("C3", "x has `groups` times the channels of the filter, and `groups` divides the number of filters"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.conv"(%x, %w) {strides = [2, 2], pads = [3, 3, 3, 3], dilations = [1, 1], groups = 1 : i64} : (tensor<1x3x224x224x!hlil.secret<f32>>, tensor<64x3x7x7x!hlil.secret<f32>>) -> tensor<1x64x112x112x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.conv"(%x, %w) {strides = [1, 1, 1], pads = [0, 1, 1, 0, 1, 1], dilations = [2, 1, 1], groups = 2 : i64} : (tensor<1x4x5x6x6xf32>, tensor<2x2x3x3x3xf32>) -> tensor<1x2x1x6x6xf32>"#,
    ],
    counterexamples: &[
        (
            "C1",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64} : (tensor<1x1x4xf32>, tensor<1x1xf32>) -> tensor<1x1x4xf32>"#,
        ),
        (
            "C1",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64} : (tensor<1x1x4xi64>, tensor<1x1x2xi64>) -> tensor<1x1x3xi64>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [1], pads = [0], dilations = [1], groups = 1 : i64} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x3xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [0], pads = [0, 0], dilations = [1], groups = 1 : i64} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x3xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 0 : i64} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x3xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [4], groups = 1 : i64} : (tensor<1x1x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x1xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64} : (tensor<1x2x4xf32>, tensor<1x1x2xf32>) -> tensor<1x1x3xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 2 : i64} : (tensor<1x2x4xf32>, tensor<3x1x2xf32>) -> tensor<1x3x3xf32>"#,
        ),
    ],
};

fn infer(view: &View<'_>) -> Types {
    rules::real(view, "C1")?;
    let (x, w) = (view.operand(0), view.operand(1));
    Violation::unless(x.rank() > 2 && x.rank() == w.rank(), "C1", || format!("{x} with {w}"))?;
    let spec = rules::conv_spec(view)?;
    let out = spec.window.output_dims(&x.shape[2..]).map_err(|e| Violation::new("C2", e.to_string()))?;
    let shape = [&[x.shape[0], w.shape[0]], &out[..]].concat();
    let channels = w.shape[1].checked_mul(spec.groups);
    let fits = channels == Some(x.shape[1]) && w.shape[0].is_multiple_of(spec.groups);
    Violation::unless(fits, "C3", || format!("{x} with {w} in {} groups", spec.groups))?;
    rules::result(view, shape, Scalar::F32)
}

/// Elements that one tile's columns hold at most, so that they stay in the cache.
const TILE_ELEMENTS: usize = 1 << 18;

/// im2col, tile by tile, and a matrix product for each tile.
fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let spec = rules::conv_spec(view).expect("invariant: C2");
    let (x, w) = (x[0].reals(), x[1].reals());
    let out_shape = &view.results[0].shape;
    let (n_out, plane_out) = (out_shape[1] / spec.groups, out_shape[2..].iter().product::<usize>());
    let (n_in, plane_in) = (w.shape()[1], x.shape()[2..].iter().product::<usize>());
    let depth = n_in * spec.window.taps();
    let taps = Taps::new(&spec.window, &x.shape()[2..], &out_shape[2..]);
    let is_pointwise = spec.window == Window::dense(&vec![1; out_shape.len() - 2]);
    let tile_len = (TILE_ELEMENTS / depth).clamp(64, 4096);
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let x = x.as_slice().expect(STANDARD);
    let w = matrix(out_shape[1], depth, w.as_slice().expect(STANDARD));

    let mut out = vec![0.0; out_shape.iter().product()];
    // One chunk of the result is one group of one sample; within it, tiles of positions are independent.
    out.par_chunks_mut(n_out * plane_out).enumerate().for_each(|(chunk, out)| {
        let x = &x[chunk * n_in * plane_in..][..n_in * plane_in];
        let group = chunk % spec.groups;
        let filters = rows(w, group * n_out..(group + 1) * n_out);
        let mut out = ArrayViewMut2::from_shape((n_out, plane_out), out).expect("invariant: the chunk's size");
        let tiles = out.axis_chunks_iter_mut(Axis(1), tile_len).into_par_iter().enumerate();
        tiles.for_each(|(tile, out)| {
            let start = tile * tile_len;
            if is_pointwise {
                return product(filters, columns(matrix(n_in, plane_in, x), start..start + out.ncols()), out);
            }
            let mut under_taps = Array2::zeros((depth, out.ncols()));
            let elements = under_taps.as_slice_mut().expect(STANDARD);
            for (row_idx, row) in elements.chunks_mut(out.ncols()).enumerate() {
                let (channel, tap) = (row_idx / taps.count, row_idx % taps.count);
                taps.gather(tap, start, &x[channel * plane_in..][..plane_in], row);
            }
            product(filters, under_taps.view(), out);
        });
    });
    Tensor::F32(from_vec(out_shape, out))
}

const STANDARD: &str = "invariant: standard layout";
