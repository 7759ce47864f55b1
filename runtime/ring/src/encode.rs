//! Reals to ring elements and back: r with f fraction bits is round(r * 2^f) in two's complement mod 2^k.

use ndarray::ArrayD;

use crate::{RingBits, RingTensor};

/// A real that has no place in the ring.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// NaN or an infinity.
    #[error("element {index} is not a finite number")]
    NotFinite {
        /// Flat index in standard layout.
        index: usize,
    },
    /// round(value * 2^f) is not in -2^(k-1) .. 2^(k-1).
    #[error("element {index} is {value}, which does not fit the ring at this scale")]
    OutOfRange {
        /// Flat index in standard layout.
        index: usize,
        /// The value that does not fit.
        value: f64,
    },
}

/// Encodes each element of `reals` with `frac` fraction bits. Computed in f64; halves round away from zero.
///
/// # Errors
/// The first element that is not finite or not in the range of the ring.
pub fn encode(reals: &ArrayD<f32>, frac: u8, ring: RingBits) -> Result<RingTensor, EncodeError> {
    let scale = 2f64.powi(frac.into());
    let bound = bound(ring);
    let values = reals
        .iter()
        .enumerate()
        .map(|(index, &real)| encode_scaled(real.into(), scale, bound, index).map(|v| ring.wrap(v)))
        .collect::<Result<Vec<u64>, _>>()?;
    Ok(crate::tensor::from_vec(reals.shape(), values))
}

/// Encodes one real as [`encode`] does; an error carries index 0.
///
/// # Errors
/// As [`encode`].
pub fn encode_value(real: f64, frac: u8, ring: RingBits) -> Result<u64, EncodeError> {
    encode_scaled(real, 2f64.powi(frac.into()), bound(ring), 0).map(|v| ring.wrap(v))
}

/// The reals that `elements` stand for: signed value / 2^frac, divided in f64 and then rounded to f32.
pub fn decode(elements: &RingTensor, frac: u8, ring: RingBits) -> ArrayD<f32> {
    let unit = 2f64.powi(-i32::from(frac));
    crate::map(elements, |element| (ring.to_signed(element) as f64 * unit) as f32)
}

/// What the ring's signed elements are below.
fn bound(ring: RingBits) -> f64 {
    2f64.powi(i32::from(ring.get()) - 1)
}

fn encode_scaled(real: f64, scale: f64, bound: f64, index: usize) -> Result<u64, EncodeError> {
    if !real.is_finite() {
        return Err(EncodeError::NotFinite { index });
    }
    let rounded = (real * scale).round();
    if rounded < -bound || rounded >= bound {
        return Err(EncodeError::OutOfRange { index, value: real });
    }
    Ok(rounded as i64 as u64)
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;

    #[test]
    fn rounds_to_nearest_and_wraps_negatives() {
        let ring = RingBits::new(16).unwrap();
        let x = arr1(&[0.0f32, 1.0, -1.0, 0.3, -0.3, 0.125, -0.125]).into_dyn();
        let e = encode(&x, 2, ring).unwrap();
        assert_eq!(e.as_slice().unwrap(), &[0, 4, 65532, 1, 65535, 1, 65535]);
        assert_eq!(decode(&e, 2, ring).as_slice().unwrap(), &[0.0, 1.0, -1.0, 0.25, -0.25, 0.25, -0.25]);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let ring = RingBits::new(8).unwrap();
        assert_eq!(encode_value(127.0, 0, ring), Ok(127));
        assert_eq!(encode_value(-128.0, 0, ring), Ok(128));
        assert!(matches!(encode_value(128.0, 0, ring), Err(EncodeError::OutOfRange { .. })));
        assert!(matches!(encode_value(-128.6, 0, ring), Err(EncodeError::OutOfRange { .. })));
        let x = arr1(&[0.0, f32::NAN]).into_dyn();
        assert_eq!(encode(&x, 0, ring), Err(EncodeError::NotFinite { index: 1 }));
        assert!(encode_value(2f64.powi(63), 0, RingBits::FULL).is_err());
        assert_eq!(encode_value(-(2f64.powi(63)), 0, RingBits::FULL), Ok(1 << 63));
        assert!(encode_value(1e30, 255, RingBits::FULL).is_err());
    }
}
