//! Maximum over windows.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, OpView, Violation};
use treville_ring::{RingTensor, Window, window_fold};

use crate::{Fault, Llil, Step, check, eval::{check_spread, check_values}};

/// The maximum of each window; the padding takes no part.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "max_pool",
    summary: "the maximum of each window over x (N, C, spatial); values and their differences stay below 2^(k-2)",
    source: "ONNX MaxPool-22; SecureNN (Wagh, Gupta, Chandran; PoPETs 2019)",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("kernel", AttrKind::Ints, "taps of the window, one an axis"),
        AttrDef::new("strides", AttrKind::Ints, "steps of the window, one an axis"),
        AttrDef::new("pads", AttrKind::Ints, "places around x that take no part: all begins, then all ends"),
        AttrDef::new("dilations", AttrKind::Ints, "distances between neighbouring taps, one an axis"),
    ],
    constraints: &[
        ("C1", "the operand is fixed-point"),
        ("C2", "x is N, C, spatial, and the window fits the padded x"),
        ("C3", "every window holds an element of x"),
    ],
    infer: |view| {
        check::fixed(view, 0, "C1")?;
        let (window, shape) = check::pool(view, "C2")?;
        for axis in 0..window.kernel.len() {
            let (size, outputs) = (view.shape(0)[axis + 2], shape[axis + 2]);
            let empty = (0..outputs).find(|&output| !touches(&window, axis, output, size));
            Violation::unless(empty.is_none(), "C3", || format!("a window along spatial axis {axis} lies in the padding"))?;
        }
        Ok(check::reshaped(view, shape))
    },
    eval,
    examples: &[
        r#"%0 = "llil.max_pool"(%x) {kernel = [2, 2], strides = [2, 2], pads = [0, 0, 1, 1], dilations = [1, 1]} : (tensor<1x8x5x5x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x3x3x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.max_pool"(%x) {kernel = [2], strides = [2], pads = [0, 0], dilations = [1]} : (tensor<1x8x4x!llil.bit<"secret">>) -> tensor<1x8x2x!llil.bit<"secret">>"#),
        ("C2", r#"%0 = "llil.max_pool"(%x) {kernel = [5], strides = [2], pads = [0, 0], dilations = [1]} : (tensor<1x8x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x2x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.max_pool"(%x) {kernel = [2], strides = [0], pads = [0, 0], dilations = [1]} : (tensor<1x8x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x2x!llil.fixed<64, 24, "secret">>"#),
        ("C3", r#"%0 = "llil.max_pool"(%x) {kernel = [2], strides = [2], pads = [2, 0], dilations = [1]} : (tensor<1x8x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x8x3x!llil.fixed<64, 24, "secret">>"#),
    ],
};

fn touches(window: &Window, axis: usize, output: usize, size: usize) -> bool {
    let inside = |tap: usize| {
        let padded = output * window.strides[axis] + tap * window.dilations[axis];
        (window.pads_begin[axis]..window.pads_begin[axis] + size).contains(&padded)
    };
    (0..window.kernel[axis]).any(inside)
}

fn eval(view: &OpView<'_, Llil>, x: &[&RingTensor], _: &mut Step<'_>) -> Result<RingTensor, Fault> {
    let (window, _) = check::pool(view, "C2").expect("invariant: inference has accepted the attributes");
    let ring = view.operand(0).elem.ring();
    check_values(x[0], ring)?;
    let signed = treville_ring::map(x[0], |value| ring.to_signed(value));
    let low = window_fold(&signed, &window, i64::MAX, i64::min, |low, _| low);
    let high = window_fold(&signed, &window, i64::MIN, i64::max, |high, _| high);
    check_spread(&low, &high, ring)?;
    Ok(treville_ring::map(&high, |value| value as u64))
}
