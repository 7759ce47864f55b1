//! Each op that `hlil-to-llil` composes of several: the float evaluator against the ring, under every rounding.

use indexmap::IndexMap;
use treville_hlil::Tensor;
use treville_ir::{Attrs, ValueId, attrs};
use treville_llil::{Exact, Local, Probabilistic, Rounding, RoundingMode};
use treville_passes::analysis::{calibrate::calibrate, error::annotate_err, range};
use treville_passes::{Module, Options, decode_results, run_passes};

use crate::net::{self, Net, run};

/// Edges: integers, halves of both parities, one unit beside them, and zero.
const EDGES: [f32; 24] = [
    0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    1.5,
    -1.5,
    2.5,
    -2.5,
    3.0,
    -3.0,
    3.5,
    -3.5,
    0.25,
    -0.25,
    7.75,
    -7.75,
    100.5,
    -100.5,
    2.9997559,
    -2.9997559,
    0.00024414063,
    -0.00024414063,
    5.0,
];

/// Float and fixed-point results on inputs of edges, under each rounding; the ranges fit, and errors stay within their bound.
fn compare(n_inputs: usize, build: impl Fn(&mut Net, &[ValueId]) -> Vec<ValueId>, tolerance: f32) {
    let mut net = Net::new(1);
    let inputs: Vec<_> = (0..n_inputs).map(|_| net.input(&[EDGES.len()])).collect();
    let results = build(&mut net, &inputs);
    let Module::Hlil(mut func, weights) = net.finish(&results) else { panic!() };
    // The second input is the first in another order, with some elements at the same place.
    let data = |i: usize| {
        let at = |j: usize| if j.is_multiple_of(3) { EDGES[j] } else { EDGES[(j * 7 + 5 * i) % EDGES.len()] };
        Tensor::F32(
            (0..EDGES.len()).map(|j| if i == 0 { EDGES[j] } else { at(j) }).collect::<ndarray::Array1<_>>().into_dyn(),
        )
    };
    let sample: IndexMap<_, _> = (0..n_inputs).map(|i| (format!("x{i}"), data(i))).collect();
    calibrate(&func, &weights, std::slice::from_ref(&sample)).unwrap().annotate(&mut func);
    let float = Module::Hlil(func, weights);
    let want = run(&float, &sample);
    for rounding in [RoundingMode::Exact, RoundingMode::Local, RoundingMode::Probabilistic] {
        let options = Options { rounding, ..Options::default() };
        let mut fixed = run_passes("hlil-to-llil,llil-default", float.clone(), &options)
            .unwrap_or_else(|e| panic!("{:?}", e.diagnostics()));
        assert_eq!(range::misfits(fixed.llil().unwrap()), []);
        let exact = net::run_ring(&fixed, &sample, &mut Exact);
        for seed in 0..4 {
            let source: &mut dyn Rounding =
                if rounding == RoundingMode::Local { &mut Local(seed) } else { &mut Probabilistic(seed) };
            let other = net::run_ring(&fixed, &sample, source);
            let got = decode_results(fixed.llil().unwrap(), &other);
            for (want, got) in want.iter().zip(&got) {
                match (want, got) {
                    (Tensor::F32(want), Tensor::F32(got)) => {
                        let worst = want.iter().zip(got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                        assert!(worst <= tolerance, "{rounding:?}: off by {worst}: {want} {got}");
                    }
                    _ => assert_eq!(want, got, "{rounding:?}"),
                }
            }
            let Module::Llil(func, weights) = &mut fixed else { panic!() };
            for ((bound, exact), other) in annotate_err(func, weights).into_iter().zip(&exact).zip(&other) {
                let worst = exact.iter().zip(other).map(|(a, b)| (a.wrapping_sub(*b) as i64).abs()).max().unwrap();
                assert!(worst as f64 <= bound.expect("a bound"), "{rounding:?}: {worst} is more than {bound:?}");
            }
        }
    }
}

fn unary(op: &'static str, attrs: Attrs) -> impl Fn(&mut Net, &[ValueId]) -> Vec<ValueId> {
    move |net, x| vec![net.op(op, &[x[0]], attrs.clone())]
}

fn binary(op: &'static str) -> impl Fn(&mut Net, &[ValueId]) -> Vec<ValueId> {
    move |net, x| vec![net.op(op, x, attrs! {})]
}

/// A unit of the last of 12 places.
const UNIT: f32 = 1.0 / 4096.0;

#[test]
fn whole_numbers_are_exact() {
    compare(1, unary("floor", attrs! {}), 0.0);
    compare(1, unary("round", attrs! {}), 0.0);
    compare(1, unary("cast", attrs! { to: "i64" }), 0.0);
}

/// A whole number has no fraction bits; what it meets has.
#[test]
fn whole_numbers_meet_fractions() {
    compare(
        2,
        |net, x| {
            let floor = net.op("floor", &[x[0]], attrs! {});
            let half = net.constant(&[], &[0.5]);
            vec![net.op("add", &[floor, half], attrs! {})]
        },
        0.0,
    );
    compare(
        1,
        |net, x| {
            let floor = net.op("floor", &[x[0]], attrs! {});
            vec![net.op("clip", &[floor], attrs! { min: -1.5, max: 2.25 })]
        },
        0.0,
    );
    compare(
        2,
        |net, x| {
            let bit = net.op("greater", x, attrs! {});
            let mask = net.op("cast", &[bit], attrs! { to: "f32" });
            let kept = net.op("mul", &[mask, x[0]], attrs! {});
            let third = net.constant(&[], &[0.25]);
            let scaled = net.op("mul", &[mask, third], attrs! {});
            vec![kept, net.op("sub", &[third, scaled], attrs! {})]
        },
        0.0,
    );
}

#[test]
fn integers_stay_integers() {
    compare(
        2,
        |net, x| {
            let [a, b] = [0, 1].map(|i| net.op("cast", &[x[i]], attrs! { to: "i64" }));
            let sum = net.op("add", &[a, b], attrs! {});
            let product = net.op("mul", &[a, b], attrs! {});
            let max = net.op("max", &[a, b], attrs! {});
            let same = net.op("equal", &[a, b], attrs! {});
            let more = net.op("greater", &[a, b], attrs! {});
            let total = net.op("reduce_sum", &[sum], attrs! { axes: [0], keepdims: false });
            let most = net.op("reduce_max", &[a], attrs! { axes: [0], keepdims: true });
            let real = net.op("cast", &[product], attrs! { to: "f32" });
            vec![sum, product, max, same, more, total, most, real]
        },
        0.0,
    );
}

#[test]
fn comparisons_are_exact() {
    compare(2, binary("max"), 0.0);
    compare(2, binary("greater"), 0.0);
    compare(2, binary("equal"), 0.0);
    compare(
        2,
        |net, x| {
            let c = net.op("greater", x, attrs! {});
            vec![net.op("select", &[c, x[1], x[0]], attrs! {})]
        },
        0.0,
    );
}

#[test]
fn bounds_hold() {
    let infinity = f64::INFINITY;
    for (min, max) in [(0.0, 6.0), (-1.0, 1.0), (-2.5, infinity), (-infinity, 3.0), (-1e30, 2.0), (-infinity, infinity)]
    {
        compare(1, unary("clip", attrs! { min: min, max: max }), 0.0);
    }
}

#[test]
fn reductions_and_moves() {
    let shaped = |net: &mut Net, x: ValueId| net.op("reshape", &[x], attrs! { shape: [2, 3, 4] });
    compare(
        1,
        |net, x| {
            let x = shaped(net, x[0]);
            let sum = net.op("reduce_sum", &[x], attrs! { axes: [0, 2], keepdims: true });
            let max = net.op("reduce_max", &[x], attrs! { axes: [1], keepdims: false });
            let all = net.op("reduce_max", &[x], attrs! { axes: [0, 1, 2], keepdims: false });
            let taken = net.op("gather", &[x], attrs! { axis: 2, indices: [3, 0, 0] });
            vec![sum, max, all, taken]
        },
        0.0,
    );
    // The mean and the variance of a row: products are added before they are scaled down.
    compare(
        1,
        |net, x| {
            let x = shaped(net, x[0]);
            let mean = net.op("reduce_mean", &[x], attrs! { axes: [2], keepdims: true });
            let rest = net.op("sub", &[x, mean], attrs! {});
            let square = net.op("mul", &[rest, rest], attrs! {});
            vec![net.op("reduce_mean", &[square], attrs! { axes: [2], keepdims: false })]
        },
        200.0 * UNIT,
    );
}

#[test]
fn products_of_tensors() {
    compare(
        2,
        |net, x| {
            let a = net.op("reshape", &[x[0]], attrs! { shape: [2, 3, 4] });
            let b = net.op("reshape", &[x[1]], attrs! { shape: [1, 4, 6] });
            vec![net.op("matmul", &[a, b], attrs! {})]
        },
        UNIT,
    );
    compare(
        1,
        |net, x| {
            let x = net.op("reshape", &[x[0]], attrs! { shape: [1, 2, 3, 4] });
            let w = net.weight(&[2, 3, 2, 2]);
            let window = attrs! {
                strides: [2, 1], pads: [0, 1, 1, 0], dilations: [1, 2], groups: 1, output_padding: [1, 0]
            };
            vec![net.op("conv_transpose", &[x, w], window)]
        },
        0.2,
    );
}

/// A factor of 1/1000 with 12 fraction bits would be off by 2.4 %.
#[test]
fn small_factors_keep_their_digits() {
    for factor in [1e-3, 1.0 / 255.0, 1e-4, 3.0, 0.5, 0.3333] {
        compare(
            1,
            |net, x| {
                let factor = net.constant(&[], &[factor]);
                vec![net.op("mul", &[x[0], factor], attrs! {})]
            },
            4.0 * UNIT,
        );
    }
}

#[test]
fn divisions_by_small_numbers() {
    compare(
        2,
        |net, x| {
            let square = net.op("mul", &[x[1], x[1]], attrs! {});
            let one = net.constant(&[], &[1.0]);
            let divisor = net.op("add", &[square, one], attrs! {});
            let reciprocal = net.op("apply", &[divisor], attrs! { function: "reciprocal", parameter: 0.0 });
            vec![net.op("mul", &[x[0], reciprocal], attrs! {})]
        },
        16.0 * UNIT,
    );
}
