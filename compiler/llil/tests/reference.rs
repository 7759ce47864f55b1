//! Every op's fast evaluation is what its definition says, element by element, on edge values in wide and narrow rings.
//!
//! The definitions stand here once more, each as the plainest program for one element of the result: slow, and obviously right.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use ndarray::{ArrayD, Dimension, IxDyn};
use treville_ir::{Arg, ArgKind, Attrs, Dialect, Func, FuncResult, TensorType, attrs};
use treville_llil::{Elem, Exact, Fixed, Llil, Secrecy, evaluate};
use treville_ring::{RingBits, RingTensor};

/// What an element of the result is, by operands, its place, and the ring.
type Element = fn(&[RingTensor], &[usize], RingBits) -> u64;

/// An op on operands of small odd shapes.
struct Case {
    op: &'static str,
    shapes: &'static [&'static [usize]],
    attrs: Attrs,
    element: Element,
}

fn case(op: &'static str, shapes: &'static [&'static [usize]], attrs: Attrs, element: Element) -> Case {
    Case { op, shapes, attrs, element }
}

/// The element at a place that may lie outside: 0 there.
fn at<const N: usize>(x: &RingTensor, place: [isize; N]) -> u64 {
    let place: Option<Vec<usize>> = place.iter().map(|&i| usize::try_from(i).ok()).collect();
    place.and_then(|p| x.get(IxDyn(&p)).copied()).unwrap_or(0)
}

/// The sum of products.
fn sum(products: impl Iterator<Item = (u64, u64)>) -> u64 {
    products.fold(0, |sum, (a, b)| sum.wrapping_add(a.wrapping_mul(b)))
}

fn is_comparison(op: &str) -> bool {
    matches!(op, "relu" | "drelu" | "max_pool" | "arg_max")
}

fn cases() -> Vec<Case> {
    vec![
        case("add", &[&[2, 3], &[3]], attrs! {}, |x, i, _| x[0][[i[0], i[1]]].wrapping_add(x[1][[i[1]]])),
        case("sub", &[&[2, 3], &[2, 1]], attrs! {}, |x, i, _| x[0][[i[0], i[1]]].wrapping_sub(x[1][[i[0], 0]])),
        case("mul", &[&[2, 3], &[1, 3]], attrs! {}, |x, i, _| x[0][[i[0], i[1]]].wrapping_mul(x[1][[0, i[1]]])),
        case("neg", &[&[5]], attrs! {}, |x, i, _| x[0][[i[0]]].wrapping_neg()),
        case("relu", &[&[7]], attrs! {}, |x, i, ring| match ring.to_signed(x[0][[i[0]]]) {
            negative if negative < 0 => 0,
            positive => positive as u64,
        }),
        case("drelu", &[&[7]], attrs! {}, |x, i, ring| u64::from(ring.to_signed(x[0][[i[0]]]) >= 0)),
        case("scale_down", &[&[3, 5]], attrs! { shift: 3, rounding: "exact" }, |x, i, ring| {
            i128::from(ring.to_signed(x[0][[i[0], i[1]]])).div_euclid(8) as u64
        }),
        case("scale_up", &[&[3, 5]], attrs! { shift: 3 }, |x, i, _| x[0][[i[0], i[1]]].wrapping_mul(8)),
        case("matmul", &[&[2, 1, 3, 5], &[5, 4]], attrs! {}, |x, i, _| {
            sum((0..5).map(|k| (x[0][[i[0], i[1], i[2], k]], x[1][[k, i[3]]])))
        }),
        case(
            "conv",
            &[&[1, 4, 5, 6], &[6, 2, 3, 2]],
            attrs! { strides: [2, 1], pads: [1, 0, 1, 2], dilations: [1, 2], groups: 2 },
            |x, i, _| {
                let group = i[1] / 3;
                let taps = (0..2).flat_map(|c| (0..3).flat_map(move |k| (0..2).map(move |l| (c, k, l))));
                sum(taps.map(|(c, k, l)| {
                    let (row, column) = ((2 * i[2] + k) as isize - 1, (i[3] + 2 * l) as isize);
                    (at(&x[0], [i[0] as isize, (2 * group + c) as isize, row, column]), x[1][[i[1], c, k, l]])
                }))
            },
        ),
        case(
            "conv",
            &[&[2, 3, 7], &[3, 1, 3]],
            attrs! { strides: [1], pads: [1, 1], dilations: [1], groups: 3 },
            |x, i, _| {
                let place = |k: usize| [i[0] as isize, i[1] as isize, (i[2] + k) as isize - 1];
                sum((0..3).map(|k| (at(&x[0], place(k)), x[1][[i[1], 0, k]])))
            },
        ),
        case(
            "conv_transpose",
            &[&[1, 2, 4], &[2, 3, 3]],
            attrs! { strides: [2], pads: [1, 0], dilations: [1], groups: 1, output_padding: [1] },
            |x, i, _| {
                // x at p adds the filter's tap k to the place 2 p + k - 1.
                let pairs = (0..2).flat_map(|c| (0..4).flat_map(move |p| (0..3).map(move |k| (c, p, k))));
                let here = pairs.filter(|&(_, p, k)| 2 * p + k == i[2] + 1);
                sum(here.map(|(c, p, k)| (x[0][[0, c, p]], x[1][[c, i[1], k]])))
            },
        ),
        case(
            "max_pool",
            &[&[1, 2, 6]],
            attrs! { kernel: [3], strides: [2], pads: [1, 0], dilations: [1] },
            |x, i, ring| {
                let window = (2 * i[2]).saturating_sub(1)..2 * i[2] + 2;
                window.map(|p| ring.to_signed(x[0][[0, i[1], p]])).max().expect("a window holds elements") as u64
            },
        ),
        case(
            "avg_pool",
            &[&[1, 2, 6]],
            attrs! { kernel: [3], strides: [2], pads: [1, 0], dilations: [1], count_include_pad: false, divisor_frac: 4 },
            |x, i, _| {
                let window = (2 * i[2]).saturating_sub(1)..2 * i[2] + 2;
                // 16 / 2 = 8, and 16 / 3 rounds to 5.
                let reciprocal = if window.len() == 2 { 8 } else { 5 };
                sum(window.map(|p| (x[0][[0, i[1], p]], reciprocal)))
            },
        ),
        case("arg_max", &[&[3, 5]], attrs! { axis: 1, keepdims: false }, |x, i, ring| {
            let value = |j: usize| ring.to_signed(x[0][[i[0], j]]);
            (0..5).find(|&j| (0..5).all(|other| value(other) <= value(j))).expect("a row has a maximum") as u64
        }),
        case("reduce_sum", &[&[2, 3, 4]], attrs! { axes: [0, 2], keepdims: true }, |x, i, _| {
            sum((0..2).flat_map(|a| (0..4).map(move |c| (a, c))).map(|(a, c)| (x[0][[a, i[1], c]], 1)))
        }),
        case("reshape", &[&[2, 6]], attrs! { shape: [3, 4] }, |x, i, _| {
            let flat = 4 * i[0] + i[1];
            x[0][[flat / 6, flat % 6]]
        }),
        case("transpose", &[&[2, 3, 4]], attrs! { perm: [2, 0, 1] }, |x, i, _| x[0][[i[1], i[2], i[0]]]),
        case("pad", &[&[2, 3]], attrs! { begin: [1, 0], end: [0, 2] }, |x, i, _| {
            at(&x[0], [i[0] as isize - 1, i[1] as isize])
        }),
        case("slice", &[&[5, 4]], attrs! { starts: [1, 0], ends: [5, 3], steps: [2, 1] }, |x, i, _| {
            x[0][[1 + 2 * i[0], i[1]]]
        }),
        case("gather", &[&[3, 2]], attrs! { axis: 0, indices: [2, 0, 2, 1] }, |x, i, _| {
            x[0][[[2, 0, 2, 1][i[0]], i[1]]]
        }),
        case("concat", &[&[2, 1], &[2, 3]], attrs! { axis: 1 }, |x, i, _| match i[1] {
            0 => x[0][[i[0], 0]],
            j => x[1][[i[0], j - 1]],
        }),
    ]
}

/// Edge values, then mixed ones; smaller where they are to be compared.
fn values(shape: &[usize], seed: u64, ring: RingBits, compared: bool) -> RingTensor {
    let mut state = seed;
    ArrayD::from_shape_simple_fn(shape, || {
        state = (state ^ (state << 13)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        state ^= state >> 7;
        let word = state.wrapping_mul(0x94d0_49bb_1331_11eb);
        let bit = 1u64 << (word >> 8 & 63);
        let edge = [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, bit, bit.wrapping_sub(1), bit.wrapping_add(1)];
        let value = if word >> 60 < 10 { edge[(word >> 32 & 7) as usize] } else { state };
        let signed = ring.to_signed(ring.wrap(value));
        ring.wrap(if compared { signed >> 3 } else { signed } as u64)
    })
}

#[test]
fn every_op_is_its_definition() {
    for case in cases() {
        for (bits, seed) in [64, 41, 32, 17].into_iter().flat_map(|bits| (1..30).map(move |seed| (bits, seed))) {
            let ring = RingBits::new(bits).unwrap();
            let elem: Elem = Fixed::new(bits.into(), 4, Secrecy::Secret).unwrap().into();
            let mut func: Func<Llil> = Func::new("main");
            let names: Vec<String> = (0..case.shapes.len()).map(|i| format!("x{i}")).collect();
            let ty = |i: usize| TensorType::new(case.shapes[i], elem);
            let operands: Vec<_> = (names.iter().enumerate())
                .map(|(i, name)| func.add_arg(Arg::new(name, ty(i), "client", ArgKind::Input)))
                .collect();
            let y = func.push1(case.op, &operands, case.attrs.clone(), "node").unwrap();
            func.set_results(vec![FuncResult::new(y, "y", "client")]);
            let shape = func.ty(y).shape.clone();
            let x: Vec<RingTensor> = (case.shapes.iter().zip(1..))
                .map(|(shape, i)| values(shape, seed * 100 + i, ring, is_comparison(case.op)))
                .collect();
            let args: IndexMap<String, RingTensor> = names.into_iter().zip(x.iter().cloned()).collect();
            let result = evaluate(&func, &args, &mut Exact, &mut |_, _| {}).unwrap();
            for (place, &found) in result[0].indexed_iter() {
                let expected = ring.wrap((case.element)(&x, place.slice(), ring));
                assert_eq!(found, expected, "{} at {place:?} in {bits} bits of {x:?}", case.op);
            }
            assert_eq!(result[0].shape(), shape);
        }
    }
}

#[test]
fn every_op_with_operands_has_its_definition_here() {
    let defined: BTreeSet<&str> = cases().iter().map(|case| case.op).collect();
    let all: BTreeSet<&str> = Llil::ops().iter().filter(|op| !op.operands.is_empty()).map(|op| op.mnemonic).collect();
    assert_eq!(defined, all);
}
