//! Calibration, ranges, failure bounds, and the scale search.

use treville_ir::{ArgKind, Attr, Listing, attrs, render};
use treville_llil::RoundingMode;
use treville_passes::analysis::{
    calibrate::calibrate, failure::failure_bound, range, range::Range, scale::search_scale,
};
use treville_passes::{Module, Options, run_passes};

use crate::net::{Net, Random, passes, run, sample};

fn classifier(gain: f64) -> Module {
    let mut net = Net::new(8);
    let (x, w, b, v) = (net.input(&[1, 6]), net.weight(&[6, 8]), net.weight(&[8]), net.weight(&[8, 4]));
    let gain = net.constant(&[], &[gain]);
    let y = net.op("matmul", &[x, w], attrs! {});
    let y = net.op("add", &[y, b], attrs! {});
    let y = net.op("mul", &[y, gain], attrs! {});
    let y = net.op("relu", &[y], attrs! {});
    let y = net.op("matmul", &[y, v], attrs! {});
    net.finish(&[y])
}

/// The module with the ranges of 8 samples, lowered.
fn calibrated(module: Module, options: &Options) -> Module {
    let Module::Hlil(mut func, weights) = module else { panic!() };
    let samples: Vec<_> = (0..8).map(|seed| sample(&Module::Hlil(func.clone(), weights.clone()), seed)).collect();
    let calibration = calibrate(&func, &weights, &samples).unwrap();
    calibration.annotate(&mut func);
    func.verify().unwrap();
    run_passes("hlil-to-llil,llil-default", Module::Hlil(func, weights), options).unwrap()
}

