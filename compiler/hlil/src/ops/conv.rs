//! `conv`: convolution over the spatial dimensions.

use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::{Window, tensor::from_vec};

use crate::rules::{self, Types, View};
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

/// Positions of the result that one matrix product computes.
const TILE: usize = 1024;

/// im2col, tile by tile, and a matrix product for each tile.
fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let spec = rules::conv_spec(view).expect("invariant: C2");
    let (x, w) = (x[0].reals(), x[1].reals());
    let out_shape = &view.results[0].shape;
    let (n_out, plane_out) = (out_shape[1] / spec.groups, out_shape[2..].iter().product::<usize>());
    let (n_in, plane_in) = (w.shape()[1], x.shape()[2..].iter().product::<usize>());
    let depth = n_in * spec.window.taps();
    let taps = Taps::new(&spec.window, &x.shape()[2..], &out_shape[2..]);
    let (x, w) = (x.as_standard_layout(), w.as_standard_layout());
    let x = x.as_slice().expect("invariant: standard layout");
    let w = ArrayView2::from_shape((out_shape[1], depth), w.as_slice().expect("invariant: standard layout"));
    let w = w.expect("invariant: the filter has this many elements");

    let mut out = vec![0.0; out_shape.iter().product()];
    // One chunk of the result is one group of one sample; within it, tiles of positions are independent.
    out.par_chunks_mut(n_out * plane_out).enumerate().for_each(|(chunk, out)| {
        let x = &x[chunk * n_in * plane_in..][..n_in * plane_in];
        let group = chunk % spec.groups;
        let filters = w.slice_axis(Axis(0), Slice::from(group * n_out..(group + 1) * n_out));
        let tiles: Vec<_> = (0..plane_out.div_ceil(TILE))
            .into_par_iter()
            .map(|tile| {
                let positions = tile * TILE..((tile + 1) * TILE).min(plane_out);
                let mut columns = Array2::zeros((depth, positions.len()));
                let rows = columns.as_slice_mut().expect("invariant: standard layout").chunks_mut(positions.len());
                for (row_idx, row) in rows.enumerate() {
                    let (channel, tap) = (row_idx / taps.count, row_idx % taps.count);
                    taps.gather(tap, positions.start, &x[channel * plane_in..][..plane_in], row);
                }
                (positions, filters.dot(&columns))
            })
            .collect();
        for (positions, values) in tiles {
            for (plane, row) in out.chunks_mut(plane_out).zip(values.rows()) {
                row.iter().zip(&mut plane[positions.clone()]).for_each(|(v, place)| *place = *v);
            }
        }
    });
    Tensor::F32(from_vec(out_shape, out))
}

/// Which input element lies under each tap of the window at each position, axis by axis.
struct Taps {
    /// Number of taps.
    count: usize,
    axes: Vec<TapAxis>,
}

struct TapAxis {
    kernel: usize,
    out: usize,
    /// The input's stride along this axis.
    stride: usize,
    /// The input coordinate by (tap, position); `None` in the padding.
    coordinates: Vec<Option<usize>>,
}

impl Taps {
    fn new(window: &Window, dims: &[usize], out: &[usize]) -> Self {
        let axis = |axis: usize| {
            let coordinate = |tap: usize, position: usize| {
                let padded = position * window.strides[axis] + tap * window.dilations[axis];
                padded.checked_sub(window.pads_begin[axis]).filter(|c| *c < dims[axis])
            };
            let kernel = window.kernel[axis];
            let coordinates = (0..kernel).flat_map(|tap| (0..out[axis]).map(move |p| coordinate(tap, p))).collect();
            TapAxis { kernel, out: out[axis], stride: dims[axis + 1..].iter().product(), coordinates }
        };
        Self { count: window.taps(), axes: (0..dims.len()).map(axis).collect() }
    }

    /// Writes the plane's elements under one tap, for consecutive positions from `start`, zero in the padding.
    fn gather(&self, tap: usize, start: usize, plane: &[f32], row: &mut [f32]) {
        let (last, outer) = self.axes.split_last().expect("invariant: there is a spatial dimension");
        let line = &last.coordinates[tap % last.kernel * last.out..][..last.out];
        let (mut position, mut written) = (start, 0);
        while written < row.len() {
            let column = position % last.out;
            let length = (last.out - column).min(row.len() - written);
            if let Some(base) = Self::base(outer, tap / last.kernel, position / last.out) {
                let places = row[written..written + length].iter_mut().zip(&line[column..]);
                places.for_each(|(place, c)| *place = c.map_or(0.0, |c| plane[base + c]));
            }
            written += length;
            position += length;
        }
    }

    /// The offset of a line of the input, by tap and position along the outer axes.
    fn base(outer: &[TapAxis], mut tap: usize, mut position: usize) -> Option<usize> {
        let mut base = 0;
        for axis in outer.iter().rev() {
            base += axis.stride * axis.coordinates[tap % axis.kernel * axis.out + position % axis.out]?;
            tap /= axis.kernel;
            position /= axis.out;
        }
        Some(base)
    }
}
