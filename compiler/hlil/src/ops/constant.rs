//! `constant`: public numbers that the program holds itself.

use treville_ir::{Attr, AttrDef, AttrKind, OpDef, Violation};
use treville_ring::tensor::from_vec;

use crate::rules::{self, Types, View};
use crate::{Hlil, Scalar, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "constant",
    summary: "A public tensor of numbers that stand in the program.",
    source: "ONNX Constant-13",
    operands: &[],
    attrs: &[
        AttrDef::new("shape", AttrKind::Ints, "the dimensions"),
        AttrDef::new(
            "values",
            AttrKind::Numbers,
            "the elements in order, or one for all of them; floats are rounded to f32",
        ),
    ],
    constraints: &[("C1", "`shape` has positive entries"), ("C2", "there is one value, or one for each element")],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.constant"() {shape = [2, 3], values = [0.5]} : () -> tensor<2x3xf32>"#,
        r#"%0 = "hlil.constant"() {shape = [2], values = [3, -4]} : () -> tensor<2xi64>"#,
        r#"%0 = "hlil.constant"() {shape = [], values = [0xFFF0000000000000 : f64]} : () -> tensor<f32>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.constant"() {shape = [0], values = [1]} : () -> tensor<1xi64>"#),
        ("C2", r#"%0 = "hlil.constant"() {shape = [3], values = [1, 2]} : () -> tensor<3xi64>"#),
        ("C2", r#"%0 = "hlil.constant"() {shape = [1], values = []} : () -> tensor<1xf32>"#),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let (n_values, scalar) = match view.attr("values") {
        Attr::Ints(values) => (values.len(), Scalar::I64),
        other => (other.as_floats().map_or(0, <[f64]>::len), Scalar::F32),
    };
    let types = rules::result(view, view.sizes("shape", 1, "C1")?, scalar)?;
    let n_elements = types[0].elements();
    Violation::unless(n_values == 1 || n_values == n_elements, "C2", || {
        format!("{n_values} values for {n_elements} elements")
    })?;
    Ok(types)
}

fn eval(view: &View<'_>, _: &[&Tensor]) -> Tensor {
    let shape = &view.results[0].shape;
    match view.attr("values") {
        Attr::Ints(values) => Tensor::I64(from_vec(shape, fill(values.clone(), view))),
        _ => Tensor::F32(from_vec(shape, fill(view.floats("values").iter().map(|&v| v as f32).collect(), view))),
    }
}

fn fill<T: Copy>(values: Vec<T>, view: &View<'_>) -> Vec<T> {
    match values[..] {
        [one] => vec![one; view.results[0].elements()],
        _ => values,
    }
}
