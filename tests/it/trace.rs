//! A backend that computes one operation wrongly, or a scale that is too small: the node is named.

use serde_json::Value;
use treville::compile::{Watch, compile};
use treville::trace::trace_ops;
use treville::verify::verify;
use treville_ir::{Func, parse};
use treville_llil::Llil;

use crate::support::{example, load, options, path, succeed};

#[test]
fn the_operation_that_a_backend_gets_wrong_is_named() {
    for backend in ["cleartext", "porthos"] {
        let (model, samples) = load("digits_cnn", &options(backend, "12"));
        let sample = &samples.inputs[0];
        let compiled =
            compile(model, &options(backend, "12"), Some(samples.first(2)), Watch::default()).expect("it compiles");
        let right = trace_ops(&compiled, &compiled.llil, sample).expect("it runs");
        assert!(right.iter().all(|op| op.is_right()), "{backend}: {right:?}");
        assert_eq!(right.len(), compiled.plan.ops.len());
        // A backend that takes the second ReLU for a negation.
        let text = compiled.llil.to_string();
        let relus: Vec<usize> = text.match_indices("\"llil.relu\"").map(|(at, _)| at).collect();
        let (at, node) =
            (relus[1], right.iter().filter(|op| op.op == "relu").nth(1).expect("there are two").node.clone());
        let text = format!("{}{}", &text[..at], text[at..].replacen("llil.relu", "llil.neg", 1));
        let wrong: Func<Llil> = parse(&text).expect("a negation has the same type");
        let traced = trace_ops(&compiled, &wrong, sample).expect("it runs");
        let first = traced.iter().find(|op| !op.is_right()).expect("it is found");
        assert_eq!((first.op.as_str(), &first.node), ("relu", &node), "{backend}");
        assert!(first.different > 0 && first.different <= first.elements);
    }
}

#[test]
fn every_node_is_shown_with_its_error_and_the_bits_of_the_backend() {
    let folder = tempfile::tempdir().expect("a folder");
    let (model, data) = (path(&example("digits_cnn", "digits_cnn.pb")), path(&example("digits_cnn", "test.npz")));
    let verify = |more: &[&str]| {
        let common = ["verify", &model, "--data", &data, "--scale", "12", "--limit", "2"];
        succeed(folder.path(), &[&common[..], more].concat())
    };
    let json: Value = serde_json::from_str(&verify(&["--nodes", "--json"])).expect("JSON");
    let nodes = json["nodes"].as_array().expect("nodes");
    let ops = json["ops"].as_array().expect("operations");
    assert!(!ops.is_empty() && ops.iter().all(|op| op["different"] == 0 && op["not_rounded"] == 0), "{ops:?}");
    let errors = |text: &str| text.lines().filter(|line| line.ends_with("  same")).count();
    assert_eq!(errors(&verify(&["--nodes"])), nodes.len());
    assert!(nodes.len() > 5);
    let short = verify(&[]);
    assert!(!short.contains("bits of the backend") && short.contains("the nodes with the largest relative errors"));
}

#[test]
fn a_scale_that_is_too_small_departs_at_a_node_with_that_error() {
    let (model, samples) = load("digits_cnn", &options("cleartext", "2"));
    let compiled =
        compile(model, &options("cleartext", "2"), Some(samples.first(2)), Watch::default()).expect("it compiles");
    let verified = verify(&compiled, &samples.first(1), 1).expect("it runs");
    let first = verified.first_departure.expect("two fraction bits are too few");
    let at = verified.nodes.iter().position(|n| n.name == first.name).expect("it is one of the nodes");
    assert!(first.departs() && verified.nodes[..at].iter().all(|n| !n.departs()), "{:?}", verified.nodes);
    assert_eq!(first.max_rel_err, Some(first.max_abs_err / first.max_abs));
    assert!(verified.first_wrong_op.is_none() && verified.bit_exact_replays == 1);
}
