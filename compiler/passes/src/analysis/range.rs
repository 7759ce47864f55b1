//! Ranges: between which reals the values of a tensor lie. They stand in the annotations `range` and `range_origin`.

use treville_ir::{Attr, Diagnostic, Dialect, Func, Op, ValueId};
use treville_llil::{Llil, Secrecy, comparison_bits};

use super::mean;

/// How many times the attained range must fit: room for inputs that calibration has not seen.
pub const MARGIN: f64 = 4.0;

/// An interval of reals that holds every element of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least value.
    pub low: f64,
    /// The greatest value.
    pub high: f64,
}

impl Range {
    /// The range that holds nothing; its union with any range is that range.
    pub const EMPTY: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };

    /// The least range that holds the values; NaN is in no range, so it makes the result unbounded.
    pub fn over(values: impl IntoIterator<Item = f64>) -> Self {
        let widen = |range: Self, v: f64| {
            if v.is_nan() {
                Self { low: f64::NEG_INFINITY, high: f64::INFINITY }
            } else {
                range.union(Self { low: v, high: v })
            }
        };
        values.into_iter().fold(Self::EMPTY, widen)
    }

    /// The least range that holds both.
    pub fn union(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// A range that holds this one, with ends that are multiples of a 16th of the power of two above the magnitude.
    ///
    /// # Security
    /// Ranges are public. Coarse ones say little of the samples and weights that they come from.
    pub fn coarse(self) -> Self {
        let unit = (self.magnitude().log2().ceil() - 4.0).exp2();
        if unit.is_normal() {
            Self { low: (self.low / unit).floor() * unit, high: (self.high / unit).ceil() * unit }
        } else {
            self
        }
    }

    /// The greatest magnitude in it.
    pub fn magnitude(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    /// The range that holds every sum of a value of each.
    pub fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    /// The range that holds every product of a value of each.
    pub fn times(self, other: Self) -> Self {
        let ends = [self.low * other.low, self.low * other.high, self.high * other.low, self.high * other.high];
        Self::over(ends)
    }

    /// The range of the negatives.
    pub fn negated(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    /// The greatest of the values and their differences, in magnitude, as integers with `frac` fraction bits.
    pub fn scaled(self, frac: u8) -> f64 {
        self.magnitude().max(self.high - self.low) * 2f64.powi(frac.into())
    }
}

/// The annotated range of a value.
pub fn of<D: Dialect>(func: &Func<D>, value: ValueId) -> Option<Range> {
    match func.annotation(value, "range")?.as_floats()? {
        &[low, high] => Some(Range { low, high }),
        _ => None,
    }
}

/// The annotations that [`copy`] takes along.
pub const KEYS: [&str; 3] = ["range", "range_origin", "mean_abs"];

/// A bound on the sum of the magnitudes of a value's elements: [`MARGIN`] times the greatest that was attained in calibration, or the
/// elements times the magnitude of the annotated range, whichever is less.
pub fn mass<D: Dialect>(func: &Func<D>, value: ValueId) -> Option<f64> {
    let by_range = of(func, value).map(Range::magnitude);
    let by_mean = mean::of(func, value).map(|mean| mean * MARGIN);
    let each = by_range.into_iter().chain(by_mean).reduce(f64::min)?;
    Some(each * func.ty(value).elements() as f64)
}

/// Annotates a value with the range and the mean magnitude that it attained in calibration, both made [`Range::coarse`].
pub fn annotate<D: Dialect>(func: &mut Func<D>, value: ValueId, range: Range, mean: f64) {
    let range = range.coarse();
    func.annotate(value, "range", Attr::from([range.low, range.high]));
    func.annotate(value, "range_origin", Attr::from("calibrated"));
    mean::annotate(func, value, Range { low: 0.0, high: mean }.coarse().high);
}

/// Annotates a value with a range that it cannot leave.
pub(crate) fn annotate_proven<D: Dialect>(func: &mut Func<D>, value: ValueId, range: Range) {
    func.annotate(value, "range", Attr::from([range.low, range.high]));
    func.annotate(value, "range_origin", Attr::from("proven"));
}

/// Annotates a secret value with the range that follows from those of its op's operands, where all of these are known. It counts as
/// calibrated where one of them is.
pub(crate) fn derive(func: &mut Func<Llil>, value: ValueId) {
    let Some((_, op)) = func.defining_op(value).filter(|_| func.ty(value).elem.secrecy() == Secrecy::Secret) else {
        return;
    };
    let known = op.operands.iter().map(|v| of(func, *v).or_else(|| of_constant(func, *v))).collect::<Option<Vec<_>>>();
    let Some(range) = known.and_then(|operands| result(func, op, &operands)) else { return };
    let is_calibrated = |v: &ValueId| func.annotation(*v, "range_origin").and_then(Attr::as_str) == Some("calibrated");
    let origin = if op.operands.iter().any(is_calibrated) { "calibrated" } else { "proven" };
    let mean = mean::result(func, op);
    func.annotate(value, "range", Attr::from([range.low, range.high]));
    func.annotate(value, "range_origin", Attr::from(origin));
    if let Some(mean) = mean {
        mean::annotate(func, value, mean);
    }
}

/// The range of a public constant.
pub(crate) fn of_constant(func: &Func<Llil>, value: ValueId) -> Option<Range> {
    let (_, op) = func.defining_op(value).filter(|(_, op)| op.def.mnemonic == "constant")?;
    let unit = 2f64.powi(-i32::from(func.ty(value).elem.fixed()?.frac));
    Some(Range::over(op.attrs["value"].as_ints()?.iter().map(|&v| v as f64 * unit)))
}

/// The range of an op's result. Products of tensors have none here: they would be far too wide.
fn result(func: &Func<Llil>, op: &Op<Llil>, x: &[Range]) -> Option<Range> {
    Some(match op.def.mnemonic {
        "add" => x[0].plus(x[1]),
        "sub" => x[0].plus(x[1].negated()),
        "neg" => x[0].negated(),
        "mul" => x[0].times(x[1]),
        "relu" => Range { low: x[0].low.max(0.0), high: x[0].high.max(0.0) },
        "drelu" => Range { low: 0.0, high: 1.0 },
        "reshape" | "transpose" | "slice" | "gather" | "max_pool" | "scale_up" => x[0],
        "pad" => x[0].union(Range { low: 0.0, high: 0.0 }),
        "concat" => x.iter().copied().fold(Range::EMPTY, Range::union),
        "scale_down" => {
            let unit = 2f64.powi(-i32::from(func.ty(op.results[0]).elem.fixed()?.frac));
            x[0].plus(Range { low: -unit, high: unit })
        }
        "reduce_sum" => {
            let terms = func.ty(op.operands[0]).elements() / func.ty(op.results[0]).elements();
            x[0].times(Range { low: terms as f64, high: terms as f64 })
        }
        _ => return None,
    })
}

/// Gives a value the range of another one that stands for the same reals.
pub(crate) fn copy<From: Dialect, To: Dialect>(from: &Func<From>, old: ValueId, to: &mut Func<To>, new: ValueId) {
    for key in KEYS {
        if let Some(attr) = from.annotation(old, key) {
            to.annotate(new, key, attr.clone());
        }
    }
}

/// Refuses values whose range times [`MARGIN`] does not fit: the ring, and for what is compared the domain of comparison.
///
/// One diagnostic a value, at the node where it arises or is compared.
pub fn misfits(func: &Func<Llil>) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let mut check = |value: ValueId, bits: u8, node: &str, where_: &str| {
        let (Some(fixed), Some(range)) = (func.ty(value).elem.fixed(), of(func, value)) else { return };
        let extent = if where_ == COMPARED {
            range.scaled(fixed.frac)
        } else {
            range.magnitude() * 2f64.powi(fixed.frac.into())
        };
        let limit = 2f64.powi(bits.into());
        // A value cannot leave what is proven.
        let is_proven = func.annotation(value, "range_origin").and_then(Attr::as_str) == Some("proven");
        let (margin, kind) = if is_proven { (1.0, "proven") } else { (MARGIN, "attained") };
        if extent.is_nan() || extent * margin > limit {
            let Range { low, high } = range;
            faults.push(
                Diagnostic::error(
                    "E0601",
                    format!(
                        "the values of `{node}` do not fit the ring: {low} to {high} with {} fraction bits",
                        fixed.frac
                    ),
                )
                .at_node(node, where_)
                .with_note(format!(
                    "{margin} times the {kind} range must stay below 2^{bits}; it needs 2^{:.1}",
                    (extent * margin).log2()
                ))
                .with_help("use a smaller scale (--scale), or inputs of a smaller range"),
            );
        }
    };
    for (value, arg) in func.args() {
        check(value, arg.ty.elem.ring().get() - 1, &arg.name, "brought here");
    }
    for (_, op) in func.ops() {
        if matches!(op.def.mnemonic, "relu" | "drelu" | "max_pool" | "arg_max") {
            let ring = func.ty(op.operands[0]).elem.ring();
            check(op.operands[0], comparison_bits(ring), &op.loc, COMPARED);
        }
        check(op.results[0], func.ty(op.results[0]).elem.ring().get() - 1, &op.loc, "computed here");
    }
    faults
}

const COMPARED: &str = "compared here";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_their_values() {
        assert_eq!(Range::over([1.0, -3.0, 2.0]), Range { low: -3.0, high: 2.0 });
        assert_eq!(Range::over([1.0, f64::NAN]).magnitude(), f64::INFINITY);
        assert_eq!(Range { low: -3.0, high: 2.0 }.scaled(3), 40.0);
        assert_eq!(Range { low: -2.51, high: 3.99 }.coarse(), Range { low: -2.75, high: 4.0 });
        assert_eq!(Range { low: 0.0, high: 0.0 }.coarse(), Range { low: 0.0, high: 0.0 });
        assert_eq!(Range { low: -4.0, high: 4.0 }.coarse(), Range { low: -4.0, high: 4.0 });
        assert_eq!(Range { low: 2.0, high: 3.0 }.scaled(3), 24.0);
    }
}
