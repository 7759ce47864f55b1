//! Convolution.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, TensorType};
use treville_ring::{Kernel, conv_with};

use crate::{Llil, check};

/// The convolution of an image with filters in the ring; fraction bits add.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "conv",
    summary: "cross-correlation of x (N, C, spatial) with w (O, C/groups, kernel); fraction bits add",
    source: "ONNX Conv-22",
    operands: &[OperandDef::one("x"), OperandDef::one("w")],
    attrs: &[
        AttrDef::new("strides", AttrKind::Ints, "steps of the window, one an axis"),
        AttrDef::new("pads", AttrKind::Ints, "zeros around x: all begins, then all ends"),
        AttrDef::new("dilations", AttrKind::Ints, "distances between neighbouring taps, one an axis"),
        AttrDef::new("groups", AttrKind::Int, "channel groups; each sees only its own input channels"),
    ],
    constraints: &[
        ("C1", "both operands are fixed-point"),
        ("C2", "both operands have the same ring"),
        ("C3", "x is N, C, spatial and w is O, C/groups, kernel, and the window fits the padded x"),
        ("C4", "the fraction bits of both together leave a bit for the sign"),
    ],
    infer: |view| {
        let elem = check::product(check::one_ring(view, "C1", "C2")?, "C4")?;
        Ok(vec![TensorType::new(check::conv(view, "C3")?.1, elem)])
    },
    eval: |view, x, _| {
        let (spec, _) = check::conv(view, "C3").expect("invariant: inference has accepted the attributes");
        Ok(conv_with(Kernel::best(view.operand(0).elem.ring()), x[0], x[1], &spec))
    },
    examples: &[
        r#"%0 = "llil.conv"(%x, %w) {strides = [2, 2], pads = [3, 3, 2, 2], dilations = [1, 1], groups = 1 : i64} : (tensor<1x3x224x224x!llil.fixed<64, 24, "secret">>, tensor<64x3x7x7x!llil.fixed<64, 24, "secret">>) -> tensor<1x64x112x112x!llil.fixed<64, 48, "secret">>"#,
        r#"%0 = "llil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [2], groups = 2 : i64} : (tensor<1x4x9x!llil.fixed<64, 8, "secret">>, tensor<2x2x3x!llil.fixed<64, 8, "public">>) -> tensor<1x2x5x!llil.fixed<64, 16, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64} : (tensor<1x4x9x!llil.bit<"secret">>, tensor<2x4x3x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x7x!llil.fixed<64, 16, "secret">>"#),
        ("C2", r#"%0 = "llil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64} : (tensor<1x4x9x!llil.fixed<32, 8, "secret">>, tensor<2x4x3x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x7x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 2 : i64} : (tensor<1x4x9x!llil.fixed<64, 8, "secret">>, tensor<2x4x3x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x7x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.conv"(%x, %w) {strides = [1], pads = [0], dilations = [1], groups = 1 : i64} : (tensor<1x4x9x!llil.fixed<64, 8, "secret">>, tensor<2x4x3x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x7x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [9], groups = 1 : i64} : (tensor<1x4x9x!llil.fixed<64, 8, "secret">>, tensor<2x4x3x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x7x!llil.fixed<64, 16, "secret">>"#),
        ("C4", r#"%0 = "llil.conv"(%x, %w) {strides = [1], pads = [0, 0], dilations = [1], groups = 1 : i64} : (tensor<1x4x9x!llil.fixed<64, 40, "secret">>, tensor<2x4x3x!llil.fixed<64, 40, "secret">>) -> tensor<1x2x7x!llil.fixed<64, 16, "secret">>"#),
    ],
};
