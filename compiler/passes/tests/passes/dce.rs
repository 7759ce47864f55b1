//! `dce`

use treville_ir::attrs;

use crate::net::{self, Net, assert_near, count, passes, run, sample};

#[test]
fn removes_dead_ops_and_unused_weights_but_no_input() {
    let mut net = Net::new(3);
    let (x, unused) = (net.input(&[1, 4]), net.input(&[2]));
    let (w, dead) = (net.weight(&[4, 2]), net.weight(&[4, 4]));
    let y = net.op("matmul", &[x, w], attrs! {});
    let z = net.op("matmul", &[x, dead], attrs! {});
    net.op("relu", &[z], attrs! {});
    net.op("neg", &[unused], attrs! {});
    let before = net.finish(&[y]);
    let after = passes("dce", before.clone());
    let func = after.hlil().unwrap();
    assert_eq!(func.args().map(|(_, arg)| arg.name.as_str()).collect::<Vec<_>>(), ["x0", "x1", "w2"]);
    assert_eq!((func.ops().len(), count(&after, "matmul")), (1, 1));
    assert!(after.weights().contains("w3"), "recipes may still draw on it");
    let sample = sample(&before, 1);
    assert_eq!(run(&before, &sample), run(&after, &sample));
}

#[test]
fn keeps_the_results_of_random_networks_in_both_dialects() {
    for seed in 0..50 {
        let before = net::random(seed);
        let sample = sample(&before, seed);
        let after = passes("dce", before.clone());
        assert_near(&run(&before, &sample), &run(&after, &sample), 0.0, &format!("seed {seed}"));
        let before = passes("hlil-default,hlil-to-llil", before);
        let after = passes("dce", before.clone());
        assert_eq!(run(&before, &sample), run(&after, &sample), "seed {seed}");
    }
}
