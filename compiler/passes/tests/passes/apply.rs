//! `apply` in fixed point: piecewise polynomials against the functions that they stand for.

use indexmap::IndexMap;
use treville_hlil::{FUNCTIONS, Function, Tensor};
use treville_ir::attrs;
use treville_llil::{Exact, Local, Probabilistic, Rounding, RoundingMode};
use treville_passes::analysis::{calibrate::calibrate, range, range::Range};
use treville_passes::approximate::{Approximation, Request, approximate};
use treville_passes::{Module, Options, run_passes};
use treville_ring::RingBits;

use crate::net::{self, Net};

const ALL: Range = Range { low: f64::NEG_INFINITY, high: f64::INFINITY };

/// Where each function is tested: all that has no place of its own from -6 to 6.
fn interval(function: &Function) -> (f64, f64) {
    match function.name {
        "exp" => (-8.0, 3.0),
        "sinh" | "cosh" => (-3.0, 3.0),
        "log" | "rsqrt" | "reciprocal" => (0.0625, 16.0),
        "sqrt" | "pow" => (0.0, 16.0),
        "tan" => (-1.4, 1.4),
        "asin" | "acos" | "atanh" => (-0.96875, 0.96875),
        "acosh" => (1.0, 16.0),
        _ => (-6.0, 6.0),
    }
}

fn parameter(function: &Function) -> f64 {
    if function.takes_parameter { 1.5 } else { 0.0 }
}

/// 2^16 elements from end to end, as they are with `frac` fraction bits.
fn grid((low, high): (f64, f64), frac: u8) -> Vec<f32> {
    let unit = 2f64.powi(-i32::from(frac));
    let at = |i: u32| low + (high - low) * f64::from(i) / 65535.0;
    (0..65536).map(|i| ((at(i) / unit).round() * unit) as f32).collect()
}

/// One function on a tensor, calibrated on the elements, and the approximation that this leads to.
fn lowered(function: &Function, x: &[f32], options: &Options) -> (Module, IndexMap<String, Tensor>, Approximation) {
    let parameter = parameter(function);
    let mut net = Net::new(1);
    let input = net.input(&[x.len()]);
    let y = net.op("apply", &[input], attrs! { function: function.name, parameter: parameter });
    let Module::Hlil(mut func, weights) = net.finish(&[y]) else { panic!() };
    let x = ndarray::Array1::from(x.to_vec()).into_dyn();
    let sample = IndexMap::from([("x0".to_string(), Tensor::F32(x))]);
    calibrate(&func, &weights, std::slice::from_ref(&sample)).unwrap().annotate(&mut func);
    let request = Request {
        f: &|x| (function.eval)(x, parameter),
        defined: Range { low: function.domain.0, high: function.domain.1 },
        pole: function.pole,
        operand: range::of(&func, input).unwrap(),
        possible: ALL,
        magnitude: range::of(&func, y).unwrap().magnitude(),
        operand_frac: options.scale,
        frac: options.scale,
        ring: options.ring,
    };
    let approximation = approximate(&request).unwrap_or_else(|e| panic!("{}: {e}", function.name));
    let module = run_passes("hlil-to-llil,llil-default", Module::Hlil(func, weights), options)
        .unwrap_or_else(|e| panic!("{}: {:?}", function.name, e.diagnostics()));
    assert_eq!(range::misfits(module.llil().unwrap()), [], "{}", function.name);
    (module, sample, approximation)
}

/// The greatest difference between results and the function, in units of the last place.
fn worst(function: &Function, x: &[f32], y: &[u64], frac: u8) -> f64 {
    let parameter = parameter(function);
    let scale = 2f64.powi(frac.into());
    let off = |x: &f32, y: &u64| ((*y as i64) as f64 - (function.eval)(f64::from(*x), parameter) * scale).abs();
    x.iter().zip(y).map(|(x, y)| off(x, y)).fold(0.0, f64::max)
}

#[test]
fn every_function_is_within_its_stated_error_on_a_16_bit_grid() {
    for scale in [8, 12, 16] {
        for function in FUNCTIONS {
            let options = Options { scale, ..Options::default() };
            let x = grid(interval(function), scale);
            let (module, sample, approximation) = lowered(function, &x, &options);
            let y = net::run_ring(&module, &sample, &mut Exact);
            let worst = worst(function, &x, y[0].as_slice().unwrap(), scale);
            let stated = approximation.error;
            assert!(worst <= stated, "{} at {scale}: off by {worst}, stated {stated}", function.name);
            // Half a unit for the fit, one for the last ScaleDown; where the function is steep, four for the fit.
            assert!(stated <= 1.75 + (approximation.slope / 2.0).min(3.75), "{} at {scale}: {stated}", function.name);
            let steep = approximation.slope > 2.0;
            assert!(steep || worst > stated / 2.0, "{} at {scale}: off by {worst}, stated {stated}", function.name);
        }
    }
}

