//! The pass manager.

use treville_ir::{Diagnostic, attrs};
use treville_passes::{
    Domain, Example, Level, Manager, Module, Options, PASSES, PIPELINES, Pass, PassError, resolve, run_passes,
};

use crate::net::{Net, passes};

fn small() -> Module {
    let mut net = Net::new(1);
    let x = net.input(&[1, 2]);
    let y = net.op("relu", &[x], attrs! {});
    net.finish(&[y])
}

#[test]
fn names_are_kebab_case_unique_and_resolve() {
    for (i, pass) in PASSES.iter().enumerate() {
        assert!(pass.name.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !pass.summary.is_empty());
        assert!(PASSES[..i].iter().all(|other| other.name != pass.name));
    }
    for pipeline in PIPELINES {
        assert_eq!(
            resolve(pipeline.name).unwrap().len(),
            pipeline.passes.len(),
            "{} names a pass that there is not",
            pipeline.name
        );
    }
    let names: Vec<_> = resolve("dce, hlil-to-llil,llil-default").unwrap().iter().map(|pass| pass.name).collect();
    assert_eq!(names, ["dce", "hlil-to-llil", "llil-lazy-scale-down", "dce", "llil-liveness"]);
    let faults = resolve("dce,dse,canonicalise").unwrap_err();
    assert_eq!(faults.iter().map(|f| f.code).collect::<Vec<_>>(), ["E0501", "E0501"]);
    assert!(faults[0].help.as_ref().unwrap().contains("hlil-default"));
}

#[test]
fn shows_and_times_each_pass() {
    let mut shown = Vec::new();
    let mut show = |pass: &Pass, module: &Module| shown.push((pass.name, module.level()));
    let mut manager = Manager { after_each: Some(&mut show), verify_each: true };
    let (_, timings) = manager.run(&resolve("dce,hlil-to-llil,dce").unwrap(), small(), &Options::default()).unwrap();
    assert_eq!(
        timings.iter().map(|t| (t.pass, t.n_ops)).collect::<Vec<_>>(),
        [("dce", 1), ("hlil-to-llil", 1), ("dce", 1)]
    );
    assert_eq!(shown, [("dce", Level::Hlil), ("hlil-to-llil", Level::Llil), ("dce", Level::Llil)]);
}

#[test]
fn passes_of_the_other_dialect_are_refused() {
    let error = run_passes("llil-liveness", small(), &Options::default()).unwrap_err();
    assert!(matches!(error, PassError::Level { pass: "llil-liveness", level: "hlil" }));
    let error = run_passes("canonicalize", passes("hlil-to-llil", small()), &Options::default()).unwrap_err();
    assert!(matches!(error, PassError::Level { pass: "canonicalize", level: "llil" }));
}

/// A pass with a bug: it takes the results away.
static BROKEN: Pass = Pass {
    name: "broken",
    summary: "a bug",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: "", after: "" },
    run: |module, _| -> Result<Module, Vec<Diagnostic>> {
        let Module::Hlil(mut func, weights) = module else { return Ok(module) };
        func.set_results(Vec::new());
        Ok(Module::Hlil(func, weights))
    },
};

#[test]
fn a_bug_of_a_pass_writes_a_reproducer() {
    let before = small();
    let text = before.to_string();
    let error = Manager::default().run(&[&BROKEN], before, &Options::default()).map(|_| ()).unwrap_err();
    let PassError::Invalid { pass: "broken", diagnostics, reproducer } = error else { panic!("{error}") };
    assert!(!diagnostics.is_empty());
    assert!(reproducer.starts_with("// treville opt THIS --passes broken\n") && reproducer.ends_with(&text));
    assert!(Module::parse(&reproducer, Default::default()).is_ok(), "the reproducer is a file of IR");
}
