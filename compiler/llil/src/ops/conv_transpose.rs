//! Transposed convolution.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, TensorType};
use treville_ring::{Kernel, conv_transpose_with};

use crate::{Llil, check};

/// The transposed convolution of an image with filters in the ring; fraction bits add.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "conv_transpose",
    summary: "the sum of the filters w (C, O/groups, kernel) times each element of x (N, C, spatial), strides apart; fraction bits add",
    source: "ONNX ConvTranspose-11, without bias",
    operands: &[OperandDef::one("x"), OperandDef::one("w")],
    attrs: &[
        AttrDef::new("strides", AttrKind::Ints, "distances in the result of neighbours in x, one an axis"),
        AttrDef::new("pads", AttrKind::Ints, "places cut off the result: all begins, then all ends"),
        AttrDef::new("dilations", AttrKind::Ints, "distances between neighbouring taps, one an axis"),
        AttrDef::new("groups", AttrKind::Int, "channel groups; each sees only its own input channels"),
        AttrDef::new("output_padding", AttrKind::Ints, "places that the result has beyond its end, one an axis"),
    ],
    constraints: &[
        ("C1", "both operands are fixed-point"),
        ("C2", "both operands have the same ring"),
        ("C3", "x is N, C, spatial and w is C, O/groups, kernel, and the pads leave something of the result"),
        ("C4", "the fraction bits of both together leave a bit for the sign"),
    ],
    infer: |view| {
        let elem = check::product(check::one_ring(view, "C1", "C2")?, "C4")?;
        Ok(vec![TensorType::new(check::conv_transpose(view, "C3")?.1, elem)])
    },
    eval: |view, x, _| {
        let (spec, _) = check::conv_transpose(view, "C3").expect("invariant: inference has accepted the attributes");
        Ok(conv_transpose_with(Kernel::best(view.operand(0).elem.ring()), x[0], x[1], &spec))
    },
    examples: &[
        r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [2, 2], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1 : i64, output_padding = [1, 1]} : (tensor<1x8x5x5x!llil.fixed<64, 24, "secret">>, tensor<8x4x3x3x!llil.fixed<64, 24, "secret">>) -> tensor<1x4x10x10x!llil.fixed<64, 48, "secret">>"#,
        r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [1, 2, 3], pads = [0, 0, 0, 0, 1, 0], dilations = [1, 2, 1], groups = 2 : i64, output_padding = [0, 0, 0]} : (tensor<1x4x2x3x3x!llil.fixed<64, 8, "secret">>, tensor<4x1x2x2x2x!llil.fixed<64, 8, "public">>) -> tensor<1x2x3x6x8x!llil.fixed<64, 16, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [2], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x4x3x!llil.bit<"secret">>, tensor<4x2x2x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x6x!llil.fixed<64, 16, "secret">>"#),
        ("C2", r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [2], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x4x3x!llil.fixed<32, 8, "secret">>, tensor<4x2x2x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x6x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [2], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x4x3x!llil.fixed<64, 8, "secret">>, tensor<2x4x2x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x6x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [2], pads = [3, 3], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x4x3x!llil.fixed<64, 8, "secret">>, tensor<4x2x2x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x1x!llil.fixed<64, 16, "secret">>"#),
        ("C3", r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [2], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = []} : (tensor<1x4x3x!llil.fixed<64, 8, "secret">>, tensor<4x2x2x!llil.fixed<64, 8, "secret">>) -> tensor<1x2x6x!llil.fixed<64, 16, "secret">>"#),
        ("C4", r#"%0 = "llil.conv_transpose"(%x, %w) {strides = [2], pads = [0, 0], dilations = [1], groups = 1 : i64, output_padding = [0]} : (tensor<1x4x3x!llil.fixed<64, 40, "secret">>, tensor<4x2x2x!llil.fixed<64, 40, "secret">>) -> tensor<1x2x6x!llil.fixed<64, 16, "secret">>"#),
    ],
};
