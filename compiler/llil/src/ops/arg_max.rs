//! Index of the maximum.

use ndarray::{ArrayD, Axis};
use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, OpView, TensorType};
use treville_ring::RingTensor;

use crate::{Elem, Fault, Llil, Step, check, eval::{check_spread, check_values}};

/// The index of the first maximum along an axis.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "arg_max",
    summary: "the index of the first maximum along an axis; values and their differences stay below 2^(k-2)",
    source: "ONNX ArgMax-13 with select_last_index = 0; SecureNN (Wagh, Gupta, Chandran; PoPETs 2019)",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("axis", AttrKind::Int, "the axis that is searched"),
        AttrDef::new("keepdims", AttrKind::Bool, "whether the axis stays, with size 1"),
    ],
    constraints: &[
        ("C1", "the operand is fixed-point"),
        ("C2", "x has the axis"),
        ("C3", "the ring holds every index"),
    ],
    infer: |view| {
        let x = check::fixed(view, 0, "C1")?;
        let axis = check::axis(view, "C2")?;
        let mut shape = view.shape(0).to_vec();
        let fits = u64::try_from(shape[axis]).is_ok_and(|size| size <= x.ring.mask() / 2 + 1);
        treville_ir::Violation::unless(fits, "C3", || format!("{} indices in a ring of {} bits", shape[axis], x.ring))?;
        if view.bool("keepdims") {
            shape[axis] = 1;
        } else {
            shape.remove(axis);
        }
        Ok(vec![TensorType::new(shape, Elem::Fixed(crate::Fixed { frac: 0, ..x }))])
    },
    eval,
    examples: &[
        r#"%0 = "llil.arg_max"(%x) {axis = 1 : i64, keepdims = false} : (tensor<1x10x!llil.fixed<64, 24, "secret">>) -> tensor<1x!llil.fixed<64, 0, "secret">>"#,
        r#"%0 = "llil.arg_max"(%x) {axis = 0 : i64, keepdims = true} : (tensor<7x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 0, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.arg_max"(%x) {axis = 1 : i64, keepdims = false} : (tensor<1x10x!llil.bit<"secret">>) -> tensor<1x!llil.fixed<64, 0, "secret">>"#),
        ("C2", r#"%0 = "llil.arg_max"(%x) {axis = 2 : i64, keepdims = false} : (tensor<1x10x!llil.fixed<64, 24, "secret">>) -> tensor<1x!llil.fixed<64, 0, "secret">>"#),
        ("C2", r#"%0 = "llil.arg_max"(%x) {axis = -1 : i64, keepdims = false} : (tensor<1x10x!llil.fixed<64, 24, "secret">>) -> tensor<1x!llil.fixed<64, 0, "secret">>"#),
        ("C3", r#"%0 = "llil.arg_max"(%x) {axis = 0 : i64, keepdims = false} : (tensor<9x!llil.fixed<4, 0, "secret">>) -> tensor<!llil.fixed<4, 0, "secret">>"#),
    ],
};

fn eval(view: &OpView<'_, Llil>, x: &[&RingTensor], _: &mut Step<'_>) -> Result<RingTensor, Fault> {
    let axis = check::axis(view, "C2").expect("invariant: inference has accepted the attributes");
    let ring = view.operand(0).elem.ring();
    check_values(x[0], ring)?;
    let signed = treville_ring::map(x[0], |value| ring.to_signed(value));
    let fold = |init: i64, f: fn(i64, i64) -> i64| -> ArrayD<i64> { signed.fold_axis(Axis(axis), init, |&a, &b| f(a, b)) };
    let high = fold(i64::MIN, i64::max);
    check_spread(&fold(i64::MAX, i64::min), &high, ring)?;
    let first = |line: ndarray::ArrayView1<'_, i64>| {
        line.iter().enumerate().fold((0, i64::MIN), |best, (i, &v)| if v > best.1 { (i, v) } else { best }).0 as u64
    };
    let indices = signed.map_axis(Axis(axis), first);
    Ok(treville_ring::tensor::reshape(&indices, &view.results[0].shape))
}
