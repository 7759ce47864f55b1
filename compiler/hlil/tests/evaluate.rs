//! The evaluator against definitions written out with loops, and its errors.

mod one_op;

use indexmap::IndexMap;
use ndarray::{ArrayD, Dimension};
use one_op::{eval, integers, reals};
use proptest::prelude::*;
use treville_hlil::{EvalError, Hlil, Tensor, evaluate, evaluate_with};
use treville_ir::{Attrs, attrs, table};
use treville_ring::Window;

#[test]
fn every_example_evaluates_to_its_type() {
    for def in treville_hlil::ops::OPS {
        for line in def.examples {
            let func = table::example::<Hlil>(line).unwrap();
            let args = func.args().map(|(_, arg)| {
                let (shape, n) = (&arg.ty.shape[..], arg.ty.elements());
                let tensor = match arg.ty.elem.scalar {
                    treville_hlil::Scalar::F32 => reals(shape, &vec![1.5; n]),
                    treville_hlil::Scalar::I64 => integers(shape, &vec![2; n]),
                };
                (arg.name.clone(), tensor)
            });
            let results = evaluate(&func, &args.collect()).unwrap();
            let ty = func.ty(func.results()[0].value);
            assert_eq!((results[0].shape(), results[0].scalar()), (&ty.shape[..], ty.elem.scalar), "{line}");
        }
    }
}

#[test]
fn arithmetic_broadcasts() {
    let (a, b) = (reals(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), reals(&[2], &[10.0, 20.0]));
    assert_eq!(eval("add", Attrs::new(), &[&a, &b]), reals(&[2, 2], &[11.0, 22.0, 13.0, 24.0]));
    assert_eq!(eval("sub", Attrs::new(), &[&a, &b]), reals(&[2, 2], &[-9.0, -18.0, -7.0, -16.0]));
    assert_eq!(eval("mul", Attrs::new(), &[&a, &b]), reals(&[2, 2], &[10.0, 40.0, 30.0, 80.0]));
    let i = integers(&[1], &[i64::MIN]);
    assert_eq!(eval("sub", Attrs::new(), &[&i, &integers(&[1], &[1])]), integers(&[1], &[i64::MAX]));
    assert_eq!(eval("neg", Attrs::new(), &[&i]), i);
    assert_eq!(eval("neg", Attrs::new(), &[&b]), reals(&[2], &[-10.0, -20.0]));
    let rsqrt = attrs! { function: "rsqrt", parameter: 0.0 };
    assert_eq!(eval("apply", rsqrt, &[&reals(&[2], &[4.0, 0.25])]), reals(&[2], &[0.5, 2.0]));
    assert_eq!(eval("relu", Attrs::new(), &[&reals(&[3], &[-1.0, 0.0, 2.0])]), reals(&[3], &[0.0, 0.0, 2.0]));
}

#[test]
fn matmul_by_hand() {
    let (a, b) = (reals(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), reals(&[2, 1], &[5.0, 6.0]));
    assert_eq!(eval("matmul", Attrs::new(), &[&a, &b]), reals(&[2, 1], &[17.0, 39.0]));
}

#[test]
fn padding_never_wins_a_max_pool() {
    let x = reals(&[1, 1, 2, 2], &[-1.0, -2.0, -3.0, -4.0]);
    let attrs = attrs! { kernel: [2, 2], strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1] };
    let expected = [-1.0, -1.0, -2.0, -1.0, -1.0, -2.0, -3.0, -3.0, -4.0];
    assert_eq!(eval("max_pool", attrs, &[&x]), reals(&[1, 1, 3, 3], &expected));
}

#[test]
fn avg_pool_counts_as_it_says() {
    let x = reals(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let attrs = |include: bool| {
        attrs! { kernel: [2, 2], strides: [2, 2], pads: [1, 1, 1, 1], dilations: [1, 1], count_include_pad: include }
    };
    assert_eq!(eval("avg_pool", attrs(false), &[&x]), reals(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]));
    assert_eq!(eval("avg_pool", attrs(true), &[&x]), reals(&[1, 1, 2, 2], &[0.25, 0.5, 0.75, 1.0]));
}

