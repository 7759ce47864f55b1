//! Ranges that follow from what ops are, whatever the data: a sigmoid is no probability above 1.
//!
//! [`ranges`] knows nothing of inputs and weights: its few narrow ones serve the approximation of functions, where calibration that has seen
//! little need not be believed. [`bounds`] knows both, and bounds every value by interval arithmetic. In deep networks these bounds
//! explode, because each layer takes the worst of all signs; for shallow ones they are a proof.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use treville_hlil::{Function, Hlil, Weights, WeightsError};
use treville_ir::{ArgKind, Attr, Diagnostic, Func, Op, ValueId};

use super::range::{Range, annotate_proven};
use crate::origin::Origin;

const ALL: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };
const BIT: Range = Range { low: 0.0, high: 1.0 };

/// The range of each value, by index; without ends where nothing is known.
pub fn ranges(func: &Func<Hlil>) -> Vec<Range> {
    propagate(func, vec![ALL; func.values().len()], &|_, _| ALL)
}

/// The range that each value has for all inputs within theirs, by index; without ends where nothing is known.
///
/// # Errors
/// A weight that cannot be had.
///
/// # Source
/// Moore, Kearfott, Cloud: Introduction to Interval Analysis (SIAM 2009), chapter 5.
pub fn bounds(
    func: &Func<Hlil>,
    weights: &Weights,
    inputs: &IndexMap<String, Range>,
) -> Result<Vec<Range>, WeightsError> {
    let mut known = vec![ALL; func.values().len()];
    let mut sums: BTreeMap<ValueId, (f64, f64)> = BTreeMap::new();
    let uses = func.uses();
    for (value, arg) in func.args() {
        if arg.kind == ArgKind::Input {
            known[value.index()] = inputs.get(&arg.name).copied().unwrap_or(ALL);
            continue;
        }
        let tensor = weights.get(&arg.name)?;
        known[value.index()] = Range::over(tensor.iter().map(|&v| v.into()));
        let linear = uses.ops(value).map(|op| func.op(op)).find(|op| op.operands.get(1) == Some(&value));
        if let Some(axis) = linear.and_then(|op| output_axis(op, tensor.ndim())) {
            sums.insert(value, greatest_sums(&tensor, axis));
        }
    }
    let linear = |op: &Op<Hlil>, x: &[Range]| match (sums.get(&op.operands[1]), op.def.mnemonic) {
        (Some(&(positive, negative)), mnemonic) => {
            let is_padded =
                op.attrs.get("pads").and_then(Attr::as_ints).is_some_and(|pads| pads.iter().any(|&p| p != 0));
            // Where a tap lies outside, it meets a zero.
            let x = if is_padded || mnemonic == "conv_transpose" {
                x[0].union(Range { low: 0.0, high: 0.0 })
            } else {
                x[0]
            };
            spanned(x, positive, negative)
        }
        (None, "mul") => x[0].times(x[1]),
        (None, _) => {
            let terms = terms(func, op);
            x[0].times(x[1]).times(Range { low: 0.0, high: terms })
        }
    };
    Ok(propagate(func, known, &linear))
}

