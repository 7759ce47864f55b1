//! The bound on what roundings that are not exact can change: the annotation `err`.

use treville_hlil::Weights;
use treville_ir::{ArgKind, Attr, Func, Op, ValueId};
use treville_llil::Llil;
use treville_ring::{RingTensor, encode};

use super::range;

/// How far a value can be off.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Off {
    /// By this many units.
    By(f64),
    /// It hangs on a comparison of something that is off by this many units. The annotation `modulus` further down says what that makes.
    Decided(f64),
    /// Nobody knows.
    Unknown,
}

impl Off {
    fn bound(self) -> Option<f64> {
        if let Self::By(units) = self { Some(units) } else { None }
    }
}

/// Annotates every value with the greatest possible difference, in units of its last place, between a run whose ScaleDowns
/// round `probabilistic` or `local` and the reference that rounds down, and returns the bounds of the results.
///
/// The bound holds for every input, provided that no local truncation fails altogether; how likely that is says
/// [`failure_bound`](super::failure::failure_bound). A product multiplies the error of its operand by the greatest sum of magnitudes that
/// one result sums up over the weights. A piecewise function or a floor is bounded by its `modulus` where the comparisons in it may come
/// out otherwise. A value whose bound is unknown (an index, a product of two secrets without ranges) has none.
pub fn annotate_err(func: &mut Func<Llil>, weights: &Weights) -> Vec<Option<f64>> {
    let offs = Errors { func, weights, from: From::Reference }.offs();
    let bounds = func.results().iter().map(|r| offs[r.value.index()].bound()).collect();
    let results: Vec<ValueId> = func.ops().map(|(_, op)| op.results[0]).collect();
    for (value, bound) in results.into_iter().filter_map(|v| Some((v, offs[v.index()].bound()?))) {
        func.annotate(value, "err", Attr::Float(published(bound)));
    }
    bounds
}

/// The greatest possible difference, in units of their last place, between the results and what the program means over the reals.
///
/// Inputs and weights are off by half a unit as they are encoded; all else is as in [`annotate_err`]. The bounds are for the worst case in
/// every operation, so deep networks have bounds that mean little.
pub fn error_bounds(func: &Func<Llil>, weights: &Weights) -> Vec<Option<f64>> {
    let offs = Errors { func, weights, from: From::Reals }.offs();
    func.results().iter().map(|r| offs[r.value.index()].bound()).collect()
}

/// What errors are differences from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// The evaluator that rounds down, on the same encoded inputs and weights.
    Reference,
    /// Real numbers.
    Reals,
}

struct Errors<'a> {
    func: &'a Func<Llil>,
    weights: &'a Weights,
    from: From,
}

impl Errors<'_> {
    /// How far each value can be off, by index.
    fn offs(&self) -> Vec<Off> {
        let mut offs: Vec<Off> = vec![Off::Unknown; self.func.values().len()];
        for (value, _) in self.func.args() {
            offs[value.index()] = Off::By(self.encoding(value));
        }
        for (_, op) in self.func.ops() {
            offs[op.results[0].index()] = off(self, op, &|i| offs[op.operands[i].index()]);
        }
        offs
    }

    /// How far an encoded value can be off: integers are exact.
    fn encoding(&self, value: ValueId) -> f64 {
        let frac = self.func.ty(value).elem.fixed().map_or(0, |fixed| fixed.frac);
        if self.from == From::Reals && frac > 0 { 0.5 } else { 0.0 }
    }
}

fn off(errors: &Errors<'_>, op: &Op<Llil>, operand: &dyn Fn(usize) -> Off) -> Off {
    let func = errors.func;
    let operands: Vec<Off> = (0..op.operands.len()).map(operand).collect();
    let decided = operands.iter().filter_map(|off| if let Off::Decided(units) = off { Some(*units) } else { None });
    let decided = decided.reduce(f64::max);
    if operands.contains(&Off::Unknown) {
        return Off::Unknown;
    }
    match (decided, func.annotation(op.results[0], "modulus").and_then(Attr::as_floats)) {
        (Some(units), Some(&[slope, offset])) => return Off::By(slope * units + offset),
        (Some(units), _) => return Off::Decided(units),
        _ => {}
    }
    let bound = bound(errors, op, &|i| operands[i].bound());
    match (op.def.mnemonic, bound) {
        ("drelu", Some(units)) if units > 0.0 => Off::Decided(units),
        (_, Some(units)) => Off::By(units),
        (_, None) => Off::Unknown,
    }
}