#[test]
fn batch_norm_honours_epsilon() {
    let x = reals(&[1, 2, 2], &[1.0, 3.0, 5.0, 7.0]);
    let (scale, offset) = (reals(&[2], &[2.0, 1.0]), reals(&[2], &[0.0, 10.0]));
    let (mean, variance) = (reals(&[2], &[1.0, 5.0]), reals(&[2], &[3.0, 0.0]));
    let y = eval("batch_norm", attrs! { epsilon: 1.0 }, &[&x, &scale, &offset, &mean, &variance]);
    assert_eq!(y, reals(&[1, 2, 2], &[0.0, 2.0, 10.0, 12.0]));
}

#[test]
fn reductions_and_classes() {
    let x = reals(&[2, 3], &[1.0, 5.0, 5.0, -1.0, -2.0, -3.0]);
    assert_eq!(eval("arg_max", attrs! { axis: 1, keepdims: true }, &[&x]), integers(&[2, 1], &[1, 0]));
    assert_eq!(eval("arg_max", attrs! { axis: 0, keepdims: false }, &[&x]), integers(&[3], &[0, 0, 0]));
    let mean = |axes: &[i64], keepdims: bool| eval("reduce_mean", attrs! { axes: axes, keepdims: keepdims }, &[&x]);
    assert_eq!(mean(&[0], false), reals(&[3], &[0.0, 1.5, 1.0]));
    assert_eq!(mean(&[0, 1], true), reals(&[1, 1], &[5.0 / 6.0]));
    let y = eval("softmax", attrs! { axis: 1 }, &[&reals(&[1, 2], &[1000.0, 1000.0 + 3f32.ln()])]);
    let y = y.as_f32().unwrap();
    assert!((y[[0, 0]] - 0.25).abs() < 1e-4 && (y[[0, 1]] - 0.75).abs() < 1e-4, "{y}");
}

#[test]
fn structure_moves_elements() {
    let x = integers(&[2, 3], &[0, 1, 2, 3, 4, 5]);
    assert_eq!(eval("transpose", attrs! { perm: [1, 0] }, &[&x]), integers(&[3, 2], &[0, 3, 1, 4, 2, 5]));
    assert_eq!(eval("reshape", attrs! { shape: [3, 2] }, &[&x]), integers(&[3, 2], &[0, 1, 2, 3, 4, 5]));
    let slice = attrs! { starts: [1, 0], ends: [2, 3], steps: [1, 2] };
    assert_eq!(eval("slice", slice, &[&x]), integers(&[1, 2], &[3, 5]));
    let pad = attrs! { begin: [0, 1], end: [0, 0], value: 7.0 };
    assert_eq!(eval("pad", pad, &[&x]), integers(&[2, 4], &[7, 0, 1, 2, 7, 3, 4, 5]));
    let twice = eval("concat", attrs! { axis: 1 }, &[&x, &integers(&[2, 1], &[8, 9])]);
    assert_eq!(twice, integers(&[2, 4], &[0, 1, 2, 8, 3, 4, 5, 9]));
    let constant = attrs! { shape: [2, 2], values: [0.5] };
    assert_eq!(eval("constant", constant, &[]), reals(&[2, 2], &[0.5; 4]));
}

/// The convolution by its definition, in f64.
fn conv_by_definition(x: &ArrayD<f32>, w: &ArrayD<f32>, window: &Window, groups: usize) -> Vec<f64> {
    let out = window.output_dims(&x.shape()[2..]).unwrap();
    let (per_group_out, per_group_in) = (w.shape()[0] / groups, w.shape()[1]);
    let mut result = Vec::new();
    for n in 0..x.shape()[0] {
        for o in 0..w.shape()[0] {
            for position in ndarray::indices(&out[..]) {
                let mut sum = 0.0;
                for c in 0..per_group_in {
                    for tap in ndarray::indices(&window.kernel[..]) {
                        let at = |axis: usize| {
                            let padded = position[axis] * window.strides[axis] + tap[axis] * window.dilations[axis];
                            padded.checked_sub(window.pads_begin[axis])
                        };
                        let coordinates: Option<Vec<_>> = (0..out.len()).map(at).collect();
                        let Some(coordinates) = coordinates else { continue };
                        let place = [&[n, o / per_group_out * per_group_in + c], &coordinates[..]].concat();
                        let filter: Vec<usize> =
                            [o, c].into_iter().chain((0..out.len()).map(|axis| tap[axis])).collect();
                        sum += f64::from(x.get(&place[..]).copied().unwrap_or(0.0)) * f64::from(w[&filter[..]]);
                    }
                }
                result.push(sum);
            }
        }
    }
    result
}

