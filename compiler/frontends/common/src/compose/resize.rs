//! Resampling along one dimension: each element of the result is a sum of weighted elements at fixed places.
//!
//! # Source
//! ONNX Resize-19 (`onnx/reference/ops/op_resize.py` for what the text leaves open): coordinates, neighbours, weights. TensorFlow's
//! `ResizeBilinear` and `ResizeNearestNeighbor` are the linear and nearest filters at coordinates of their own.

use super::take::take;
use crate::{Node, Result};
use std::collections::BTreeMap;
use treville_ir::{ValueId, attrs};

/// How neighbours are weighted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Filter {
    /// One neighbour.
    Nearest(Nearest),
    /// The two neighbours, by distance; where `antialias` is set and the result is smaller, all within the stretched triangle.
    Linear {
        /// Whether the filter is stretched where the result is smaller.
        antialias: bool,
    },
    /// Four neighbours, by Keys' cubic.
    Cubic {
        /// The cubic's parameter, -0.75 or -0.5.
        a: f64,
        /// Whether the filter is stretched where the result is smaller.
        antialias: bool,
    },
}

/// Which neighbour is the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nearest {
    /// The nearer one; of two, the left.
    RoundPreferFloor,
    /// The nearer one; of two, the right.
    RoundPreferCeil,
    /// The left.
    Floor,
    /// The right.
    Ceil,
}

/// Where the centre of a result element lies among the operand's elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Coordinates {
    /// Pixels are squares, whose outer edges coincide.
    HalfPixel,
    /// The same, with the centres of both images in one place where the scale does not fit the sizes.
    HalfPixelSymmetric,
    /// As `HalfPixel`, but 0 where the result has one element.
    PytorchHalfPixel,
    /// The centres of the outermost pixels coincide.
    AlignCorners,
    /// The left edges coincide.
    Asymmetric,
    /// The centre of a pixel, counted from the left edge.
    TfHalfPixelForNn,
    /// A region of the operand, in fractions of the distance between its outermost centres.
    TfCropAndResize {
        /// Where it begins.
        start: f64,
        /// Where it ends.
        end: f64,
    },
}

impl Coordinates {
    /// The place of result element `i` of `out` among `size` elements, where `scale` is the size of the result over `size`.
    pub fn of(self, i: usize, out: usize, size: usize, scale: f64) -> f64 {
        let (i, last, exact) = (i as f64, size as f64 - 1.0, size as f64 * scale);
        let half_pixel = (i + 0.5) / scale - 0.5;
        match self {
            Self::HalfPixel => half_pixel,
            Self::HalfPixelSymmetric => size as f64 / 2.0 * (1.0 - out as f64 / exact) + half_pixel,
            Self::PytorchHalfPixel if out == 1 => 0.0,
            Self::PytorchHalfPixel => half_pixel,
            Self::AlignCorners if exact == 1.0 => 0.0,
            Self::AlignCorners => i * last / (exact - 1.0),
            Self::Asymmetric => i / scale,
            Self::TfHalfPixelForNn => (i + 0.5) / scale,
            Self::TfCropAndResize { start, end } if exact == 1.0 => (start + end) * last / 2.0,
            Self::TfCropAndResize { start, end } => start * last + i * (end - start) * last / (exact - 1.0),
        }
    }
}

/// One element of the result: the elements that it is made of, with their weights.
pub type Taps = Vec<(usize, f64)>;

impl Filter {
    /// The elements and weights for a result element whose centre is at `coordinate` among `size` elements.
    ///
    /// `scale` is the size of the result over `size`, for antialiasing. Neighbours beyond the ends are the elements there, unless
    /// `exclude_outside`: then the weights of those inside are scaled to a sum of 1.
    pub fn taps(self, coordinate: f64, scale: f64, size: usize, exclude_outside: bool) -> Taps {
        let scale = scale.min(1.0);
        // The neighbour on the left, which is one further where the coordinate is a whole number.
        let left = coordinate.ceil() as i64 - 1;
        let ratio = coordinate - left as f64;
        let around = |reach: i64, weight: &dyn Fn(f64) -> f64| -> Vec<(i64, f64)> {
            (1 - reach..=reach).map(|i| (left + i, weight(i as f64 - ratio))).collect()
        };
        let mut taps = match self {
            Self::Nearest(nearest) => vec![(left + i64::from(nearest.is_right(ratio)), 1.0)],
            Self::Linear { antialias: false } => around(1, &|d| 1.0 - d.abs()),
            Self::Linear { antialias: true } => {
                around(-((-1.0 / scale).floor() as i64), &|d| (1.0 - d.abs() * scale).max(0.0))
            }
            Self::Cubic { a, antialias: false } => around(2, &|d| keys(d, a)),
            Self::Cubic { a, antialias: true } => around(-((-2.0 / scale).floor() as i64), &|d| keys(d * scale, a)),
        };
        if exclude_outside {
            taps.retain(|(i, _)| (0..size as i64).contains(i));
        }
        let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
        let mut by_index: BTreeMap<usize, f64> = BTreeMap::new();
        for (i, weight) in taps.into_iter().filter(|(_, weight)| *weight != 0.0) {
            *by_index.entry(i.clamp(0, size as i64 - 1) as usize).or_default() += weight / sum;
        }
        by_index.into_iter().collect()
    }
}

