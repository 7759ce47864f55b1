//! `hlil-saturate`. The rules one by one are tested beside them, against the evaluators.

use std::sync::Arc;

use treville_ir::{Func, Op, ValueId, attrs};
use treville_llil::Llil;
use treville_passes::hlil_saturate::{RULES, Rule, gains, saturate};
use treville_passes::{Module, Network, Options, Price, Prices, multiplications};

use crate::net::{self, Net, assert_near, count, passes, run, sample};

/// Options with the prices of a backend that is not there: something like Porthos, one op after the other.
pub(crate) fn priced() -> Options {
    let prices = |func: &Func<Llil>| {
        let mut price = Price { multiplications: multiplications(func), ..Price::default() };
        for (_, op) in func.ops() {
            let (bytes, rounds) = price_of(func, op);
            price.bytes += bytes;
            price.rounds += rounds;
        }
        Ok(price)
    };
    Options { prices: Some(Prices::new("test", Arc::new(prices))), ..Options::default() }
}

/// Bytes and rounds of an op.
fn price_of(func: &Func<Llil>, op: &Op<Llil>) -> (u64, u32) {
    let elements = |value: ValueId| func.ty(value).elements() as u64;
    let y = elements(op.results[0]);
    let is_public = |value: ValueId| func.defining_op(value).is_some_and(|(_, op)| op.def.mnemonic == "constant");
    match op.def.mnemonic {
        "relu" => (528 * y, 9),
        "drelu" => (488 * y, 8),
        "max_pool" => (528 * 3 * y, 18),
        "arg_max" => (568 * elements(op.operands[0]), 36),
        "conv" | "matmul" | "conv_transpose" => {
            (16 * elements(op.operands[0]) + 16 * elements(op.operands[1]) + 8 * y, 1)
        }
        "mul" if !op.operands.iter().any(|v| is_public(*v)) => (40 * y, 1),
        _ => (0, 0),
    }
}

fn found(net: Net, results: &[ValueId], options: &Options) -> (Module, Module) {
    let before = net.finish(results);
    let after = treville_passes::run_passes("hlil-saturate,hlil-fold-constants,dce", before.clone(), options).unwrap();
    let sample = sample(&before, 5);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-4, "the rules are identities");
    (before, after)
}

fn order(module: &Module) -> Vec<&'static str> {
    module.hlil().unwrap().ops().map(|(_, op)| op.def.mnemonic).collect()
}

#[test]
fn the_pool_goes_first_unless_others_need_the_relu() {
    for shared in [false, true] {
        let mut n = Net::new(1);
        let x = n.input(&[1, 2, 6, 6]);
        let y = n.op("relu", &[x], attrs! {});
        let y = n.op("pad", &[y], attrs! { begin: [0, 0, 1, 1], end: [0, 0, 1, 1], value: 0.0 });
        let z = n.pool("max_pool", y, 3);
        let (_, after) = found(n, &[z, y][..1 + usize::from(shared)], &priced());
        let expected = if shared { ["relu", "pad", "max_pool"] } else { ["pad", "max_pool", "relu"] };
        assert_eq!(order(&after), expected);
    }
}

/// Batch norm, then scale and offset of their own, as Caffe's DenseNet has them, with vectors of either form.
#[test]
fn chains_of_affine_maps_become_one() {
    let mut n = Net::new(2);
    let x = n.input(&[1, 3, 4, 4]);
    let mut y = n.op("relu", &[x], attrs! {});
    for (shape, op) in [(&[1, 3, 1, 1][..], "mul"), (&[3, 1, 1], "add"), (&[3, 1, 1], "mul"), (&[1, 3, 1, 1], "sub")] {
        let w = n.weight(shape);
        y = n.op(op, &[y, w], attrs! {});
    }
    let y = n.op("relu", &[y], attrs! {});
    let (_, after) = found(n, &[y], &priced());
    assert_eq!(order(&after), ["relu", "mul", "add", "relu"]);
}

#[test]
fn norms_go_into_convolutions_on_either_side() {
    for before_conv in [false, true] {
        let mut n = Net::new(3);
        let x = n.input(&[1, 3, 6, 6]);
        let (s, b) = (n.weight(&[3, 1, 1]), n.weight(&[1, 3, 1, 1]));
        let affine = |n: &mut Net, x| {
            let y = n.op("mul", &[x, s], attrs! {});
            n.op("add", &[y, b], attrs! {})
        };
        let mut y = x;
        if before_conv {
            y = affine(&mut n, y);
        }
        let w = n.weight(&[3, 3, 3, 3]);
        y = n.op("conv", &[y, w], attrs! { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 });
        if !before_conv {
            y = affine(&mut n, y);
        }
        let (_, after) = found(n, &[y], &priced());
        assert_eq!(count(&after, "mul"), 0, "{after}");
    }
}

