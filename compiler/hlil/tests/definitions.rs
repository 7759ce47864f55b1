//! Ops by their definitions, written out element by element, and their edge cases.

mod one_op;

use ndarray::{ArrayD, Dimension};
use one_op::{eval, integers, reals};
use proptest::prelude::*;
use treville_hlil::{FUNCTIONS, Function, Tensor};
use treville_ir::{Attrs, attrs};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

fn shape(max_rank: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..5usize, 0..=max_rank)
}

/// Whole numbers, negative ones among them, each of its own for up to 97 places.
fn sample(shape: &[usize]) -> ArrayD<i64> {
    let values = (0..shape.iter().product::<usize>()).map(|i| (i * 31 % 97) as i64 - 48).collect();
    ArrayD::from_shape_vec(shape, values).unwrap()
}

fn both(x: &ArrayD<i64>) -> [Tensor; 2] {
    [x.clone().into(), x.mapv(|v| v as f32).into()]
}

/// The elements, of whatever kind they are, in order.
fn elements(x: &Tensor) -> Vec<f64> {
    match x {
        Tensor::F32(x) => x.iter().map(|v| f64::from(*v)).collect(),
        Tensor::I64(x) => x.iter().map(|v| *v as f64).collect(),
    }
}

/// Equal by bits, but for the sign and payload of NaN.
fn same(x: &Tensor, expected: &[f32]) -> bool {
    let bits = |v: f32| if v.is_nan() { NAN.to_bits() } else { v.to_bits() };
    x.as_f32().unwrap().iter().map(|v| bits(*v)).eq(expected.iter().map(|v| bits(*v)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reductions(dims in shape(4), chosen in 0..16usize, keepdims in any::<bool>()) {
        let axes: Vec<usize> = (0..dims.len()).filter(|axis| chosen >> axis & 1 == 1).collect();
        prop_assume!(!axes.is_empty());
        let x = sample(&dims);
        let kept: Vec<usize> = (0..dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| dims[axis]).collect();
        let (mut sums, mut greatest) = (ArrayD::<i64>::zeros(&kept[..]), ArrayD::from_elem(&kept[..], i64::MIN));
        for (place, value) in x.indexed_iter() {
            let at: Vec<usize> = (0..dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| place[axis]).collect();
            sums[&at[..]] += value;
            greatest[&at[..]] = greatest[&at[..]].max(*value);
        }
        let result = dims.iter().enumerate().filter_map(|(i, d)| match axes.contains(&i) {
            true => keepdims.then_some(1),
            false => Some(*d),
        });
        let result: Vec<usize> = result.collect();
        let list: Vec<i64> = axes.iter().map(|a| *a as i64).collect();
        let run = |op, x: &Tensor| eval(op, attrs! { axes: list.clone(), keepdims: keepdims }, &[x]);
        for x in both(&x) {
            let (sum, max) = (run("reduce_sum", &x), run("reduce_max", &x));
            prop_assert_eq!((sum.shape(), sum.scalar()), (&result[..], x.scalar()));
            prop_assert_eq!(elements(&sum), elements(&sums.clone().into()));
            prop_assert_eq!(elements(&max), elements(&greatest.clone().into()));
        }
        let count = x.len() / sums.len();
        let means = sums.mapv(|sum| (sum as f64 / count as f64) as f32);
        prop_assert_eq!(elements(&run("reduce_mean", &both(&x)[1])), elements(&means.into()));
    }

    #[test]
    fn gather(mut dims in shape(3), axis in 0..4usize, seeds in prop::collection::vec(any::<usize>(), 1..6)) {
        dims.insert(axis.min(dims.len()), 3);
        let axis = axis.min(dims.len() - 1);
        let axis = if dims[axis] == 3 { axis } else { dims.iter().position(|d| *d == 3).unwrap() };
        let indices: Vec<usize> = seeds.iter().map(|s| s % 3).collect();
        let list: Vec<i64> = indices.iter().map(|i| *i as i64).collect();
        let x = sample(&dims);
        for tensor in both(&x) {
            let y = eval("gather", attrs! { axis: axis as i64, indices: list.clone() }, &[&tensor]);
            let y = ArrayD::from_shape_vec(y.shape(), elements(&y)).unwrap();
            for (place, value) in y.indexed_iter() {
                let mut from = place.slice().to_vec();
                from[axis] = indices[from[axis]];
                prop_assert_eq!(*value, x[&from[..]] as f64);
            }
        }
    }

    #[test]
    fn elementwise_ops_broadcast(a in shape(3), ones in 0..8usize, cut in 0..4usize) {
        let b: Vec<usize> = a.iter().enumerate().map(|(i, d)| if ones >> i & 1 == 1 { 1 } else { *d }).skip(cut).collect();
        let (x, y) = (sample(&a), sample(&b).mapv(|v| v + 3));
        let joint = y.broadcast(&a[..]).unwrap();
        let expect = |f: fn(i64, i64) -> i64| x.iter().zip(joint.iter()).map(|(x, y)| f(*x, *y) as f64).collect::<Vec<_>>();
        for (x, y) in both(&x).iter().zip(&both(&y)) {
            let run = |op| elements(&eval(op, Attrs::new(), &[x, y]));
            prop_assert_eq!(run("max"), expect(i64::max));
            prop_assert_eq!(run("greater"), expect(|x, y| (x > y).into()));
            prop_assert_eq!(run("equal"), expect(|x, y| (x == y).into()));
            let (chosen, zero) = (eval("greater", Attrs::new(), &[x, y]), eval("sub", Attrs::new(), &[y, y]));
            let selected = eval("select", Attrs::new(), &[&chosen, x, &zero]);
            prop_assert_eq!(elements(&selected), expect(|x, y| if x > y { x } else { 0 }));
        }
        let [x, y] = [&x, &y].map(|t| Tensor::from(t.clone()));
        prop_assert_eq!(elements(&eval("div", Attrs::new(), &[&x, &y])), expect(|x, y| if y == 0 { 0 } else { x / y }));
    }

    #[test]
    fn pools(axes in prop::collection::vec((1..7usize, 1..4usize, 1..4usize, 0..3usize, 0..3usize, 1..3usize), 1..4), include in any::<bool>()) {
        #[allow(clippy::type_complexity, reason = "six numbers an axis")]
        let list = |f: fn(&(usize, usize, usize, usize, usize, usize)) -> usize| axes.iter().map(f).collect::<Vec<_>>();
        let (size, kernel, stride, begin, end, dilation) =
            (list(|a| a.0), list(|a| a.1), list(|a| a.2), list(|a| a.3), list(|a| a.4), list(|a| a.5));
        let ints = |list: &[usize]| list.iter().map(|v| *v as i64).collect::<Vec<_>>();
        let pads = ints(&[&begin[..], &end].concat());
        let attrs = attrs! { kernel: ints(&kernel), strides: ints(&stride), pads: pads, dilations: ints(&dilation) };
        let dims = [&[2, 2], &size[..]].concat();
        let x = sample(&dims);
        let line = one_op::try_type("max_pool", attrs.clone(), &x.mapv(|v| v as f32).into());
        let Some(ty) = line else { return Ok(()) };
        let (mut greatest, mut means) = (Vec::new(), Vec::new());
        for place in ndarray::indices(&ty[..]) {
            let mut inside = Vec::new();
            for tap in ndarray::indices(&kernel[..]) {
                let at = |i: usize| (place[i + 2] * stride[i] + tap[i] * dilation[i]).checked_sub(begin[i]).filter(|c| *c < size[i]);
                if let Some(at) = (0..size.len()).map(at).collect::<Option<Vec<_>>>() {
                    inside.push(x[&[&[place[0], place[1]], &at[..]].concat()[..]]);
                }
            }
            let count = if include { kernel.iter().product() } else { inside.len() };
            greatest.push(inside.iter().copied().max().unwrap() as f64);
            means.push(f64::from(inside.iter().sum::<i64>() as f32 / count as f32));
        }
        let x = Tensor::from(x.mapv(|v| v as f32));
        prop_assert_eq!(elements(&eval("max_pool", attrs.clone(), &[&x])), greatest);
        let mut attrs = attrs;
        attrs.insert("count_include_pad".into(), include.into());
        prop_assert_eq!(elements(&eval("avg_pool", attrs, &[&x])), means);
    }
}

#[test]
fn tensors_without_dimensions() {
    let (x, c) = (reals(&[], &[2.5]), integers(&[], &[1]));
    for op in ["add", "mul", "div", "max"] {
        assert_eq!(eval(op, Attrs::new(), &[&x, &x]).shape(), [0usize; 0]);
    }
    assert_eq!(eval("select", Attrs::new(), &[&c, &x, &reals(&[], &[0.0])]), x);
    assert_eq!(eval("cast", attrs! { to: "i64" }, &[&x]), integers(&[], &[2]));
    assert_eq!(eval("reshape", attrs! { shape: [1, 1] }, &[&x]), reals(&[1, 1], &[2.5]));
    assert_eq!(eval("transpose", attrs! { perm: Vec::<i64>::new() }, &[&x]), x);
}

#[test]
fn signs_and_infinities_of_comparisons() {
    let (a, b) = (reals(&[6], &[0.0, -0.0, NAN, 1.0, INF, -INF]), reals(&[6], &[-0.0, 0.0, 1.0, NAN, INF, 3.0]));
    assert_eq!(eval("greater", Attrs::new(), &[&a, &b]), integers(&[6], &[0, 0, 0, 0, 0, 0]));
    assert_eq!(eval("equal", Attrs::new(), &[&a, &b]), integers(&[6], &[1, 1, 0, 0, 1, 0]));
    let max = eval("max", Attrs::new(), &[&a, &b]);
    assert!(same(&eval("max", Attrs::new(), &[&max, &max]), &[-0.0, 0.0, NAN, NAN, INF, 3.0]), "{max:?}");
}

#[test]
fn nan_and_infinity_go_through_clip_relu_and_pools() {
    let x = reals(&[5], &[NAN, -INF, INF, -0.0, 0.5]);
    let clip = |min: f64, max: f64| eval("clip", attrs! { min: min, max: max }, &[&x]);
    assert!(same(&clip(-1.0, 0.25), &[NAN, -1.0, 0.25, -0.0, 0.25]));
    assert!(same(&clip(f64::NEG_INFINITY, f64::INFINITY), &[NAN, -INF, INF, -0.0, 0.5]));
    assert!(same(&clip(7.0, 7.0), &[NAN, 7.0, 7.0, 7.0, 7.0]));
    assert!(same(&eval("relu", Attrs::new(), &[&x]), &[NAN, 0.0, INF, -0.0, 0.5]));
    let pool = attrs! { kernel: [2], strides: [1], pads: [0, 0], dilations: [1] };
    let x = reals(&[1, 1, 5], &[-INF, -INF, 1.0, NAN, 2.0]);
    assert!(same(&eval("max_pool", pool, &[&x]), &[-INF, 1.0, NAN, NAN]));
    let max = attrs! { axes: [2], keepdims: false };
    assert!(same(&eval("reduce_max", max, &[&x]), &[NAN]));
}

#[test]
fn whole_numbers() {
    let x = reals(&[9], &[-2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5, INF, NAN]);
    assert!(same(&eval("round", Attrs::new(), &[&x]), &[-2.0, -2.0, -0.0, -0.0, 0.0, 2.0, 2.0, INF, NAN]));
    assert!(same(&eval("floor", Attrs::new(), &[&x]), &[-3.0, -2.0, -1.0, -0.0, 0.0, 1.0, 2.0, INF, NAN]));
    assert_eq!(eval("cast", attrs! { to: "i64" }, &[&x]), integers(&[9], &[-2, -1, 0, 0, 0, 1, 2, i64::MAX, 0]));
    let large = integers(&[2], &[i64::MIN, (1 << 24) + 1]);
    assert_eq!(eval("cast", attrs! { to: "f32" }, &[&large]), reals(&[2], &[-9.223372e18, 16777216.0]));
    let (a, b) = (integers(&[5], &[7, -7, 7, i64::MIN, 1]), integers(&[5], &[2, 2, -2, -1, 0]));
    assert_eq!(eval("div", Attrs::new(), &[&a, &b]), integers(&[5], &[3, -3, -3, i64::MIN, 0]));
}

#[test]
fn sums_wrap_as_integers_and_are_exact_as_reals() {
    let sum = |x: &Tensor| eval("reduce_sum", attrs! { axes: [0], keepdims: false }, &[x]);
    assert_eq!(sum(&integers(&[2], &[i64::MAX, 1])), integers(&[], &[i64::MIN]));
    let mut values = vec![1.0; 100_001];
    values[0] = 16_777_216.0;
    assert_eq!(sum(&reals(&[100_001], &values)), reals(&[], &[16_877_216.0]));
}

fn apply(name: &str, parameter: f64, x: &[f32]) -> Vec<f32> {
    let attrs = attrs! { function: name, parameter: parameter };
    eval("apply", attrs, &[&reals(&[x.len()], x)]).as_f32().unwrap().iter().copied().collect()
}

/// Values from tables of these functions.
#[test]
#[allow(clippy::approx_constant, reason = "a table of values, whichever constants they are")]
fn functions_have_their_values() {
    for (name, x, y) in [
        ("exp", 1.0, 2.718281828459045),
        ("log", 2.0, 0.6931471805599453),
        ("sqrt", 2.0, 1.4142135623730951),
        ("rsqrt", 2.0, 0.7071067811865476),
        ("reciprocal", -4.0, -0.25),
        ("erf", 0.5, 0.5204998778130465),
        ("sigmoid", 1.0, 0.7310585786300049),
        ("tanh", 1.0, 0.7615941559557649),
        ("softplus", 1.0, 1.3132616875182228),
        ("softsign", -3.0, -0.75),
        ("gelu", 1.0, 0.8413447460685429),
        ("gelu_tanh", 1.0, 0.8411919906082768),
        ("silu", 1.0, 0.7310585786300049),
        ("mish", 1.0, 0.8650983882673103),
        ("sin", 1.0, 0.8414709848078965),
        ("cos", 1.0, 0.5403023058681398),
        ("tan", 1.0, 1.5574077246549023),
        ("asin", 0.5, 0.5235987755982989),
        ("acos", 0.5, 1.0471975511965979),
        ("atan", 1.0, 0.7853981633974483),
        ("sinh", 1.0, 1.1752011936438014),
        ("cosh", 1.0, 1.5430806348152437),
        ("asinh", 1.0, 0.881373587019543),
        ("acosh", 2.0, 1.3169578969248166),
        ("atanh", 0.5, 0.5493061443340549),
    ] {
        let function = Function::of(name).unwrap();
        let value = (function.eval)(x, 0.0);
        assert!((value - y).abs() < 1e-14 * y.abs().max(1.0), "{name}({x}) = {value}");
        assert_eq!(apply(name, 0.0, &[x as f32]), [y as f32], "{name}");
    }
    assert_eq!(apply("pow", -1.5, &[4.0, 0.0]), [0.125, INF]);
    assert!(apply("log", 0.0, &[-1.0])[0].is_nan() && apply("sqrt", 0.0, &[-1.0])[0].is_nan());
}

#[test]
fn functions_are_finite_in_their_domain_and_named_once() {
    for (i, function) in FUNCTIONS.iter().enumerate() {
        assert!(FUNCTIONS[..i].iter().all(|other| other.name != function.name), "{}", function.name);
        let (low, high) = (function.domain.0.max(-50.0), function.domain.1.min(50.0));
        let inner = |step: i32| low + (high - low) * f64::from(step) / 1000.0;
        for x in (1..1000).map(inner).filter(|x| function.pole.is_none_or(|pole| (x - pole).abs() > 1e-9)) {
            let value = (function.eval)(x, if function.takes_parameter { 0.7 } else { 0.0 });
            assert!(value.is_finite(), "{}({x}) = {value}", function.name);
        }
    }
}

#[test]
fn functions_keep_their_digits_far_out() {
    let tail = |name: &str, x: f64| (Function::of(name).unwrap().eval)(x, 0.0);
    assert!((tail("gelu", -10.0) / -7.619853024160495e-23 - 1.0).abs() < 1e-9);
    assert!((tail("softplus", -40.0) / 4.248354255291589e-18 - 1.0).abs() < 1e-12);
    assert_eq!((tail("softplus", 800.0), tail("sigmoid", -800.0), tail("mish", 800.0)), (800.0, 0.0, 800.0));
    assert_eq!((tail("tanh", 800.0), tail("erf", -30.0), tail("silu", 800.0)), (1.0, -1.0, 800.0));
}
