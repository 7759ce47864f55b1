//! Calibration, ranges, failure bounds, and the scale search.

use treville_ir::{ArgKind, Attr, Listing, attrs, render};
use treville_llil::{Exact, Local, Probabilistic, Rounding, RoundingMode};
use treville_passes::analysis::{
    calibrate::calibrate,
    error::annotate_err,
    failure::failure_bound,
    range,
    range::Range,
    scale::{ScaleError, ScaleSearch, search_scale},
    sweep::sweep,
    trial::Trials,
};
use treville_passes::hlil_infer_scales::Scales;
use treville_passes::{Module, Options, run_passes};

use crate::net::{self, Net, Random, passes, run, sample};

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
    assert_eq!(nodes, ["n5/matmul"], "{module}");
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
            range::mass(func, operand).unwrap() * 2f64.powi(24 - 64)
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
        ..Options::default()
    };
    let module = calibrated(classifier(1.0), &options);
    let bound = failure_bound(module.llil().unwrap()).log2.exp2();
    let x = sample(&module, 3);
    let exact = net::run_ring(&module, &x, &mut Exact);
    let ring = options.ring;
    let n_runs = 2000;
    let fails = |seed: u64| {
        let local = net::run_ring(&module, &x, &mut Local(seed));
        local[0].iter().zip(&exact[0]).any(|(a, b)| ring.to_signed(ring.wrap(a.wrapping_sub(*b))).abs() > 64)
    };
    let n_failures = (0..n_runs).filter(|seed| fails(*seed)).count();
    let rate = n_failures as f64 / n_runs as f64;
    assert!(rate <= bound && rate > bound / 100.0, "rate {rate}, bound {bound}");
}

/// What simulated shares and random roundings change stays within the annotated bound, and the bound is not idle.
#[test]
fn errors_of_rounding_stay_within_their_bound() {
    let (mut n_bounded, mut tightest) = (0, 0.0f64);
    for seed in 0..100 {
        let options = Options { scale: 10, rounding: RoundingMode::Local, ..Options::default() };
        let Module::Hlil(mut func, weights) = passes("hlil-default", net::random(seed)) else { panic!() };
        let sample = sample(&Module::Hlil(func.clone(), weights.clone()), seed);
        calibrate(&func, &weights, std::slice::from_ref(&sample)).unwrap().annotate(&mut func);
        let mut module = run_passes("hlil-to-llil,llil-default", Module::Hlil(func, weights), &options).unwrap();
        let Module::Llil(func, weights) = &mut module else { panic!() };
        let bounds = annotate_err(func, weights);
        func.verify().unwrap();
        let exact = net::run_ring(&module, &sample, &mut Exact);
        let others: [&mut dyn Rounding; 2] = [&mut Local(seed), &mut Probabilistic(seed)];
        for results in others.map(|rounding| net::run_ring(&module, &sample, rounding)) {
            for ((exact, other), bound) in exact.iter().zip(&results).zip(&bounds) {
                let error = exact.iter().zip(other).map(|(a, b)| (a.wrapping_sub(*b) as i64).abs()).max().unwrap();
                let Some(bound) = bound else { continue };
                assert!(error as f64 <= *bound, "seed {seed}: error {error}, bound {bound}");
                n_bounded += 1;
                tightest = tightest.max(if *bound > 1.0 { error as f64 / bound } else { 0.0 });
            }
        }
    }
    assert!(
        n_bounded >= 390 && tightest > 0.3,
        "{n_bounded} results of 400 bounded, the nearest at {tightest} of its bound"
    );
}

/// What `classifier` does on samples, to be tried at scales.
struct Subject {
    func: treville_ir::Func<treville_hlil::Hlil>,
    weights: treville_hlil::Weights,
    samples: Vec<indexmap::IndexMap<String, treville_hlil::Tensor>>,
    float: Vec<Vec<treville_hlil::Tensor>>,
    labels: Vec<i64>,
    options: Options,
}

impl Subject {
    fn new(gain: f64, n_samples: u64, options: Options) -> Self {
        let Module::Hlil(mut func, weights) = passes("hlil-default", classifier(gain)) else { panic!() };
        let module = Module::Hlil(func.clone(), weights.clone());
        let samples: Vec<_> = (100..100 + n_samples).map(|seed| sample(&module, seed)).collect();
        let calibration = calibrate(&func, &weights, &samples).unwrap();
        calibration.annotate(&mut func);
        let labels = (0..n_samples).map(|i| Random(i).below(4) as i64).collect();
        Self { func, weights, samples, float: calibration.results, labels, options }
    }

    fn trials(&self, max_failure_log2: f64) -> Trials<'_> {
        Trials {
            func: &self.func,
            weights: &self.weights,
            samples: &self.samples,
            float: &self.float,
            labels: Some(&self.labels),
            options: &self.options,
            max_failure_log2,
        }
    }

    fn search(&self, max_failure_log2: f64) -> Result<ScaleSearch, ScaleError> {
        let scales = Scales::balanced(&self.func, &self.weights).unwrap();
        search_scale(&self.trials(max_failure_log2), scales)
    }
}

