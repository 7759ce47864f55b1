//! Average over windows.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};

use crate::{Llil, check};

/// The sum of each window times the rounded reciprocal of its count.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "avg_pool",
    summary: "the sum of each window over x (N, C, spatial) times round(2^divisor_frac / count); fraction bits grow by divisor_frac",
    source: "ONNX AveragePool-22; the division as a product with a public reciprocal",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("kernel", AttrKind::Ints, "taps of the window, one an axis"),
        AttrDef::new("strides", AttrKind::Ints, "steps of the window, one an axis"),
        AttrDef::new("pads", AttrKind::Ints, "zeros around x: all begins, then all ends"),
        AttrDef::new("dilations", AttrKind::Ints, "distances between neighbouring taps, one an axis"),
        AttrDef::new("count_include_pad", AttrKind::Bool, "whether the padding counts in the divisor"),
        AttrDef::new("divisor_frac", AttrKind::Int, "fraction bits of the reciprocal of the count"),
    ],
    constraints: &[
        ("C1", "the operand is fixed-point"),
        ("C2", "x is N, C, spatial, and the window fits the padded x"),
        ("C3", "divisor_frac is 0 to 62, and with it the fraction bits leave a bit for the sign"),
    ],
    infer: |view| {
        let x = check::fixed(view, 0, "C1")?;
        let (_, shape) = check::pool(view, "C2")?;
        let divisor_frac = view.int("divisor_frac");
        Violation::unless((0..=62).contains(&divisor_frac), "C3", || format!("divisor_frac is {divisor_frac}"))?;
        Ok(vec![treville_ir::TensorType::new(shape, check::grown(x, divisor_frac, "C3")?)])
    },
    eval: |view, x, _| {
        let (window, _) = check::pool(view, "C2").expect("invariant: inference has accepted the attributes");
        Ok(treville_ring::avg_pool(x[0], &window, view.bool("count_include_pad"), view.int("divisor_frac") as u8))
    },
    examples: &[
        r#"%0 = "llil.avg_pool"(%x) {kernel = [7, 7], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], count_include_pad = false, divisor_frac = 24 : i64} : (tensor<1x8x7x7x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x1x1x!llil.fixed<64, 48, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.avg_pool"(%x) {kernel = [2], strides = [2], pads = [0, 0], dilations = [1], count_include_pad = false, divisor_frac = 8 : i64} : (tensor<1x8x4x!llil.bit<"secret">>) -> tensor<1x8x2x!llil.bit<"secret">>"#),
        ("C2", r#"%0 = "llil.avg_pool"(%x) {kernel = [5], strides = [2], pads = [0, 0], dilations = [1], count_include_pad = false, divisor_frac = 8 : i64} : (tensor<1x8x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x2x!llil.fixed<64, 32, "secret">>"#),
        ("C3", r#"%0 = "llil.avg_pool"(%x) {kernel = [2], strides = [2], pads = [0, 0], dilations = [1], count_include_pad = false, divisor_frac = 40 : i64} : (tensor<1x8x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x2x!llil.fixed<64, 48, "secret">>"#),
        ("C3", r#"%0 = "llil.avg_pool"(%x) {kernel = [2], strides = [2], pads = [0, 0], dilations = [1], count_include_pad = false, divisor_frac = -1 : i64} : (tensor<1x8x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x2x!llil.fixed<64, 23, "secret">>"#),
    ],
};
