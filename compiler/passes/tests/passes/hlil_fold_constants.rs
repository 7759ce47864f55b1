//! `hlil-fold-constants`

use treville_ir::attrs;
use treville_passes::Module;

use crate::net::{self, Net, assert_near, count, passes, run, sample};

#[test]
fn keeps_the_results_of_random_networks_bit_for_bit() {
    for seed in 0..100 {
        let before = net::random(seed);
        let after = passes("hlil-fold-constants", before.clone());
        let sample = sample(&before, seed);
        assert_near(&run(&before, &sample), &run(&after, &sample), 0.0, &format!("seed {seed}"));
    }
}

#[test]
fn weight_ops_become_one_recipe_and_constants_are_computed() {
    let mut net = Net::new(5);
    let (x, w) = (net.input(&[1, 4]), net.weight(&[4, 2]));
    let half = net.constant(&[], &[0.25]);
    let two = net.constant(&[1], &[3.0]);
    let number = net.op("mul", &[half, two], attrs! {});
    let scaled = net.op("mul", &[w, number], attrs! {});
    let negated = net.op("neg", &[scaled], attrs! {});
    let y = net.op("matmul", &[x, negated], attrs! {});
    let z = net.op("add", &[y, number], attrs! {});
    let before = net.finish(&[z]);
    let after = passes("hlil-fold-constants", before.clone());
    assert_eq!(
        [count(&after, "matmul"), count(&after, "constant"), count(&after, "mul"), count(&after, "neg")],
        [1, 1, 0, 0],
        "{after}"
    );
    let Module::Hlil(func, weights) = &after else { panic!() };
    assert_eq!(func.args().map(|(_, arg)| arg.name.as_str()).collect::<Vec<_>>(), ["x0", "w1.folded"]);
    assert_eq!(weights.get("w1.folded").unwrap(), weights.get("w1").unwrap().mapv(|v| -(v * 0.75)));
    let sample = sample(&before, 1);
    assert_eq!(run(&before, &sample), run(&after, &sample));
}

#[test]
fn weights_of_two_parties_stay_apart() {
    let mut net = Net::new(5);
    let (x, a) = (net.input(&[2, 2]), net.weight(&[2, 2]));
    let b = net.random.tensor(&[2, 2]);
    net.weights.add_source("b", b).unwrap();
    let ty = net.func.ty(a).clone();
    let b = net.func.add_arg(treville_ir::Arg::new("b", ty, "other", treville_ir::ArgKind::Weight));
    let joint = net.op("add", &[a, b], attrs! {});
    let alone = net.op("neg", &[a], attrs! {});
    let y = net.op("matmul", &[x, joint], attrs! {});
    let z = net.op("matmul", &[y, alone], attrs! {});
    let after = passes("hlil-fold-constants", net.finish(&[z]));
    let owners: Vec<_> = after.hlil().unwrap().args().map(|(_, arg)| (arg.name.clone(), arg.owner.clone())).collect();
    let expected = [("x0", "client"), ("w1", "server"), ("b", "other"), ("w1.folded", "server")];
    assert_eq!(owners, expected.map(|(name, owner)| (name.to_string(), owner.to_string())));
    assert_eq!(count(&after, "add"), 1);
}
