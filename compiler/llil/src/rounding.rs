//! How a ScaleDown rounds: the modes that the text names, and what an evaluation does for those that are not exact.

use std::collections::BTreeMap;

use ndarray::ArrayD;
use treville_ring::{RingBits, RingTensor, Share, add, scale_down_share, shift_right, sub, wrap};

use crate::Fault;

/// The attribute `rounding` of a ScaleDown by s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoundingMode {
    /// floor(x / 2^s).
    Exact,
    /// floor(x / 2^s) or one more.
    Probabilistic,
    /// SecureML's share-wise shift: floor or one more, and with probability |x| / 2^k off by 2^(k-s).
    Local,
}

impl RoundingMode {
    /// All modes, the most exact first.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Probabilistic, Self::Local];

    /// The name in text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Probabilistic => "probabilistic",
            Self::Local => "local",
        }
    }

    /// The mode of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// What an evaluation does for a ScaleDown whose mode leaves a choice. A ScaleDown that is `exact` never asks.
pub trait Rounding {
    /// The value of `x` / 2^shift for the op of this index.
    ///
    /// # Errors
    /// A fault where this rounding has no answer for the op.
    fn scale_down(&mut self, op: usize, x: &RingTensor, shift: u8, ring: RingBits) -> Result<RingTensor, Fault>;
}

/// Rounds down everywhere: the reference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exact;

/// Rounds up with the probability of the dropped fraction. The choices follow from the seed, the op and the element.
#[derive(Clone, Copy, Debug)]
pub struct Probabilistic(pub u64);

/// Splits each value at random into two shares and shifts each, as two parties would: this shows the failures too.
///
/// # Source
/// SecureML (Mohassel, Zhang; S&P 2017), section 4.1.
#[derive(Clone, Copy, Debug)]
pub struct Local(pub u64);

/// Repeats a recorded run: by op index, result minus floor(x / 2^s).
#[derive(Clone, Debug, Default)]
pub struct Replay(pub BTreeMap<usize, ArrayD<i64>>);

impl Rounding for Exact {
    fn scale_down(&mut self, _op: usize, x: &RingTensor, shift: u8, ring: RingBits) -> Result<RingTensor, Fault> {
        Ok(shift_right(x, shift, ring))
    }
}

impl Rounding for Probabilistic {
    fn scale_down(&mut self, op: usize, x: &RingTensor, shift: u8, ring: RingBits) -> Result<RingTensor, Fault> {
        let dropped = (1u64 << shift) - 1;
        let ups = indexed(x, |index, value| u64::from(random(self.0, op, index) & dropped < value & dropped));
        Ok(wrap(add(&shift_right(x, shift, ring), &ups), ring))
    }
}

impl Rounding for Local {
    fn scale_down(&mut self, op: usize, x: &RingTensor, shift: u8, ring: RingBits) -> Result<RingTensor, Fault> {
        let first = indexed(x, |index, _| ring.wrap(random(self.0, op, index)));
        let second = wrap(sub(x, &first), ring);
        let shares = [(first, Share::First), (second, Share::Second)];
        let [first, second] = shares.map(|(x, share)| scale_down_share(&x, shift, ring, share));
        Ok(wrap(add(&first, &second), ring))
    }
}

impl Rounding for Replay {
    fn scale_down(&mut self, op: usize, x: &RingTensor, shift: u8, ring: RingBits) -> Result<RingTensor, Fault> {
        let offsets = self.0.get(&op).ok_or(Fault::NotRecorded)?;
        if offsets.shape() != x.shape() {
            return Err(Fault::RecordShape { recorded: offsets.shape().to_vec() });
        }
        Ok(wrap(add(&shift_right(x, shift, ring), &offsets.mapv(|offset| offset as u64)), ring))
    }
}

fn indexed(x: &RingTensor, f: impl Fn(u64, u64) -> u64) -> RingTensor {
    let values = x.iter().enumerate().map(|(index, &value)| f(index as u64, value)).collect();
    treville_ring::tensor::from_vec(x.shape(), values)
}

