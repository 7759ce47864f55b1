//! What `treville cost` says that a party holds, against what it allocates.

use std::fmt::Write;

use ndarray::ArrayD;
use peak_alloc::PeakAlloc;
use treville::ModelArgs;
use treville::backends::Backend;
use treville::compile::{Watch, compile};
use treville::model::Model;
use treville::simulate::Simulation;
use treville_party::Array;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Elements of each tensor: 2 MiB in the ring.
const N: usize = 1 << 18;

/// A chain of `depth` steps, whose first `kept` values are all added up in the end.
fn program(depth: usize, kept: usize) -> String {
    let ty = format!("tensor<{N}x!hlil.secret<f32>>");
    let mut body = String::new();
    for i in 0..depth {
        let x = if i == 0 { "x".to_string() } else { (i - 1).to_string() };
        let _ = writeln!(body, "  %{i} = \"hlil.neg\"(%{x}) : ({ty}) -> {ty} loc(\"step{i}\")");
    }
    let mut sum = depth - 1;
    for i in 0..kept {
        let next = depth + i;
        let _ = writeln!(body, "  %{next} = \"hlil.add\"(%{sum}, %{i}) : ({ty}, {ty}) -> {ty} loc(\"sum{i}\")");
        sum = next;
    }
    format!(
        "\"func.func\"() ({{\n^bb0(%x: {ty}):\n{body}  \"func.return\"(%{sum}) : ({ty}) -> ()\n}}) {{arg_attrs = [{{hlil.kind = \"input\", \
         hlil.name = \"x\", hlil.owner = \"client\"}}], function_type = ({ty}) -> {ty}, res_attrs = [{{hlil.name = \"y\", hlil.owner = \
         [\"client\"], hlil.post = \"none\"}}], sym_name = \"main\"}} : () -> ()\n"
    )
}

#[test]
fn a_party_holds_what_is_predicted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut measured = Vec::new();
    for (depth, kept) in [(4, 1), (24, 1), (24, 12)] {
        let file = folder.path().join(format!("chain_{depth}_{kept}.hlil"));
        std::fs::write(&file, program(depth, kept)).expect("the folder is ours");
        let options = ModelArgs { scale: "12".into(), ..ModelArgs::for_backend("cleartext") };
        let model = Model::read(&file, &options).expect("a model");
        let compiled = compile(model, &options, None, Watch::default()).expect("it compiles");
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let simulation = Simulation {
            func: &compiled.llil,
            plan: &compiled.plan,
            manifest: &compiled.manifest,
            weights: &compiled.weights,
            inputs: vec![("x".to_string(), Array::F32(ArrayD::from_elem(vec![N], 0.5)))],
            recorder: None,
        };
        simulation.run(Backend::by_name("cleartext").expect("there is one")).expect("it runs");
        let held = MEMORY.peak_usage() - before;
        measured.push((compiled.peak_memory_bytes(), held as u64));
    }
    // Beside what is alive: the sample as reals, twice, and the tensor that an operation makes.
    let beside = 3 * 8 * N as u64;
    for (predicted, held) in &measured {
        assert!((*predicted..=predicted + beside).contains(held), "{measured:?}");
    }
    let more = |of: fn(&(u64, u64)) -> u64| of(&measured[2]) - of(&measured[1]);
    let (predicted, held) = (more(|m| m.0), more(|m| m.1));
    assert!(predicted >= 5 * 8 * N as u64 && held.abs_diff(predicted) < 1 << 16, "what is kept is alive: {measured:?}");
    assert_eq!(measured[0].0, measured[1].0, "a longer chain holds no more");
}
