//! `canonicalize`

use treville_ir::attrs;

use crate::net::{self, Net, assert_near, count, passes, run, sample};

#[test]
fn keeps_the_meaning_of_random_networks() {
    let mut n_transposes = (0, 0);
    for seed in 0..200 {
        let before = net::random(seed);
        let after = passes("canonicalize", before.clone());
        let sample = sample(&before, seed);
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, &format!("seed {seed}"));
        n_transposes = (n_transposes.0 + count(&before, "transpose"), n_transposes.1 + count(&after, "transpose"));
        let again = passes("canonicalize", after.clone());
        assert_eq!(again.to_string(), after.to_string(), "seed {seed}: not idempotent");
    }
    assert!(n_transposes.1 < n_transposes.0, "{n_transposes:?}");
}

/// All the layout changes of a TensorFlow CNN cancel but the one at its input and the one before it is flattened.
#[test]
fn nhwc_wrappers_vanish() {
    let mut net = Net::new(1);
    let mut x = net.input(&[1, 8, 8, 1]);
    for filters in [4, 6] {
        x = net.nchw(x);
        x = net.conv(x, filters, 3);
        x = net.nhwc(x);
        let bias = net.weight(&[filters]);
        x = net.op("add", &[x, bias], attrs! {});
        x = net.nchw(x);
        x = net.batch_norm(x, 1e-3);
        x = net.nhwc(x);
        x = net.op("relu", &[x], attrs! {});
        x = net.op("pad", &[x], attrs! { begin: [0, 1, 1, 0], end: [0, 0, 0, 0], value: 0.0 });
        x = net.nchw(x);
        x = net.pool("max_pool", x, 2);
        x = net.nhwc(x);
        let half = net.op("mul", &[x, x], attrs! {});
        x = net.op("concat", &[x, half], attrs! { axis: 3 });
    }
    let mean = net.op("reduce_mean", &[x], attrs! { axes: [1, 2], keepdims: false });
    let flat = net.op("reshape", &[x], attrs! { shape: [1, net.shape(x).iter().product::<usize>() as i64] });
    let before = net.finish(&[mean, flat]);
    let after = passes("hlil-default", before.clone());
    assert_eq!(count(&after, "transpose"), 2, "{after}");
    let sample = sample(&before, 2);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-4, "cnn");
}

#[test]
fn a_mean_over_the_whole_image_needs_no_layout_change() {
    let mut net = Net::new(1);
    let x = net.input(&[1, 2, 4, 4]);
    let x = net.conv(x, 3, 1);
    let x = net.nhwc(x);
    let x = net.op("reduce_mean", &[x], attrs! { axes: [1, 2], keepdims: true });
    let x = net.op("reshape", &[x], attrs! { shape: [1, 3] });
    let after = passes("canonicalize", net.finish(&[x]));
    assert_eq!(count(&after, "transpose"), 0, "{after}");
}

#[test]
fn neutral_ops_go_only_where_the_type_stays() {
    let mut net = Net::new(1);
    let x = net.input(&[1, 3]);
    let zero = net.constant(&[], &[0.0]);
    let wide = net.constant(&[2, 3], &[1.0]);
    let same = net.op("add", &[x, zero], attrs! {});
    let minus = net.op("sub", &[zero, x], attrs! {});
    let wider = net.op("mul", &[x, wide], attrs! {});
    let after = passes("canonicalize", net.finish(&[same, minus, wider]));
    assert_eq!([count(&after, "add"), count(&after, "sub"), count(&after, "mul")], [0, 1, 1], "{after}");
}
