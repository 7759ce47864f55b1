//! HLIL in upstream dialects: linalg, tensor, arith and math over f32, for other tool chains.

use treville_hlil::{Elem, Hlil, Scalar};
use treville_ir::{Attr, Func, Op};

use crate::MlirError;
use crate::convolve::{Attributes, counts};
use crate::entry::{Boundary, Upstream, function};
use crate::writer::{Value, Writer, words};

/// Writes a function `main` of tensors: inputs and weights are its arguments, in the order of the model's, and carry their names.
///
/// # Errors
/// [`MlirError::Unsupported`] for an op without a counterpart; there is none today.
pub fn export(func: &Func<Hlil>) -> Result<String, MlirError> {
    function(func, Boundary::Tensors)
}

impl Upstream for Hlil {
    /// Who knows a value is nothing to others.
    fn elem(elem: &Elem) -> String {
        match elem.scalar {
            Scalar::F32 => "f32".into(),
            Scalar::I64 => "i64".into(),
        }
    }

    fn outside(elem: &Elem) -> String {
        Self::elem(elem)
    }

    fn converted(_: &mut Writer, x: &Value, _: &str) -> Value {
        x.clone()
    }

    fn write(w: &mut Writer, op: &Op<Hlil>, x: &[Value], shape: &[usize], t: &str) -> Option<Value> {
        let all: Vec<&Value> = x.iter().collect();
        let of = x.first().map_or(t, |x| x.elem.as_str()).to_string();
        let names = words(&of);
        let instruction = |name: &str| vec![format!("%y = arith.{name} %a0, %a1 : {t}")];
        let float = |name: &str| op.attrs.get(name).and_then(Attr::as_float).unwrap_or(0.0) as f32;
        let axes = || op.sizes("axes");
        Some(match op.def.mnemonic {
            "constant" => match &op.attrs["values"] {
                Attr::Ints(values) => w.constant(shape, t, values),
                other => {
                    let values = other.as_floats().unwrap_or_default().iter().map(|v| literal(*v as f32));
                    w.constant(shape, t, &values.collect::<Vec<_>>())
                }
            },
            "add" => w.elementwise(&all, shape, t, &instruction(names.add)),
            "sub" => w.elementwise(&all, shape, t, &instruction(names.sub)),
            "mul" => w.elementwise(&all, shape, t, &instruction(names.mul)),
            "div" => w.elementwise(&all, shape, t, &instruction(names.div)),
            "max" => w.elementwise(&all, shape, t, &instruction(names.max)),
            "neg" => {
                let zero = if t == "f32" { "-0.0" } else { "0" };
                let body =
                    [format!("%z = arith.constant {zero} : {t}"), format!("%y = arith.{} %z, %a0 : {t}", names.sub)];
                w.elementwise(&all, shape, t, &body)
            }
            "relu" => w.elementwise(&all, shape, t, &bounded(names.max, names.zero, t)),
            "clip" => {
                let (min, max) = (literal(float("min")), literal(float("max")));
                let low = w.elementwise(&all, shape, t, &bounded("maximumf", &min, t));
                w.elementwise(&[&low], shape, t, &bounded("minimumf", &max, t))
            }
            "floor" => w.elementwise(&all, shape, t, &[format!("%y = math.floor %a0 : {t}")]),
            "round" => w.elementwise(&all, shape, t, &[format!("%y = math.roundeven %a0 : {t}")]),
            "apply" => {
                let body = formula(op.attrs["function"].as_str()?, float("parameter"))?;
                w.elementwise(&all, shape, t, &body)
            }
            "cast" => match (of.as_str(), t) {
                ("f32", "i64") => w.elementwise(&all, shape, t, &["%y = arith.fptosi %a0 : f32 to i64".into()]),
                ("i64", "f32") => w.elementwise(&all, shape, t, &["%y = arith.sitofp %a0 : i64 to f32".into()]),
                _ => x[0].clone(),
            },
            "equal" => w.elementwise(&all, shape, t, &compared(if of == "f32" { "cmpf oeq" } else { "cmpi eq" }, &of)),
            "greater" => {
                w.elementwise(&all, shape, t, &compared(if of == "f32" { "cmpf ogt" } else { "cmpi sgt" }, &of))
            }
            "select" => {
                let body = [
                    "%z = arith.constant 0 : i64".to_string(),
                    "%c = arith.cmpi ne, %a0, %z : i64".to_string(),
                    format!("%y = arith.select %c, %a1, %a2 : {t}"),
                ];
                w.elementwise(&all, shape, t, &body)
            }
            "reshape" => w.reshape(&x[0], shape),
            "transpose" => w.transpose(&x[0], &op.sizes("perm")),
            "pad" => {
                let value = if t == "f32" { literal(float("value")) } else { (float("value") as i64).to_string() };
                w.pad(&x[0], &op.sizes("begin"), &op.sizes("end"), &value)
            }
            "slice" => w.slice(&x[0], &op.sizes("starts"), shape, &op.sizes("steps")),
            "gather" => w.gather(&x[0], op.int("axis") as usize, &op.sizes("indices"), shape),
            "concat" => w.concat(x, op.int("axis") as usize, shape),
            "reduce_sum" => w.reduce_sum(&x[0], &axes(), shape),
            "reduce_max" => w.reduce(&x[0], &axes(), shape, names.max, &least(t)),
            "reduce_mean" => {
                let sum = w.reduce_sum(&x[0], &axes(), shape);
                let count: usize = axes().iter().map(|&axis| x[0].shape[axis]).product();
                w.elementwise(&[&sum], shape, t, &bounded("divf", &literal(count as f32), t))
            }
            "arg_max" => w.arg_max(&x[0], op.int("axis") as usize, shape, t),
            "softmax" => softmax(w, &x[0], op.int("axis") as usize),
            "batch_norm" => batch_norm(w, x, float("epsilon")),
            "matmul" => w.matmul(&x[0], &x[1], shape),
            "conv" => w.conv(op, &x[0], &x[1], shape),
            "conv_transpose" => w.conv_transpose(op, &x[0], &x[1], shape),
            "max_pool" => w.max_pool(op, &x[0], shape, &least(t)),
            "avg_pool" => {
                let sum = w.sum_pool(op, &x[0], shape);
                let counts = counts(op, &x[0].shape, shape).into_iter().map(|n| literal(n as f32));
                let counts = w.constant(&shape[2..], t, &counts.collect::<Vec<_>>());
                w.elementwise(&[&sum, &counts], shape, t, &instruction("divf"))
            }
            _ => return None,
        })
    }
}

