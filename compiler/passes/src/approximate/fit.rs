//! One polynomial on one piece.

use std::f64::consts::FRAC_1_SQRT_2;

use super::curve::Curve;

/// A polynomial in v = (point - centre) / 2^exponent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    /// The first grid point.
    pub(super) first: i64,
    /// The last grid point.
    pub(super) last: i64,
    /// The grid point at which v is 0.
    pub(super) centre: i64,
    /// v is at most 1 in magnitude.
    pub(super) exponent: u32,
    /// By power of v.
    pub(super) coefficients: Vec<f64>,
}

impl Piece {
    /// The polynomial that interpolates the curve at the Chebyshev points of the piece.
    pub(super) fn interpolate(curve: &Curve<'_>, first: i64, last: i64, degree: usize) -> Self {
        let centre = first + (last - first) / 2;
        let half = (last - centre).max(1);
        let exponent = i64::BITS - (half - 1).leading_zeros();
        let mut piece = Self { first, last, centre, exponent, coefficients: Vec::new() };
        let n = degree + 1;
        let middle = (piece.v(first) + piece.v(last)) / 2.0;
        let radius = (piece.v(last) - piece.v(first)) / 2.0;
        let nodes: Vec<f64> = (0..n).map(|i| middle - radius * NODES[n - 1][i]).collect();
        let stretch = 2f64.powi(exponent as i32);
        let origin = curve.x(centre);
        let unit = curve.x(1);
        // Newton's divided differences, then Horner's rule from Newton's form to powers.
        let mut differences: Vec<f64> = nodes.iter().map(|v| curve.at(origin + v * stretch * unit)).collect();
        if radius == 0.0 {
            differences.truncate(1);
        }
        for order in 1..differences.len() {
            for i in (order..differences.len()).rev() {
                differences[i] = (differences[i] - differences[i - 1]) / (nodes[i] - nodes[i - order]);
            }
        }
        let mut powers = vec![0.0; n];
        for (difference, node) in differences.iter().zip(&nodes).rev() {
            for k in (1..n).rev() {
                powers[k] = powers[k - 1] - node * powers[k];
            }
            powers[0] = difference - node * powers[0];
        }
        piece.coefficients = powers;
        piece
    }

    /// A constant.
    pub(super) fn constant(first: i64, last: i64, value: f64) -> Self {
        Self { first, last, centre: first, exponent: 0, coefficients: vec![value] }
    }

    /// The operand in the piece's own measure.
    pub(super) fn v(&self, point: i64) -> f64 {
        (point - self.centre) as f64 / 2f64.powi(self.exponent as i32)
    }

    /// The polynomial's value at a grid point.
    pub(super) fn at(&self, point: i64) -> f64 {
        let v = self.v(point);
        self.coefficients.iter().rev().fold(0.0, |sum, c| sum * v + c)
    }

    /// Up to `n` grid points of the piece, evenly spread, both ends among them.
    pub(super) fn points(&self, n: i64) -> impl Iterator<Item = i64> + use<> {
        let (first, span) = (self.first, self.last - self.first);
        let n = n.min(span + 1);
        (0..n).map(
            move |i| if n == 1 { first } else { first + (i128::from(span) * i128::from(i) / i128::from(n - 1)) as i64 },
        )
    }

    /// The powers of two in the piece, of both signs, and what lies halfway between them: functions bend around 0, at any distance.
    pub(super) fn octaves(&self) -> impl Iterator<Item = i64> + use<> {
        let (first, last) = (self.first, self.last);
        let points = (1..61u32).flat_map(|bits| [1i64 << bits, 3i64 << (bits - 1)]).flat_map(|point| [-point, point]);
        points.filter(move |point| (first..=last).contains(point))
    }

    /// Whether the curve tolerates the polynomial's error at all points that are looked at.
    pub(super) fn fits(&self, curve: &Curve<'_>) -> bool {
        const POINTS: i64 = 48;
        // The ends go first: it is there that a polynomial on too long a piece is seen to fail.
        let ends = [self.last, self.first];
        ends.into_iter().chain(self.points(POINTS)).chain(self.octaves()).all(|point| {
            let error = (self.at(point) - curve.at(curve.x(point))).abs();
            curve.tolerates(point, error)
        })
    }
}

/// The Chebyshev points cos(pi (2 i + 1) / (2 n)), by n - 1 and i. A cosine computed here could differ between machines.
const NODES: [&[f64]; 7] = [
    &[0.0],
    &[FRAC_1_SQRT_2, -FRAC_1_SQRT_2],
    &[0.8660254037844387, 0.0, -0.8660254037844387],
    &[0.9238795325112867, 0.38268343236508984, -0.3826834323650897, -0.9238795325112867],
    &[0.9510565162951535, 0.5877852522924731, 0.0, -0.587785252292473, -0.9510565162951535],
    &[
        0.9659258262890683,
        FRAC_1_SQRT_2,
        0.25881904510252074,
        -0.25881904510252063,
        -FRAC_1_SQRT_2,
        -0.9659258262890682,
    ],
    &[
        0.9749279121818236,
        0.7818314824680298,
        0.4338837391175582,
        0.0,
        -0.43388373911755806,
        -0.7818314824680295,
        -0.9749279121818237,
    ],
];
