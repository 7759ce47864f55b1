//! Every kernel computes the same products as the definition, on odd shapes and on edge values.

use ndarray::ArrayD;
use proptest::prelude::*;
use treville_ring::tensor::{broadcast_shape, broadcast_to};
use treville_ring::{
    ConvSpec, ConvTransposeSpec, Kernel, RingTensor, Window, conv, conv_transpose, conv_transpose_with, conv_with,
    matmul, matmul_shape, matmul_with, wrap,
};

/// 0, 1, -1, the least and the greatest, powers of two and one less, and uniform values.
fn element() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => prop::sample::select(vec![0, 1, u64::MAX, 1 << 63, (1 << 63) - 1]),
        2 => (0..64u32, any::<bool>()).prop_map(|(bit, less)| (1u64 << bit) - u64::from(less)),
        3 => any::<u64>(),
    ]
}

fn tensor(shape: Vec<usize>) -> impl Strategy<Value = RingTensor> {
    prop::collection::vec(element(), shape.iter().product::<usize>())
        .prop_map(move |values| ArrayD::from_shape_vec(shape.clone(), values).unwrap())
}

/// A tensor of fixed pseudo-random values, for shapes that are too large for proptest.
fn noise(shape: &[usize], seed: u64) -> RingTensor {
    let mut state = seed;
    ArrayD::from_shape_simple_fn(shape, || {
        state = state.wrapping_add(0x9e3779b97f4a7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58476d1ce4e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d049bb133111eb);
        mixed ^ mixed >> 31
    })
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

/// `values` in the ring where the kernel is exact.
fn exact(kernel: Kernel, values: &RingTensor) -> RingTensor {
    wrap(values.clone(), kernel.ring())
}

fn matmul_by_definition(a: &RingTensor, b: &RingTensor) -> RingTensor {
    let (batch_a, &[m, k]) = a.shape().split_last_chunk().unwrap();
    let (batch_b, &[_, n]) = b.shape().split_last_chunk().unwrap();
    let batch = broadcast_shape(batch_a, batch_b).unwrap();
    let (a, b) = (broadcast_to(a, &[&batch[..], &[m, k]].concat()), broadcast_to(b, &[&batch[..], &[k, n]].concat()));
    let last = batch.len();
    ArrayD::from_shape_fn([&batch[..], &[m, n]].concat(), |at| {
        let (mut left, mut right) = (at.clone(), at.clone());
        (0..k).fold(0u64, |sum, l| {
            left[last + 1] = l;
            right[last] = l;
            sum.wrapping_add(a[left.clone()].wrapping_mul(b[right.clone()]))
        })
    })
}

fn conv_by_definition(x: &RingTensor, filter: &RingTensor, spec: &ConvSpec) -> RingTensor {
    let window = &spec.window;
    let shape = spec.output_shape(x.shape(), filter.shape()).unwrap();
    let out_per_group = shape[1] / spec.groups;
    ArrayD::from_shape_fn(shape, |out| {
        let mut sum = 0u64;
        for (tap, &weight) in filter.index_axis(ndarray::Axis(0), out[1]).indexed_iter() {
            let mut at = vec![out[0], out[1] / out_per_group * filter.shape()[1] + tap[0]];
            for axis in 0..window.kernel.len() {
                let padded = out[axis + 2] * window.strides[axis] + tap[axis + 1] * window.dilations[axis];
                at.push(padded.wrapping_sub(window.pads_begin[axis]));
            }
            sum = sum.wrapping_add(x.get(&at[..]).copied().unwrap_or(0).wrapping_mul(weight));
        }
        sum
    })
}

/// Each element of x adds the filter, times itself, where it lies times the strides.
fn conv_transpose_by_definition(x: &RingTensor, filter: &RingTensor, spec: &ConvTransposeSpec) -> RingTensor {
    let window = &spec.window;
    let shape = spec.output_shape(x.shape(), filter.shape()).unwrap();
    let maps = filter.shape()[1];
    let mut y = RingTensor::zeros(shape);
    for (from, &value) in x.indexed_iter() {
        let group = from[1] / (x.shape()[1] / spec.groups);
        for (tap, &weight) in filter.index_axis(ndarray::Axis(0), from[1]).indexed_iter() {
            let mut at = vec![from[0], group * maps + tap[0]];
            for axis in 0..window.kernel.len() {
                let place = from[axis + 2] * window.strides[axis] + tap[axis + 1] * window.dilations[axis];
                at.push(place.wrapping_sub(window.pads_begin[axis]));
            }
            if let Some(sum) = y.get_mut(&at[..]) {
                *sum = sum.wrapping_add(value.wrapping_mul(weight));
            }
        }
    }
    y
}

/// Batch dimensions that broadcast, up to three on each side.
fn batches() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (prop::collection::vec((1..4usize, any::<bool>(), any::<bool>()), 0..4), 0..4usize, any::<bool>()).prop_map(
        |(dims, missing, of_a)| {
            let side = |ones: fn(&(usize, bool, bool)) -> bool, missing: usize| -> Vec<usize> {
                dims.iter().skip(missing).map(|dim| if ones(dim) { 1 } else { dim.0 }).collect()
            };
            let (missing_a, missing_b) = if of_a { (missing, 0) } else { (0, missing) };
            (side(|dim| dim.1, missing_a), side(|dim| dim.2, missing_b))
        },
    )
}

