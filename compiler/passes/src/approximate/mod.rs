//! Piecewise polynomials for smooth functions, fitted at compile time.
//!
//! [`approximate`] divides the domain of a function into pieces, each with a polynomial of one common degree, so that the fit is off by at
//! most half a unit of the result's last place; where the function is steep, by half of what it changes over one unit of its operand, up
//! to four units. The domain is [`MARGIN`](crate::analysis::range::MARGIN) times as wide as what calibration has seen, as far as the function
//! is defined and not larger than that many times what it was, or than 1; it holds all of a function that comes to rest, and all
//! of what is possible where that is little. Left and right of the domain, and where the function does not move any more, it is constant: the result is defined for every
//! ring element that can be compared. What comes out is all in ring elements, together with a bound on the error of the evaluation in the
//! ring; `hlil-to-llil` writes the program.
//!
//! In piece i the operand x is moved and stretched to v = (x - centre) * scale, which lies between -1 and 1; scales are powers of two. The
//! polynomial is evaluated in v by Horner's rule. In the outer pieces the scale is 0, and so is v, whatever x is.
//!
//! The numbers depend on the request alone: f64 arithmetic in a fixed order, counts as the only limits.

mod curve;
mod fit;
mod pieces;
mod table;

use treville_ring::RingBits;

use crate::analysis::range::Range;
use curve::Curve;
use pieces::{Pieces, divide};

/// What to approximate, where, and how finely.
pub struct Request<'a> {
    /// The function.
    pub f: &'a dyn Fn(f64) -> f64,
    /// The open interval outside of which the function is taken to be what it is at the nearer end.
    pub defined: Range,
    /// The point at which the function jumps from one infinity to the other.
    pub pole: Option<f64>,
    /// The range that the operand attained.
    pub operand: Range,
    /// What the operand cannot leave, whatever the data; without ends where that is not known.
    pub possible: Range,
    /// The greatest magnitude that the result attained.
    pub magnitude: f64,
    /// Fraction bits of the operand.
    pub operand_frac: u8,
    /// Fraction bits of the result.
    pub frac: u8,
    /// The ring.
    pub ring: RingBits,
}

/// A piecewise polynomial in ring elements. There is one piece more than there are breakpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Approximation {
    /// Where pieces begin, with the operand's fraction bits, ascending; what lies before the first one is the first piece.
    pub breakpoints: Vec<i64>,
    /// The centre of each piece, with the operand's fraction bits.
    pub centres: Vec<i64>,
    /// What stretches each piece: powers of two, and 0 for the outer ones.
    pub scales: Vec<i64>,
    /// Fraction bits of the scales.
    pub scale_frac: u8,
    /// Fraction bits of v that the polynomial is evaluated with.
    pub v_frac: u8,
    /// The coefficients by power, then by piece.
    pub coefficients: Vec<Vec<i64>>,
    /// Fraction bits of the result, in whose last place errors are stated.
    pub frac: u8,
    /// Fraction bits of the coefficients and partial sums. The constant terms have `v_frac` more, and so has the sum.
    pub partial_frac: u8,
    /// The domain: between its ends the result follows the function, outside it is constant.
    pub domain: Range,
    /// Bound on the error within the domain, in units of the last of `frac` places, for any rounding and with the last ScaleDown.
    pub error: f64,
    /// The most that the function changes over one unit of the operand's last place, in units of the last of `frac` places.
    pub slope: f64,
}

impl Approximation {
    /// The greatest magnitude of the sum of the terms from a power on, as it is multiplied by v to get the one before.
    pub fn magnitude(&self, power: usize) -> f64 {
        let unit = |power: usize| {
            let frac = self.partial_frac + if power == 0 { self.v_frac } else { 0 };
            2f64.powi(-i32::from(frac))
        };
        let terms = |piece: usize| {
            (power..self.coefficients.len())
                .map(move |power| self.coefficients[power][piece].unsigned_abs() as f64 * unit(power))
        };
        // Roundings add less than one unit to each term.
        let roundings = unit(1) * self.coefficients.len() as f64;
        (0..self.centres.len()).map(|piece| terms(piece).sum::<f64>()).fold(0.0, f64::max) + roundings
    }

