//! `hlil-exchange-pool-relu`

use treville_ir::attrs;

use crate::net::{self, Net, assert_near, passes, run, sample};

fn order(module: &treville_passes::Module) -> Vec<&'static str> {
    module.hlil().unwrap().ops().map(|(_, op)| op.def.mnemonic).collect()
}

fn relu_then_pool(also_result: bool) -> treville_passes::Module {
    let mut net = Net::new(1);
    let x = net.input(&[1, 2, 5, 5]);
    let y = net.op("relu", &[x], attrs! {});
    let z = net.pool("max_pool", y, 3);
    let results = [z, y];
    net.finish(&results[..1 + usize::from(also_result)])
}

#[test]
fn the_pool_goes_first() {
    let before = relu_then_pool(false);
    let after = passes("hlil-exchange-pool-relu", before.clone());
    assert_eq!(order(&after), ["max_pool", "relu"]);
    let func = after.hlil().unwrap();
    assert_eq!(func.ops().map(|(_, op)| op.loc.as_str()).collect::<Vec<_>>(), ["n1/max_pool", "n0/relu"]);
    let sample = sample(&before, 1);
    assert_eq!(run(&before, &sample), run(&after, &sample));
}

#[test]
fn not_where_others_use_the_relu() {
    let after = passes("hlil-exchange-pool-relu", relu_then_pool(true));
    assert_eq!(order(&after), ["relu", "max_pool"]);
}

/// The beginning of a ResNet, and a second pool below.
#[test]
fn through_zeros_and_several_pools() {
    let chain = |padding: f64, shared: bool| {
        let mut net = Net::new(2);
        let x = net.input(&[1, 2, 7, 7]);
        let y = net.op("relu", &[x], attrs! {});
        let y = net.op("pad", &[y], attrs! { begin: [0, 0, 1, 1], end: [0, 0, 1, 1], value: padding });
        let z = net.pool("max_pool", y, 3);
        let z = net.pool("max_pool", z, 2);
        let results = [z, y];
        net.finish(&results[..1 + usize::from(shared)])
    };
    let after = passes("hlil-exchange-pool-relu", chain(0.0, false));
    assert_eq!(order(&after), ["pad", "max_pool", "max_pool", "relu"]);
    let sample = sample(&after, 1);
    assert_eq!(run(&chain(0.0, false), &sample), run(&after, &sample));
    assert_eq!(order(&passes("hlil-exchange-pool-relu", chain(0.5, false)))[0], "relu");
    assert_eq!(order(&passes("hlil-exchange-pool-relu", chain(0.0, true)))[0], "relu");
}

#[test]
fn keeps_the_results_of_random_networks_bit_for_bit() {
    for seed in 0..100 {
        let before = passes("canonicalize", net::random(seed));
        let after = passes("hlil-exchange-pool-relu", before.clone());
        let sample = sample(&before, seed);
        assert_near(&run(&before, &sample), &run(&after, &sample), 0.0, &format!("seed {seed}"));
    }
}

#[test]
fn a_clip_goes_behind_the_pool_likewise() {
    let clipped = |min: f64, padded: bool| {
        let mut net = Net::new(1);
        let x = net.input(&[1, 2, 5, 5]);
        let mut y = net.op("clip", &[x], attrs! { min: min, max: 0.5 });
        if padded {
            y = net.op("pad", &[y], attrs! { begin: [0, 0, 1, 1], end: [0, 0, 1, 1], value: 0.0 });
        }
        let z = net.pool("max_pool", y, 3);
        net.finish(&[z])
    };
    for (min, padded, expected) in [
        (-0.25, false, vec!["max_pool", "clip"]),
        (0.25, false, vec!["max_pool", "clip"]),
        (-0.25, true, vec!["pad", "max_pool", "clip"]),
        (0.25, true, vec!["clip", "pad", "max_pool"]),
    ] {
        let before = clipped(min, padded);
        let after = passes("hlil-exchange-pool-relu", before.clone());
        assert_eq!(order(&after), expected);
        let sample = sample(&before, 1);
        assert_eq!(run(&before, &sample), run(&after, &sample));
    }
}