#[test]
fn ranges_reach_every_fixed_point_value() {
    let module = calibrated(classifier(1.0), &Options::default());
    let func = module.llil().unwrap();
    for (value, ty) in func.values() {
        let weight = func.as_arg(value).is_some_and(|arg| arg.kind == ArgKind::Weight);
        let public = ty.ty.elem.secrecy() == treville_llil::Secrecy::Public;
        assert_eq!(range::of(func, value).is_none(), weight || public, "{}", func.loc(value));
    }
    let seen = range::of(func, func.arg("x0").unwrap().0).unwrap();
    assert!(seen.low >= -1.0 && seen.high <= 1.0 && seen.high > 0.9, "{seen:?}");
    let result = range::of(func, func.results()[0].value).unwrap();
    let values: Vec<f64> = (0..8)
        .flat_map(|seed| {
            run(&classifier(1.0), &sample(&classifier(1.0), seed))[0]
                .as_f32()
                .unwrap()
                .iter()
                .map(|&v| f64::from(v))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(result, Range::over(values).coarse());
    assert!(module.to_string().contains("llil.range_origin = \"calibrated\""));
}

#[test]
fn ranges_that_do_not_fit_name_the_node() {
    assert_eq!(range::misfits(calibrated(classifier(1.0), &Options::default()).llil().unwrap()), []);
    let options = Options { scale: 16, ..Options::default() };
    let module = calibrated(classifier(3e8), &options);
    let faults = range::misfits(module.llil().unwrap());
    let nodes: Vec<_> = faults.iter().map(|f| f.node().unwrap()).collect();
    assert_eq!(nodes, ["n3/mul", "n5/matmul"], "{module}");
    insta::assert_snapshot!(render(&faults, &Listing::default(), false));
}

/// Twice the range of a ReLU's operand fits as a value of the ring, but not four times as what is compared.
#[test]
fn the_domain_of_comparison_is_a_quarter_of_the_ring() {
    let misfit = |high: f64| {
        let mut net = Net::new(1);
        let x = net.input(&[1, 6]);
        let y = net.op("relu", &[x], attrs! {});
        let mut module = passes("hlil-to-llil", net.finish(&[y]));
        let Module::Llil(func, _) = &mut module else { panic!() };
        let x = func.arg("x0").unwrap().0;
        func.annotate(x, "range", Attr::from([0.0, high]));
        range::misfits(func).iter().map(|f| f.node().unwrap().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(misfit(2f64.powi(48)), Vec::<String>::new());
    assert_eq!(misfit(2f64.powi(49)), ["n0/relu"]);
    assert_eq!(misfit(2f64.powi(50)), ["x0", "n0/relu"]);
}

#[test]
fn only_local_rounding_can_fail() {
    for (rounding, fails) in
        [(RoundingMode::Exact, false), (RoundingMode::Probabilistic, false), (RoundingMode::Local, true)]
    {
        let module = calibrated(classifier(1.0), &Options { rounding, ..Options::default() });
        let failure = failure_bound(module.llil().unwrap());
        assert_eq!(failure.log2 > f64::NEG_INFINITY, fails);
        assert_eq!(failure.nodes.is_empty(), !fails);
    }
    let module = calibrated(classifier(1.0), &Options { rounding: RoundingMode::Local, ..Options::default() });
    let func = module.llil().unwrap();
    let failure = failure_bound(func);
    let expected: f64 = failure
        .nodes
        .iter()
        .map(|node| {
            let operand = func.op(node.op).operands[0];
            let range = range::of(func, operand).unwrap();
            func.ty(operand).elements() as f64 * range.magnitude() * 2f64.powi(24 - 64)
        })
        .sum();
    assert!((failure.log2 - expected.log2()).abs() < 1e-9);
    assert!((-40.0..-20.0).contains(&failure.log2), "{}", failure.log2);
}

/// The bound holds for the simulated shares of a ring that is small enough to fail often.
#[test]
fn the_bound_holds_in_simulation() {
    let options = Options {
        scale: 6,
        ring: treville_ring::RingBits::new(24).unwrap(),
        rounding: RoundingMode::Local,
        headroom_bits: 4,
    };
    let module = calibrated(classifier(1.0), &options);
    let bound = failure_bound(module.llil().unwrap()).log2.exp2();
    let x = sample(&module, 3);
    let exact = crate::net::run_ring(&module, &x, &mut treville_llil::Exact);
    let ring = options.ring;
    let n_runs = 2000;
    let fails = |seed: u64| {
        let local = crate::net::run_ring(&module, &x, &mut treville_llil::Local(seed));
        local[0].iter().zip(&exact[0]).any(|(a, b)| ring.to_signed(ring.wrap(a.wrapping_sub(*b))).abs() > 64)
    };
    let n_failures = (0..n_runs).filter(|seed| fails(*seed)).count();
    let rate = n_failures as f64 / n_runs as f64;
    assert!(rate <= bound && rate > bound / 100.0, "rate {rate}, bound {bound}");
}

#[test]
fn the_search_finds_a_scale_that_decides_as_float_does() {
    let Module::Hlil(func, weights) = passes("hlil-default", classifier(1.0)) else { panic!() };
    let module = Module::Hlil(func.clone(), weights.clone());
    let samples: Vec<_> = (100..140).map(|seed| sample(&module, seed)).collect();
    let labels: Vec<i64> = (0..40).map(|i| Random(i).below(4) as i64).collect();
    let search = search_scale(&func, &weights, &samples, Some(&labels), &Options::default()).unwrap();
    assert_eq!(search.rows.iter().map(|row| row.scale).collect::<Vec<_>>(), (4..=24).collect::<Vec<_>>());
    let chosen = search.rows.iter().find(|row| row.scale == search.scale).unwrap();
    assert_eq!((chosen.agreeing, chosen.fits, chosen.correct), (40, true, search.float_correct));
    assert!((6..=14).contains(&search.scale), "{:?}", search);
    for pair in search.rows.windows(2) {
        assert!(pair[1].max_abs_err < pair[0].max_abs_err || pair[1].max_abs_err < 1e-6, "{pair:?}");
    }
}

#[test]
fn the_search_stays_below_what_the_ranges_allow() {
    let Module::Hlil(func, weights) = passes("hlil-default", classifier(1e9)) else { panic!() };
    let samples = [sample(&Module::Hlil(func.clone(), weights.clone()), 1)];
    let search = search_scale(&func, &weights, &samples, None, &Options::default()).unwrap();
    assert!(!search.rows.last().unwrap().fits);
    assert!(search.rows.iter().find(|row| row.scale == search.scale).unwrap().fits);
    let Module::Hlil(func, weights) = passes("hlil-default", classifier(1e18)) else { panic!() };
    let error = search_scale(&func, &weights, &samples, None, &Options::default()).unwrap_err();
    assert!(
        matches!(error, treville_passes::analysis::scale::ScaleError::NoFit { diagnostics } if !diagnostics.is_empty())
    );
}