/// A number as MLIR reads it.
fn literal(value: f32) -> String {
    if value.is_finite() { format!("{value:.9e}") } else { format!("0x{:08X}", value.to_bits()) }
}

/// What is below everything.
fn least(elem: &str) -> String {
    if elem == "f32" { literal(f32::NEG_INFINITY) } else { i64::MIN.to_string() }
}

/// `%y` from `%a0` and a constant.
fn bounded(instruction: &str, constant: &str, t: &str) -> Vec<String> {
    vec![format!("%k = arith.constant {constant} : {t}"), format!("%y = arith.{instruction} %a0, %k : {t}")]
}

/// Whether it holds for `%a0` and `%a1`, as 0 or 1.
fn compared(predicate: &str, of: &str) -> Vec<String> {
    vec![format!("%c = arith.{predicate}, %a0, %a1 : {of}"), "%y = arith.extui %c : i1 to i64".into()]
}

fn softmax(w: &mut Writer, x: &Value, axis: usize) -> Value {
    let (t, mut one) = (x.elem.clone(), x.shape.clone());
    one[axis] = 1;
    let greatest = w.reduce(x, &[axis], &one, "maximumf", &least(&t));
    let body = [format!("%d = arith.subf %a0, %a1 : {t}"), format!("%y = math.exp %d : {t}")];
    let powers = w.elementwise(&[x, &greatest], &x.shape, &t, &body);
    let sum = w.reduce_sum(&powers, &[axis], &one);
    w.elementwise(&[&powers, &sum], &x.shape, &t, &[format!("%y = arith.divf %a0, %a1 : {t}")])
}