/// The transposed convolution by its definition: each element of x adds the filter, times itself, to the result.
fn conv_transpose_by_definition(
    x: &ArrayD<f32>,
    w: &ArrayD<f32>,
    window: &Window,
    groups: usize,
    out: &[usize],
) -> Vec<f64> {
    let (per_group_in, per_group_out) = (w.shape()[0] / groups, w.shape()[1]);
    let mut result = ArrayD::<f64>::zeros(out);
    for (place, value) in x.indexed_iter() {
        let (n, c) = (place[0], place[1]);
        for o in 0..per_group_out {
            for tap in ndarray::indices(&window.kernel[..]) {
                let at = |axis: usize| {
                    let padded = place[axis + 2] * window.strides[axis] + tap[axis] * window.dilations[axis];
                    padded.checked_sub(window.pads_begin[axis])
                };
                let Some(coordinates) = (0..window.kernel.len()).map(at).collect::<Option<Vec<_>>>() else { continue };
                let filter: Vec<usize> = [c, o].into_iter().chain((0..window.kernel.len()).map(|i| tap[i])).collect();
                let target = [&[n, c / per_group_in * per_group_out + o], &coordinates[..]].concat();
                if let Some(sum) = result.get_mut(&target[..]) {
                    *sum += f64::from(*value) * f64::from(w[&filter[..]]);
                }
            }
        }
    }
    result.into_iter().collect()
}

#[derive(Clone, Debug)]
struct ConvCase {
    x: Vec<usize>,
    w: Vec<usize>,
    window: Window,
    groups: usize,
}

/// Size, kernel, stride, padding before and after, dilation.
type AxisCase = (usize, usize, usize, usize, usize, usize);

fn conv_case() -> impl Strategy<Value = ConvCase> {
    let axis = (1..7usize, 1..4usize, 1..4usize, 0..3usize, 0..3usize, 1..3usize);
    let channels = (1..3usize, 1..3usize, 1..3usize, 1..3usize);
    (channels, prop::collection::vec(axis, 1..4)).prop_filter_map("the filter fits", |((n, c, o, groups), axes)| {
        let list = |f: fn(&AxisCase) -> usize| axes.iter().map(f).collect::<Vec<_>>();
        let window = Window {
            kernel: list(|a| a.1),
            strides: list(|a| a.2),
            pads_begin: list(|a| a.3),
            pads_end: list(|a| a.4),
            dilations: list(|a| a.5),
        };
        window.output_dims(&list(|a| a.0)).ok()?;
        let x = [&[n, c * groups], &list(|a| a.0)[..]].concat();
        let w = [&[o * groups, c], &list(|a| a.1)[..]].concat();
        Some(ConvCase { x, w, window, groups })
    })
}

fn conv_attrs(window: &Window, groups: usize) -> Attrs {
    let list = |v: &[usize]| v.iter().map(|&v| v as i64).collect::<Vec<_>>();
    let pads = [&window.pads_begin[..], &window.pads_end[..]].concat();
    attrs! {
        strides: list(&window.strides), pads: list(&pads), dilations: list(&window.dilations), groups: groups as i64,
    }
}

/// Small whole numbers, so that f32 sums are exact.
fn sample(shape: &[usize], seed: usize) -> ArrayD<f32> {
    let n = shape.iter().product::<usize>();
    let values = (0..n).map(|i| ((i * 7 + seed) % 11) as f32 - 5.0).collect();
    ArrayD::from_shape_vec(shape, values).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conv_is_its_definition(case in conv_case()) {
        let (x, w) = (sample(&case.x, 1), sample(&case.w, 4));
        let y = eval("conv", conv_attrs(&case.window, case.groups), &[&x.clone().into(), &w.clone().into()]);
        let expected = conv_by_definition(&x, &w, &case.window, case.groups);
        prop_assert!(y.as_f32().unwrap().iter().map(|v| f64::from(*v)).eq(expected));
    }
}