/// Annotates each value that depends on an input with its proven bound instead of what calibration has found.
///
/// # Errors
/// A diagnostic for each value without a bound.
///
/// # Security
/// The bounds are made coarse, as calibrated ranges are: they come from the weights.
pub fn annotate(func: &mut Func<Hlil>, bounds: &[Range]) -> Result<(), Vec<Diagnostic>> {
    let origins = Origin::of_values(func);
    let values: Vec<ValueId> = func.values().map(|(value, _)| value).collect();
    let mut faults = Vec::new();
    for value in values.into_iter().filter(|v| origins[v.index()] == Origin::Secret) {
        let bound = bounds[value.index()];
        if bound.magnitude().is_finite() {
            annotate_proven(func, value, bound.coarse());
        } else {
            let node = func.loc(value).to_string();
            let fault = Diagnostic::error("E0603", format!("no bound can be proven for the values of `{node}`"));
            let help = "say the range of the inputs (--input-range NAME=LO:HI), or leave out --require-proven";
            faults.push(fault.at_node(&node, "here").with_help(help));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// How many values that depend on an input have no proven bound below `limit`, and the first of them with its bound.
pub fn beyond<'f>(func: &'f Func<Hlil>, bounds: &[Range], limit: f64) -> Option<(usize, &'f str, f64)> {
    let origins = Origin::of_values(func);
    let secret = func.values().map(|(value, _)| value).filter(|v| origins[v.index()] == Origin::Secret);
    let mut large = secret.filter(|v| bounds[v.index()].magnitude() >= limit).peekable();
    let first = *large.peek()?;
    Some((large.count(), func.loc(first), bounds[first.index()].magnitude()))
}

/// Bounds on sums of products with an x of this range, whose positive and negative factors add up to no more than these.
fn spanned(x: Range, positive: f64, negative: f64) -> Range {
    Range {
        low: (x.low * positive).min(0.0) + (x.high * negative).min(0.0),
        high: (x.high * positive).max(0.0) + (x.low * negative).max(0.0),
    }
}

fn propagate(func: &Func<Hlil>, mut ranges: Vec<Range>, product: &dyn Fn(&Op<Hlil>, &[Range]) -> Range) -> Vec<Range> {
    for (_, op) in func.ops() {
        let operands: Vec<Range> = op.operands.iter().map(|v| ranges[v.index()]).collect();
        let range = match op.def.mnemonic {
            "mul" | "matmul" | "conv" | "conv_transpose" => product(op, &operands),
            _ => result(func, op, &operands),
        };
        let is_number = !range.low.is_nan() && !range.high.is_nan();
        ranges[op.results[0].index()] = if is_number { range } else { ALL };
    }
    ranges
}

/// The axis of a filter along which its outputs lie.
fn output_axis(op: &Op<Hlil>, rank: usize) -> Option<usize> {
    match op.def.mnemonic {
        "conv" => Some(0),
        "conv_transpose" => Some(1),
        "matmul" => rank.checked_sub(1),
        _ => None,
    }
}

/// The greatest sum of positive factors, and the least one of negative factors, of an output.
fn greatest_sums(filter: &ndarray::ArrayD<f32>, axis: usize) -> (f64, f64) {
    let of_output = |line: ndarray::ArrayViewD<'_, f32>| {
        line.iter().fold((0.0, 0.0), |(p, n): (f64, f64), &v| (p + f64::from(v.max(0.0)), n + f64::from(v.min(0.0))))
    };
    let sums = filter.axis_iter(ndarray::Axis(axis)).map(of_output);
    sums.fold((0.0, 0.0), |(p, n), (of_p, of_n)| (p.max(of_p), n.min(of_n)))
}

/// How many products one element of a bilinear op's result sums up, at most.
fn terms(func: &Func<Hlil>, op: &Op<Hlil>) -> f64 {
    let (a, b) = (&func.ty(op.operands[0]).shape, &func.ty(op.operands[1]).shape);
    let terms = match op.def.mnemonic {
        "matmul" => a.last().copied().unwrap_or(1),
        "conv" => b[1..].iter().product(),
        _ => b[0] * b[2..].iter().product::<usize>(),
    };
    terms as f64
}

fn result(func: &Func<Hlil>, op: &Op<Hlil>, x: &[Range]) -> Range {
    match op.def.mnemonic {
        "constant" => match &op.attrs["values"] {
            treville_ir::Attr::Ints(all) => Range::over(all.iter().map(|&v| v as f64)),
            all => Range::over(all.as_floats().unwrap_or_default().iter().copied()),
        },
        "reshape" | "transpose" | "slice" | "gather" | "max_pool" | "avg_pool" | "reduce_max" | "reduce_mean" => x[0],
        "pad" => {
            let around = op.attrs["value"].as_float().unwrap_or(0.0);
            x[0].union(Range { low: around, high: around })
        }
        "concat" => x.iter().copied().fold(Range::EMPTY, Range::union),
        "select" => x[1].union(x[2]),
        "neg" => x[0].negated(),
        "add" => x[0].plus(x[1]),
        "sub" if is_below_max(func, op) => Range { high: 0.0, ..ALL },
        "sub" => x[0].plus(x[1].negated()),
        "max" => Range { low: x[0].low.max(x[1].low), high: x[0].high.max(x[1].high) },
        "relu" => Range { low: x[0].low.max(0.0), high: x[0].high.max(0.0) },
        "clip" => {
            let bound = |name: &str, none: f64| op.attrs[name].as_float().unwrap_or(none);
            let (min, max) = (bound("min", f64::NEG_INFINITY), bound("max", f64::INFINITY));
            Range { low: x[0].low.clamp(min, max), high: x[0].high.clamp(min, max) }
        }
        "greater" | "equal" | "softmax" => BIT,
        "apply" => image(op.attrs["function"].as_str().unwrap_or_default(), x[0]),
        "reduce_sum" => {
            let terms = (func.ty(op.operands[0]).elements() / func.ty(op.results[0]).elements()) as f64;
            // One of the exponentials is that of the greatest element.
            let low = if sums_exponentials_below_max(func, op) { 1.0 } else { terms * x[0].low };
            Range { low, high: terms * x[0].high }
        }
        _ => ALL,
    }
}

/// The range of a function that does not fall, or that is bounded.
fn image(name: &str, x: Range) -> Range {
    match (name, Function::of(name)) {
        ("exp" | "sigmoid" | "tanh" | "erf" | "softplus" | "atan" | "asinh" | "sinh", Some(function)) => {
            Range { low: (function.eval)(x.low, 0.0), high: (function.eval)(x.high, 0.0) }
        }
        ("sin" | "cos" | "softsign", _) => Range { low: -1.0, high: 1.0 },
        _ => ALL,
    }
}

/// Whether a difference takes from each element the greatest of several that it is among.
fn is_below_max(func: &Func<Hlil>, op: &Op<Hlil>) -> bool {
    let max = func.defining_op(op.operands[1]).filter(|(_, max)| max.def.mnemonic == "reduce_max");
    max.is_some_and(|(_, max)| max.operands[0] == op.operands[0])
}

/// Whether a sum is over the exponentials of what [`is_below_max`], along the axes of that maximum.
fn sums_exponentials_below_max(func: &Func<Hlil>, sum: &Op<Hlil>) -> bool {
    let above = |value: ValueId, mnemonic: &str| {
        func.defining_op(value).map(|(_, op)| op).filter(|op| op.def.mnemonic == mnemonic)
    };
    let exp = above(sum.operands[0], "apply").filter(|op| op.attrs["function"].as_str() == Some("exp"));
    let below = exp.and_then(|exp| above(exp.operands[0], "sub")).filter(|below| is_below_max(func, below));
    let max = below.and_then(|below| above(below.operands[1], "reduce_max"));
    max.is_some_and(|max| max.attrs["axes"] == sum.attrs["axes"])
}
