//! Every kernel computes the same products as the definition, on odd shapes and on edge values.

use ndarray::ArrayD;
use proptest::prelude::*;
use treville_ring::{ConvSpec, Kernel, RingTensor, Window, conv, conv_with, matmul, matmul_with};

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

fn matmul_by_definition(a: &RingTensor, b: &RingTensor) -> RingTensor {
    let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
    ArrayD::from_shape_fn(vec![m, n], |at| {
        (0..k).fold(0u64, |sum, l| sum.wrapping_add(a[[at[0], l]].wrapping_mul(b[[l, at[1]]])))
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
            prop_assert_eq!(&matmul_with(kernel, &a, &b), &expected, "{:?}", kernel);
        }
        prop_assert_eq!(matmul(&a, &b), expected);
    }

    #[test]
    fn conv_is_the_definition((x, filter, spec) in convolutions()) {
        let expected = conv_by_definition(&x, &filter, &spec);
        for kernel in kernels() {
            prop_assert_eq!(&conv_with(kernel, &x, &filter, &spec), &expected, "{:?}", kernel);
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
    ];
    for (m, k, n) in shapes {
        let (a, b) = (noise(&[m, k], 1), noise(&[k, n], 2));
        let expected = matmul_by_definition(&a, &b);
        for kernel in kernels() {
            assert!(matmul_with(kernel, &a, &b) == expected, "{m} x {k} x {n} with {kernel:?}");
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
            assert!(y == expected, "{:?} * {:?} with {kernel:?}", x.shape(), filter.shape());
            assert!(y.is_standard_layout());
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
