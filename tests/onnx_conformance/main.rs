//! ONNX's own node tests, held against `status.toml`.

mod counted;
mod readme;
mod run;
mod status;
mod suite;

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use run::{Found, Outcome};
use status::{Entry, STAGES, State, Status};
use suite::Case;

/// Set to `rewrite`, it makes the test write what it finds to `status.toml` and to the README.
const MODE_VARIABLE: &str = "TREVILLE_CONFORMANCE";

#[test]
fn every_node_test_does_what_status_toml_says() {
    let cases = match suite::load(&root().join("target")) {
        Ok(cases) => cases,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "ONNX's node tests cannot be had: {why}");
            eprintln!("SKIPPED: ONNX's node tests cannot be had: {why}");
            return;
        }
    };
    assert!(cases.len() > 1200, "there are only {} node tests", cases.len());
    let found = run_all(&cases);
    let path = root().join("tests/onnx_conformance/status.toml");
    let status = Status::read(&path);
    if std::env::var(MODE_VARIABLE).is_ok_and(|mode| mode == "rewrite") {
        let status = rewritten(status, &found);
        std::fs::write(&path, status.to_string()).expect("status.toml is writable");
        readme::write(root(), &status);
    }
    let surprises = surprises(&Status::read(&path), &found);
    assert!(
        surprises.is_empty(),
        "{} surprises. If they are right, write them into status.toml ({MODE_VARIABLE}=rewrite does):\n{}",
        surprises.len(),
        surprises.join("\n")
    );
}

#[test]
fn status_toml_gives_reasons_and_the_readme_its_counts() {
    let status = Status::read(&root().join("tests/onnx_conformance/status.toml"));
    let faults = status.faults();
    assert!(faults.is_empty(), "status.toml:\n{}", faults.join("\n"));
    readme::check(root(), &status);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs all tests on all cores.
fn run_all(cases: &[Case]) -> BTreeMap<&str, Found> {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        LAST_PANIC.set(info.location().map(|l| format!("{}:{}", l.file(), l.line())))
    }));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.push((case.name.as_str(), run::run(case)));
        }
        found
    };
    let n_workers = std::thread::available_parallelism().map_or(1, usize::from);
    let found = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..n_workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|w| w.join().expect("panics of tests are caught")).collect()
    });
    std::panic::set_hook(previous);
    found
}

thread_local! {
    /// Where this thread has panicked last.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// What a panic said, and where.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("{} at {}", text.unwrap_or("a panic"), LAST_PANIC.take().unwrap_or_default())
}

fn surprises(status: &Status, found: &BTreeMap<&str, Found>) -> Vec<String> {
    let mut surprises = Vec::new();
    for (name, found) in found {
        let Some(entry) = status.tests.get(*name) else {
            surprises.push(format!("{name}: there is no line for it"));
            continue;
        };
        for ((stage, expected), outcome) in STAGES.iter().zip(entry.states()).zip(&found.stages) {
            let (kind, why) = described(outcome);
            if kind != expected.kind() {
                surprises.push(format!("{name}: {stage} = {expected}, but found {kind}{why}"));
            }
        }
        if entry.counted != found.counted {
            surprises.push(format!("{name}: counted = {}, but found {}", entry.counted, found.counted));
        }
    }
    let lost = status.tests.keys().filter(|name| !found.contains_key(name.as_str()));
    surprises.extend(lost.map(|name| format!("{name}: there is no such test")));
    surprises
}

/// The kind of state, and what there is to say of it.
fn described(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Pass => ("pass", String::new()),
        Outcome::Refused(text) => ("unsupported", format!(": {}", first_line(text))),
        Outcome::Wrong(text) => ("xfail", format!(": {}", first_line(text))),
        Outcome::Panic(text) => ("a panic", format!(", which is never right: {text}")),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The status with what was found, and with the reasons as far as they still apply.
fn rewritten(old: Status, found: &BTreeMap<&str, Found>) -> Status {
    let mut details = String::new();
    let mut tests = BTreeMap::new();
    for (&name, found) in found {
        let before = old.tests.get(name);
        let state = |stage: usize| {
            let before =
                before.map(|e| e.states()[stage].clone()).filter(|s| s.kind() == described(&found.stages[stage]).0);
            before.unwrap_or_else(|| match &found.stages[stage] {
                Outcome::Pass => State::Pass,
                Outcome::Refused(_) => State::Unsupported("?".into()),
                Outcome::Wrong(_) | Outcome::Panic(_) => State::Xfail("?".into()),
            })
        };
        let entry = Entry { float: state(0), fixed: state(1), porthos: state(2), counted: found.counted };
        for (stage, outcome) in STAGES.iter().zip(&found.stages) {
            if let Outcome::Refused(text) | Outcome::Wrong(text) | Outcome::Panic(text) = outcome {
                details += &format!("{name} {stage} {}: {text}\n", if found.counted { "COUNTED" } else { "" });
            }
        }
        tests.insert(name.to_string(), entry);
    }
    // The whole story, for whoever names the reasons.
    let report: PathBuf = root().join("target/onnx_conformance.txt");
    std::fs::write(&report, details).expect("target is writable");
    eprintln!("what each test that does not pass says is in {}", report.display());
    Status { reasons: old.reasons, tests }
}
