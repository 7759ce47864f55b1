//! The bound on what roundings that are not exact can change: the annotation `err`.

use treville_hlil::Weights;
use treville_ir::{ArgKind, Attr, Func, Op, ValueId};
use treville_llil::Llil;
use treville_ring::{RingTensor, encode};

use super::range;

/// Annotates every value with the greatest possible difference, in units of its last place, between a run whose ScaleDowns
/// round `probabilistic` or `local` and the reference that rounds down, and returns the bounds of the results.
///
/// The bound holds for every input, provided that no local truncation fails altogether; how likely that is says
/// [`failure_bound`](super::failure::failure_bound). A product multiplies the error of its operand by the greatest sum of magnitudes that
/// one result sums up over the weights. A value whose bound is unknown (an index, a product of two secrets without ranges) has none.
pub fn annotate_err(func: &mut Func<Llil>, weights: &Weights) -> Vec<Option<f64>> {
    let mut bounds: Vec<Option<f64>> = vec![None; func.values().len()];
    for (value, _) in func.args() {
        bounds[value.index()] = Some(0.0);
    }
    let mut found: Vec<(ValueId, f64)> = Vec::new();
    for (_, op) in func.ops() {
        let result = op.results[0];
        let bound = bound(func, weights, op, &|i| bounds[op.operands[i].index()]);
        bounds[result.index()] = bound;
        found.extend(bound.map(|b| (result, b)));
    }
    for (value, bound) in found {
        func.annotate(value, "err", Attr::Float(published(bound)));
    }
    func.results().iter().map(|r| bounds[r.value.index()]).collect()
}

/// The bound that all may know: the next power of two. Bounds of up to two units tell nothing of the weights.
fn published(bound: f64) -> f64 {
    if bound > 2.0 { bound.log2().ceil().exp2() } else { bound }
}

fn bound(func: &Func<Llil>, weights: &Weights, op: &Op<Llil>, err: &dyn Fn(usize) -> Option<f64>) -> Option<f64> {
    let int = |name: &str| match op.attrs.get(name) {
        Some(Attr::Int(v)) => *v as i32,
        _ => 0,
    };
    match op.def.mnemonic {
        "constant" => Some(0.0),
        "add" | "sub" => Some(err(0)? + err(1)?),
        "neg" | "relu" | "max_pool" | "reshape" | "transpose" | "pad" | "slice" => err(0),
        "concat" => (0..op.operands.len()).map(err).try_fold(0.0, |max: f64, e| Some(max.max(e?))),
        // The count times its rounded reciprocal is at most half a count above 2^divisor_frac.
        "avg_pool" => {
            let taps: i64 = op.attrs.get("kernel").and_then(Attr::as_ints)?.iter().product();
            Some(err(0)? * (2f64.powi(int("divisor_frac")) + taps as f64 / 2.0))
        }
        "scale_up" => Some(err(0)? * 2f64.powi(int("shift"))),
        "scale_down" => {
            let exact = matches!(op.attrs.get("rounding"), Some(Attr::Str(r)) if r == "exact");
            Some((err(0)? / 2f64.powi(int("shift"))).ceil() + if exact { 0.0 } else { 1.0 })
        }
        // Every term is zero where no operand has an error.
        "matmul" | "conv" | "mul" if err(0)? == 0.0 && err(1)? == 0.0 => Some(0.0),
        "matmul" | "conv" if err(1)? == 0.0 => Some(err(0)? * greatest_sum(func, weights, op)?),
        "mul" => {
            let (e0, e1) = (err(0)?, err(1)?);
            let cross = |e: f64, other: usize| match e {
                0.0 => Some(0.0),
                e => Some(e * magnitude(func, weights, op.operands[other])?),
            };
            Some(cross(e0, 1)? + cross(e1, 0)? + e0 * e1)
        }
        _ => None,
    }
}

/// The greatest magnitude of a value, as an integer: of a weight or constant by its elements, of another value by its range.
fn magnitude(func: &Func<Llil>, weights: &Weights, value: ValueId) -> Option<f64> {
    if let Some(encoded) = encoded_weight(func, weights, value) {
        let ring = func.ty(value).elem.ring();
        return Some(encoded.iter().map(|v| ring.to_signed(*v).unsigned_abs() as f64).fold(0.0, f64::max));
    }
    match func.defining_op(value) {
        Some((_, op)) if op.def.mnemonic == "constant" => {
            Some(op.attrs.get("value")?.as_ints()?.iter().map(|v| v.unsigned_abs() as f64).fold(0.0, f64::max))
        }
        _ => Some(range::of(func, value)?.scaled(func.ty(value).elem.fixed()?.frac)),
    }
}

/// The greatest sum of magnitudes of the weights that one element of the result multiplies by.
fn greatest_sum(func: &Func<Llil>, weights: &Weights, op: &Op<Llil>) -> Option<f64> {
    let encoded = encoded_weight(func, weights, op.operands[1])?;
    let ring = func.ty(op.operands[1]).elem.ring();
    let magnitude = |v: &u64| ring.to_signed(*v).unsigned_abs() as f64;
    // Outputs are the columns of a matrix and the first axis of a filter.
    let axis = ndarray::Axis(if op.def.mnemonic == "matmul" { 1 } else { 0 });
    Some(encoded.axis_iter(axis).map(|w| w.iter().map(magnitude).sum()).fold(0.0, f64::max))
}

fn encoded_weight(func: &Func<Llil>, weights: &Weights, value: ValueId) -> Option<RingTensor> {
    let arg = func.as_arg(value).filter(|arg| arg.kind == ArgKind::Weight)?;
    let ty = arg.ty.elem.fixed()?;
    encode(&weights.get(&arg.name).ok()?, ty.frac, ty.ring).ok()
}
