//! `apply`: a smooth function of each element.

use treville_ir::{AttrDef, AttrKind, OpDef, OperandDef, Violation};
use treville_ring::map;

use crate::rules::{self, Types, View};
use crate::{FUNCTIONS, Function, Hlil, Tensor};

/// The table entry.
pub static OP: OpDef<Hlil> = OpDef {
    mnemonic: "apply",
    summary: "A smooth function of each element, computed in f64 and rounded to f32.",
    source: "the table of functions; NaN outside a function's domain",
    operands: &[OperandDef::one("x")],
    attrs: &[
        AttrDef::new("function", AttrKind::Str, "the function's name in the table"),
        AttrDef::new("parameter", AttrKind::Float, "the function's parameter; 0 where it has none"),
    ],
    constraints: &[
        ("C1", "the operand is real"),
        ("C2", "the table has the function"),
        ("C3", "the parameter is finite, and 0 where the function takes none"),
    ],
    infer,
    eval,
    examples: &[
        r#"%0 = "hlil.apply"(%x) {function = "tanh", parameter = 0.0 : f64} : (tensor<2x3x!hlil.secret<f32>>) -> tensor<2x3x!hlil.secret<f32>>"#,
        r#"%0 = "hlil.apply"(%x) {function = "pow", parameter = 0.75 : f64} : (tensor<2xf32>) -> tensor<2xf32>"#,
    ],
    counterexamples: &[
        ("C1", r#"%0 = "hlil.apply"(%x) {function = "tanh", parameter = 0.0 : f64} : (tensor<2xi64>) -> tensor<2xi64>"#),
        ("C2", r#"%0 = "hlil.apply"(%x) {function = "tan h", parameter = 0.0 : f64} : (tensor<2xf32>) -> tensor<2xf32>"#),
        ("C3", r#"%0 = "hlil.apply"(%x) {function = "tanh", parameter = 1.0 : f64} : (tensor<2xf32>) -> tensor<2xf32>"#),
        (
            "C3",
            r#"%0 = "hlil.apply"(%x) {function = "pow", parameter = 0x7FF0000000000000 : f64} : (tensor<2xf32>) -> tensor<2xf32>"#,
        ),
    ],
};

fn infer(view: &View<'_>) -> Types {
    let types = rules::real_elementwise(view)?;
    let (name, parameter) = (view.str("function"), view.float("parameter"));
    let Some(function) = Function::of(name) else {
        let known: Vec<_> = FUNCTIONS.iter().map(|f| f.name).collect();
        return Err(Violation::new("C2", format!("it has no `{name}`, but {}", known.join(", "))));
    };
    let fits = parameter.is_finite() && (function.takes_parameter || parameter == 0.0);
    Violation::unless(fits, "C3", || format!("it is {parameter} for `{name}`"))?;
    Ok(types)
}

fn eval(view: &View<'_>, x: &[&Tensor]) -> Tensor {
    let function = Function::of(view.str("function")).expect("invariant: C2");
    let parameter = view.float("parameter");
    Tensor::F32(map(x[0].reals(), |v| (function.eval)(v.into(), parameter) as f32))
}
