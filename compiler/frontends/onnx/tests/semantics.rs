//! What nodes mean, where versions differ or others err: hand-computed answers.

mod models;

use models::{answer, float, floats, indices, int, ints, model, node, options, tensor, text, value};
use ndarray::{ArrayD, IxDyn, arr1, arr2};
use prost::Message;
use treville_frontend_onnx::import;

fn array(dims: &[usize], values: &[f32]) -> ArrayD<f32> {
    ArrayD::from_shape_vec(IxDyn(dims), values.to_vec()).unwrap()
}

/// 1, 2, 3, ...
fn ramp(dims: &[usize]) -> ArrayD<f32> {
    let values: Vec<f32> = (1..=dims.iter().product::<usize>()).map(|i| i as f32).collect();
    array(dims, &values)
}

fn close(actual: &ArrayD<f32>, expected: &ArrayD<f32>) {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
    assert!(
        actual.shape() == expected.shape() && actual.iter().zip(expected).all(near),
        "{actual}\ninstead of\n{expected}"
    );
}

#[test]
fn div_divides() {
    let y = answer(
        13,
        node("Div", &["x", "two"], &["y"], &[]),
        arr1(&[-3.0, 5.0]).into_dyn(),
        &[tensor("two", &[], &[2.0])],
    );
    close(&y, &arr1(&[-1.5, 2.5]).into_dyn());
}

#[test]
fn hard_sigmoid_has_its_slope() {
    let op = node("HardSigmoid", &["x"], &["y"], &[float("alpha", 0.5), float("beta", 0.6)]);
    close(&answer(13, op, arr1(&[-1.0, 0.0, 3.0]).into_dyn(), &[]), &arr1(&[0.1, 0.6, 1.0]).into_dyn());
    let op = node("HardSigmoid", &["x"], &["y"], &[]);
    close(&answer(13, op, arr1(&[1.0]).into_dyn(), &[]), &arr1(&[0.7]).into_dyn());
}

#[test]
fn softmax_is_one_and_over_the_axis_of_its_version() {
    let x = array(&[1, 2, 2], &[0.0, 0.0, 0.0, 3f32.ln()]);
    // Before version 13 everything from axis 1 on is one row.
    let old = answer(11, node("Softmax", &["x"], &["y"], &[]), x.clone(), &[]);
    close(&old, &array(&[1, 2, 2], &[1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0, 0.5]));
    let new = answer(13, node("Softmax", &["x"], &["y"], &[]), x.clone(), &[]);
    close(&new, &array(&[1, 2, 2], &[0.5, 0.5, 0.25, 0.75]));
    let log = answer(11, node("LogSoftmax", &["x"], &["y"], &[]), x, &[]);
    close(&log, &array(&[1, 2, 2], &[-(6f32.ln()), -(6f32.ln()), -(6f32.ln()), -(2f32.ln())]));
}

#[test]
fn pads_are_all_begins_then_all_ends() {
    // Top 1, left 0, bottom 0, right 2.
    let op = node("Conv", &["x", "w"], &["y"], &[ints("pads", &[1, 0, 0, 2]), ints("kernel_shape", &[2, 2])]);
    let y = answer(13, op, ramp(&[1, 1, 2, 2]), &[tensor("w", &[1, 1, 2, 2], &[1.0, 1.0, 1.0, 1.0])]);
    close(&y, &array(&[1, 1, 2, 3], &[3.0, 2.0, 0.0, 10.0, 6.0, 0.0]));
    let op = node("Pad", &["x"], &["y"], &[ints("pads", &[1, 0, 0, 2]), float("value", 9.0)]);
    let y = answer(7, op, ramp(&[1, 2]), &[]);
    close(&y, &array(&[2, 4], &[9.0, 9.0, 9.0, 9.0, 1.0, 2.0, 9.0, 9.0]));
}

#[test]
fn dilations_and_groups_count() {
    let op = node("Conv", &["x", "w"], &["y"], &[ints("dilations", &[2]), int("group", 2)]);
    let y = answer(13, op, ramp(&[1, 2, 4]), &[tensor("w", &[2, 1, 2], &[1.0, 1.0, 1.0, -1.0])]);
    close(&y, &array(&[1, 2, 2], &[4.0, 6.0, -2.0, -2.0]));
}

#[test]
fn auto_pad_puts_the_odd_one_where_it_says() {
    let conv = |auto_pad: &str| {
        let op = node("Conv", &["x", "w"], &["y"], &[text("auto_pad", auto_pad)]);
        answer(13, op, ramp(&[1, 1, 3]), &[tensor("w", &[1, 1, 2], &[1.0, 10.0])])
    };
    close(&conv("SAME_UPPER"), &array(&[1, 1, 3], &[21.0, 32.0, 3.0]));
    close(&conv("SAME_LOWER"), &array(&[1, 1, 3], &[10.0, 21.0, 32.0]));
    close(&conv("VALID"), &array(&[1, 1, 2], &[21.0, 32.0]));
}

