//! `avg_pool`: the mean under a sliding window.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef};
use treville_ring::window_fold;

use crate::rules::{self, View};
use crate::{Hlil, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "avg_pool",
    summary: "The mean of the elements under a window that slides over the spatial dimensions.",
    source: "ONNX AveragePool-19; TensorFlow AvgPool is `count_include_pad = false`",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("kernel", AttrKind::Ints, "the window's size along each spatial dimension"),
        AttrDef::new("strides", AttrKind::Ints, "the window's step along each spatial dimension"),
        AttrDef::new("pads", AttrKind::Ints, "padding before each spatial dimension, then after each"),
        AttrDef::new("dilations", AttrKind::Ints, "distance of the window's elements along each spatial dimension"),
        AttrDef::new("count_include_pad", AttrKind::Bool, "whether padding counts as zeros, or not at all"),
    ],
    constraints: &[
        ("C1", "the operand is real and has batch, channel and spatial dimensions"),
        (
            "C2",
            "the window's lists have positive sizes (`pads` not negative) for each spatial dimension, and it fits the padded operand",
        ),
        ("C3", "no window lies in the padding altogether"),
    ],
    infer: rules::pool,
    eval,
    examples: &[
        r#"%0 = "hlil.avg_pool"(%x) {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 1, 1], dilations = [1, 1], count_include_pad = false} : (tensor<1x6x7x7x!hlil.secret<f32>>) -> tensor<1x6x4x4x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.avg_pool"(%x) {kernel = [2, 3, 3], strides = [1, 1, 1], pads = [0, 1, 1, 0, 1, 1], dilations = [1, 1, 1], count_include_pad = false} : (tensor<1x2x4x5x5xf32>) -> tensor<1x2x3x5x5xf32>"#,
    ],
    counterexamples: &[
        (
            "C1",
            r#"%0 = "hlil.avg_pool"(%x) {kernel = [2], strides = [2], pads = [0, 0], dilations = [1], count_include_pad = false} : (tensor<1x2x4xi64>) -> tensor<1x2x2xi64>"#,
        ),
        (
            "C1",
            r#"%0 = "hlil.avg_pool"(%x) {kernel = [], strides = [], pads = [], dilations = [], count_include_pad = false} : (tensor<1x2xf32>) -> tensor<1x2xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.avg_pool"(%x) {kernel = [2], strides = [2], pads = [0, -1], dilations = [1], count_include_pad = false} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.avg_pool"(%x) {kernel = [2], strides = [2, 2], pads = [0, 0], dilations = [1], count_include_pad = false} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.avg_pool"(%x) {kernel = [3], strides = [1], pads = [0, 0], dilations = [2], count_include_pad = false} : (tensor<1x2x4xf32>) -> tensor<1x2x1xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.avg_pool"(%x) {kernel = [2], strides = [1], pads = [2, 0], dilations = [1], count_include_pad = false} : (tensor<1x2x4xf32>) -> tensor<1x2x5xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.avg_pool"(%x) {kernel = [2], strides = [1], pads = [1, 1], dilations = [2], count_include_pad = false} : (tensor<1x2x1xf32>) -> tensor<1x2x1xf32>"#,
        ),
    ],
};

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let window = rules::pool_window(view).expect("invariant: C2");
    let taps = window.taps();
    let include_pad = view.bool("count_include_pad");
    let mean = |sum: f64, n_inside: usize| (sum / if include_pad { taps } else { n_inside } as f64) as f32;
    Tensor::F32(window_fold(x[0].reals(), &window, 0.0, |sum, v: f32| sum + f64::from(v), mean))
}