/// The bound that all may know: the next power of two. Bounds of up to two units tell nothing of the weights.
fn published(bound: f64) -> f64 {
    if bound > 2.0 { bound.log2().ceil().exp2() } else { bound }
}

fn bound(errors: &Errors<'_>, op: &Op<Llil>, err: &dyn Fn(usize) -> Option<f64>) -> Option<f64> {
    let (func, weights) = (errors.func, errors.weights);
    let int = |name: &str| match op.attrs.get(name) {
        Some(Attr::Int(v)) => *v as i32,
        _ => 0,
    };
    match op.def.mnemonic {
        "constant" => Some(errors.encoding(op.results[0])),
        "add" | "sub" => Some(err(0)? + err(1)?),
        "neg" | "relu" | "drelu" | "max_pool" | "reshape" | "transpose" | "pad" | "slice" | "gather" => err(0),
        "reduce_sum" => {
            let terms = func.ty(op.operands[0]).elements() / func.ty(op.results[0]).elements();
            Some(err(0)? * terms as f64)
        }
        "concat" => (0..op.operands.len()).map(err).try_fold(0.0, |max: f64, e| Some(max.max(e?))),
        // The count times its rounded reciprocal is at most half a count above 2^divisor_frac.
        "avg_pool" => {
            let taps: i64 = op.attrs.get("kernel").and_then(Attr::as_ints)?.iter().product();
            let rounded = match errors.from {
                From::Reference => 0.0,
                From::Reals => magnitude(func, weights, op.operands[0])? * taps as f64 / 2.0,
            };
            Some(err(0)? * (2f64.powi(int("divisor_frac")) + taps as f64 / 2.0) + rounded)
        }
        "scale_up" => Some(err(0)? * 2f64.powi(int("shift"))),
        "scale_down" => {
            let exact = errors.from == From::Reference
                && matches!(op.attrs.get("rounding"), Some(Attr::Str(r)) if r == "exact");
            Some((err(0)? / 2f64.powi(int("shift"))).ceil() + if exact { 0.0 } else { 1.0 })
        }
        // Every term is zero where no operand has an error.
        "matmul" | "conv" | "conv_transpose" | "mul" if err(0)? == 0.0 && err(1)? == 0.0 => Some(0.0),
        "matmul" | "conv" | "conv_transpose" => {
            let (e0, e1) = (err(0)?, err(1)?);
            let cross = |e: f64, other: usize| match e {
                0.0 => Some(0.0),
                e => Some(e * greatest_sum(func, weights, op, other)?),
            };
            Some(cross(e0, 1)? + cross(e1, 0)? + e0 * e1 * terms(func, op))
        }
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

/// The greatest sum of magnitudes of one operand's elements that go into one element of the result.
fn greatest_sum(func: &Func<Llil>, weights: &Weights, op: &Op<Llil>, operand: usize) -> Option<f64> {
    let value = op.operands[operand];
    let (Some(encoded), 1) = (encoded_weight(func, weights, value), operand) else {
        return Some(magnitude(func, weights, value)? * terms(func, op));
    };
    let ring = func.ty(value).elem.ring();
    let magnitude = |v: &u64| ring.to_signed(*v).unsigned_abs() as f64;
    // Outputs are the columns of a matrix, the first axis of a filter, and the second one of a transposed filter. Summing over batches and
    // groups too is more than there is.
    let axis = ndarray::Axis(match op.def.mnemonic {
        "matmul" => encoded.ndim() - 1,
        "conv" => 0,
        _ => 1,
    });
    Some(encoded.axis_iter(axis).map(|w| w.iter().map(magnitude).sum()).fold(0.0, f64::max))
}

/// How many products one element of a bilinear op's result sums up, at most.
fn terms(func: &Func<Llil>, op: &Op<Llil>) -> f64 {
    let (a, b) = (&func.ty(op.operands[0]).shape, &func.ty(op.operands[1]).shape);
    let terms = match op.def.mnemonic {
        "matmul" => a.last().copied().unwrap_or(1),
        // A filter's elements for one output channel; of a transposed one, all of its input channels at most.
        "conv" => b[1..].iter().product(),
        _ => b[0] * b[2..].iter().product::<usize>(),
    };
    terms as f64
}

fn encoded_weight(func: &Func<Llil>, weights: &Weights, value: ValueId) -> Option<RingTensor> {
    let arg = func.as_arg(value).filter(|arg| arg.kind == ArgKind::Weight)?;
    let ty = arg.ty.elem.fixed()?;
    encode(&weights.get(&arg.name).ok()?, ty.frac, ty.ring).ok()
}
