//! `llil-liveness`

use std::collections::BTreeSet;

use treville_ir::{ArgKind, attrs};
use treville_passes::{Module, peak_live_bytes};

use crate::net::{self, Net, passes};

fn frees(module: &Module) -> Vec<Option<Vec<i64>>> {
    let func = module.llil().unwrap();
    func.ops().map(|(id, _)| func.annotation(id, "frees").and_then(|a| a.as_ints()).map(<[i64]>::to_vec)).collect()
}

#[test]
fn values_die_at_their_last_use_and_weights_never() {
    let mut net = Net::new(1);
    let (x, w) = (net.input(&[2, 2]), net.weight(&[2, 2]));
    let y = net.op("matmul", &[x, w], attrs! {});
    let z = net.op("add", &[y, y], attrs! {});
    let u = net.op("relu", &[x], attrs! {});
    let module = passes("hlil-to-llil,llil-liveness", net.finish(&[z, u]));
    let ops: Vec<_> = module.llil().unwrap().ops().map(|(_, op)| op.def.mnemonic).collect();
    assert_eq!(ops, ["matmul", "scale_down", "add", "relu"]);
    assert_eq!(frees(&module), [None, Some(vec![0]), Some(vec![1]), Some(vec![0])]);
}

/// Interprets `frees`: nothing is used after it died, and all but results and weights has died in the end.
#[test]
fn random_networks_free_everything_once() {
    for seed in 0..50 {
        let module = passes("hlil-default,hlil-to-llil,llil-lazy-scale-down,dce,llil-liveness", net::random(seed));
        let func = module.llil().unwrap();
        let weight = |v| func.as_arg(v).is_some_and(|arg| arg.kind == ArgKind::Weight);
        let mut live: BTreeSet<_> = func.args().filter(|(_, a)| a.kind == ArgKind::Input).map(|(v, _)| v).collect();
        let mut peak = 0;
        for ((_, op), frees) in func.ops().zip(frees(&module)) {
            assert!(op.operands.iter().all(|v| weight(*v) || live.contains(v)), "seed {seed}");
            live.extend(&op.results);
            peak = peak.max(live.iter().map(|v| 8 * func.ty(*v).elements() as u64).sum());
            for position in frees.unwrap_or_default() {
                assert!(live.remove(&op.operands[position as usize]), "seed {seed}");
            }
        }
        let uses = func.uses();
        live.retain(|v| !uses.of(*v).is_empty());
        assert!(live.iter().all(|v| func.results().iter().any(|r| r.value == *v)), "seed {seed}");
        assert_eq!(peak_live_bytes(func), peak, "seed {seed}");
    }
}
