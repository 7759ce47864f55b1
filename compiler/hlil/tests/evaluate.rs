//! The evaluator against definitions written out with loops, and its errors.

use indexmap::IndexMap;
use ndarray::ArrayD;
use proptest::prelude::*;
use treville_hlil::{Elem, EvalError, Func, Hlil, Tensor, evaluate, evaluate_with};
use treville_ir::{Attrs, FuncResult, attrs, table};
use treville_ring::Window;

fn reals(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::F32(ArrayD::from_shape_vec(shape, values.to_vec()).unwrap())
}

fn integers(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::I64(ArrayD::from_shape_vec(shape, values.to_vec()).unwrap())
}

/// Evaluates one op on public operands.
fn eval(mnemonic: &str, attrs: Attrs, operands: &[&Tensor]) -> Tensor {
    let mut func = Func::new("f");
    let mut args = IndexMap::new();
    for (i, operand) in operands.iter().enumerate() {
        let elem = Elem { scalar: operand.scalar(), secret: false };
        let ty = treville_hlil::TensorType::new(operand.shape(), elem);
        func.add_arg(treville_ir::Arg::new(format!("x{i}"), ty, "client", treville_ir::ArgKind::Input));
        args.insert(format!("x{i}"), Tensor::clone(operand));
    }
    let values: Vec<_> = func.args().map(|(v, _)| v).collect();
    let y = func.push1(mnemonic, &values, attrs, mnemonic).unwrap();
    func.set_results(vec![FuncResult::new(y, "y", "client")]);
    let result = evaluate(&func, &args).unwrap().remove(0);
    assert_eq!(result.shape(), func.ty(y).shape, "the type says what comes");
    assert_eq!(result.scalar(), func.ty(y).elem.scalar);
    result
}

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
