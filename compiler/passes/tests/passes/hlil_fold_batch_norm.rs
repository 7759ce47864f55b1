//! `hlil-fold-batch-norm`

use treville_ir::attrs;

use crate::net::{self, Net, assert_near, count, passes, run, sample};

#[test]
fn keeps_the_meaning_of_random_networks() {
    for seed in 0..200 {
        let before = net::random(seed);
        let after = passes("canonicalize,hlil-fold-batch-norm", before.clone());
        assert_eq!(count(&after, "batch_norm"), 0);
        let sample = sample(&before, seed);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-4, &format!("seed {seed}"));
    }
}

/// With `bias`, an addition of that shape stands between the linear op and the batch norm.
fn linear(conv: bool, bias: Option<&[usize]>, epsilon: f64, shared: bool) -> treville_passes::Module {
    let mut net = Net::new(11);
    let mut y = if conv {
        let x = net.input(&[2, 3, 4, 4]);
        net.conv(x, 5, 3)
    } else {
        let (x, w) = (net.input(&[2, 3]), net.weight(&[3, 5]));
        net.op("matmul", &[x, w], attrs! {})
    };
    if let Some(shape) = bias {
        let bias = net.weight(shape);
        y = net.op("add", &[bias, y], attrs! {});
    }
    let result = net.batch_norm(y, epsilon);
    let results = [result, y];
    net.finish(&results[..1 + usize::from(shared)])
}

#[test]
fn folds_into_the_linear_op_with_any_channel_wise_bias() {
    for (conv, bias) in [
        (true, None),
        (true, Some(&[5, 1, 1][..])),
        (true, Some(&[1, 5, 1, 1])),
        (true, Some(&[1])),
        (false, None),
        (false, Some(&[5])),
        (false, Some(&[1, 5])),
    ] {
        let before = linear(conv, bias, 0.5, false);
        let after = passes("hlil-fold-batch-norm,hlil-fold-constants,dce", before.clone());
        let context = format!("conv {conv}, bias {bias:?}");
        assert_eq!(after.n_ops(), 2, "{context}: {after}");
        assert_eq!(after.hlil().unwrap().args().len(), 3, "{context}");
        let sample = sample(&before, 1);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, &context);
    }
}

#[test]
fn epsilon_counts() {
    let sample = sample(&linear(true, None, 0.5, false), 1);
    let folded = |epsilon| run(&passes("hlil-fold-batch-norm", linear(true, None, epsilon, false)), &sample);
    assert_ne!(folded(0.5), folded(0.0));
}

/// A bias along the image, and a linear op that others use, are left as they are.
#[test]
fn does_not_fold_where_it_may_not() {
    for before in
        [linear(true, Some(&[4, 1]), 0.1, false), linear(true, None, 0.1, true), linear(false, Some(&[5]), 0.1, true)]
    {
        let after = passes("hlil-fold-batch-norm,hlil-fold-constants,dce", before.clone());
        assert_eq!([count(&after, "batch_norm"), count(&after, "mul")], [0, 1], "{after}");
        let sample = sample(&before, 1);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, "unfolded");
    }
}

#[test]
fn secret_parameters_stay_a_batch_norm() {
    let mut net = Net::new(1);
    let (x, s) = (net.input(&[1, 2, 3, 3]), net.input(&[2]));
    let y = net.op("batch_norm", &[x, s, s, s, s], attrs! { epsilon: 1.0 });
    assert_eq!(count(&passes("hlil-fold-batch-norm", net.finish(&[y])), "batch_norm"), 1);
}

/// conv, perhaps a bias, and a product with a weight of shape `factor`: a batch norm as Keras 3 writes it.
fn scaled(bias: bool, factor: &[usize], shared: bool) -> treville_passes::Module {
    let mut net = Net::new(12);
    let x = net.input(&[2, 3, 4, 4]);
    let mut y = net.conv(x, 5, 3);
    if bias {
        let bias = net.weight(&[5, 1, 1]);
        y = net.op("add", &[y, bias], attrs! {});
    }
    let factor = net.weight(factor);
    let offset = net.weight(&[5, 1, 1]);
    let product = net.op("mul", &[factor, y], attrs! {});
    let result = net.op("add", &[product, offset], attrs! {});
    let results = [result, y];
    net.finish(&results[..1 + usize::from(shared)])
}

#[test]
fn channel_wise_factors_fold_too() {
    for (bias, factor) in [(false, &[5, 1, 1][..]), (true, &[1, 5, 1, 1]), (true, &[1]), (false, &[])] {
        let before = scaled(bias, factor, false);
        let after = passes("hlil-fold-batch-norm,hlil-fold-constants,dce", before.clone());
        let context = format!("bias {bias}, factor {factor:?}");
        assert_eq!(count(&after, "mul"), 0, "{context}: {after}");
        let sample = sample(&before, 1);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, &context);
    }
    for before in [scaled(false, &[4, 1], false), scaled(true, &[4], false), scaled(true, &[5, 1, 1], true)] {
        let after = passes("hlil-fold-batch-norm,hlil-fold-constants,dce", before.clone());
        assert_eq!(count(&after, "mul"), 1, "along the image, or of a shared value: {after}");
        let sample = sample(&before, 1);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, "unfolded");
    }
}

#[test]
fn folds_into_a_transposed_convolution_without_groups() {
    let network = |groups: i64| {
        let mut net = Net::new(3);
        let (x, w) = (net.input(&[1, 4, 3, 3]), net.weight(&[4, 2, 2, 2]));
        let window = attrs! {
            strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1], groups: groups, output_padding: [0, 0]
        };
        let y = net.op("conv_transpose", &[x, w], window);
        let bias = net.weight(&[2 * groups as usize, 1, 1]);
        let y = net.op("add", &[y, bias], attrs! {});
        let y = net.batch_norm(y, 1e-3);
        net.finish(&[y])
    };
    for (groups, n_ops) in [(1, 2), (2, 4)] {
        let before = network(groups);
        let after = passes("hlil-fold-batch-norm,hlil-fold-constants,dce", before.clone());
        assert_eq!(after.n_ops(), n_ops, "{after}");
        let sample = sample(&before, 1);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, "transposed");
    }
}

/// The output channels of a stack of matrix products are its last axis; a batch norm is along axis 1.
#[test]
fn a_stack_of_products_has_its_channels_last() {
    let network = |channel_last: bool| {
        let mut net = Net::new(3);
        let (x, w) = (net.input(&[2, 3, 4]), net.weight(&[4, 3]));
        let y = net.op("matmul", &[x, w], attrs! {});
        let factor = net.weight(if channel_last { &[3] } else { &[3, 1] });
        let y = net.op("mul", &[y, factor], attrs! {});
        net.finish(&[y])
    };
    for (channel_last, n_ops) in [(true, 1), (false, 2)] {
        let before = network(channel_last);
        let after = passes("hlil-fold-batch-norm,hlil-fold-constants,dce", before.clone());
        assert_eq!(after.n_ops(), n_ops, "{after}");
        let sample = sample(&before, 1);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, "stack");
    }
}
