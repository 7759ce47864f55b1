//! Tensors one after the other.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, TensorType, Violation};

use crate::{Llil, check};

/// The operands one after the other along an axis.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "concat",
    summary: "the operands one after the other along an axis",
    source: "ONNX Concat-13",
    operands: &[OperandDef::many("parts")],
    attrs: &[AttrDef::new("axis", AttrKind::Int, "the axis along which they follow each other")],
    constraints: &[
        ("C1", "there is an operand, and the operands have the axis"),
        ("C2", "the operands have the same ring and fraction bits"),
        ("C3", "the operands' shapes differ along the axis only"),
    ],
    infer: |view| {
        Violation::unless(!view.operands.is_empty(), "C1", || "there is no operand".into())?;
        let axis = check::axis(view, "C1")?;
        let secrecy = check::secrecy(view);
        let elem = view.operand(0).elem.with_secrecy(secrecy);
        let mut shape = view.shape(0).to_vec();
        shape[axis] = 0;
        for part in &view.operands {
            let same = part.elem.with_secrecy(secrecy) == elem;
            Violation::unless(same, "C2", || format!("elements {} and {}", view.operand(0).elem, part.elem))?;
            let fits = part.rank() == shape.len() && (0..shape.len()).all(|i| i == axis || part.shape[i] == shape[i]);
            Violation::unless(fits, "C3", || format!("shapes {:?} and {:?} along axis {axis}", view.shape(0), part.shape))?;
            shape[axis] += part.shape[axis];
        }
        Ok(vec![TensorType::new(shape, elem)])
    },
    eval: |view, x, _| {
        let axis = check::axis(view, "C1").expect("invariant: inference has accepted the attributes");
        Ok(treville_ring::tensor::concat(x, axis))
    },
    examples: &[
        r#"%0 = "llil.concat"(%a, %b) {axis = 0 : i64} : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<1x2x!llil.fixed<64, 24, "secret">>) -> tensor<2x2x!llil.fixed<64, 24, "secret">>"#,
        r#"%0 = "llil.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<1x3x!llil.fixed<64, 24, "public">>) -> tensor<1x5x!llil.fixed<64, 24, "secret">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.concat"(%a, %b) {axis = 2 : i64} : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<1x3x!llil.fixed<64, 24, "secret">>) -> tensor<1x5x!llil.fixed<64, 24, "secret">>"#),
        ("C2", r#"%0 = "llil.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<1x3x!llil.fixed<64, 12, "secret">>) -> tensor<1x5x!llil.fixed<64, 24, "secret">>"#),
        ("C3", r#"%0 = "llil.concat"(%a, %b) {axis = 1 : i64} : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<2x3x!llil.fixed<64, 24, "secret">>) -> tensor<1x5x!llil.fixed<64, 24, "secret">>"#),
    ],
};
