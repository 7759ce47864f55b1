//! Every pass's example, as its documentation shows it. `TREVILLE_BLESS=1` writes `before.mlir` as it is printed and what the pass makes of it.

use std::path::PathBuf;

use treville_hlil::{Scalar, Weights};
use treville_ir::{ArgKind, parse};
use treville_passes::{Level, Module, PASSES, Pass, run_passes};

use crate::hlil_saturate::priced;
use crate::net::Random;

#[test]
fn examples_hold() {
    for pass in PASSES {
        let before = module(pass.example.before);
        assert!(pass.takes.contains(&before.level()), "{}", pass.name);
        let printed = before.to_string();
        let after = run_passes(pass.name, before, &priced()).unwrap().to_string();
        if std::env::var_os("TREVILLE_BLESS").is_some() {
            let comment = pass.example.before.lines().next().unwrap();
            std::fs::write(folder(pass).join("before.mlir"), format!("{comment}\n{printed}")).unwrap();
            std::fs::write(folder(pass).join("after.mlir"), &after).unwrap();
            continue;
        }
        assert_eq!(without_comments(pass.example.before), printed, "{}: before.mlir is not in printed form", pass.name);
        assert_eq!(after, pass.example.after, "{}", pass.name);
        assert_ne!(after, without_comments(pass.example.before), "{}: the example shows nothing", pass.name);
    }
}

#[test]
fn every_pass_is_idempotent_or_changes_the_dialect() {
    for pass in PASSES.iter().filter(|pass| pass.name != "hlil-to-llil") {
        let once = run_passes(pass.name, module(pass.example.before), &priced()).unwrap();
        let twice = run_passes(pass.name, once.clone(), &priced()).unwrap();
        assert_eq!(once.to_string(), twice.to_string(), "{}", pass.name);
        assert!(once.level() == twice.level() && once.level() != Level::Llil || pass.takes.contains(&Level::Llil));
    }
}

fn folder(pass: &Pass) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "src", &pass.name.replace('-', "_")].iter().collect()
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("//")).map(|line| format!("{line}\n")).collect()
}

/// The module of a text, with weights for its weight arguments.
fn module(text: &str) -> Module {
    let mut weights = Weights::new();
    let mut random = Random(7);
    if let Ok(func) = parse::<treville_hlil::Hlil>(text) {
        for (_, arg) in func.args().filter(|(_, arg)| arg.kind == ArgKind::Weight) {
            assert_eq!(arg.ty.elem.scalar, Scalar::F32);
            weights.add_source(&arg.name, random.tensor(&arg.ty.shape)).unwrap();
        }
    }
    Module::parse(text, weights).unwrap_or_else(|e| panic!("{e:?}"))
}
