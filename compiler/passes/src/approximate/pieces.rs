//! The division of the domain into pieces: from the left, each as long as its polynomial fits.

use super::curve::Curve;
use super::fit::Piece;

/// Pieces side by side, between two constants that go on for ever.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pieces {
    /// Up to the first piece.
    pub(super) left: Piece,
    /// The polynomials.
    pub(super) inner: Vec<Piece>,
    /// Behind the last piece.
    pub(super) right: Piece,
}

impl Pieces {
    /// The number of breakpoints.
    pub(super) fn breakpoints(&self) -> usize {
        self.inner.len() + 1
    }

    /// All pieces in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Piece> {
        std::iter::once(&self.left).chain(&self.inner).chain(std::iter::once(&self.right))
    }
}

/// Divides the domain for polynomials of one degree; `None` where more than `affordable` breakpoints would be needed.
pub(super) fn divide(curve: &Curve<'_>, degree: usize, affordable: usize) -> Option<Pieces> {
    let (low, high) = (curve.low, curve.high);
    let span = high - low;
    let level = |first: i64, last: i64| {
        Piece::constant(first, last, (curve.at(curve.x(first)) + curve.at(curve.x(last))) / 2.0)
    };
    let flat = longest(span, span, |length| level(low, low + length).fits(curve));
    let left = level(low, low + flat);
    let start = if flat == 0 { low } else { left.last + 1 };
    let left = Piece { last: start - 1, ..left };
    let rest = (high - start).max(0);
    let flat = longest(rest, rest, |length| level(high - length, high).fits(curve));
    let right = level(high - flat, high);
    let end = if flat == 0 { high } else { right.first - 1 };
    let right = Piece { first: end + 1, ..right };

    let mut inner: Vec<Piece> = Vec::new();
    for (mut first, end) in stretches(curve, start, end) {
        let mut guess = end - first;
        while first <= end {
            if inner.len() + 1 >= affordable {
                return None;
            }
            let most = end - first;
            let fits = |length: i64| Piece::interpolate(curve, first, first + length, degree).fits(curve);
            let length = longest(guess.clamp(0, most), most, fits);
            inner.push(Piece::interpolate(curve, first, first + length, degree));
            first += length + 1;
            guess = length;
        }
    }
    Some(Pieces { left, inner, right })
}

/// The part between two grid points, cut at the function's pole.
fn stretches(curve: &Curve<'_>, start: i64, end: i64) -> Vec<(i64, i64)> {
    match curve.pole {
        _ if start > end => Vec::new(),
        Some(pole) if start < pole && pole <= end => vec![(start, pole - 1), (pole, end)],
        _ => vec![(start, end)],
    }
}

/// The greatest length up to `most` that fits, up to a 64th: found upwards or downwards from a guess. Length 0 fits always.
fn longest(guess: i64, most: i64, fits: impl Fn(i64) -> bool) -> i64 {
    let (mut good, mut bad) = (0, most + 1);
    let mut length = guess;
    while length > good && length < bad {
        if fits(length) {
            good = length;
            length = length.saturating_mul(2).min(most);
        } else {
            bad = length;
            length /= 2;
        }
    }
    while bad - good > 1 + good / 64 {
        let middle = good + (bad - good) / 2;
        *(if fits(middle) { &mut good } else { &mut bad }) = middle;
    }
    good
}