/// (x - mean) / sqrt(variance + epsilon) * scale + offset, by channel.
fn batch_norm(w: &mut Writer, x: &[Value], epsilon: f32) -> Value {
    let of_channel = [&[x[1].shape[0]], &vec![1; x[0].shape.len() - 2][..]].concat();
    let parameters: Vec<Value> = x[1..].iter().map(|parameter| w.reshape(parameter, &of_channel)).collect();
    let all: Vec<&Value> = [&x[0]].into_iter().chain(&parameters).collect();
    let body = [
        format!("%e = arith.constant {} : f32", literal(epsilon)),
        "%v = arith.addf %a4, %e : f32".into(),
        "%r = math.sqrt %v : f32".into(),
        "%f = arith.divf %a1, %r : f32".into(),
        "%d = arith.subf %a0, %a3 : f32".into(),
        "%p = arith.mulf %d, %f : f32".into(),
        "%y = arith.addf %p, %a2 : f32".into(),
    ];
    w.elementwise(&all, &x[0].shape, "f32", &body)
}

/// `%y` from `%a0` by one of HLIL's smooth functions.
fn formula(function: &str, parameter: f32) -> Option<Vec<String>> {
    // What math has under the same name.
    const SAME: &[&str] = &[
        "exp", "log", "sqrt", "rsqrt", "erf", "tanh", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
        "asinh", "acosh", "atanh",
    ];
    if SAME.contains(&function) {
        return Some(vec![format!("%y = math.{function} %a0 : f32")]);
    }
    let constant = |name: &str, value: f32| format!("%{name} = arith.constant {} : f32", literal(value));
    let mut body = vec![constant("one", 1.0), constant("half", 0.5)];
    let mut then = |lines: &[&str]| body.extend(lines.iter().map(|line| format!("{line} : f32")));
    // 1 / (1 + e^-x).
    let sigmoid = ["%m = arith.negf %a0", "%e = math.exp %m", "%d = arith.addf %one, %e", "%s = arith.divf %one, %d"];
    // max(x, 0) + log(1 + e^-|x|), so that the exponential cannot overflow.
    let softplus = [
        "%a = math.absf %a0",
        "%n = arith.negf %a",
        "%e = math.exp %n",
        "%l = math.log1p %e",
        "%z = arith.subf %one, %one",
        "%r = arith.maximumf %a0, %z",
        "%s = arith.addf %r, %l",
    ];
    match function {
        "reciprocal" => then(&["%y = arith.divf %one, %a0"]),
        "sigmoid" => {
            then(&sigmoid);
            then(&["%y = arith.mulf %s, %one"]);
        }
        "silu" => {
            then(&sigmoid);
            then(&["%y = arith.mulf %s, %a0"]);
        }
        "softplus" => {
            then(&softplus);
            then(&["%y = arith.mulf %s, %one"]);
        }
        "mish" => {
            then(&softplus);
            then(&["%t = math.tanh %s", "%y = arith.mulf %t, %a0"]);
        }
        "softsign" => then(&["%a = math.absf %a0", "%d = arith.addf %one, %a", "%y = arith.divf %a0, %d"]),
        "gelu" => {
            body.push(constant("r", std::f32::consts::FRAC_1_SQRT_2));
            body.extend(
                [
                    "%u = arith.mulf %a0, %r",
                    "%e = math.erf %u",
                    "%d = arith.addf %one, %e",
                    "%h = arith.mulf %a0, %half",
                    "%y = arith.mulf %h, %d",
                ]
                .map(|line| format!("{line} : f32")),
            );
        }
        "gelu_tanh" => {
            body.extend([constant("r", std::f32::consts::FRAC_2_PI.sqrt()), constant("k", 0.044_715)]);
            body.extend(
                [
                    "%q = arith.mulf %a0, %a0",
                    "%c = arith.mulf %q, %a0",
                    "%kc = arith.mulf %c, %k",
                    "%i = arith.addf %a0, %kc",
                    "%u = arith.mulf %i, %r",
                    "%t = math.tanh %u",
                    "%d = arith.addf %one, %t",
                    "%h = arith.mulf %a0, %half",
                    "%y = arith.mulf %h, %d",
                ]
                .map(|line| format!("{line} : f32")),
            );
        }
        "pow" => {
            body.push(constant("p", parameter));
            body.push("%y = math.powf %a0, %p : f32".into());
        }
        _ => return None,
    }
    Some(body)
}