#[test]
fn max_pool_never_takes_its_padding() {
    let op = node("MaxPool", &["x"], &["y"], &[ints("kernel_shape", &[2]), ints("pads", &[1, 1])]);
    close(&answer(12, op, array(&[1, 1, 2], &[-5.0, -3.0]), &[]), &array(&[1, 1, 3], &[-5.0, -3.0, -3.0]));
}

#[test]
fn ceil_mode_has_one_window_more() {
    let pool = |op: &str, ceil: i64| {
        let op = node(op, &["x"], &["y"], &[ints("kernel_shape", &[2]), ints("strides", &[2]), int("ceil_mode", ceil)]);
        answer(12, op, ramp(&[1, 1, 3]), &[])
    };
    close(&pool("MaxPool", 0), &array(&[1, 1, 1], &[2.0]));
    close(&pool("MaxPool", 1), &array(&[1, 1, 2], &[2.0, 3.0]));
    close(&pool("AveragePool", 1), &array(&[1, 1, 2], &[1.5, 3.0]));
}

#[test]
fn average_pool_counts_its_padding_only_if_asked() {
    let pool = |count: i64| {
        let attrs = [ints("kernel_shape", &[2]), ints("pads", &[1, 0]), int("count_include_pad", count)];
        answer(13, node("AveragePool", &["x"], &["y"], &attrs), ramp(&[1, 1, 2]), &[])
    };
    close(&pool(0), &array(&[1, 1, 2], &[1.0, 1.5]));
    close(&pool(1), &array(&[1, 1, 2], &[0.5, 1.5]));
}

#[test]
fn batch_norm_adds_its_epsilon() {
    let weights = [("s", 2.0), ("b", 1.0), ("m", 1.0), ("v", 3.0)].map(|(name, v)| tensor(name, &[1], &[v]));
    let op = node("BatchNormalization", &["x", "s", "b", "m", "v"], &["y"], &[float("epsilon", 1.0)]);
    close(&answer(9, op, array(&[1, 1, 1], &[5.0]), &weights), &array(&[1, 1, 1], &[5.0]));
}

#[test]
fn gemm_scales_and_may_have_no_bias() {
    let weights = [tensor("w", &[2, 1], &[1.0, 1.0]), tensor("c", &[1], &[10.0])];
    let gemm = |inputs: &[&str], attrs: &[models::Attr]| {
        answer(11, node("Gemm", inputs, &["y"], attrs), arr2(&[[1.0, 2.0]]).into_dyn(), &weights)
    };
    close(&gemm(&["x", "w"], &[float("alpha", 2.0)]), &arr2(&[[6.0]]).into_dyn());
    close(&gemm(&["x", "w", "c"], &[float("alpha", 2.0), float("beta", 0.5)]), &arr2(&[[11.0]]).into_dyn());
}

#[test]
fn conv_transpose_takes_its_output_shape() {
    let weights = [tensor("w", &[1, 1, 3], &[1.0, 2.0, 3.0])];
    let transpose = |attrs: &[models::Attr]| {
        let attrs = [attrs, &[ints("strides", &[2])]].concat();
        answer(11, node("ConvTranspose", &["x", "w"], &["y"], &attrs), ramp(&[1, 1, 2]), &weights)
    };
    // All of it is 1 2 5 4 6.
    close(&transpose(&[]), &array(&[1, 1, 5], &[1.0, 2.0, 5.0, 4.0, 6.0]));
    close(&transpose(&[ints("output_shape", &[4])]), &array(&[1, 1, 4], &[2.0, 5.0, 4.0, 6.0]));
    let upper = [ints("output_shape", &[4]), text("auto_pad", "SAME_UPPER")];
    close(&transpose(&upper), &array(&[1, 1, 4], &[1.0, 2.0, 5.0, 4.0]));
    close(&transpose(&[ints("output_padding", &[1])]), &array(&[1, 1, 6], &[1.0, 2.0, 5.0, 4.0, 6.0, 0.0]));
    close(&transpose(&[text("auto_pad", "SAME_LOWER")]), &array(&[1, 1, 4], &[2.0, 5.0, 4.0, 6.0]));
}