fn stacks() -> impl Strategy<Value = (RingTensor, RingTensor)> {
    (batches(), 0..9usize, 0..9usize, 0..9usize)
        .prop_flat_map(|((a, b), m, k, n)| (tensor([&a[..], &[m, k]].concat()), tensor([&b[..], &[k, n]].concat())))
}

fn transposed_convolutions() -> impl Strategy<Value = (RingTensor, RingTensor, ConvTransposeSpec)> {
    // Input, kernel, stride, pads, dilation, output padding; pads that cut everything are dropped.
    let axis = (1..6usize, 1..5usize, 1..5usize, 0..4usize, 0..4usize, 1..4usize, 0..4usize).prop_map(
        |(size, kernel, stride, begin, end, dilation, more)| {
            let all = (size - 1) * stride + (kernel - 1) * dilation + 1 + more;
            let fits = begin + end < all;
            [size, kernel, stride, if fits { begin } else { 0 }, if fits { end } else { 0 }, dilation, more]
        },
    );
    (1..3usize, 1..4usize, 1..4usize, 1..6usize, prop::collection::vec(axis, 0..4)).prop_flat_map(
        |(n, groups, c, o, axes)| {
            let list = |i: usize| axes.iter().map(|axis| axis[i]).collect::<Vec<_>>();
            let window = Window {
                kernel: list(1),
                strides: list(2),
                pads_begin: list(3),
                pads_end: list(4),
                dilations: list(5),
            };
            let x = tensor([vec![n, c * groups], list(0)].concat());
            let filter = tensor([vec![c * groups, o], list(1)].concat());
            (x, filter, Just(ConvTransposeSpec { window, groups, output_padding: list(6) }))
        },
    )
}

fn matrices() -> impl Strategy<Value = (RingTensor, RingTensor)> {
    let size = || prop_oneof![3 => 0..6usize, 2 => 6..40usize];
    (size(), size(), size()).prop_flat_map(|(m, k, n)| (tensor(vec![m, k]), tensor(vec![k, n])))
}

/// One spatial axis: input, kernel, stride, pads, dilation; always at least one output.
fn axis() -> impl Strategy<Value = [usize; 6]> {
    (1..8usize, 1..4usize, 1..4usize, 0..3usize, 0..3usize, 1..3usize).prop_map(
        |(size, kernel, stride, before, after, dilation)| {
            let extent = (kernel - 1) * dilation + 1;
            [size.max(extent.saturating_sub(before + after)), kernel, stride, before, after, dilation]
        },
    )
}

