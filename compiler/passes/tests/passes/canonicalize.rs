//! `canonicalize`

use treville_ir::{ValueId, attrs};

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

/// Every permutation above every op that lets transposes through; those that move the axes that the op treats specially stay above it.
#[test]
fn every_permutation_sinks_past_every_op() {
    type Op = fn(&mut Net, ValueId) -> ValueId;
    let ops: [(&str, Op, usize); 17] = [
        ("arg_max", |net, x| net.op("arg_max", &[x], attrs! { axis: 2, keepdims: false }), 23),
        ("arg_max", |net, x| net.op("arg_max", &[x], attrs! { axis: 1, keepdims: true }), 23),
        ("reduce_mean", |net, x| net.op("reduce_mean", &[x], attrs! { axes: [0, 3], keepdims: false }), 23),
        ("reduce_mean", |net, x| net.op("reduce_mean", &[x], attrs! { axes: [1, 2], keepdims: true }), 23),
        ("softmax", |net, x| net.op("softmax", &[x], attrs! { axis: 3 }), 23),
        ("neg", |net, x| net.op("neg", &[x], attrs! {}), 23),
        ("pad", |net, x| net.op("pad", &[x], attrs! { begin: [0, 1, 2, 3], end: [3, 0, 1, 0], value: 0.5 }), 23),
        (
            "slice",
            |net, x| net.op("slice", &[x], attrs! { starts: [0, 1, 0, 1], ends: [2, 2, 2, 2], steps: [1, 1, 2, 1] }),
            23,
        ),
        ("reduce_sum", |net, x| net.op("reduce_sum", &[x], attrs! { axes: [2, 3], keepdims: false }), 23),
        ("reduce_max", |net, x| net.op("reduce_max", &[x], attrs! { axes: [0], keepdims: true }), 23),
        ("gather", |net, x| net.op("gather", &[x], attrs! { axis: 1, indices: [1, 0, 1] }), 23),
        ("apply", |net, x| net.op("apply", &[x], attrs! { function: "tanh", parameter: 0.0 }), 23),
        ("clip", |net, x| net.op("clip", &[x], attrs! { min: -0.5, max: 0.5 }), 23),
        ("mul", |net, x| net.op("mul", &[x, x], attrs! {}), 23),
        // Batch and channels may change places with each other, and so may spatial axes.
        (
            "max_pool",
            |net, x| {
                net.op(
                    "max_pool",
                    &[x],
                    attrs! { kernel: [2, 1], strides: [1, 2], pads: [1, 0, 0, 0], dilations: [1, 1] },
                )
            },
            3,
        ),
        (
            "avg_pool",
            |net, x| {
                net.op("avg_pool", &[x], attrs! { kernel: [1, 2], strides: [1, 1], pads: [0, 0, 0, 1], dilations: [1, 1], count_include_pad: true })
            },
            3,
        ),
        // The channels stay.
        ("batch_norm", |net, x| net.batch_norm(x, 0.5), 5),
    ];
    let perms: Vec<Vec<i64>> = (0..256)
        .map(|code| (0..4).map(|i| code >> (2 * i) & 3).collect())
        .filter(|perm: &Vec<i64>| (0..4).all(|axis| perm.contains(&axis)))
        .collect();
    assert_eq!(perms.len(), 24);
    for (op, build, n_sinking) in ops {
        let sinks = |perm: &Vec<i64>| {
            let mut net = Net::new(3);
            let x = net.input(&[2, 3, 4, 5]);
            let y = net.op("transpose", &[x], attrs! { perm: perm.clone() });
            let y = build(&mut net, y);
            let before = net.finish(&[y]);
            let after = passes("canonicalize", before.clone());
            let sample = sample(&before, 1);
            assert_near(&run(&before, &sample), &run(&after, &sample), 1e-6, &format!("{op} {perm:?}"));
            let order: Vec<_> = after.hlil().unwrap().ops().map(|(_, op)| op.def.mnemonic).collect();
            order[0] == op && order[1..].iter().all(|other| *other == "transpose") && *perm != [0, 1, 2, 3]
        };
        assert_eq!(perms.iter().filter(|perm| sinks(perm)).count(), n_sinking, "{op}");
    }
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

/// A gate that is broadcast over an image has its elements in the same order in either layout.
#[test]
fn a_transpose_sinks_beside_a_broadcast_gate() {
    let mut net = Net::new(1);
    let x = net.input(&[1, 3, 4, 4]);
    let gate = net.op("reduce_mean", &[x], attrs! { axes: [2, 3], keepdims: true });
    let [x, gate] = [x, gate].map(|v| net.nhwc(v));
    let gate = net.op("apply", &[gate], attrs! { function: "sigmoid", parameter: 0.0 });
    let y = net.op("mul", &[x, gate], attrs! {});
    let y = net.nchw(y);
    let before = net.finish(&[y]);
    let after = passes("canonicalize", before.clone());
    assert_eq!(count(&after, "transpose"), 0, "{after}");
    let sample = sample(&before, 1);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-6, "gate");
}