#[test]
fn attributes_of_old_versions() {
    let x = ramp(&[1, 4]);
    let old =
        |opset: i64, op: &str, attrs: &[models::Attr]| answer(opset, node(op, &["x"], &["y"], attrs), x.clone(), &[]);
    close(&old(6 + 1, "Clip", &[float("min", 2.0), float("max", 3.0)]), &array(&[1, 4], &[2.0, 2.0, 3.0, 3.0]));
    close(
        &old(9, "Slice", &[ints("starts", &[1]), ints("ends", &[-1]), ints("axes", &[1])]),
        &array(&[1, 2], &[2.0, 3.0]),
    );
    close(&old(11, "Squeeze", &[ints("axes", &[0])]), &array(&[4], &[1.0, 2.0, 3.0, 4.0]));
    close(&old(11, "Unsqueeze", &[ints("axes", &[-1])]), &x.clone().into_shape_with_order(IxDyn(&[1, 4, 1])).unwrap());
    close(&old(11, "ReduceSum", &[ints("axes", &[1]), int("keepdims", 0)]), &array(&[1], &[10.0]));
    close(&old(7, "Dropout", &[float("ratio", 0.9)]), &x);
    close(&old(11, "Split", &[ints("split", &[4]), int("axis", 1)]), &x);
    let image = ramp(&[1, 1, 1, 2]);
    let upsample =
        node("Upsample", &["x"], &["y"], &[floats("scales", &[1.0, 1.0, 1.0, 2.0]), text("mode", "nearest")]);
    close(&answer(7, upsample, image.clone(), &[]), &array(&[1, 1, 1, 4], &[1.0, 1.0, 2.0, 2.0]));
    let scales = [tensor("s", &[4], &[1.0, 1.0, 1.0, 2.0])];
    let resize = node("Resize", &["x", "s"], &["y"], &[text("mode", "linear")]);
    close(&answer(10, resize, image, &scales), &array(&[1, 1, 1, 4], &[1.0, 1.5, 2.0, 2.0]));
}

#[test]
fn an_attribute_that_is_an_input_by_now_is_no_surprise() {
    // A file that mixes versions: the attribute would be ignored by others.
    let slice = node("Slice", &["x"], &["y"], &[ints("starts", &[1]), ints("ends", &[2])]);
    let mixed = model(13, &[value("x", &["4"])], &[], &[slice], &["y"]);
    assert!(import(mixed.encode_to_vec(), &options()).is_err());
}

#[test]
fn slices_run_backwards() {
    let bounds = [indices("s", &[-1]), indices("e", &[i64::MIN]), indices("a", &[0]), indices("p", &[-2])];
    let op = node("Slice", &["x", "s", "e", "a", "p"], &["y"], &[]);
    close(&answer(13, op, ramp(&[5]), &bounds), &arr1(&[5.0, 3.0, 1.0]).into_dyn());
}

#[test]
fn powers_by_several_exponents() {
    let op = node("Pow", &["x", "e"], &["y"], &[]);
    let y = answer(13, op, array(&[2, 1], &[2.0, 4.0]), &[tensor("e", &[3], &[0.0, 2.0, 0.5])]);
    close(&y, &array(&[2, 3], &[1.0, 4.0, 2f32.sqrt(), 1.0, 16.0, 2.0]));
}

#[test]
fn parts_by_constant_indices() {
    let op = node("GatherND", &["x", "i"], &["y"], &[]);
    let mut at = indices("i", &[0, 1, 1, -1]);
    at.dims = vec![2, 2];
    close(&answer(13, op, ramp(&[2, 2, 2]), &[at.clone()]), &array(&[2, 2], &[3.0, 4.0, 7.0, 8.0]));
    let op = node("GatherElements", &["x", "i"], &["y"], &[int("axis", 1)]);
    close(&answer(13, op, ramp(&[2, 2]), &[at]), &array(&[2, 2], &[1.0, 2.0, 4.0, 4.0]));
}

#[test]
fn elements_put_to_constant_places() {
    let updates = || [indices("i", &[2, 0]), tensor("u", &[2], &[9.0, 8.0])];
    for op in ["Scatter", "ScatterElements"] {
        let op = node(op, &["x", "i", "u"], &["y"], &[]);
        close(&answer(10, op, ramp(&[3]), &updates()), &arr1(&[8.0, 2.0, 9.0]).into_dyn());
    }
    let compress = node("Compress", &["x", "c"], &["y"], &[]);
    close(&answer(11, compress, ramp(&[2, 2]), &[indices("c", &[0, 1, 1])]), &arr1(&[2.0, 3.0]).into_dyn());
    let reverse = node("ReverseSequence", &["x", "n"], &["y"], &[int("time_axis", 1), int("batch_axis", 0)]);
    let y = answer(11, reverse, ramp(&[2, 3]), &[indices("n", &[2, 3])]);
    close(&y, &array(&[2, 3], &[2.0, 1.0, 3.0, 6.0, 5.0, 4.0]));
}

#[test]
fn dividing_by_a_public_zero_is_refused() {
    let op = node("Div", &["x", "zero"], &["y"], &[]);
    let model = model(13, &[value("x", &["2"])], &[tensor("zero", &[], &[0.0])], &[op], &["y"]);
    assert!(import(model.encode_to_vec(), &options()).is_err());
}