/// A concatenation that is scaled only takes the factor apart; one that others need stays whole.
#[test]
fn a_concatenation_is_taken_apart_where_it_pays() {
    for shared in [false, true] {
        let mut n = Net::new(4);
        let x = n.input(&[1, 2, 6, 6]);
        let (a, b) = (n.conv(x, 4, 3), n.conv(x, 3, 1));
        let y = n.op("concat", &[a, b], attrs! { axis: 1 });
        let s = n.weight(&[7, 1, 1]);
        let z = n.op("mul", &[y, s], attrs! {});
        let mut results = vec![z];
        if shared {
            results.push(n.op("relu", &[y], attrs! {}));
        }
        let (_, after) = found(n, &results, &priced());
        assert_eq!(count(&after, "mul"), usize::from(shared), "{after}");
    }
}

#[test]
fn comparisons_of_one_value_are_shared() {
    let mut n = Net::new(5);
    let x = n.input(&[1, 8]);
    let y = n.op("neg", &[x], attrs! {});
    let (a, b) = (n.op("relu", &[x], attrs! {}), n.op("relu", &[y], attrs! {}));
    let abs = n.op("max", &[x, y], attrs! {});
    let c = n.op("clip", &[x], attrs! { min: 0.0, max: 1.0 });
    let (_, after) = found(n, &[a, b, abs, c], &priced());
    // One for x, and one for the upper bound.
    assert_eq!((count(&after, "relu"), count(&after, "max"), count(&after, "clip")), (2, 0, 0), "{after}");
}

#[test]
fn parallel_activations_and_filters_are_joined() {
    let mut n = Net::new(6);
    let x = n.input(&[1, 4, 6, 6]);
    let branches: Vec<ValueId> = (0..3)
        .map(|i| {
            let y = n.conv(x, 2 + i, 3);
            n.op("relu", &[y], attrs! {})
        })
        .collect();
    let y = n.op("concat", &branches, attrs! { axis: 1 });
    let (_, after) = found(n, &[y], &priced());
    assert_eq!(order(&after), ["conv", "relu"], "{after}");
}

/// Two convolutions of single places through few channels: apart they have less to send, composed they take one round.
#[test]
fn the_network_decides() {
    let n_convolutions = |network: Network| {
        let mut n = Net::new(7);
        let x = n.input(&[1, 64, 2, 2]);
        let y = n.conv(x, 2, 1);
        let y = n.conv(y, 64, 1);
        count(&found(n, &[y], &Options { network, ..priced() }).1, "conv")
    };
    assert_eq!(n_convolutions(Network { bytes_per_second: 1_000_000, latency_us: 300 }), 2);
    assert_eq!(n_convolutions(Network::WAN), 1);
}

/// No program gets dearer, whatever it is, and the same program comes out every time.
#[test]
fn random_networks_get_no_dearer_and_stay_what_they_are() {
    let options = priced();
    let all: Vec<&Rule> = RULES.iter().collect();
    let reversed: Vec<&Rule> = RULES.iter().rev().collect();
    let mut cheaper = 0;
    for seed in 0..60 {
        let before =
            passes("canonicalize,hlil-expand-quotients,hlil-fold-batch-norm,hlil-fold-constants", net::random(seed));
        let (func, weights) = (before.hlil().unwrap(), before.weights());
        let (after, report) = saturate(func, weights, &all, &options).unwrap();
        let (again, _) = saturate(func, weights, &all, &options).unwrap();
        assert_eq!(after.to_string(), again.to_string(), "seed {seed}");
        if let (Some(given), Some(after)) = (report.before, report.after) {
            let seconds = |price| options.network.seconds(price);
            assert!(seconds(after) <= seconds(given), "seed {seed}: {given:?} {after:?}");
            cheaper += usize::from(seconds(after) < seconds(given));
            let other_order = saturate(func, weights, &reversed, &options).unwrap().1.after.unwrap();
            assert_eq!(seconds(other_order), seconds(after), "seed {seed}: the order of the rules does not matter");
        }
        let sample = sample(&before, seed);
        let after = Module::Hlil(after, weights.clone());
        assert_near(&run(&before, &sample), &run(&after, &sample), 1e-3, &format!("seed {seed}"));
    }
    assert!(cheaper > 5, "only {cheaper} of 60 networks got cheaper");
}

#[test]
fn what_a_rule_gains_is_what_is_lost_without_it() {
    let mut n = Net::new(1);
    let x = n.input(&[1, 2, 6, 6]);
    let y = n.op("relu", &[x], attrs! {});
    let y = n.pool("max_pool", y, 3);
    let module = n.finish(&[y]);
    let gains = gains(module.hlil().unwrap(), module.weights(), &priced()).unwrap();
    for gain in gains {
        let (with, without) = (gain.with.unwrap(), gain.without.unwrap());
        let expected = if gain.rule == "relu-after-pool" { 528 * 2 * (36 - 4) } else { 0 };
        assert_eq!(without.bytes - with.bytes, expected, "{}", gain.rule);
    }
}

#[test]
fn without_prices_nothing_happens() {
    let mut n = Net::new(1);
    let x = n.input(&[1, 2, 6, 6]);
    let y = n.op("relu", &[x], attrs! {});
    let y = n.pool("max_pool", y, 3);
    let before = n.finish(&[y]);
    assert_eq!(passes("hlil-saturate", before.clone()).to_string(), before.to_string());
}
