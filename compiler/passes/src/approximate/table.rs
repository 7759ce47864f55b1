//! From polynomials to ring elements, and the bound on what their evaluation makes of them.

use super::curve::Curve;
use super::fit::Piece;
use super::pieces::Pieces;
use super::{ApproximateError, Approximation, Request};
use crate::analysis::range::{MARGIN, Range};

/// Points at which the error of each piece is measured.
const POINTS: i64 = 1024;

/// Encodes the pieces, with as many fraction bits as keep the roundings of the evaluation to about a third of a unit of the result, or as
/// the ring has.
///
/// # Accuracy
/// Every ScaleDown is off by at most one unit of its last place. Of a polynomial of degree d, d - 1 partial sums are scaled down, each with
/// `partial_frac` bits, and what they are off by is multiplied by v, which is at most 1; v is off by a unit of `v_frac` bits, which the
/// derivative multiplies. To this comes the measured distance between the polynomial of rounded coefficients and the function, and one
/// unit for the last ScaleDown.
pub(super) fn encode(
    curve: &Curve<'_>,
    pieces: &Pieces,
    request: &Request<'_>,
) -> Result<Approximation, ApproximateError> {
    let all: Vec<&Piece> = pieces.all().collect();
    let degree = all.iter().map(|piece| piece.coefficients.len() - 1).max().unwrap_or(0).max(1);
    // The widest piece has the scale 1; v as it is computed has these fraction bits.
    let exponents = pieces.inner.iter().map(|piece| piece.exponent);
    let stretched_frac = exponents.max().unwrap_or(0).max(request.operand_frac.into()) as u8;

    let sum_of = |piece: &Piece, weigh: fn(usize, f64) -> f64| -> f64 {
        piece.coefficients.iter().enumerate().map(|(power, c)| weigh(power, c.abs())).sum()
    };
    let slopes = all.iter().map(|piece| sum_of(piece, |power, c| power as f64 * c));
    let derivative = slopes.fold(0.0, f64::max);
    let magnitude = all.iter().map(|piece| sum_of(piece, |_, c| c)).fold(curve.out_unit, f64::max);

    let wanted_partial = request.frac + 3 + bits_above(degree as f64 - 1.0).clamp(0, 8) as u8;
    let wanted_v = (i32::from(request.frac) + 2 + bits_above(derivative)).clamp(1, stretched_frac.into()) as u8;
    let budget = i32::from(request.ring.get()) - 1 - MARGIN.log2() as i32 - bits_above(magnitude);
    let roundings = |partial_frac: u8, v_frac: u8| {
        let v_unit = if v_frac < stretched_frac { unit(v_frac) } else { 0.0 };
        (degree as f64 - 1.0) * unit(partial_frac) + v_unit * derivative * (1.0 + v_unit).powi(degree as i32)
    };
    // Where the ring has no room for what is wanted, the best of what it has room for.
    let fitting = (1..=wanted_partial).filter_map(|partial_frac| {
        let v_frac = (budget - i32::from(partial_frac)).min(wanted_v.into());
        (v_frac >= 1).then_some((partial_frac, v_frac as u8))
    });
    let with_coefficients = |(partial_frac, v_frac): &(u8, u8)| {
        roundings(*partial_frac, *v_frac) + (degree as f64 + 1.0) / 2.0 * unit(*partial_frac)
    };
    let best = fitting.min_by(|a, b| with_coefficients(a).total_cmp(&with_coefficients(b)));
    let Some((partial_frac, v_frac)) = best.filter(|_| i32::from(stretched_frac) + 4 <= request.ring.get().into())
    else {
        return Err(ApproximateError::Ring { ring: request.ring.get() });
    };

    let frac_of = |power: usize| if power == 0 { partial_frac + v_frac } else { partial_frac };
    let coefficient = |piece: &Piece, power: usize| {
        let c = piece.coefficients.get(power).copied().unwrap_or(0.0);
        (c / unit(frac_of(power))).round() as i64
    };
    let scale =
        |i: usize| if i == 0 || i + 1 == all.len() { 0 } else { 1i64 << (u32::from(stretched_frac) - all[i].exponent) };
    let mut approximation = Approximation {
        breakpoints: all[1..].iter().map(|piece| piece.first).collect(),
        centres: all.iter().map(|piece| piece.centre).collect(),
        scales: (0..all.len()).map(scale).collect(),
        scale_frac: stretched_frac - request.operand_frac,
        v_frac,
        coefficients: (0..=degree).map(|power| all.iter().map(|piece| coefficient(piece, power)).collect()).collect(),
        frac: request.frac,
        partial_frac,
        domain: Range { low: curve.x(curve.low), high: curve.x(curve.high) },
        error: 0.0,
        slope: 0.0,
    };

    let (mut distance, mut slope) = (0.0f64, 0.0f64);
    for (i, piece) in all.iter().enumerate() {
        let coefficients = (0..=degree).map(|power| approximation.coefficients[power][i] as f64 * unit(frac_of(power)));
        let rounded = Piece { coefficients: coefficients.collect(), ..(*piece).clone() };
        for point in piece.points(POINTS).chain(piece.octaves()) {
            distance = distance.max((rounded.at(point) - curve.at(curve.x(point))).abs());
            slope = slope.max(curve.step(point));
        }
    }
    // Between the points that are measured the distance may be a little greater.
    const UNSEEN: f64 = 1.0 + 1.0 / 16.0;
    approximation.error = (distance * UNSEEN + roundings(partial_frac, v_frac)) / curve.out_unit + 1.0;
    approximation.slope = slope * UNSEEN / curve.out_unit;
    Ok(approximation)
}

/// A unit of the last of `frac` places.
fn unit(frac: u8) -> f64 {
    2f64.powi(-i32::from(frac))
}

/// The least n such that x <= 2^n, and at least -64. Read off the bits: a logarithm could differ between machines.
fn bits_above(x: f64) -> i32 {
    let (exponent, mantissa) = ((x.to_bits() >> 52 & 0x7ff) as i32 - 1023, x.to_bits() << 12);
    if x > 0.0 { (exponent + i32::from(mantissa != 0)).max(-64) } else { -64 }
}
