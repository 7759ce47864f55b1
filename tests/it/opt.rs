//! `treville opt` and `treville passes`: passes by name, the IR around them, and what is kept of their bugs.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use treville_ir::Listing;
use treville_party::Exit;
use treville_passes::{Domain, Example, Level, Manager, Module, Options, Pass, pass};

use crate::support::{Outcome, command, example, finish, load, options, path, succeed, treville, write_samples};

/// The module that the page of `dce` begins with.
fn write_example(folder: &Path) -> String {
    let text = pass("dce").expect("there is dead code elimination").example.before;
    std::fs::write(folder.join("m.hlil"), text).expect("the test's folder is writable");
    text.to_string()
}

fn from_stdin(folder: &Path, text: &str, args: &[&str]) -> Outcome {
    let mut command = command(env!("CARGO_BIN_EXE_treville").as_ref(), folder);
    let mut child = command.args(args).stdin(Stdio::piped()).spawn().expect("the command starts");
    child.stdin.take().expect("stdin is piped").write_all(text.as_bytes()).expect("the command reads");
    finish(child, Duration::from_secs(60))
}

#[test]
fn the_ir_is_shown_around_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = write_example(folder.path());
    let run = |more: &str| {
        let args: Vec<&str> =
            "opt m.hlil --passes canonicalize,dce".split(' ').chain(more.split_whitespace()).collect();
        let outcome = treville(folder.path(), &args);
        assert_eq!(outcome.code, Some(0), "{more}: {}", outcome.stderr);
        (outcome.stdout, outcome.stderr.lines().filter(|l| l.starts_with("// ")).collect::<Vec<_>>().join("; "))
    };
    let (plain, nothing) = run("");
    assert_eq!(nothing, "");
    for (more, shown) in [
        ("--print-ir-before dce", "// before dce"),
        ("--print-ir-after canonicalize", "// after canonicalize"),
        (
            "--print-ir-before dce --print-ir-after canonicalize,dce",
            "// after canonicalize; // before dce; // after dce",
        ),
        ("--print-ir-before-all", "// before canonicalize; // before dce"),
        ("--print-ir-after-all --verify-each=false", "// after canonicalize; // after dce"),
    ] {
        assert_eq!(run(more), (plain.clone(), shown.to_string()), "{more}");
    }
    assert_eq!(from_stdin(folder.path(), &text, &["opt", "-", "--passes", "canonicalize,dce"]).stdout, plain);
    for refused in [
        "--print-ir-after tidy-up",
        "--pipeline dce",
        "--net lan",
        "--verify-each=perhaps",
        "--backend porthos --net x",
    ] {
        let args: Vec<&str> = ["opt", "m.hlil"].into_iter().chain(refused.split(' ')).collect();
        assert_eq!(treville(folder.path(), &args).code, Some(2), "{refused}");
    }
}

#[test]
fn pipelines_prices_and_a_file_for_each_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    write_example(folder.path());
    let line = "opt m.hlil --pipeline hlil-default --backend porthos --net wan --print-ir-tree-dir tree --timing";
    let outcome = treville(folder.path(), &line.split(' ').collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let passes = treville_passes::resolve("hlil-default").expect("it is a pipeline");
    for (i, pass) in passes.iter().enumerate() {
        let file = folder.path().join(format!("tree/{i:02}_{}.hlil", pass.name));
        let text = std::fs::read_to_string(&file).expect("there is a file for each pass");
        if i + 1 == passes.len() {
            assert_eq!(text, outcome.stdout);
        }
        assert!(outcome.stderr.lines().any(|l| l.contains(pass.name) && l.contains(" %")), "{}", outcome.stderr);
    }
    assert!(outcome.stderr.lines().any(|l| l.contains("in total") && l.contains("100.0 %")), "{}", outcome.stderr);
}

#[test]
fn a_compile_shows_its_passes_by_the_same_options() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = path(&example("breast_cancer_logreg", "breast_cancer_logreg.pb"));
    let options = "-o package --scale 12 --print-ir-after hlil-to-llil --print-ir-tree-dir tree --timing";
    let outcome =
        treville(folder.path(), &["compile", &model].into_iter().chain(options.split(' ')).collect::<Vec<_>>());
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches("// after hlil-to-llil\n").count(), 1);
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("tree"))
        .expect("a folder")
        .map(|e| e.expect("a file").file_name())
        .collect();
    files.sort();
    let last = files.last().and_then(|f| f.to_str()).expect("there are passes");
    assert_eq!(last, format!("{:02}_llil-liveness.llil", files.len() - 1));
}

#[test]
fn an_evaluation_is_timed_apart_from_reading_and_compiling() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = path(&example("digits_cnn", "digits_cnn.pb"));
    let (_, samples) = load("digits_cnn", &options("porthos", "12"));
    write_samples(&folder.path().join("x.npy"), &samples, 2);
    for (more, compiles) in [(&[][..], false), (&["--fixed", "--scale", "12"], true)] {
        let outcome = treville(folder.path(), &[&["eval", &model, "--input", "x.npy", "--timing"], more].concat());
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let has = |stage: &str| outcome.stderr.lines().any(|l| l.trim().starts_with(stage));
        assert!(has("read") && has("evaluate sample 0") && has("evaluate sample 1") && !has("evaluate sample 2"));
        assert_eq!(has("compile"), compiles, "{}", outcome.stderr);
    }
}

/// A pass with a bug, under the name of one that the command knows.
static PANICS: Pass = Pass {
    name: "dce",
    summary: "a bug",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: "", after: "" },
    run: |_, _| panic!("index out of bounds"),
};

#[test]
fn a_bug_of_a_pass_leaves_a_file_and_the_command_that_shows_it_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = write_example(folder.path());
    let module = Module::parse(&text, Default::default()).expect("the example is a module");
    let options = Options { scale: 9, ..Options::default() };
    let error = Manager::default().run(&[&PANICS], module, &options).map(|_| ()).unwrap_err();
    let kept = folder.path().join("kept.ir");
    let failure = treville::reproducer::bug(&error, &options, None, Some(&kept), &Listing::of_text("m.hlil", &text));
    assert_eq!(failure.exit, Exit::Failure);
    assert!(failure.text.contains("dce panicked: index out of bounds"), "{}", failure.text);
    let again = failure.text.lines().find_map(|l| l.strip_prefix("to see it again: treville ")).expect("a command");
    assert_eq!(again, format!("opt {} --passes dce --scale 9 --ring-bits 64 --rounding exact", kept.display()));
    // The command's own pass has no such bug: what is kept runs, and means what it meant.
    let after = succeed(folder.path(), &again.split(' ').collect::<Vec<_>>());
    assert_eq!(after, succeed(folder.path(), &["opt", "m.hlil", "--passes", "dce"]));
}

#[test]
fn passes_are_described_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = succeed(folder.path(), &["passes", "dce"]);
    let example = pass("dce").expect("it is a pass").example;
    assert!(page.starts_with("dce\n\nRemoves ops") && page.contains(example.before.trim_end()), "{page}");
    assert!(treville::reference::passes().contains(&format!("\n## {page}")), "the reference has the same page");
    let all: serde_json::Value =
        serde_json::from_str(&succeed(folder.path(), &["passes", "--json"])).expect("an array");
    let one: serde_json::Value =
        serde_json::from_str(&succeed(folder.path(), &["passes", "dce", "--json"])).expect("an object");
    assert_eq!(one["example"]["after"], example.after);
    assert!(all.as_array().expect("an array").contains(&one));
    assert_eq!(treville(folder.path(), &["passes", "tidy-up"]).code, Some(2));
}