fn convolutions() -> impl Strategy<Value = (RingTensor, RingTensor, ConvSpec)> {
    (1..3usize, 1..4usize, 1..4usize, 1..6usize, prop::collection::vec(axis(), 0..4)).prop_flat_map(
        |(n, groups, c, o, axes)| {
            let list = |i: usize| axes.iter().map(|axis| axis[i]).collect::<Vec<_>>();
            let window = Window {
                kernel: list(1),
                strides: list(2),
                pads_begin: list(3),
                pads_end: list(4),
                dilations: list(5),
            };
            let x = tensor([vec![n, c * groups], list(0)].concat());
            let filter = tensor([vec![o * groups, c], list(1)].concat());
            (x, filter, Just(ConvSpec { window, groups }))
        },
    )
}

fn config() -> ProptestConfig {
    let rng_seed = prop::test_runner::RngSeed::Fixed(1);
    ProptestConfig { cases: 300, rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn matmul_is_the_definition((a, b) in matrices()) {
        let expected = matmul_by_definition(&a, &b);
        for kernel in kernels() {
            let y = matmul_with(kernel, &a, &b);
            prop_assert_eq!(exact(kernel, &y), exact(kernel, &expected), "{:?}", kernel);
        }
        prop_assert_eq!(matmul(&a, &b), expected);
    }

    #[test]
    fn stacks_of_matrices_are_the_definition((a, b) in stacks()) {
        let expected = matmul_by_definition(&a, &b);
        prop_assert_eq!(matmul_shape(a.shape(), b.shape()).unwrap(), expected.shape());
        for kernel in kernels() {
            let y = matmul_with(kernel, &a, &b);
            prop_assert_eq!(exact(kernel, &y), exact(kernel, &expected), "{:?}", kernel);
        }
    }

    #[test]
    fn conv_transpose_is_the_definition((x, filter, spec) in transposed_convolutions()) {
        let expected = conv_transpose_by_definition(&x, &filter, &spec);
        for kernel in kernels() {
            let y = conv_transpose_with(kernel, &x, &filter, &spec);
            prop_assert_eq!(exact(kernel, &y), exact(kernel, &expected), "{:?}", kernel);
        }
        prop_assert_eq!(conv_transpose(&x, &filter, &spec), expected);
    }

    #[test]
    fn conv_is_the_definition((x, filter, spec) in convolutions()) {
        let expected = conv_by_definition(&x, &filter, &spec);
        for kernel in kernels() {
            let y = conv_with(kernel, &x, &filter, &spec);
            prop_assert_eq!(exact(kernel, &y), exact(kernel, &expected), "{:?}", kernel);
        }
        prop_assert_eq!(conv(&x, &filter, &spec), expected);
    }
}

#[test]
fn matmul_crosses_every_block_border() {
    let shapes = [
        (97, 257, 385),
        (400, 513, 31),
        (1, 1000, 777),
        (777, 1000, 1),
        (2, 515, 4000),
        (4000, 515, 3),
        (5, 3000, 9),
        (64, 64, 3136),
        (2048, 5, 49),
        (193, 1, 801),
        (1540, 5, 200),
        (41, 1030, 200),
    ];
    for (m, k, n) in shapes {
        let (a, b) = (noise(&[m, k], 1), noise(&[k, n], 2));
        let expected = matmul_by_definition(&a, &b);
        for kernel in kernels() {
            let y = matmul_with(kernel, &a, &b);
            assert!(exact(kernel, &y) == exact(kernel, &expected), "{m} x {k} x {n} with {kernel:?}");
        }
    }
}

#[test]
fn conv_of_the_usual_layers() {
    // input, filter, stride, pads begin, pads end, groups
    let layers = [
        ([1, 3, 40, 41], [64, 3, 7, 7], 2, 3, 2, 1),
        ([1, 64, 14, 14], [70, 64, 3, 3], 1, 1, 1, 1),
        ([2, 96, 7, 7], [40, 96, 1, 1], 1, 0, 0, 1),
        ([1, 96, 13, 13], [40, 96, 1, 1], 2, 0, 0, 1),
        ([1, 48, 30, 30], [48, 1, 3, 3], 1, 1, 1, 48),
        ([1, 64, 9, 9], [96, 32, 3, 3], 1, 1, 1, 2),
        ([1, 700, 3, 3], [2, 700, 3, 3], 1, 0, 0, 1),
        ([1, 70, 150, 120], [3, 70, 3, 3], 2, 1, 2, 1),
    ];
    for (x, filter, stride, begin, end, groups) in layers {
        let mut window = Window::dense(&filter[2..]);
        window.strides = vec![stride; 2];
        window.pads_begin = vec![begin; 2];
        window.pads_end = vec![end; 2];
        let spec = ConvSpec { window, groups };
        let (x, filter) = (noise(&x, 3), noise(&filter, 4));
        let expected = conv_by_definition(&x, &filter, &spec);
        for kernel in kernels() {
            let y = conv_with(kernel, &x, &filter, &spec);
            assert!(
                exact(kernel, &y) == exact(kernel, &expected),
                "{:?} * {:?} with {kernel:?}",
                x.shape(),
                filter.shape()
            );
            assert!(y.is_standard_layout());
        }
    }
}

#[test]
fn conv_transpose_of_the_usual_layers() {
    // input, filter, stride, pads, groups, output padding
    let layers = [
        (vec![1, 64, 9, 10], vec![64, 32, 2, 2], 2, 0, 1, 0),
        (vec![2, 48, 7, 7], vec![48, 40, 4, 4], 2, 1, 1, 0),
        (vec![1, 32, 8, 8], vec![32, 20, 3, 3], 2, 1, 1, 1),
        (vec![1, 32, 14, 14], vec![32, 1, 3, 3], 1, 1, 32, 0),
        (vec![1, 32, 6, 5, 7], vec![32, 16, 2, 2, 2], 2, 0, 1, 0),
        (vec![1, 30, 50], vec![30, 9, 16], 8, 4, 2, 0),
    ];
    for (x, filter, stride, pad, groups, output_padding) in layers {
        let rank = x.len() - 2;
        let window = Window {
            strides: vec![stride; rank],
            pads_begin: vec![pad; rank],
            pads_end: vec![pad; rank],
            ..Window::dense(&filter[2..])
        };
        let spec = ConvTransposeSpec { window, groups, output_padding: vec![output_padding; rank] };
        let (x, filter) = (noise(&x, 3), noise(&filter, 4));
        let expected = conv_transpose_by_definition(&x, &filter, &spec);
        for kernel in kernels() {
            let y = conv_transpose_with(kernel, &x, &filter, &spec);
            assert!(
                exact(kernel, &y) == exact(kernel, &expected),
                "{:?} * {:?} with {kernel:?}",
                x.shape(),
                filter.shape()
            );
        }
    }
}

#[test]
fn operands_need_no_standard_layout() {
    let (a, b) = (noise(&[20, 30], 5), noise(&[40, 20], 6));
    let (a_t, b_t) = (a.clone().reversed_axes(), b.clone().reversed_axes());
    assert_eq!(matmul(&a_t, &b_t), matmul_by_definition(&a_t, &b_t));
    let swapped = noise(&[1, 6, 5, 4], 7).permuted_axes(vec![0, 3, 2, 1]);
    let filter = noise(&[3, 4, 2, 2], 8);
    let spec = ConvSpec { window: Window::dense(&[2, 2]), groups: 1 };
    assert_eq!(conv(&swapped, &filter, &spec), conv_by_definition(&swapped, &filter, &spec));
    let window = Window { strides: vec![2, 1], ..Window::dense(&[2, 2]) };
    let spec = ConvTransposeSpec { window, groups: 2, output_padding: vec![0, 0] };
    let filter = noise(&[2, 3, 2, 4], 8).permuted_axes(vec![3, 1, 2, 0]);
    let expected = conv_transpose_by_definition(&swapped, &filter, &spec);
    assert_eq!(conv_transpose(&swapped, &filter, &spec), expected);
    let (a, b) = (noise(&[20, 30, 3], 5).reversed_axes(), noise(&[3, 40, 20], 6).permuted_axes(vec![0, 2, 1]));
    assert_eq!(matmul(&a, &b), matmul_by_definition(&a, &b));
}

#[test]
#[should_panic(expected = "matmul of shapes")]
fn matmul_refuses_other_inner_dimensions() {
    matmul(&noise(&[2, 3], 0), &noise(&[2, 3], 0));
}

#[test]
fn convolution_shapes_are_checked() {
    let spec = |groups| ConvSpec { window: Window::dense(&[2, 2]), groups };
    assert_eq!(spec(2).output_shape(&[1, 4, 5, 5], &[6, 2, 2, 2]).unwrap(), [1, 6, 4, 4]);
    for (groups, x, filter) in [
        (1, vec![1, 4, 5, 5], vec![6, 2, 2, 2]),
        (0, vec![1, 4, 5, 5], vec![6, 4, 2, 2]),
        (4, vec![1, 4, 5, 5], vec![6, 1, 2, 2]),
        (1, vec![1, 4, 5], vec![6, 4, 2, 2]),
        (1, vec![1, 4, 5, 5], vec![6, 4, 3, 2]),
        (1, vec![1, 4, 1, 5], vec![6, 4, 2, 2]),
    ] {
        assert!(spec(groups).output_shape(&x, &filter).is_err(), "{groups} {x:?} {filter:?}");
    }
}

#[test]
fn matrix_shapes_broadcast() {
    assert_eq!(matmul_shape(&[5, 1, 2, 3], &[4, 3, 7]), Some(vec![5, 4, 2, 7]));
    assert_eq!(matmul_shape(&[2, 3], &[4, 3, 7]), Some(vec![4, 2, 7]));
    for (a, b) in [(&[3][..], &[3, 2][..]), (&[2, 3], &[3]), (&[2, 3], &[4, 2]), (&[2, 2, 3], &[3, 3, 2])] {
        assert_eq!(matmul_shape(a, b), None, "{a:?} {b:?}");
    }
}

#[test]
fn transposed_convolution_shapes_are_checked() {
    let spec = |groups, pad: usize, more: usize| ConvTransposeSpec {
        window: Window { strides: vec![2], pads_begin: vec![pad], pads_end: vec![pad], ..Window::dense(&[3]) },
        groups,
        output_padding: vec![more],
    };
    assert_eq!(spec(2, 1, 1).output_shape(&[1, 4, 5], &[4, 3, 3]).unwrap(), [1, 6, 10]);
    for (spec, x, filter) in [
        (spec(3, 0, 0), vec![1, 4, 5], vec![4, 3, 3]),
        (spec(0, 0, 0), vec![1, 4, 5], vec![4, 3, 3]),
        (spec(1, 0, 0), vec![1, 4, 5], vec![3, 3, 3]),
        (spec(1, 0, 0), vec![1, 4, 5], vec![4, 3, 2]),
        (spec(1, 0, 0), vec![1, 4, 5, 5], vec![4, 3, 3]),
        (spec(1, 6, 1), vec![1, 4, 5], vec![4, 3, 3]),
        (spec(1, 0, 0), vec![1, 4, 0], vec![4, 3, 3]),
        (ConvTransposeSpec { output_padding: vec![], ..spec(1, 0, 0) }, vec![1, 4, 5], vec![4, 3, 3]),
    ] {
        assert!(spec.output_shape(&x, &filter).is_err(), "{spec:?} {x:?} {filter:?}");
    }
}
