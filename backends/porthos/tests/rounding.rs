//! Local truncation: replay of the recorded roundings, the size of the error, and how often it fails.

mod common;

use std::sync::Arc;

use common::{Rng, Session, compute, input, vector};
use treville_porthos::{CLIENT, Porthos, SERVER};
use treville_protocol::simulate::Simulation;
use treville_protocol::{ProtocolError, Recorder, Rounding, ScaleDown};
use treville_ring::{RingBits, matmul, shift_right, tensor};

const fn local(shift: u32) -> ScaleDown {
    ScaleDown { shift, rounding: Rounding::Local }
}

#[test]
fn replaying_the_recorded_roundings_gives_the_same_bits() {
    let mut rng = Rng(50);
    let (x, w) = (rng.tensor(&[8, 30], 20), rng.tensor(&[30, 12], 20));
    let recorder = Arc::new(Recorder::default());
    let simulation = Simulation { recorder: Some(recorder.clone()), ..Simulation::seeded(50) };
    let results = simulation
        .run::<Porthos, _, _>(async |me, session: Session| {
            let setup = session.setup();
            let shared = input(&setup, 0, me, SERVER, &w).await?;
            let weights = setup.prepare(1, &shared).await?;
            let mut results = Vec::new();
            for inference in 0..2 {
                let exec = session.inference(inference);
                let x = input(&exec, 2, me, CLIENT, &x).await?;
                let y = exec.matmul(3, &x, &weights).await?;
                let y = exec.scale_down(4, &y, local(20)).await?;
                let y = exec.relu(5, &y).await?;
                let y = exec.mul(6, &y, &y, &[8, 12]).await?;
                let y = exec.scale_down(7, &y, local(5)).await?;
                results.push(exec.reveal(8, &y, &[CLIENT]).await?);
            }
            Ok::<_, ProtocolError>(results)
        })
        .unwrap();
    let shift = |op| if op == 4 { 20 } else { 5 };
    let mut all = Vec::new();
    for (inference, result) in results[0].iter().enumerate() {
        let offsets = recorder.take_offsets(inference as u32, RingBits::FULL, shift);
        assert_eq!(offsets.keys().copied().collect::<Vec<_>>(), [4, 7]);
        let rounded = |x: &treville_ring::RingTensor, op: u32| {
            treville_ring::add(&shift_right(x, shift(op) as u8, RingBits::FULL), &offsets[&op].mapv(|o| o as u64))
        };
        let y = rounded(&matmul(&x, &w), 4).mapv(|v| (v as i64).max(0) as u64);
        assert_eq!(result.as_ref(), Some(&rounded(&treville_ring::mul(&y, &y), 7)));
        all.extend(offsets.into_values().flatten());
    }
    assert!(all.iter().all(|o| (0..=1).contains(o)));
    assert!(all.contains(&0) && all.contains(&1), "both roundings occur");
    assert!(recorder.take_offsets(0, RingBits::FULL, shift).is_empty());
}

#[test]
fn the_error_is_nought_or_one_and_up_as_often_as_the_dropped_bits_say() {
    let mut rng = Rng(51);
    for shift in [1, 12, 20] {
        let x = rng.tensor(&[20_000], 40);
        let y = compute(51, &[&x], async |exec, v| exec.scale_down(100, &v[0], local(shift)).await).unwrap();
        let errors: Vec<i64> = x.iter().zip(&y).map(|(&x, &y)| y as i64 - (x as i64 >> shift)).collect();
        assert!(errors.iter().all(|e| (0..=1).contains(e)));
        let expected: f64 = x.iter().map(|&x| (x & ((1 << shift) - 1)) as f64 / f64::from(1u32 << shift)).sum();
        let ups = errors.iter().sum::<i64>() as f64;
        assert!(
            (ups - expected).abs() < 5.0 * (x.len() as f64).sqrt() / 2.0,
            "{ups} roundings up, {expected} expected"
        );
    }
    let zero_shift = vector([i64::MIN, -1, 0, 1, i64::MAX]);
    assert_eq!(
        compute(51, &[&zero_shift], async |exec, v| exec.scale_down(100, &v[0], local(0)).await).unwrap(),
        zero_shift
    );
}

#[test]
fn it_fails_with_probability_abs_x_over_2_to_64() {
    const N: usize = 200_000;
    for x in [1i64 << 62, -(1 << 61), 1 << 58, -(1 << 55)] {
        let y = compute(52, &[&tensor::from_vec(&[N], vec![x as u64; N])], async |exec, v| {
            exec.scale_down(100, &v[0], local(12)).await
        })
        .unwrap();
        let failures: Vec<i64> = y.iter().map(|&y| y as i64 - (x >> 12)).filter(|e| !(0..=1).contains(e)).collect();
        assert!(failures.iter().all(|e| e.unsigned_abs().abs_diff(1 << 52) <= 1), "a failure is off by 2^(64 - shift)");
        let probability = x.unsigned_abs() as f64 / 2f64.powi(64);
        let (expected, deviation) = (N as f64 * probability, (N as f64 * probability * (1.0 - probability)).sqrt());
        assert!(
            (failures.len() as f64 - expected).abs() < 5.0 * deviation,
            "{} failures at {x}, {expected:.0} expected",
            failures.len()
        );
    }
}