#[test]
fn other_roundings_stay_within_the_stated_error() {
    for rounding in [RoundingMode::Local, RoundingMode::Probabilistic] {
        for function in FUNCTIONS {
            let options = Options { rounding, ..Options::default() };
            let x: Vec<f32> = grid(interval(function), options.scale).into_iter().step_by(16).collect();
            let (module, sample, approximation) = lowered(function, &x, &options);
            let source: &mut dyn Rounding =
                if rounding == RoundingMode::Local { &mut Local(5) } else { &mut Probabilistic(5) };
            let y = net::run_ring(&module, &sample, source);
            let worst = worst(function, &x, y[0].as_slice().unwrap(), options.scale);
            assert!(worst <= approximation.error, "{}: off by {worst}, stated {}", function.name, approximation.error);
        }
    }
}

fn request<'a>(f: &'a dyn Fn(f64) -> f64, operand: (f64, f64), magnitude: f64) -> Request<'a> {
    Request {
        f,
        defined: Range { low: f64::NEG_INFINITY, high: f64::INFINITY },
        pole: None,
        operand: Range { low: operand.0, high: operand.1 },
        possible: ALL,
        magnitude,
        operand_frac: 12,
        frac: 12,
        ring: RingBits::FULL,
    }
}

/// What the program computes for one operand.
fn evaluate(table: &Approximation, x: i64, operand_frac: u8) -> f64 {
    let piece = table.breakpoints.iter().filter(|t| x >= **t).count();
    let shift = operand_frac + table.scale_frac - table.v_frac;
    let v = (x - table.centres[piece]).wrapping_mul(table.scales[piece]) >> shift;
    let (first, rest) = table.coefficients.split_first().unwrap();
    let sum = rest.iter().rev().map(|c| c[piece]).reduce(|sum, c| ((sum * v) >> table.v_frac) + c).unwrap_or(0);
    ((sum * v + first[piece]) >> (table.partial_frac + table.v_frac - table.frac)) as f64
        * 2f64.powi(-i32::from(table.frac))
}

#[test]
fn outside_its_domain_a_function_is_constant() {
    let table = approximate(&request(&f64::tanh, (-2.0, 2.0), 1.0)).unwrap();
    for x in [8i64 << 12, 1 << 40, 1 << 61] {
        assert!((evaluate(&table, x, 12) - 1.0).abs() < 1e-3 && (evaluate(&table, -x, 12) + 1.0).abs() < 1e-3);
    }
    // An exponential is cut where it is four times as large as it was seen to be.
    let table = approximate(&request(&f64::exp, (-8.0, 0.0), 1.0)).unwrap();
    assert!((evaluate(&table, 1 << 50, 12) - 4.0).abs() < 4e-3 && evaluate(&table, -(1 << 50), 12).abs() < 1e-3);
}

/// What calibration has seen of a function that comes to rest says little of where it does.
#[test]
fn a_function_that_rests_is_followed_to_its_end() {
    let table = approximate(&request(&f64::exp, (-0.25, 0.0), 1.0)).unwrap();
    for x in [-0.1f64, -1.0, -5.0, -20.0, -100.0] {
        assert!((evaluate(&table, (x * 4096.0) as i64, 12) - x.exp()).abs() < 2e-3, "{x}");
    }
    // A logarithm of what was near 1 is held above 1, not above the little that was seen.
    let table = approximate(&request(&f64::ln, (1.0, 1.01), 0.01)).unwrap();
    assert!((evaluate(&table, 10000, 12) - (10000.0f64 / 4096.0).ln()).abs() < 2e-3);
}

/// A log-softmax that was sure of itself in calibration, on a sample that it is not sure of.
#[test]
fn what_is_proven_counts_for_more_than_calibration() {
    let mut net = Net::new(1);
    let x = net.input(&[1, 10]);
    let over = attrs! { axes: [1], keepdims: true };
    let max = net.op("reduce_max", &[x], over.clone());
    let below = net.op("sub", &[x, max], attrs! {});
    let exp = net.op("apply", &[below], attrs! { function: "exp", parameter: 0.0 });
    let sum = net.op("reduce_sum", &[exp], over);
    let log = net.op("apply", &[sum], attrs! { function: "log", parameter: 0.0 });
    let y = net.op("sub", &[below, log], attrs! {});
    let Module::Hlil(mut func, weights) = net.finish(&[y]) else { panic!() };
    let sample = |rest: f32| {
        let x = (0..10).map(|i| if i == 3 { 9.0 } else { rest }).collect::<ndarray::Array1<f32>>();
        IndexMap::from([("x0".to_string(), Tensor::F32(x.into_shape_with_order([1, 10]).unwrap().into_dyn()))])
    };
    calibrate(&func, &weights, &[sample(0.0)]).unwrap().annotate(&mut func);
    let float = Module::Hlil(func, weights);
    let fixed = run_passes("hlil-to-llil,llil-default", float.clone(), &Options::default()).unwrap();
    for rest in [0.0, 5.0, 8.0, 9.0] {
        let (want, got) = (net::run(&float, &sample(rest)), net::run(&fixed, &sample(rest)));
        net::assert_near(&want, &got, 2e-3, &format!("{rest}"));
    }
}

