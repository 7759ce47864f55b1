//! `llil-schedule-rounds`

use std::collections::{BTreeMap, BTreeSet};

use treville_ir::{ArgKind, Func, OpId, ValueId, attrs};
use treville_llil::Llil;
use treville_llil::schedule::{Run, Step, ops, schedule};
use treville_passes::{Module, live_bytes, peak_live_bytes};

use crate::net::{self, Net, Random, count, passes, run_ring, sample};

/// What one op of each kind counts for.
fn rounds_of(func: &Func<Llil>, op: OpId) -> u32 {
    match func.op(op).def.mnemonic {
        "relu" | "drelu" => 9,
        "max_pool" => 18,
        "conv" | "matmul" | "scale_down" => 1,
        _ => 0,
    }
}

/// The rounds of a strand, whose joins take as long as their longest branch.
fn rounds(func: &Func<Llil>, steps: &[Step]) -> u32 {
    let of = |step: &Step| match &step.run {
        Run::Op(op) => rounds_of(func, *op),
        Run::Join(branches) => branches.iter().map(|branch| rounds(func, branch)).max().unwrap_or(0),
    };
    steps.iter().map(of).sum()
}

/// The rounds of the longest chain of ops that use each other's results.
fn critical_path(func: &Func<Llil>) -> u32 {
    let mut at: BTreeMap<ValueId, u32> = BTreeMap::new();
    for (id, op) in func.ops() {
        let start = op.operands.iter().filter_map(|v| at.get(v)).max().copied().unwrap_or(0);
        at.extend(op.results.iter().map(|v| (*v, start + rounds_of(func, id))));
    }
    at.into_values().max().unwrap_or(0)
}

/// GoogLeNet's module: four branches of unequal length, the third of them a network of its own, and a residual around it all.
fn inception() -> Module {
    let mut net = Net::new(4);
    let x = net.input(&[1, 3, 8, 8]);
    let relu = |net: &mut Net, x| net.op("relu", &[x], attrs! {});
    let stem = net.conv(x, 4, 3);
    let stem = relu(&mut net, stem);
    let (a, b, c) = (net.conv(stem, 2, 1), net.conv(stem, 2, 1), net.conv(stem, 2, 1));
    let (a, b, c) = (relu(&mut net, a), relu(&mut net, b), relu(&mut net, c));
    let b = net.conv(b, 2, 3);
    let (left, right) = (net.conv(c, 2, 3), net.conv(c, 2, 3));
    let (left, right) = (relu(&mut net, left), net.op("neg", &[right], attrs! {}));
    let right = relu(&mut net, right);
    let right = relu(&mut net, right);
    let c = net.op("add", &[left, right], attrs! {});
    let all = net.op("concat", &[a, b, c, stem], attrs! { axis: 1 });
    let end = net.conv(all, 2, 3);
    let end = relu(&mut net, end);
    net.finish(&[end])
}

#[test]
fn an_inception_module_takes_the_rounds_of_its_longest_branch() {
    let before = passes("hlil-to-llil,llil-lazy-scale-down", inception());
    let after = passes("llil-schedule-rounds,llil-liveness", before.clone());
    let func = after.llil().unwrap();
    let steps = schedule(func);
    assert_eq!(rounds(func, &steps), critical_path(func), "{after}");
    assert!(rounds(func, &steps) < rounds(func, &schedule(before.llil().unwrap())));
    let joins = steps.iter().filter(|step| matches!(step.run, Run::Join(_))).count();
    assert_eq!(joins, 1, "the module is one join of the main strand");
    insta::assert_snapshot!(paths(func));
}

/// Each op's node, and where it runs.
fn paths(func: &Func<Llil>) -> String {
    let path = |op| func.annotation(op, "strand").map(|path| format!(" {path}")).unwrap_or_default();
    func.ops().map(|(id, op)| format!("{} {}{}\n", op.loc, op.def.mnemonic, path(id))).collect()
}

/// Whatever order the branches take, nothing is used before it is made or after it was freed, all is freed in the end, and no more is
/// alive than is said.
#[test]
fn strands_run_in_any_order() {
    let (mut joins, mut as_short_as_can_be) = (0, 0);
    for seed in 0..300 {
        let network = if seed == 0 { inception() } else { net::random(seed) };
        let before = passes("hlil-default,hlil-to-llil,llil-lazy-scale-down,dce", network);
        let after = passes("llil-schedule-rounds,llil-liveness", before.clone());
        let func = after.llil().unwrap();
        let steps = schedule(func);
        assert_eq!(
            ops(&steps),
            func.ops().map(|(id, _)| id).collect::<Vec<_>>(),
            "seed {seed}: each op once, in order"
        );
        assert_eq!(func.ops().len(), before.llil().unwrap().ops().len(), "seed {seed}");
        joins += usize::from(steps.iter().any(|step| matches!(step.run, Run::Join(_))));
        assert!(rounds(func, &steps) >= critical_path(func), "seed {seed}");
        as_short_as_can_be += usize::from(rounds(func, &steps) == critical_path(func));

        let sample = sample(&before, seed);
        let bits = |module: &Module| run_ring(module, &sample, &mut treville_llil::Exact);
        assert_eq!(bits(&before), bits(&after), "seed {seed}");

        let said = live_bytes(func);
        for order in 0..5 {
            run_in_some_order(func, &interleaved(&steps, &mut Random(seed * 8 + order)), &said);
        }
    }
    assert!(joins > 25, "{joins} of 300 networks have a join");
    assert!(as_short_as_can_be > 290, "{as_short_as_can_be} of 300 schedules are as short as can be");
}