impl Nearest {
    /// Whether the right neighbour is meant, for a distance from the left one in (0, 1].
    fn is_right(self, ratio: f64) -> bool {
        ratio == 1.0
            || match self {
                Self::RoundPreferFloor => ratio > 0.5,
                Self::RoundPreferCeil => ratio >= 0.5,
                Self::Floor => false,
                Self::Ceil => true,
            }
    }
}

/// R. Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 4.
fn keys(distance: f64, a: f64) -> f64 {
    let d = distance.abs();
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    } else {
        0.0
    }
}

/// `x` resampled along `axis`: element `i` of the result is the weighted sum that `taps[i]` says.
///
/// # Errors
/// Where a value cannot be appended.
pub fn resample(node: &mut Node<'_, '_>, x: ValueId, axis: usize, taps: &[Taps]) -> Result<ValueId> {
    let dims = node.dims(x);
    let is_identity = taps.len() == dims[axis] && taps.iter().enumerate().all(|(i, t)| t[..] == [(i, 1.0)]);
    if is_identity {
        return Ok(x);
    }
    let n_taps = taps.iter().map(Vec::len).max().unwrap_or(0);
    let mut sum: Option<ValueId> = None;
    for k in 0..n_taps {
        // Where others have more neighbours, the first one stands in with weight zero.
        let tap = |t: &Taps| t.get(k).copied().unwrap_or((t.first().map_or(0, |first| first.0), 0.0));
        let (indices, weights): (Vec<usize>, Vec<f64>) = taps.iter().map(tap).unzip();
        let indices: Vec<i64> = indices.into_iter().map(|i| i as i64).collect();
        let mut term = take(node, x, axis, indices)?;
        if weights.iter().any(|w| *w != 1.0) {
            let mut shape = vec![1_i64; dims.len()];
            shape[axis] = weights.len() as i64;
            let weights = node.emit("constant", &[], attrs! { shape: shape, values: weights })?;
            term = node.emit("mul", &[term, weights], attrs! {})?;
        }
        sum = Some(match sum {
            Some(sum) => node.emit("add", &[sum, term], attrs! {})?,
            None => term,
        });
    }
    sum.ok_or_else(|| node.invalid("a dimension of its result is empty"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_weights_are_distances() {
        let linear = Filter::Linear { antialias: false };
        assert_eq!(linear.taps(1.25, 2.0, 4, false), [(1, 0.75), (2, 0.25)]);
        assert_eq!(linear.taps(2.0, 2.0, 4, false), [(2, 1.0)]);
        assert_eq!(linear.taps(-0.25, 2.0, 4, false), [(0, 1.0)]);
        assert_eq!(linear.taps(-0.25, 2.0, 4, true), [(0, 1.0)]);
    }

    #[test]
    fn nearest_takes_one() {
        for (nearest, expected) in [
            (Nearest::RoundPreferFloor, [1, 1, 2]),
            (Nearest::RoundPreferCeil, [1, 2, 2]),
            (Nearest::Floor, [1, 1, 1]),
            (Nearest::Ceil, [2, 2, 2]),
        ] {
            let found = [1.25, 1.5, 1.75].map(|c| Filter::Nearest(nearest).taps(c, 1.0, 4, false));
            assert_eq!(found, expected.map(|i| vec![(i, 1.0)]), "{nearest:?}");
            assert_eq!(Filter::Nearest(nearest).taps(2.0, 1.0, 4, false), [(2, 1.0)]);
        }
    }

    #[test]
    fn weights_sum_to_one() {
        for filter in [
            Filter::Linear { antialias: true },
            Filter::Cubic { a: -0.75, antialias: true },
            Filter::Cubic { a: -0.5, antialias: false },
        ] {
            for i in 0..40 {
                let taps = filter.taps(0.17 * f64::from(i) - 0.4, 0.6, 6, i % 2 == 0);
                let sum: f64 = taps.iter().map(|t| t.1).sum();
                assert!((sum - 1.0).abs() < 1e-12 && taps.iter().all(|t| t.0 < 6), "{filter:?} {taps:?}");
            }
        }
    }
}
