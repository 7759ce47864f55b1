//! The smooth functions that `apply` knows, one line each.
//!
//! All are computed by the crate `libm`, so that they have the same value on every machine: what the compiler fits to them is reproducible.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_PI_2};

use libm::{exp, log1p, tanh};

/// A smooth function of a real, with a parameter where it takes one.
pub struct Function {
    /// Its name, the attribute `function` of `apply`.
    pub name: &'static str,
    /// Its formula.
    pub summary: &'static str,
    /// Where its meaning is defined.
    pub source: &'static str,
    /// The open interval on which it is smooth, but for its pole; approximations are confined to it.
    pub domain: (f64, f64),
    /// The point within the domain where it has no value and grows without bound on both sides.
    pub pole: Option<f64>,
    /// Whether it takes a parameter.
    pub takes_parameter: bool,
    /// Its value at x for a parameter.
    pub eval: fn(f64, f64) -> f64,
}

impl Function {
    /// The function of this name.
    pub fn of(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|f| f.name == name)
    }

    /// A function without parameter and pole.
    const fn new(
        name: &'static str,
        summary: &'static str,
        source: &'static str,
        domain: (f64, f64),
        eval: fn(f64, f64) -> f64,
    ) -> Self {
        Self { name, summary, source, domain, pole: None, takes_parameter: false, eval }
    }

    const fn with_pole(self, pole: f64) -> Self {
        Self { pole: Some(pole), ..self }
    }

    const fn with_parameter(self) -> Self {
        Self { takes_parameter: true, ..self }
    }
}

/// All functions.
pub static FUNCTIONS: &[Function] = &[
    Function::new("exp", "e^x", "ONNX Exp-13", ALL, |x, _| exp(x)),
    Function::new("log", "natural logarithm of x", "ONNX Log-13", POSITIVE, |x, _| libm::log(x)),
    Function::new("sqrt", "square root of x", "ONNX Sqrt-13", POSITIVE, |x, _| libm::sqrt(x)),
    Function::new("rsqrt", "1 / sqrt(x)", "TensorFlow Rsqrt", POSITIVE, |x, _| 1.0 / libm::sqrt(x)),
    Function::new("reciprocal", "1 / x", "ONNX Reciprocal-13", ALL, |x, _| 1.0 / x).with_pole(0.0),
    Function::new("erf", "2 / sqrt(pi) * integral of e^(-t^2) from 0 to x", "ONNX Erf-13", ALL, |x, _| libm::erf(x)),
    Function::new("sigmoid", "1 / (1 + e^-x)", "ONNX Sigmoid-13", ALL, |x, _| sigmoid(x)),
    Function::new("tanh", "hyperbolic tangent of x", "ONNX Tanh-13", ALL, |x, _| tanh(x)),
    Function::new("softplus", "log(1 + e^x)", "ONNX Softplus-22", ALL, |x, _| softplus(x)),
    Function::new("softsign", "x / (1 + |x|)", "ONNX Softsign-22", ALL, |x, _| x / (1.0 + x.abs())),
    Function::new("gelu", "x / 2 * (1 + erf(x / sqrt(2)))", "ONNX Gelu-20, approximate = none", ALL, |x, _| gelu(x)),
    Function::new(
        "gelu_tanh",
        "x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))",
        "ONNX Gelu-20, approximate = tanh",
        ALL,
        |x, _| gelu_tanh(x),
    ),
    Function::new("silu", "x * sigmoid(x)", "Elfwing et al. 2017; ONNX Swish-24", ALL, |x, _| x * sigmoid(x)),
    Function::new("mish", "x * tanh(softplus(x))", "ONNX Mish-22", ALL, |x, _| x * tanh(softplus(x))),
    Function::new("sin", "sine of x in radians", "ONNX Sin-22", ALL, |x, _| libm::sin(x)),
    Function::new("cos", "cosine of x in radians", "ONNX Cos-22", ALL, |x, _| libm::cos(x)),
    Function::new("tan", "tangent of x in radians", "ONNX Tan-22", (-FRAC_PI_2, FRAC_PI_2), |x, _| libm::tan(x)),
    Function::new("asin", "inverse of sine", "ONNX Asin-22", UNIT, |x, _| libm::asin(x)),
    Function::new("acos", "inverse of cosine", "ONNX Acos-22", UNIT, |x, _| libm::acos(x)),
    Function::new("atan", "inverse of tangent", "ONNX Atan-22", ALL, |x, _| libm::atan(x)),
    Function::new("sinh", "hyperbolic sine of x", "ONNX Sinh-22", ALL, |x, _| libm::sinh(x)),
    Function::new("cosh", "hyperbolic cosine of x", "ONNX Cosh-22", ALL, |x, _| libm::cosh(x)),
    Function::new("asinh", "inverse of hyperbolic sine", "ONNX Asinh-22", ALL, |x, _| libm::asinh(x)),
    Function::new("acosh", "inverse of hyperbolic cosine", "ONNX Acosh-22", (1.0, f64::INFINITY), |x, _| {
        libm::acosh(x)
    }),
    Function::new("atanh", "inverse of hyperbolic tangent", "ONNX Atanh-22", UNIT, |x, _| libm::atanh(x)),
    Function::new("pow", "x^parameter", "ONNX Pow-15 with a constant exponent", POSITIVE, libm::pow).with_parameter(),
];

const ALL: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
const POSITIVE: (f64, f64) = (0.0, f64::INFINITY);
const UNIT: (f64, f64) = (-1.0, 1.0);

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// Written so that the exponential cannot overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + log1p(exp(-x.abs()))
}

/// Written with erfc, which keeps its digits where 1 + erf cancels.
fn gelu(x: f64) -> f64 {
    x / 2.0 * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn gelu_tanh(x: f64) -> f64 {
    let slope = FRAC_2_PI.sqrt();
    x / 2.0 * (1.0 + tanh(slope * (x + 0.044715 * x * x * x)))
}