enum Event {
    Run(OpId),
    Free(ValueId),
}

/// The events of a strand, those of branches interleaved by chance.
fn interleaved(steps: &[Step], random: &mut Random) -> Vec<Event> {
    let mut events = Vec::new();
    for step in steps {
        match &step.run {
            Run::Op(op) => events.push(Event::Run(*op)),
            Run::Join(branches) => {
                let mut left: Vec<_> =
                    branches.iter().map(|branch| interleaved(branch, random).into_iter().peekable()).collect();
                while !left.is_empty() {
                    let at = random.below(left.len());
                    match left[at].next() {
                        Some(event) => events.push(event),
                        None => drop(left.remove(at)),
                    }
                }
            }
        }
        events.extend(step.frees.iter().copied().map(Event::Free));
    }
    events
}

fn run_in_some_order(func: &Func<Llil>, events: &[Event], said: &[u64]) {
    let weight = |v| func.as_arg(v).is_some_and(|arg| arg.kind == ArgKind::Weight);
    let mut live: BTreeSet<_> = func.args().filter(|(_, a)| a.kind == ArgKind::Input).map(|(v, _)| v).collect();
    for event in events {
        match event {
            Event::Run(id) => {
                let op = func.op(*id);
                assert!(op.operands.iter().all(|v| weight(*v) || live.contains(v)), "{}", op.loc);
                live.extend(&op.results);
                let bytes: u64 = live.iter().map(|v| 8 * func.ty(*v).elements() as u64).sum();
                assert!(bytes <= said[id.index()], "{}: {bytes} bytes of {}", op.loc, said[id.index()]);
            }
            Event::Free(value) => assert!(live.remove(value)),
        }
    }
    let uses = func.uses();
    live.retain(|v| !uses.of(*v).is_empty());
    assert!(live.iter().all(|v| func.results().iter().any(|r| r.value == *v)));
}

/// Two branches that are as large as anything in the program, of 40 MB a tensor, do not run side by side; small ones beside them do.
#[test]
fn a_join_that_takes_too_much_is_undone() {
    let mut net = Net::new(1);
    let x = net.input(&[1, 1, 2240, 2240]);
    let relu = |net: &mut Net, x| net.op("relu", &[x], attrs! {});
    let (a, b) = (relu(&mut net, x), net.op("neg", &[x], attrs! {}));
    let b = relu(&mut net, b);
    let b = relu(&mut net, b);
    let sum = net.op("sub", &[a, b], attrs! {});
    let small = net.op("slice", &[sum], attrs! { starts: [0, 0, 0, 0], ends: [1, 1, 8, 8], steps: [1, 1, 1, 1] });
    let (c, d) = (relu(&mut net, small), net.op("neg", &[small], attrs! {}));
    let d = relu(&mut net, d);
    let y = net.op("add", &[c, d], attrs! {});
    let before = passes("hlil-to-llil", net.finish(&[y]));
    let after = passes("llil-schedule-rounds", before.clone());
    let func = after.llil().unwrap();
    let joined = |nodes: &[&str]| {
        let op = func.ops().find(|(_, op)| nodes.contains(&op.loc.as_str())).unwrap().0;
        func.annotation(op, "strand").is_some()
    };
    assert_eq!(count(&after, "relu"), 5);
    assert!(!joined(&["n0/relu"]) && !joined(&["n3/relu"]), "{after}");
    assert!(joined(&["n6/relu"]), "{after}");
    assert!(peak_live_bytes(func) <= peak_live_bytes(before.llil().unwrap()) * 5 / 4);
}

/// The verifier refuses an op beside one that it uses.
#[test]
fn a_wrong_strand_is_refused() {
    let module = passes("llil-schedule-rounds", passes("hlil-to-llil", inception()));
    let Module::Llil(mut func, _) = module else { panic!("fixed point") };
    let (id, op) = func.ops().filter(|(id, _)| func.annotation(*id, "strand").is_some()).nth(1).unwrap();
    let user = op.results[0];
    assert!(func.verify().is_ok());
    let before: OpId = func.defining_op(op.operands[0]).unwrap().0;
    assert_eq!(func.annotation(before, "strand"), func.annotation(id, "strand"), "a chain in one branch");
    let mut path = func.annotation(id, "strand").unwrap().as_ints().unwrap().to_vec();
    *path.last_mut().unwrap() += 1;
    func.annotate(user, "strand", treville_ir::Attr::Ints(path));
    let faults = func.verify().unwrap_err();
    assert!(faults.iter().any(|fault| fault.message.contains("beside")), "{faults:?}");
}
