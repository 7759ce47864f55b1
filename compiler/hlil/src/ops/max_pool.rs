//! `max_pool`: the greatest element under a sliding window.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef};
use treville_ring::window_fold;

use crate::rules::{self, View};
use crate::{Hlil, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "max_pool",
    summary: "The greatest element under a window that slides over the spatial dimensions; padding never wins, and NaN always.",
    source: "ONNX MaxPool-12",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("kernel", AttrKind::Ints, "the window's size along each spatial dimension"),
        AttrDef::new("strides", AttrKind::Ints, "the window's step along each spatial dimension"),
        AttrDef::new("pads", AttrKind::Ints, "padding before each spatial dimension, then after each"),
        AttrDef::new("dilations", AttrKind::Ints, "distance of the window's elements along each spatial dimension"),
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
        r#"%0 = "hlil.max_pool"(%x) {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 1, 1], dilations = [1, 1]} : (tensor<1x6x7x7x!hlil.secret<f32>>) -> tensor<1x6x4x4x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.max_pool"(%x) {kernel = [2, 3, 3], strides = [1, 1, 1], pads = [0, 1, 1, 0, 1, 1], dilations = [1, 1, 1]} : (tensor<1x2x4x5x5xf32>) -> tensor<1x2x3x5x5xf32>"#,
    ],
    counterexamples: &[
        (
            "C1",
            r#"%0 = "hlil.max_pool"(%x) {kernel = [2], strides = [2], pads = [0, 0], dilations = [1]} : (tensor<1x2x4xi64>) -> tensor<1x2x2xi64>"#,
        ),
        (
            "C1",
            r#"%0 = "hlil.max_pool"(%x) {kernel = [], strides = [], pads = [], dilations = []} : (tensor<1x2xf32>) -> tensor<1x2xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.max_pool"(%x) {kernel = [2], strides = [2], pads = [0, -1], dilations = [1]} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.max_pool"(%x) {kernel = [2], strides = [2, 2], pads = [0, 0], dilations = [1]} : (tensor<1x2x4xf32>) -> tensor<1x2x2xf32>"#,
        ),
        (
            "C2",
            r#"%0 = "hlil.max_pool"(%x) {kernel = [3], strides = [1], pads = [0, 0], dilations = [2]} : (tensor<1x2x4xf32>) -> tensor<1x2x1xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.max_pool"(%x) {kernel = [2], strides = [1], pads = [2, 0], dilations = [1]} : (tensor<1x2x4xf32>) -> tensor<1x2x5xf32>"#,
        ),
        (
            "C3",
            r#"%0 = "hlil.max_pool"(%x) {kernel = [2], strides = [1], pads = [1, 1], dilations = [2]} : (tensor<1x2x1xf32>) -> tensor<1x2x1xf32>"#,
        ),
    ],
};

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let window = rules::pool_window(view).expect("invariant: C2");
    Tensor::F32(window_fold(x[0].reals(), &window, f32::NEG_INFINITY, rules::greater_of, |max, _| max))
}
