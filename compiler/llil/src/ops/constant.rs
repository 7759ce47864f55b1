//! Public constant.

use treville_ir::{AttrDef, AttrKind, OpDef, OpView, TensorType, Violation};
use treville_ring::tensor::from_vec;

use crate::{Elem, Fixed, Llil, Secrecy};

/// A tensor that all parties know.
pub static OP: OpDef<Llil> = OpDef {
    mnemonic: "constant",
    summary: "a public tensor of encoded values; one value fills the whole shape",
    source: "fixed-point arithmetic in a ring: SecureML (Mohassel, Zhang; S&P 2017), section 4.1",
    operands: &[],
    attrs: &[
        AttrDef::new("shape", AttrKind::Ints, "the dimensions"),
        AttrDef::new("value", AttrKind::Ints, "the elements as signed integers in standard order, or one for all"),
        AttrDef::new("ring", AttrKind::Int, "ring bits"),
        AttrDef::new("frac", AttrKind::Int, "fraction bits"),
    ],
    constraints: &[
        ("C1", "ring and fraction bits are a fixed-point type"),
        ("C2", "value has one entry, or one for each place of the shape"),
        ("C3", "every value fits the ring"),
    ],
    infer: |view| {
        let fixed = fixed(view)?;
        let ty = TensorType::new(view.sizes("shape", 0, "C2")?, Elem::Fixed(fixed));
        let values = view.ints("value");
        Violation::unless(values.len() == 1 || values.len() == ty.elements(), "C2", || {
            format!("{} values for shape {:?}", values.len(), ty.shape)
        })?;
        let misfit = values.iter().find(|&&value| fixed.ring.to_signed(fixed.ring.wrap(value as u64)) != value);
        Violation::unless(misfit.is_none(), "C3", || format!("{misfit:?} in a ring of {} bits", fixed.ring))?;
        Ok(vec![ty])
    },
    eval: |view, _, _| {
        let shape = &view.results[0].shape;
        let n_elements = shape.iter().product();
        let values: Vec<u64> = view.ints("value").iter().map(|&value| value as u64).collect();
        Ok(from_vec(shape, if values.len() == 1 { vec![values[0]; n_elements] } else { values }))
    },
    examples: &[
        r#"%0 = "llil.constant"() {shape = [2], value = [4096, -1], ring = 64 : i64, frac = 12 : i64} : () -> tensor<2x!llil.fixed<64, 12, "public">>"#,
        r#"%0 = "llil.constant"() {shape = [1, 8, 8], value = [1], ring = 32 : i64, frac = 0 : i64} : () -> tensor<1x8x8x!llil.fixed<32, 0, "public">>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "llil.constant"() {shape = [1], value = [1], ring = 65 : i64, frac = 12 : i64} : () -> tensor<1x!llil.fixed<64, 12, "public">>"#),
        ("C1", r#"%0 = "llil.constant"() {shape = [1], value = [1], ring = 64 : i64, frac = 64 : i64} : () -> tensor<1x!llil.fixed<64, 12, "public">>"#),
        ("C2", r#"%0 = "llil.constant"() {shape = [3], value = [1, 2], ring = 64 : i64, frac = 12 : i64} : () -> tensor<3x!llil.fixed<64, 12, "public">>"#),
        ("C3", r#"%0 = "llil.constant"() {shape = [1], value = [128], ring = 8 : i64, frac = 0 : i64} : () -> tensor<1x!llil.fixed<8, 0, "public">>"#),
    ],
};

fn fixed(view: &OpView<'_, Llil>) -> Result<Fixed, Violation> {
    let fixed = Fixed::new(view.int("ring"), view.int("frac"), Secrecy::Public);
    fixed.map_err(|error| Violation::new("C1", error.to_string()))
}
