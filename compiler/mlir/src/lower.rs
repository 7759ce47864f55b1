//! LLIL in upstream dialects: linalg, tensor and arith over integers of the ring's width.

use treville_ir::{Func, Op};
use treville_llil::{Elem, Llil};

use crate::MlirError;
use crate::convolve::{Attributes, counts};
use crate::entry::{Boundary, Upstream, function};
use crate::writer::{Value, Writer};

/// Writes a function `main` that takes a `memref` of 64-bit integers for each argument and one for each result. Ring elements are their
/// representatives from 0 up.
///
/// # Errors
/// [`MlirError::Unsupported`] for a ScaleDown that does not round `exact`: the others are not functions of their operand.
pub fn lower(func: &Func<Llil>) -> Result<String, MlirError> {
    function(func, Boundary::Memrefs)
}

impl Upstream for Llil {
    fn elem(elem: &Elem) -> String {
        integer(elem.ring().get())
    }

    /// A word of the machine, whatever the ring.
    fn outside(_: &Elem) -> String {
        integer(64)
    }

    /// The representatives in integers of another width.
    fn converted(w: &mut Writer, x: &Value, elem: &str) -> Value {
        if x.elem == elem {
            return x.clone();
        }
        let instruction = if bits(elem) < bits(&x.elem) { "trunci" } else { "extui" };
        let body = [format!("%y = arith.{instruction} %a0 : {} to {elem}", x.elem)];
        w.elementwise(&[x], &x.shape, elem, &body)
    }

    fn write(w: &mut Writer, op: &Op<Llil>, x: &[Value], shape: &[usize], t: &str) -> Option<Value> {
        let binary = |instruction: &str| vec![format!("%y = arith.{instruction} %a0, %a1 : {t}")];
        Some(match op.def.mnemonic {
            "constant" => w.constant(shape, t, op.attrs["value"].as_ints().unwrap_or_default()),
            "add" => w.elementwise(&[&x[0], &x[1]], shape, t, &binary("addi")),
            "sub" => w.elementwise(&[&x[0], &x[1]], shape, t, &binary("subi")),
            "mul" => w.elementwise(&[&x[0], &x[1]], shape, t, &binary("muli")),
            "neg" => {
                let body = [format!("%z = arith.constant 0 : {t}"), format!("%y = arith.subi %z, %a0 : {t}")];
                w.elementwise(&[&x[0]], shape, t, &body)
            }
            "relu" => {
                let body = [format!("%z = arith.constant 0 : {t}"), format!("%y = arith.maxsi %a0, %z : {t}")];
                w.elementwise(&[&x[0]], shape, t, &body)
            }
            "drelu" => {
                let from = &x[0].elem;
                let mut body = vec![
                    format!("%z = arith.constant 0 : {from}"),
                    format!("%{} = arith.cmpi sge, %a0, %z : {from}", if t == "i1" { "y" } else { "c" }),
                ];
                body.extend((t != "i1").then(|| format!("%y = arith.extui %c : i1 to {t}")));
                w.elementwise(&[&x[0]], shape, t, &body)
            }
            "scale_down" if op.attrs["rounding"].as_str() == Some("exact") => {
                shifted(w, "shrsi", &x[0], op.int("shift"), shape)
            }
            "scale_up" => shifted(w, "shli", &x[0], op.int("shift"), shape),
            "reshape" => w.reshape(&x[0], shape),
            "transpose" => w.transpose(&x[0], &op.sizes("perm")),
            "pad" => w.pad(&x[0], &op.sizes("begin"), &op.sizes("end"), "0"),
            "slice" => w.slice(&x[0], &op.sizes("starts"), shape, &op.sizes("steps")),
            "gather" => w.gather(&x[0], op.int("axis") as usize, &op.sizes("indices"), shape),
            "concat" => w.concat(x, op.int("axis") as usize, shape),
            "reduce_sum" => w.reduce_sum(&x[0], &op.sizes("axes"), shape),
            "arg_max" => w.arg_max(&x[0], op.int("axis") as usize, shape, t),
            "matmul" => w.matmul(&x[0], &x[1], shape),
            "conv" => w.conv(op, &x[0], &x[1], shape),
            "conv_transpose" => w.conv_transpose(op, &x[0], &x[1], shape),
            "max_pool" => w.max_pool(op, &x[0], shape, &(-(1i128 << (bits(t) - 1))).to_string()),
            "avg_pool" => avg_pool(w, op, &x[0], shape),
            _ => return None,
        })
    }
}

fn integer(bits: u8) -> String {
    format!("i{bits}")
}

/// The width of an integer type.
fn bits(elem: &str) -> u32 {
    elem.trim_start_matches('i').parse().expect("invariant: rings are integers")
}

fn shifted(w: &mut Writer, instruction: &str, x: &Value, shift: i64, shape: &[usize]) -> Value {
    let (t, bits) = (&x.elem, i64::from(bits(&x.elem)));
    // Past the width, what is left is the sign, or nothing.
    let body = match (instruction, shift >= bits) {
        ("shli", true) => vec![format!("%y = arith.constant 0 : {t}")],
        _ => vec![
            format!("%s = arith.constant {} : {t}", shift.min(bits - 1)),
            format!("%y = arith.{instruction} %a0, %s : {t}"),
        ],
    };
    w.elementwise(&[x], shape, t, &body)
}

/// The sum of each window times the rounded reciprocal of its count.
fn avg_pool(w: &mut Writer, op: &Op<Llil>, x: &Value, shape: &[usize]) -> Value {
    let sum = w.sum_pool(op, x, shape);
    let bits = bits(&x.elem);
    let modulus = 1i128 << bits;
    let reciprocal = |count: u64| {
        let count = i128::from(count);
        let element = (((1i128 << op.int("divisor_frac")) + count / 2) / count).rem_euclid(modulus);
        if element >= modulus / 2 { element - modulus } else { element }
    };
    let reciprocals: Vec<i128> = counts(op, &x.shape, shape).into_iter().map(reciprocal).collect();
    let factors = w.constant(&shape[2..], &x.elem, &reciprocals);
    w.elementwise(&[&sum, &factors], shape, &x.elem, &[format!("%y = arith.muli %a0, %a1 : {}", x.elem)])
}