/// The ops that are left of one op on an input of this shape.
fn left(shape: &[usize], build: impl Fn(&mut Net, ValueId) -> ValueId) -> Vec<String> {
    let mut net = Net::new(2);
    let x = net.input(shape);
    let y = build(&mut net, x);
    let before = net.finish(&[y]);
    let after = passes("canonicalize", before.clone());
    let sample = sample(&before, 1);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-6, "canonical form");
    after.hlil().unwrap().ops().map(|(_, op)| op.def.mnemonic.to_string()).collect()
}

#[test]
fn moves_of_moves_are_one() {
    let slices = left(&[9, 7], |net, x| {
        let y = net.op("slice", &[x], attrs! { starts: [1, 0], ends: [9, 6], steps: [2, 1] });
        net.op("slice", &[y], attrs! { starts: [1, 1], ends: [4, 6], steps: [2, 2] })
    });
    assert_eq!(slices, ["slice"]);
    let gathers = left(&[5, 2], |net, x| {
        let y = net.op("gather", &[x], attrs! { axis: 0, indices: [4, 4, 1, 0] });
        net.op("gather", &[y], attrs! { axis: 0, indices: [3, 1, 0] })
    });
    assert_eq!(gathers, ["gather"]);
    let even = left(&[7, 2], |net, x| net.op("gather", &[x], attrs! { axis: 0, indices: [1, 3, 5] }));
    assert_eq!(even, ["slice"]);
    let all = left(&[3, 2], |net, x| net.op("gather", &[x], attrs! { axis: 0, indices: [0, 1, 2] }));
    assert!(all.is_empty());
    let pads = left(&[3, 2], |net, x| {
        let y = net.op("pad", &[x], attrs! { begin: [1, 0], end: [0, 2], value: 0.5 });
        net.op("pad", &[y], attrs! { begin: [0, 1], end: [1, 0], value: 0.5 })
    });
    assert_eq!(pads, ["pad"]);
}

#[test]
fn bounds_of_bounds_are_one() {
    let clip = |min: f64, max: f64| move |net: &mut Net, x| net.op("clip", &[x], attrs! { min: min, max: max });
    let infinity = f64::INFINITY;
    assert_eq!(
        left(&[9], |net, x| {
            let y = net.op("relu", &[x], attrs! {});
            clip(-1.0, 0.5)(net, y)
        }),
        ["clip"]
    );
    assert_eq!(
        left(&[9], |net, x| {
            let y = clip(-0.5, 0.25)(net, x);
            net.op("relu", &[y], attrs! {})
        }),
        ["clip"]
    );
    assert_eq!(
        left(&[9], |net, x| {
            let y = clip(0.25, 0.5)(net, x);
            clip(-1.0, 0.0)(net, y)
        }),
        ["clip"]
    );
    assert_eq!(left(&[9], clip(0.0, infinity)), ["relu"]);
    assert!(left(&[9], clip(-infinity, infinity)).is_empty());
    let max = left(&[9], |net, x| {
        let zero = net.constant(&[], &[0.0]);
        net.op("max", &[zero, x], attrs! {})
    });
    assert_eq!(max, ["relu"]);
}