#[derive(Clone, Debug)]
struct TransposeCase {
    conv: ConvCase,
    output_padding: Vec<usize>,
    out: Vec<usize>,
}

fn transpose_case() -> impl Strategy<Value = TransposeCase> {
    let axis = (1..6usize, 1..4usize, 1..4usize, 0..3usize, 0..3usize, 1..3usize, 0..3usize);
    let channels = (1..3usize, 1..3usize, 1..3usize, 1..3usize);
    (channels, prop::collection::vec(axis, 1..4)).prop_filter_map("something is left", |((n, c, o, groups), axes)| {
        let out_dim = |&(size, kernel, stride, begin, end, dilation, extra): &(
            usize,
            usize,
            usize,
            usize,
            usize,
            usize,
            usize,
        )| {
            ((size - 1) * stride + (kernel - 1) * dilation + 1 + extra).checked_sub(begin + end).filter(|d| *d > 0)
        };
        let dims: Vec<usize> = axes.iter().map(out_dim).collect::<Option<_>>()?;
        let window = Window {
            kernel: axes.iter().map(|a| a.1).collect(),
            strides: axes.iter().map(|a| a.2).collect(),
            pads_begin: axes.iter().map(|a| a.3).collect(),
            pads_end: axes.iter().map(|a| a.4).collect(),
            dilations: axes.iter().map(|a| a.5).collect(),
        };
        let x = [vec![n, c * groups], axes.iter().map(|a| a.0).collect()].concat();
        let w = [vec![c * groups, o], window.kernel.clone()].concat();
        let out = [vec![n, o * groups], dims].concat();
        let output_padding = axes.iter().map(|a| a.6).collect();
        Some(TransposeCase { conv: ConvCase { x, w, window, groups }, output_padding, out })
    })
}

fn conv_transpose(case: &TransposeCase, x: &ArrayD<f32>, w: &ArrayD<f32>) -> Tensor {
    let mut attrs = conv_attrs(&case.conv.window, case.conv.groups);
    let extra: Vec<i64> = case.output_padding.iter().map(|v| *v as i64).collect();
    attrs.insert("output_padding".into(), extra.into());
    eval("conv_transpose", attrs, &[&x.clone().into(), &w.clone().into()])
}

