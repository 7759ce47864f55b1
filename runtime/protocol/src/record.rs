//! Recorded roundings: what each ScaleDown did, to be replayed by the reference evaluator.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ndarray::ArrayD;
use treville_ring::{RingBits, RingTensor};

/// Collects, over all parties of one process, the additive shares before and after each ScaleDown.
///
/// # Security
/// Whoever holds a recorder knows the secrets. It exists for tests and `treville verify`, where one process plays all parties on its own data.
#[derive(Default)]
pub struct Recorder {
    sums: Mutex<BTreeMap<(u32, u32), (RingTensor, RingTensor)>>,
}

impl Recorder {
    /// Adds one party's share of the operand and of the result of the ScaleDown `op` in `inference`.
    pub fn scale_down(&self, op: u32, inference: u32, before: &RingTensor, after: &RingTensor) {
        let mut sums = self.sums.lock().expect("invariant: no holder of the lock panics");
        let (x, y) = sums
            .entry((op, inference))
            .or_insert_with(|| (RingTensor::zeros(before.raw_dim()), RingTensor::zeros(after.raw_dim())));
        x.zip_mut_with(before, |a, &b| *a = a.wrapping_add(b));
        y.zip_mut_with(after, |a, &b| *a = a.wrapping_add(b));
    }

    /// Takes the recorded roundings of one inference: by operation, result minus floor(operand / 2^shift), as a signed ring element.
    pub fn take_offsets(
        &self,
        inference: u32,
        ring: RingBits,
        shift: impl Fn(u32) -> u32,
    ) -> BTreeMap<u32, ArrayD<i64>> {
        let mut sums = self.sums.lock().expect("invariant: no holder of the lock panics");
        let keys: Vec<_> = sums.keys().filter(|(_, i)| *i == inference).copied().collect();
        keys.into_iter()
            .map(|key| {
                let (x, y) = sums.remove(&key).expect("invariant: the key was just listed");
                let floor = x.mapv(|v| ring.wrap((ring.to_signed(ring.wrap(v)) >> shift(key.0)) as u64));
                let offsets = ndarray::Zip::from(&y)
                    .and(&floor)
                    .map_collect(|&y, &f| ring.to_signed(ring.wrap(y.wrapping_sub(f))));
                (key.0, offsets)
            })
            .collect()
    }
}