#[test]
fn zeros_around_go_into_the_op_below() {
    let padded = |net: &mut Net, x, value: f64| {
        net.op("pad", &[x], attrs! { begin: [0, 0, 1, 0], end: [0, 0, 2, 1], value: value })
    };
    let conv = |value: f64| {
        left(&[1, 2, 5, 5], |net, x| {
            let y = padded(net, x, value);
            net.conv(y, 3, 3)
        })
    };
    assert_eq!(conv(0.0), ["conv"]);
    assert_eq!(conv(0.5), ["pad", "conv"]);
    let window = |pads: [i64; 4]| attrs! { kernel: [2, 3], strides: [1, 2], pads: pads, dilations: [1, 1] };
    let average = |pads: [i64; 4], counts: bool| {
        left(&[1, 2, 5, 5], |net, x| {
            let y = padded(net, x, 0.0);
            let mut attrs = window(pads);
            attrs.insert("count_include_pad".into(), counts.into());
            net.op("avg_pool", &[y], attrs)
        })
    };
    // The last row of windows would lie in the padding altogether.
    assert_eq!(average([0, 0, 0, 0], false), ["pad", "avg_pool"]);
    let narrow = |counts: bool, pads: [i64; 4]| {
        left(&[1, 2, 5, 5], |net, x| {
            let y = net.op("pad", &[x], attrs! { begin: [0, 0, 1, 0], end: [0, 0, 0, 1], value: 0.0 });
            let mut attrs = window(pads);
            attrs.insert("count_include_pad".into(), counts.into());
            net.op("avg_pool", &[y], attrs)
        })
    };
    assert_eq!(narrow(false, [0, 0, 0, 0]), ["avg_pool"]);
    assert_eq!(narrow(true, [0, 1, 0, 0]), ["avg_pool"]);
    assert_eq!(narrow(false, [0, 1, 0, 0]), ["pad", "avg_pool"]);
    // A max pool does not take zeros for minus infinity.
    let max = left(&[1, 2, 5, 5], |net, x| {
        let y = padded(net, x, 0.0);
        net.op("max_pool", &[y], window([0, 0, 0, 0]))
    });
    assert_eq!(max, ["pad", "max_pool"]);
}

#[test]
fn the_greatest_logit_is_the_greatest_probability() {
    let ops = left(&[2, 5], |net, x| {
        let y = net.op("softmax", &[x], attrs! { axis: 1 });
        net.op("arg_max", &[y], attrs! { axis: 1, keepdims: false })
    });
    assert_eq!(ops, ["arg_max"]);
    let other = left(&[2, 5], |net, x| {
        let y = net.op("softmax", &[x], attrs! { axis: 0 });
        net.op("arg_max", &[y], attrs! { axis: 1, keepdims: false })
    });
    assert_eq!(other, ["softmax", "arg_max"]);
}

#[test]
fn layouts_of_volumes_cancel_too() {
    let mut net = Net::new(1);
    let mut x = net.input(&[1, 4, 4, 4, 2]);
    for _ in 0..2 {
        x = net.op("transpose", &[x], attrs! { perm: [0, 4, 1, 2, 3] });
        let w = net.weight(&[2, 2, 3, 3, 3]);
        let (ones, pads) = ([1i64; 3], [1i64; 6]);
        x = net.op("conv", &[x, w], attrs! { strides: ones, pads: pads, dilations: ones, groups: 1 });
        x = net.op("transpose", &[x], attrs! { perm: [0, 2, 3, 4, 1] });
        let bias = net.weight(&[2]);
        x = net.op("add", &[x, bias], attrs! {});
        x = net.op("clip", &[x], attrs! { min: 0.0, max: 6.0 });
        let copy = net.op("gather", &[x], attrs! { axis: 4, indices: [1, 0] });
        let both = net.op("concat", &[x, copy], attrs! { axis: 4 });
        let half = net.op(
            "slice",
            &[both],
            attrs! {
                starts: [0, 0, 0, 0, 1], ends: [1, 4, 4, 4, 3], steps: [1, 1, 1, 1, 1]
            },
        );
        x = net.op("apply", &[half], attrs! { function: "tanh", parameter: 0.0 });
    }
    let before = net.finish(&[x]);
    let after = passes("hlil-default", before.clone());
    assert_eq!(count(&after, "transpose"), 2, "{after}");
    let sample = sample(&before, 2);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-5, "volumes");
}