#[test]
fn a_pole_within_the_range_parts_the_pieces() {
    let reciprocal = Function::of("reciprocal").unwrap();
    let f = |x: f64| (reciprocal.eval)(x, 0.0);
    let table = approximate(&Request { pole: reciprocal.pole, ..request(&f, (-4.0, 4.0), 16.0) }).unwrap();
    for x in [0.0625, 0.25, 1.0, 3.0f64] {
        for x in [x, -x] {
            let y = evaluate(&table, (x * 4096.0) as i64, 12);
            assert!((y - 1.0 / x).abs() < 0.04 / (x * x * 256.0).min(1.0) * 0.04 + 0.04, "1 / {x} is {y}");
        }
    }
    assert_eq!(evaluate(&table, -1, 12).signum(), -1.0);
    assert_eq!(evaluate(&table, 1, 12).signum(), 1.0);
    // A range on one side stays there.
    let table = approximate(&Request { pole: reciprocal.pole, ..request(&f, (1.0, 1000.0), 1.0) }).unwrap();
    assert!((table.domain.low - 0.25).abs() < 1e-3, "{:?}", table.domain);
}

/// Coefficients are the same on every machine.
#[test]
fn an_approximation_is_a_function_of_its_request() {
    let sigmoid = Function::of("sigmoid").unwrap();
    let table =
        approximate(&Request { operand_frac: 8, frac: 8, ..request(&|x| (sigmoid.eval)(x, 0.0), (-4.0, 4.0), 1.0) });
    insta::assert_debug_snapshot!(table.unwrap());
}

/// Beyond its poles a tangent goes on, with other values than those that it is held at there.
#[test]
fn operands_beyond_the_smooth_part_are_refused() {
    let refused = |name: &str, operand: (f64, f64), magnitude: f64| {
        let function = Function::of(name).unwrap();
        let f = |x: f64| (function.eval)(x, 0.0);
        let defined = Range { low: function.domain.0, high: function.domain.1 };
        approximate(&Request { defined, ..request(&f, operand, magnitude) }).err().map(|e| e.to_string())
    };
    assert!(refused("tan", (-1.5, 2.0), 60.0).unwrap().contains("smooth between -1.57"));
    assert_eq!(refused("tan", (-1.5, 1.5), 14.0), None);
    // The range of 1.5 to 20 is 0 to 20 in coarse steps.
    assert_eq!(refused("acosh", (0.0, 20.0), 3.7), None);
    assert!(refused("log", (-1.0, 20.0), f64::INFINITY).unwrap().contains("no finite value"));
}

#[test]
fn what_does_not_fit_the_ring_is_refused() {
    let ring = RingBits::new(16).unwrap();
    let error = approximate(&Request { ring, ..request(&f64::tanh, (-1000.0, 1000.0), 1.0) }).unwrap_err();
    assert!(error.to_string().contains("ring of 16 bits"), "{error}");
    let error = approximate(&request(&|x| (x * 4000.0).sin(), (-100.0, 100.0), 1.0)).unwrap_err();
    assert!(error.to_string().contains("more than 256 pieces"), "{error}");
}

/// The page of functions says what each of them costs and how accurate it is. `TREVILLE_BLESS=1` writes it anew.
#[test]
fn the_page_of_functions_is_fresh() {
    let mut page = String::from(
        "# Functions\n\n\
         Generated from the table of functions; `TREVILLE_BLESS=1 cargo test -p treville-passes functions` writes it anew. Each is approximated \
         over four times the range of its operands, as far as it is defined and no more than four times as large as there. \
         Errors are bounds in units of the last place, over all operands and any rounding; where a function is steep, they hold half of what \
         it changes from one operand to the next, up to four units. Bytes are those of one element in `porthos`; rounds are 9 and one for each degree.\n\n\
         | function | operands | 8 bits: breakpoints, degree, error, bytes | 12 bits | 16 bits |\n|---|---|---|---|---|\n",
    );
    for function in FUNCTIONS {
        let (low, high) = interval(function);
        page += &format!("| `{}` | {low} to {high} |", function.name);
        for scale in [8, 12, 16] {
            let x: Vec<f32> = grid((low, high), scale).into_iter().step_by(15).collect();
            let (_, _, table) = lowered(function, &x, &Options { scale, ..Options::default() });
            let (n, degree) = (table.breakpoints.len(), table.coefficients.len() - 1);
            page += &format!(" {n}, {degree}, {:.1}, {} |", table.error, table.bytes());
        }
        page += "\n";
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/functions.md");
    if std::env::var_os("TREVILLE_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), page, "run with TREVILLE_BLESS=1");
}
