//! The function as it is approximated: defined everywhere, bounded, on a grid of ring elements.

use super::Request;
use crate::analysis::range::{MARGIN, Range};

/// Exponentials have come to their end here. The domain goes as far where a function does not move beyond, for a comparison or two.
const SATURATED: f64 = 32.0;

/// A range that is proven and no larger than this is believed rather than the attained one.
const LITTLE: f64 = 4096.0;

/// A bounded function on the grid of the operand's ring elements between `low` and `high`.
pub(super) struct Curve<'a> {
    f: &'a dyn Fn(f64) -> f64,
    /// The closed interval in which the function is asked.
    asked: Range,
    /// The magnitude at which the function is cut.
    limit: f64,
    /// The first grid point at or behind the function's pole.
    pub(super) pole: Option<i64>,
    /// The operand's unit.
    unit: f64,
    /// The result's unit.
    pub(super) out_unit: f64,
    /// The first grid point of the domain.
    pub(super) low: i64,
    /// The last grid point of the domain.
    pub(super) high: i64,
}

impl<'a> Curve<'a> {
    /// The curve over the attained range, widened as far as the function stays defined and within its limit. `None` where the attained range
    /// cannot be compared in the ring.
    pub(super) fn new(request: &Request<'a>) -> Option<Self> {
        let inside = |end: f64, step: fn(f64) -> f64| if end.is_finite() { step(end) } else { end };
        let out_unit = 2f64.powi(-i32::from(request.frac));
        let unit = 2f64.powi(-i32::from(request.operand_frac));
        let mut curve = Self {
            f: request.f,
            asked: Range {
                low: inside(request.defined.low, f64::next_up),
                high: inside(request.defined.high, f64::next_down),
            },
            limit: (MARGIN * request.magnitude).max(1.0),
            pole: request.pole.map(|x| (x / unit).ceil() as i64),
            unit,
            out_unit,
            low: 0,
            high: 0,
        };
        let Range { low, high } = request.operand;
        let possible = request.possible;
        let margin = ((MARGIN - 1.0) * request.operand.magnitude()).max(64.0 * unit);
        // A quarter of the ring holds what can be compared; the domain keeps within half of that.
        let most = 2f64.powi(i32::from(request.ring.get()) - 4);
        let grid = |x: f64| (x / unit).clamp(-most, most);
        let attained = request.operand.magnitude();
        if attained.is_nan() || attained > most * unit {
            return None;
        }
        let is_little = possible.magnitude() <= LITTLE;
        if is_little {
            curve.limit = curve.limit.max(curve.greatest(possible));
        }
        let reach = |from, to| curve.reach(request.pole, from, to);
        let (low, high) = if is_little {
            (reach(low, possible.low), reach(high, possible.high))
        } else {
            (reach(low, low - margin), reach(high, high + margin))
        };
        let rests = |x: f64| request.pole.is_none() && curve.is_flat(x);
        let low = if rests(-SATURATED) { low.min(-SATURATED) } else { low };
        let high = if rests(SATURATED) { high.max(SATURATED) } else { high };
        let (low, high) = (low.max(possible.low), high.min(possible.high));
        (curve.low, curve.high) = (grid(low).floor() as i64, grid(high.max(low)).ceil() as i64);
        Some(curve)
    }

    /// Whether the function is as good as constant from here on outwards, and within its limit.
    fn is_flat(&self, x: f64) -> bool {
        let within = |x: f64| (self.f)(x).abs() <= self.limit && self.at(x) == (self.f)(x);
        within(x) && within(2.0 * x) && 4.0 * (self.at(x) - self.at(2.0 * x)).abs() <= self.out_unit
    }

    /// The greater magnitude of the function at the ends of a range, of those where it has one that is not large.
    fn greatest(&self, range: Range) -> f64 {
        let ends = [range.low, range.high].map(|x| (self.f)(x).abs());
        ends.into_iter().filter(|y| *y <= 16.0).fold(0.0, f64::max)
    }

    /// The real at a grid point.
    pub(super) fn x(&self, point: i64) -> f64 {
        point as f64 * self.unit
    }

    /// The function's value, cut at the limit.
    pub(super) fn at(&self, x: f64) -> f64 {
        let y = (self.f)(x.clamp(self.asked.low, self.asked.high));
        if y.is_nan() { 0.0 } else { y.clamp(-self.limit, self.limit) }
    }

    /// What the function changes from a grid point to the next.
    pub(super) fn step(&self, point: i64) -> f64 {
        (self.at(self.x(point + 1)) - self.at(self.x(point))).abs()
    }

    /// Whether an error at a grid point can be had: half a unit of the result, or up to four where the function is steep, half of its
    /// change over a unit of the operand.
    pub(super) fn tolerates(&self, point: i64, error: f64) -> bool {
        2.0 * error <= self.out_unit || 2.0 * error <= self.step(point).min(8.0 * self.out_unit)
    }

    /// The farthest point from `from` towards `to` up to which the function is defined and within its limit.
    fn reach(&self, pole: Option<f64>, from: f64, to: f64) -> f64 {
        const STEPS: i32 = 256;
        let valid = |x: f64| {
            let y = (self.f)(x);
            pole != Some(x) && (self.asked.low..=self.asked.high).contains(&x) && y.abs() <= self.limit
        };
        if !valid(from) {
            return from;
        }
        // A pole is narrower than any step, so it is a stop of its own.
        let pole_share = pole.map_or(f64::NAN, |pole| (pole - from) / (to - from));
        let at = |share: f64| if share == pole_share { pole.unwrap_or(to) } else { from + (to - from) * share };
        let mut stops: Vec<f64> = (0..=STEPS).map(|i| f64::from(i) / f64::from(STEPS)).collect();
        stops.extend(Some(pole_share).filter(|share| (0.0..=1.0).contains(share)));
        stops.sort_by(f64::total_cmp);
        let Some(first) = stops.iter().position(|share| !valid(at(*share))) else { return to };
        let (mut inside, mut outside) = (stops[first.saturating_sub(1)], stops[first]);
        for _ in 0..40 {
            let middle = (inside + outside) / 2.0;
            *(if valid(at(middle)) { &mut inside } else { &mut outside }) = middle;
        }
        at(inside)
    }
}
