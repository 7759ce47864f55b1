//! Mean magnitudes: how large the elements of a tensor are on average. They stand in the annotation `mean_abs`.
//!
//! What goes wrong in a tensor hangs on the sum of its magnitudes, and that is far below its size times the greatest of them.

use treville_ir::{Attr, Dialect, Func, Op, ValueId};
use treville_llil::Llil;

use super::range;

/// The annotated mean magnitude of a value.
pub fn of<D: Dialect>(func: &Func<D>, value: ValueId) -> Option<f64> {
    func.annotation(value, "mean_abs").and_then(Attr::as_float)
}

pub(super) fn annotate<D: Dialect>(func: &mut Func<D>, value: ValueId, mean: f64) {
    if mean.is_finite() {
        func.annotate(value, "mean_abs", Attr::Float(mean));
    }
}

/// A bound on the mean magnitude of an op's result, from those of its operands.
pub(super) fn result(func: &Func<Llil>, op: &Op<Llil>) -> Option<f64> {
    let mean = |i: usize| of(func, op.operands[i]).or_else(|| of_constant(func, op.operands[i]));
    let elements = |value: ValueId| func.ty(value).elements() as f64;
    let n_results = elements(op.results[0]);
    // The elements of the operand that are left have the whole sum at most.
    let kept = |i: usize| Some(mean(i)? * elements(op.operands[i]) / n_results);
    Some(match op.def.mnemonic {
        "reshape" | "transpose" | "neg" | "relu" | "scale_up" => mean(0)?,
        // Broadcasting repeats all elements equally often.
        "add" | "sub" => mean(0)? + mean(1)?,
        "scale_down" => mean(0)? + 2f64.powi(-i32::from(func.ty(op.results[0]).elem.fixed()?.frac)),
        "slice" | "pad" | "reduce_sum" => kept(0)?,
        "concat" => (0..op.operands.len()).map(kept).sum::<Option<f64>>()?,
        "mul" => {
            let by_greatest = |i: usize, other: usize| {
                let greatest =
                    range::of(func, op.operands[other]).or_else(|| range::of_constant(func, op.operands[other]));
                Some(mean(i)? * greatest?.magnitude())
            };
            [by_greatest(0, 1), by_greatest(1, 0)].into_iter().flatten().reduce(f64::min)?
        }
        _ => return None,
    })
}

fn of_constant(func: &Func<Llil>, value: ValueId) -> Option<f64> {
    range::of_constant(func, value).map(range::Range::magnitude)
}