    /// What one element costs in `porthos`, in bytes: a comparison for each breakpoint, a product for v and for each power.
    pub fn bytes(&self) -> usize {
        self.breakpoints.len() * COMPARISON + self.coefficients.len() * PRODUCT
    }

    /// By how many units of its own last place the sum changes for each unit that the operand is off, and beyond that.
    pub fn modulus(&self) -> (f64, f64) {
        let units = 2f64.powi(i32::from(self.partial_frac + self.v_frac) - i32::from(self.frac));
        // Both sums are off by the stated error, but for the last ScaleDown, from the function at two operands.
        (self.slope * units, 2.0 * (self.error - 1.0) * units)
    }
}

/// Why there is no approximation.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ApproximateError {
    /// Operands have been seen for which the function has no value, or none that is bounded.
    #[error("it has no finite value for some of the operands that it was calibrated on")]
    Unbounded,
    /// Operands have been seen beyond a pole, where the function goes on.
    #[error("it is smooth between {low} and {high}, and operands lie beyond")]
    Beyond {
        /// The lower end of the interval.
        low: f64,
        /// The upper end of the interval.
        high: f64,
    },
    /// The operands or the polynomial's terms are too large for the ring.
    #[error("its operands and polynomials do not fit a ring of {ring} bits")]
    Ring {
        /// The ring's width.
        ring: u8,
    },
    /// More pieces than anyone would pay for.
    #[error("it needs more than {MAX_PIECES} pieces between {low} and {high}")]
    Pieces {
        /// The least operand of the domain.
        low: f64,
        /// The greatest operand of the domain.
        high: f64,
    },
}

/// The most pieces that are tried.
pub const MAX_PIECES: usize = 256;

/// The greatest degree that is tried.
const MAX_DEGREE: usize = 6;

/// What a comparison of one element costs, in bytes: all breakpoints are compared in one operation.
///
/// # Source
/// `porthos`, DReLU at 64 bits.
pub const COMPARISON: usize = 488;

/// What a product of two secrets costs, in bytes an element.
///
/// # Source
/// `porthos`, at 64 bits.
pub const PRODUCT: usize = 40;

/// What one step of Horner's rule weighs: a product, and a round, which weighs as much as two more.
const STEP: usize = 3 * PRODUCT;

/// Approximates a function by the cheapest piecewise polynomial that keeps its accuracy.
///
/// # Errors
/// [`ApproximateError`] where the result does not fit the ring, or too many pieces would be needed.
pub fn approximate(request: &Request<'_>) -> Result<Approximation, ApproximateError> {
    if !request.magnitude.is_finite() {
        return Err(ApproximateError::Unbounded);
    }
    // A range is coarse: it may leave the interval though no operand does, but then the function has no value there.
    let Range { low, high } = request.defined;
    let beyond = |end: f64| !(low..=high).contains(&end) && (request.f)(end).is_finite();
    if beyond(request.operand.low) || beyond(request.operand.high) {
        return Err(ApproximateError::Beyond { low, high });
    }
    let curve = Curve::new(request).ok_or(ApproximateError::Ring { ring: request.ring.get() })?;
    let mut best: Option<(usize, Pieces)> = None;
    // High degrees need few pieces; what they cost bounds the search of the others.
    for degree in (1..=MAX_DEGREE).rev() {
        let affordable = match &best {
            Some((price, _)) => price.saturating_sub(degree * STEP + 1) / COMPARISON,
            None => MAX_PIECES,
        };
        if let Some(pieces) = divide(&curve, degree, affordable) {
            best = Some((pieces.breakpoints() * COMPARISON + degree * STEP, pieces));
        }
    }
    let (low, high) = (curve.x(curve.low), curve.x(curve.high));
    let (_, pieces) = best.ok_or(ApproximateError::Pieces { low, high })?;
    table::encode(&curve, &pieces, request)
}