/// A well-mixed word for each element of each op; it simulates shares and protects nothing.
///
/// # Source
/// SplitMix64 (Steele, Lea, Flood; OOPSLA 2014), its finalizer over three inputs.
fn random(seed: u64, op: usize, element: u64) -> u64 {
    [op as u64, element].into_iter().fold(mix(seed), |state, word| mix(state ^ mix(word)))
}

fn mix(word: u64) -> u64 {
    let z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;

    fn ring(bits: u8) -> RingBits {
        RingBits::new(bits).unwrap()
    }

    fn tensor(values: &[i64], ring: RingBits) -> RingTensor {
        Array::from_iter(values.iter().map(|&v| ring.wrap(v as u64))).into_dyn()
    }

    fn offsets(rounding: &mut dyn Rounding, x: &RingTensor, shift: u8, ring: RingBits) -> Vec<i64> {
        let floor = Exact.scale_down(0, x, shift, ring).unwrap();
        let result = rounding.scale_down(0, x, shift, ring).unwrap();
        result.iter().zip(&floor).map(|(&r, &f)| ring.to_signed(ring.wrap(r.wrapping_sub(f)))).collect()
    }

    #[test]
    fn exact_rounds_down() {
        let x = tensor(&[7, 8, -1, -8, -9, 0], ring(16));
        let y = Exact.scale_down(0, &x, 3, ring(16)).unwrap();
        assert_eq!(y, tensor(&[0, 1, -1, -1, -2, 0], ring(16)));
    }

    #[test]
    fn probabilistic_rounds_up_as_often_as_the_fraction_says() {
        let x = tensor(&[-5; 4000], ring(32));
        let ups: i64 =
            offsets(&mut Probabilistic(1), &x, 3, ring(32)).into_iter().inspect(|o| assert!([0, 1].contains(o))).sum();
        assert!((1400..1600).contains(&ups), "3/8 of 4000 round up, not {ups}");
        assert_eq!(offsets(&mut Probabilistic(1), &tensor(&[-16; 100], ring(32)), 3, ring(32)), [0; 100]);
    }

    #[test]
    fn local_is_off_by_one_and_fails_at_the_stated_rate() {
        let small = offsets(&mut Local(2), &tensor(&[1000; 2000], ring(64)), 5, ring(64));
        assert!(small.iter().all(|o| [0, 1].contains(o)));
        assert!(small.contains(&0) && small.contains(&1));
        for x in [4096, -4096] {
            let large = offsets(&mut Local(2), &tensor(&[x; 16000], ring(16)), 5, ring(16));
            let failures: Vec<_> = large.into_iter().filter(|o| ![0, 1].contains(o)).collect();
            assert!((900..1100).contains(&failures.len()), "|x| / 2^k of 16000 is 1000, not {}", failures.len());
            assert!(failures.iter().all(|o| (o.abs() - (1 << 11)).abs() <= 1), "a failure is off by 2^(k-s)");
        }
    }

    #[test]
    fn replay_repeats_and_refuses_what_was_not_recorded() {
        let x = tensor(&[100, -100, 77], ring(20));
        let result = Local(3).scale_down(4, &x, 2, ring(20)).unwrap();
        let recorded = Array::from_vec(offsets_of(&result, &x)).into_dyn();
        let mut replay = Replay(BTreeMap::from([(4, recorded)]));
        assert_eq!(replay.scale_down(4, &x, 2, ring(20)).unwrap(), result);
        assert!(matches!(replay.scale_down(5, &x, 2, ring(20)), Err(Fault::NotRecorded)));
        assert!(matches!(replay.scale_down(4, &tensor(&[1], ring(20)), 2, ring(20)), Err(Fault::RecordShape { .. })));
    }

    fn offsets_of(result: &RingTensor, x: &RingTensor) -> Vec<i64> {
        let floor = shift_right(x, 2, ring(20));
        result.iter().zip(&floor).map(|(&r, &f)| ring(20).to_signed(r.wrapping_sub(f))).collect()
    }
}
