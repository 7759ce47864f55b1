//! `hlil-infer-scales`

use treville_hlil::Hlil;
use treville_ir::{Func, ValueId, attrs};
use treville_llil::Llil;
use treville_passes::analysis::calibrate::calibrate;
use treville_passes::hlil_infer_scales::{Scales, frac_of};
use treville_passes::{Module, Options, run_passes};

use crate::net::{self, Net, assert_near, run, sample};

/// The module with the ranges of one sample and the scales that they make.
fn scaled(module: Module, scale: u8) -> Module {
    let sample = sample(&module, 1);
    let Module::Hlil(mut func, weights) = module else { panic!() };
    calibrate(&func, &weights, &[sample]).unwrap().annotate(&mut func);
    run_passes("hlil-infer-scales", Module::Hlil(func, weights), &Options { scale, ..Options::default() }).unwrap()
}

fn fracs(module: &Module, values: &[ValueId]) -> Vec<Option<u8>> {
    values.iter().map(|v| frac_of(module.hlil().unwrap(), *v)).collect()
}

#[test]
fn what_is_added_or_moved_is_one_family() {
    let mut net = Net::new(3);
    let x = net.input(&[1, 2, 4, 4]);
    let hundred = net.constant(&[], &[100.0]);
    let large = net.op("mul", &[x, hundred], attrs! {});
    let sum = net.op("add", &[large, x], attrs! {});
    let moved = net.op("relu", &[sum], attrs! {});
    let other = net.conv(moved, 2, 3);
    let module = scaled(net.finish(&[other]), 12);
    let fracs = fracs(&module, &[x, large, sum, moved, other]);
    assert!(fracs[..4].iter().all(|frac| *frac == fracs[0]), "{fracs:?}");
    assert!((5..=7).contains(&fracs[0].unwrap()), "the largest of the family counts: {fracs:?}");
}

#[test]
fn what_functions_take_and_give_has_the_base_scale() {
    let mut net = Net::new(3);
    let x = net.input(&[1, 8]);
    let hundred = net.constant(&[], &[100.0]);
    let large = net.op("mul", &[x, hundred], attrs! {});
    let y = net.op("apply", &[large], attrs! { function: "sigmoid", parameter: 0.0 });
    let module = scaled(net.finish(&[y]), 12);
    assert_eq!(fracs(&module, &[large, y]), [Some(12), Some(12)]);
}

/// Two convolutions whose filters differ in size meet in a sum: one ScaleDown is enough.
#[test]
fn products_that_meet_are_scaled_down_once() {
    let mut net = Net::new(3);
    let x = net.input(&[1, 2, 4, 4]);
    let (a, b) = (net.conv(x, 2, 3), net.conv(x, 2, 1));
    let small = net.func.args().last().map(|(_, arg)| arg.name.clone()).unwrap();
    let sum = net.op("add", &[a, b], attrs! {});
    let Module::Hlil(func, weights) = net.finish(&[sum]) else { panic!() };
    let mut tiny = treville_hlil::Weights::new();
    for name in weights.names() {
        let factor = if name == small { 1.0 / 64.0 } else { 1.0 };
        tiny.add_source(name, weights.get(name).unwrap() * factor).unwrap();
    }
    let module = scaled(Module::Hlil(func, tiny), 12);
    let lowered = net::passes("hlil-to-llil,llil-default", module);
    assert_eq!(net::count(&lowered, "scale_down"), 1, "{lowered}");
}

#[test]
fn a_weight_has_the_more_fraction_bits_the_smaller_it_is() {
    let of = |factor: f32| {
        let mut net = Net::new(3);
        let x = net.input(&[1, 16]);
        let w = net.weight(&[16, 4]);
        let y = net.op("matmul", &[x, w], attrs! {});
        let Module::Hlil(func, weights) = net.finish(&[y]) else { panic!() };
        let mut small = treville_hlil::Weights::new();
        small.add_source("w1", weights.get("w1").unwrap() * factor).unwrap();
        fracs(&scaled(Module::Hlil(func, small), 12), &[w])[0].unwrap()
    };
    assert_eq!([of(1.0 / 16.0) - of(1.0), of(1.0) - of(16.0)], [4, 4]);
    assert_eq!(of(2f32.powi(-40)), 24, "12 bits more are the most");
}

/// The error of a network at the same probability of failure is smaller than with one scale for all.
#[test]
fn errors_are_smaller_for_the_same_sum_of_fraction_bits() {
    let network = |seed: u64| {
        let mut net = Net::new(seed);
        let x = net.input(&[1, 2, 6, 6]);
        let hundred = net.constant(&[], &[300.0]);
        let mut y = net.op("mul", &[x, hundred], attrs! {});
        for _ in 0..3 {
            y = net.conv(y, 4, 3);
            y = net.op("relu", &[y], attrs! {});
        }
        net.finish(&[y])
    };
    let error = |module: &Module, lowered: &Module, seed: u64| {
        let sample = sample(module, seed);
        let (float, fixed) = (run(module, &sample), run(lowered, &sample));
        let pairs = float[0].as_f32().unwrap().iter().zip(fixed[0].as_f32().unwrap());
        pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
    };
    for seed in 0..5 {
        let module = network(seed);
        let sample = sample(&module, 1);
        let Module::Hlil(mut func, weights) = module.clone() else { panic!() };
        calibrate(&func, &weights, &[sample]).unwrap().annotate(&mut func);
        let lowered = |func: &Func<Hlil>, scale: u8| {
            let options = Options { scale, rounding: treville_llil::RoundingMode::Local, ..Options::default() };
            run_passes("hlil-to-llil,llil-default", Module::Hlil(func.clone(), weights.clone()), &options).unwrap()
        };
        let bound = |module: &Module| -> f64 {
            let func: &Func<Llil> = module.llil().unwrap();
            treville_passes::analysis::failure::failure_bound(func).log2
        };
        let common = lowered(&func, 10);
        let scales = Scales::balanced(&func, &weights).unwrap();
        let own = (4..24).rev().find_map(|scale| {
            let mut func = func.clone();
            scales.annotate(&mut func, scale);
            Some(lowered(&func, scale)).filter(|own| bound(own) <= bound(&common))
        });
        let own = own.unwrap();
        let errors = [error(&module, &own, 2), error(&module, &common, 2)];
        assert!(errors[0] < errors[1] / 2.0, "seed {seed}: {errors:?}");
    }
}

/// Any base scale and any network: the program means the same.
#[test]
fn random_networks_keep_their_meaning() {
    for seed in 0..60 {
        let module = net::passes("hlil-default", net::random(seed));
        let scaled = scaled(module.clone(), 14);
        let options = Options { scale: 14, ..Options::default() };
        let lowered = run_passes("hlil-to-llil,llil-default", scaled, &options).unwrap();
        let sample = sample(&module, 1);
        assert_near(&run(&lowered, &sample), &run(&module, &sample), 0.01, &format!("seed {seed}"));
    }
}