#[test]
fn the_search_finds_a_scale_that_decides_as_float_does() {
    let subject = Subject::new(1.0, 40, Options::default());
    let trials = subject.trials(0.0);
    let search = subject.search(0.0).unwrap();
    assert!(search.rows.len() <= 4, "a handful of trials: {:?}", search.rows);
    assert!((6..=14).contains(&search.scale), "{:?}", search.rows);
    let chosen = trials.run(&trials.lower(search.scale, search.scales.as_ref()).unwrap().unwrap(), search.scale);
    assert_eq!((chosen.agreeing, chosen.fits, chosen.correct), (40, true, trials.float_correct()));
    let allowed = trials.spread() / 1024.0;
    assert!(chosen.max_abs_err <= allowed / 2.0, "two bits to spare");
    let smaller = search.scale - 4;
    let row = trials.run(&trials.lower(smaller, search.scales.as_ref()).unwrap().unwrap(), smaller);
    assert!(row.max_abs_err > allowed || row.agreeing < 40, "no more than two bits to spare: {row:?}");
}

#[test]
fn the_sweep_tries_every_scale_and_takes_the_most_accurate() {
    let subject = Subject::new(1.0, 40, Options::default());
    let trials = subject.trials(0.0);
    let found = sweep(&trials).unwrap();
    assert_eq!(found.rows.iter().map(|row| row.scale).collect::<Vec<_>>(), (4..=24).collect::<Vec<_>>());
    let best = found.rows.iter().map(|row| row.correct).max().unwrap();
    assert_eq!(found.rows.iter().find(|row| row.correct == best).unwrap().scale, found.scale);
    for pair in found.rows.windows(2) {
        assert!(pair[1].max_abs_err < pair[0].max_abs_err || pair[1].max_abs_err < 1e-6, "{pair:?}");
    }
}

#[test]
fn the_search_stays_below_the_failure_bound() {
    let options = Options { rounding: RoundingMode::Local, ..Options::default() };
    let subject = Subject::new(1.0, 1, options);
    let free = subject.search(0.0).unwrap();
    let smaller = free.scale - 1;
    let module = subject.trials(0.0).lower(smaller, free.scales.as_ref()).unwrap().unwrap();
    let bound = failure_bound(module.llil().unwrap()).log2;
    assert_eq!(subject.search(bound).unwrap().scale, smaller, "the failure bound of {smaller} is 2^{bound:.1}");
}

#[test]
fn the_search_stays_below_what_the_ranges_allow() {
    let subject = Subject::new(1e9, 1, Options::default());
    let search = subject.search(0.0).unwrap();
    assert!(subject.trials(0.0).lower(search.scale, search.scales.as_ref()).unwrap().is_ok());
    let subject = Subject::new(1e18, 1, Options::default());
    let narrow = Options { ring: treville_ring::RingBits::new(16).unwrap(), ..Options::default() };
    let error = Subject { options: narrow, ..subject }.search(0.0).unwrap_err();
    assert!(matches!(error, ScaleError::NoFit { diagnostics } if !diagnostics.is_empty()));
}

/// Without samples the proven error decides; it holds for what the samples do.
#[test]
fn without_samples_the_proven_error_decides() {
    let subject = Subject::new(1.0, 8, Options::default());
    let (measured, trials) = (subject.search(0.0).unwrap(), subject.trials(0.0));
    let scales = Scales::balanced(&subject.func, &subject.weights).unwrap();
    let blind = Trials { samples: &[], float: &[], labels: None, ..trials };
    let proven = search_scale(&blind, scales).unwrap();
    assert!((measured.scale - 2..24).contains(&proven.scale), "{} where {} was measured", proven.scale, measured.scale);
    let module = trials.lower(proven.scale, proven.scales.as_ref()).unwrap().unwrap();
    assert!(trials.run(&module, proven.scale).max_abs_err <= trials.spread() / 1024.0);
}

/// No value of a random network leaves the bounds that follow from its inputs' ranges, and some reach far into them.
#[test]
fn proven_bounds_hold_every_value() {
    use treville_hlil::{Tensor, evaluate_with};
    use treville_passes::analysis::proven;

    let mut nearest = 0f64;
    for seed in 0..80 {
        let module = net::passes("canonicalize,hlil-fold-batch-norm,hlil-fold-constants", net::random(seed));
        let (func, weights) = (module.hlil().unwrap(), module.weights());
        let mut sample = net::sample(&module, seed);
        // The ends of the range, mostly.
        for tensor in sample.values_mut() {
            if let Tensor::F32(x) = tensor {
                x.mapv_inplace(|v| if v.abs() > 0.2 { 2.0 * v.signum() } else { v });
            }
        }
        let inputs = sample.keys().map(|name| (name.clone(), Range { low: -2.0, high: 2.0 })).collect();
        let bounds = proven::bounds(func, weights, &inputs).unwrap();
        let mut args = sample;
        for (_, arg) in func.args().filter(|(_, arg)| arg.kind == ArgKind::Weight) {
            args.insert(arg.name.clone(), Tensor::F32(weights.get(&arg.name).unwrap()));
        }
        evaluate_with(func, &args, &mut |value, tensor| {
            let Tensor::F32(x) = tensor else { return };
            let bound = bounds[value.index()];
            let slack = 1e-4 * (1.0 + bound.magnitude());
            let (low, high) = x.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v.into()), h.max(v.into())));
            assert!(
                bound.low - slack <= low && high <= bound.high + slack,
                "seed {seed}: {low} to {high} is not in {bound:?}\n{func}"
            );
            if bound.magnitude().is_finite() && bound.magnitude() > 0.0 && func.as_arg(value).is_none() {
                nearest = nearest.max(low.abs().max(high.abs()) / bound.magnitude());
            }
        })
        .unwrap();
    }
    assert!(nearest > 0.5, "the bounds are {nearest} of what they could be");
}
