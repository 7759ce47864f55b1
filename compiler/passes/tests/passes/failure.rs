//! The stated probability of failure against simulated shares.

use treville_hlil::Tensor;
use treville_ir::attrs;
use treville_llil::{Exact, Local, RoundingMode};
use treville_passes::analysis::{calibrate::calibrate, failure::failure_bound, mean, range};
use treville_passes::{Module, Options, run_passes};
use treville_ring::RingBits;

use crate::net::{self, Net, Random, sample};

/// x times x, in a ring that is small enough to fail often, with the ranges of `samples`.
fn squares(elements: usize, ring: u8, scale: u8, samples: &[indexmap::IndexMap<String, Tensor>]) -> Module {
    let mut net = Net::new(1);
    let x = net.input(&[elements]);
    let y = net.op("mul", &[x, x], attrs! {});
    let Module::Hlil(mut func, weights) = net.finish(&[y]) else { panic!() };
    calibrate(&func, &weights, samples).unwrap().annotate(&mut func);
    let options = Options {
        scale,
        ring: RingBits::new(ring).unwrap(),
        rounding: RoundingMode::Local,
        headroom_bits: 4,
        ..Options::default()
    };
    run_passes("hlil-to-llil,llil-default", Module::Hlil(func, weights), &options).unwrap()
}

/// How many elements of a run with simulated shares are garbage.
fn garbage(module: &Module, input: &indexmap::IndexMap<String, Tensor>, ring: u8, seed: u64) -> usize {
    let ring = RingBits::new(ring).unwrap();
    let exact = net::run_ring(module, input, &mut Exact);
    let local = net::run_ring(module, input, &mut Local(seed));
    let off = |(a, b): (&u64, &u64)| ![0, 1].contains(&ring.to_signed(ring.wrap(a.wrapping_sub(*b))));
    local[0].iter().zip(&exact[0]).filter(|pair| off(*pair)).count()
}

/// A million elements of 2^-6 to 2^-10 of the ring: as many fail as the sum of their magnitudes says, within the interval that holds
/// 99.9 % of such counts.
#[test]
fn a_million_truncations_fail_as_often_as_stated() {
    const ELEMENTS: usize = 1_000_000;
    let (ring, scale) = (32u8, 10u8);
    let mut random = Random(0x6d63);
    // The square has 2 * scale fraction bits: from 2^(ring - 10) to 2^(ring - 6) as an integer.
    let exponent = |random: &mut Random| f64::from(ring) - 10.0 + 4.0 * random.below(1 << 20) as f64 / (1 << 20) as f64;
    let values: Vec<f32> =
        (0..ELEMENTS).map(|_| ((exponent(&mut random) - 2.0 * f64::from(scale)) / 2.0).exp2() as f32).collect();
    let input = Tensor::F32(ndarray::Array1::from(values).into_dyn());
    let sample = indexmap::IndexMap::from([("x0".to_string(), input)]);
    let module = squares(ELEMENTS, ring, scale, std::slice::from_ref(&sample));

    let Tensor::F32(x) = &sample["x0"] else { panic!() };
    let chance = |v: f32| {
        let integer = (f64::from(v) * 2f64.powi(scale.into())).round();
        integer * integer / 2f64.powi(ring.into())
    };
    let (mean, variance) = x.iter().map(|&v| chance(v)).fold((0.0, 0.0), |(m, s), p| (m + p, s + p * (1.0 - p)));
    let n_failures = garbage(&module, &sample, ring, 0x5eed) as f64;
    // 3.2905 standard deviations to both sides hold 99.9 % of a normal distribution.
    assert!((n_failures - mean).abs() <= 3.2905 * variance.sqrt(), "{n_failures} failures, {mean} expected");

    let func = module.llil().unwrap();
    let (_, op) = func.ops().find(|(_, op)| op.def.mnemonic == "scale_down").unwrap();
    let stated = range::mass(func, op.operands[0]).unwrap() * 2f64.powi(i32::from(2 * scale) - i32::from(ring));
    assert!(stated >= mean && stated <= 1.1 * range::MARGIN * mean, "{stated} stated, {mean} expected");
}

/// Whole inferences of few elements: the share of those with any garbage is below the bound, and above a share of it that the margin explains.
#[test]
fn inferences_fail_at_most_as_often_as_the_bound_says() {
    let (ring, scale, elements) = (22, 6, 16);
    let sample = {
        let module = squares(elements, ring, scale, &[]);
        sample(&module, 11)
    };
    let module = squares(elements, ring, scale, std::slice::from_ref(&sample));
    let bound = failure_bound(module.llil().unwrap()).log2.exp2();
    const RUNS: u64 = 10_000;
    let rate = (0..RUNS).filter(|&seed| garbage(&module, &sample, ring, seed) > 0).count() as f64 / RUNS as f64;
    let deviation = 3.2905 * (bound / RUNS as f64).sqrt();
    assert!(rate <= bound + deviation, "rate {rate}, bound {bound}");
    assert!(rate + deviation >= bound / (1.5 * range::MARGIN), "rate {rate}, bound {bound}");
}

/// One large element among a thousand small ones does not make all of them large.
#[test]
fn a_tensor_fails_by_its_mean_and_not_by_its_greatest_element() {
    const ELEMENTS: usize = 1024;
    let mut values = vec![1.0f32; ELEMENTS];
    values[7] = 256.0;
    let input = Tensor::F32(ndarray::Array1::from(values).into_dyn());
    let sample = indexmap::IndexMap::from([("x0".to_string(), input)]);
    let module = squares(ELEMENTS, 64, 12, &[sample]);
    let func = module.llil().unwrap();
    let (_, op) = func.ops().find(|(_, op)| op.def.mnemonic == "scale_down").unwrap();
    // (1023 + 65536) / 1024 is just below 65; the next multiple of a 16th of 128 is 72.
    assert_eq!(mean::of(func, op.operands[0]), Some(72.0));
    assert_eq!(range::mass(func, op.operands[0]), Some(72.0 * 4.0 * 1024.0));
    let log2 = (72.0 * 4.0 * 1024.0f64).log2() + 24.0 - 64.0;
    assert!((failure_bound(func).log2 - log2).abs() < 1e-9, "{}", failure_bound(func).log2);
}
