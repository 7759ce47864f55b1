//! The pass manager.

use treville_ir::{Diagnostic, attrs};
use treville_passes::{
    Domain, Example, Level, Manager, Module, Moment, Options, PASSES, PIPELINES, Pass, PassError, resolve, run_passes,
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
    assert_eq!(names, ["dce", "hlil-to-llil", "llil-lazy-scale-down", "dce", "llil-schedule-rounds", "llil-liveness"]);
    let faults = resolve("dce,dse,canonicalise").unwrap_err();
    assert_eq!(faults.iter().map(|f| f.code).collect::<Vec<_>>(), ["E0501", "E0501"]);
    assert!(faults[0].help.as_ref().unwrap().contains("hlil-default"));
}

#[test]
fn shows_and_times_each_pass() {
    let mut shown = Vec::new();
    let mut show = |at: Moment, pass: &Pass, module: &Module| shown.push((at, pass.name, module.level()));
    let mut manager = Manager { observer: Some(&mut show), verify_each: true };
    let (_, timings) = manager.run(&resolve("dce,hlil-to-llil,dce").unwrap(), small(), &Options::default()).unwrap();
    assert_eq!(
        timings.iter().map(|t| (t.pass, t.n_ops)).collect::<Vec<_>>(),
        [("dce", 1), ("hlil-to-llil", 1), ("dce", 1)]
    );
    assert_eq!(
        shown,
        [
            (Moment::Before, "dce", Level::Hlil),
            (Moment::After, "dce", Level::Hlil),
            (Moment::Before, "hlil-to-llil", Level::Hlil),
            (Moment::After, "hlil-to-llil", Level::Llil),
            (Moment::Before, "dce", Level::Llil),
            (Moment::After, "dce", Level::Llil),
        ]
    );
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

/// A pass with a bug of the other kind.
static PANICS: Pass = Pass {
    name: "panics",
    summary: "a bug",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: "", after: "" },
    run: |module, _| panic!("no room for {} ops", module.n_ops()),
};

#[test]
fn a_panic_of_a_pass_is_caught_named_and_can_be_shown_again() {
    let before = small();
    let text = before.to_string();
    let error = Manager::default().run(&[&PANICS], before, &Options::default()).map(|_| ()).unwrap_err();
    assert!(error.to_string().starts_with("internal: panics panicked: no room for 1 ops;"), "{error}");
    let (pass, reproducer) = error.bug().unwrap();
    assert_eq!(pass, "panics");
    assert!(reproducer.starts_with("// treville opt THIS --passes panics\n") && reproducer.ends_with(&text));
    let again = Module::parse(reproducer, Default::default()).unwrap();
    let again = Manager::default().run(&[&PANICS], again, &Options::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), again.to_string());
}