/// Two shapes before the last two dimensions that broadcast.
fn batches() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    let axis = (1..4usize, any::<bool>(), any::<bool>());
    (prop::collection::vec(axis, 0..3), 0..3usize, 0..3usize).prop_map(|(axes, a_cut, b_cut)| {
        let shape = |one: fn(&(usize, bool, bool)) -> bool, cut: usize| -> Vec<usize> {
            axes.iter().skip(cut).map(|axis| if one(axis) { 1 } else { axis.0 }).collect()
        };
        (shape(|a| a.1, a_cut), shape(|a| a.2, b_cut))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn conv_transpose_is_its_definition(case in transpose_case()) {
        let (x, w) = (sample(&case.conv.x, 1), sample(&case.conv.w, 4));
        let y = conv_transpose(&case, &x, &w);
        prop_assert_eq!(y.shape(), &case.out[..]);
        let expected = conv_transpose_by_definition(&x, &w, &case.conv.window, case.conv.groups, &case.out);
        prop_assert!(y.as_f32().unwrap().iter().map(|v| f64::from(*v)).eq(expected));
    }

    #[test]
    fn matmul_is_its_definition((a, b) in batches(), m in 1..7usize, k in 1..9usize, n in 1..7usize) {
        let (a, b) = (sample(&[&a[..], &[m, k]].concat(), 1), sample(&[&b[..], &[k, n]].concat(), 4));
        let y = eval("matmul", Attrs::new(), &[&a.clone().into(), &b.clone().into()]);
        let y = y.as_f32().unwrap();
        let batch = &y.shape()[..y.ndim() - 2];
        let (a, b) = (a.broadcast([batch, &[m, k]].concat()).unwrap(), b.broadcast([batch, &[k, n]].concat()).unwrap());
        for (place, value) in y.indexed_iter() {
            let (own, i, j) = (&place.slice()[..batch.len()], place[batch.len()], place[batch.len() + 1]);
            let term = |l: usize| a[&[own, &[i, l][..]].concat()[..]] * b[&[own, &[l, j][..]].concat()[..]];
            let sum: f32 = (0..k).map(term).sum();
            prop_assert_eq!(*value, sum);
        }
    }
}

#[test]
fn conv_transpose_over_several_tiles_is_its_definition() {
    let conv = ConvCase { x: vec![1, 3, 40, 60], w: vec![3, 20, 2, 2], window: Window::dense(&[2, 2]), groups: 1 };
    let mut case = TransposeCase { conv, output_padding: vec![0, 1], out: vec![1, 20, 80, 121] };
    case.conv.window.strides = vec![2, 2];
    let (x, w) = (sample(&case.conv.x, 3), sample(&case.conv.w, 5));
    let expected = conv_transpose_by_definition(&x, &w, &case.conv.window, 1, &case.out);
    assert!(conv_transpose(&case, &x, &w).as_f32().unwrap().iter().map(|v| f64::from(*v)).eq(expected));
}

#[test]
fn matmul_over_several_blocks_is_its_definition() {
    for [m, k, n] in [[600, 20, 3], [3, 20, 2100], [5, 20, 600], [600, 5, 300], [1, 300, 1]] {
        let (a, b) = (sample(&[m, k], 1), sample(&[k, n], 4));
        let y = eval("matmul", Attrs::new(), &[&a.clone().into(), &b.clone().into()]);
        for (place, value) in y.as_f32().unwrap().indexed_iter() {
            assert_eq!(
                *value,
                (0..k).map(|l| a[[place[0], l]] * b[[l, place[1]]]).sum::<f32>(),
                "{m} {k} {n} {place:?}"
            );
        }
    }
}

#[test]
fn conv_over_several_tiles_is_its_definition() {
    let (x, w) = (sample(&[1, 2, 50, 70], 3), sample(&[3, 2, 3, 3], 5));
    let mut window = Window::dense(&[3, 3]);
    window.pads_begin = vec![1, 1];
    window.pads_end = vec![1, 1];
    let y = eval("conv", conv_attrs(&window, 1), &[&x.clone().into(), &w.clone().into()]);
    let expected = conv_by_definition(&x, &w, &window, 1);
    assert!(y.as_f32().unwrap().iter().map(|v| f64::from(*v)).eq(expected));
}

#[test]
fn wrong_arguments_are_named() {
    let func = table::example::<Hlil>(r#"%0 = "hlil.relu"(%x) : (tensor<2xf32>) -> tensor<2xf32>"#).unwrap();
    let error = |args: &[(&str, Tensor)]| {
        let args = args.iter().map(|(name, t)| (name.to_string(), t.clone())).collect();
        evaluate(&func, &args).unwrap_err()
    };
    assert_eq!(error(&[]), EvalError::Missing { name: "x".into() });
    assert!(error(&[("x", reals(&[3], &[0.0; 3]))]).to_string().contains("`x` must be tensor<2xf32>"));
    assert!(matches!(error(&[("x", integers(&[2], &[0; 2]))]), EvalError::Mismatch { .. }));
}

#[test]
fn transposed_views_are_accepted_and_every_value_is_observed() {
    let line = r#"%0 = "hlil.reshape"(%x) {shape = [4]} : (tensor<2x2xf32>) -> tensor<4xf32>"#;
    let func = table::example::<Hlil>(line).unwrap();
    let view = sample(&[2, 2], 0).reversed_axes();
    let expected: Vec<f32> = view.iter().copied().collect();
    let mut seen = Vec::new();
    let args = IndexMap::from([("x".to_string(), Tensor::F32(view)), ("unknown".to_string(), integers(&[1], &[1]))]);
    let results = evaluate_with(&func, &args, &mut |v, t| seen.push((v.index(), t.shape().to_vec()))).unwrap();
    assert_eq!(results, [reals(&[4], &expected)]);
    assert_eq!(seen, [(0, vec![2, 2]), (1, vec![4])]);
}
