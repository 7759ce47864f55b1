//! Ranges that follow from what ops are, whatever the data: a sigmoid is no probability above 1.
//!
//! They are few and narrow, and serve the approximation of functions: calibration that has seen little of them need not be believed.

use treville_hlil::{Function, Hlil};
use treville_ir::{Func, Op, ValueId};

use super::range::Range;

const ALL: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };
const BIT: Range = Range { low: 0.0, high: 1.0 };

/// The range of each value, by index; without ends where nothing is known.
pub fn ranges(func: &Func<Hlil>) -> Vec<Range> {
    let mut ranges = vec![ALL; func.values().len()];
    for (_, op) in func.ops() {
        let operands: Vec<Range> = op.operands.iter().map(|v| ranges[v.index()]).collect();
        let range = result(func, op, &operands);
        let is_number = !range.low.is_nan() && !range.high.is_nan();
        ranges[op.results[0].index()] = if is_number { range } else { ALL };
    }
    ranges
}

fn result(func: &Func<Hlil>, op: &Op<Hlil>, x: &[Range]) -> Range {
    match op.def.mnemonic {
        "constant" => match &op.attrs["values"] {
            treville_ir::Attr::Ints(all) => Range::over(all.iter().map(|&v| v as f64)),
            all => Range::over(all.as_floats().unwrap_or_default().iter().copied()),
        },
        "reshape" | "transpose" | "slice" | "gather" | "max_pool" | "avg_pool" | "reduce_max" | "reduce_mean" => x[0],
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
