//! A party that dies takes the others with it: soon, with exit code 5, a message that names it and the operation, and no result.
//!
//! `TREVILLE_KILLS=50 cargo test --test it kills` kills more often.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use crate::parties::{Parties, ROLES};
use crate::support::{Outcome, Random, classes, example, finish, load, options, path, succeed, write_samples};

/// How soon the others end.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn the_cnn_runs_and_a_dead_party_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = path(&example("digits_cnn", "digits_cnn.pb"));
    let data = path(&example("digits_cnn", "test.npz"));
    succeed(folder.path(), &["compile", &model, "-o", "package", "--calibrate", &data]);
    succeed(folder.path(), &["build", "package"]);
    let package = folder.path().join("package");
    let (_, samples) = load("digits_cnn", &options("porthos", "auto"));

    write_samples(&package.join("in.npy"), &samples, 10);
    succeed(&package, &["eval", &model, "--input", "in.npy", "--output", "float.npy"]);
    succeed(&package, &["run", ".", "--input", "in.npy", "--output", "mpc.npy"]);
    assert_eq!(classes(&package.join("mpc.npy")), classes(&package.join("float.npy")));

    // Many samples over a slow network: every death comes in the middle.
    write_samples(&package.join("in.npy"), &samples, 300);
    let parties = Parties::new(&package);
    let mut random = Random(0x6b69_6c6c);
    let rounds = std::env::var("TREVILLE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    for (round, victim) in ROLES.into_iter().cycle().take(rounds).enumerate() {
        let moment = 1 + random.below(100);
        let (mut dying, others) = start(&parties, victim, &[]);
        let at = wait_for_progress(&mut dying, moment);
        dying.kill().expect("it runs");
        dying.wait().expect("it was killed");
        for (role, child) in others {
            let what = format!("round {round}: the {victim} died after {moment} operations, at {at}");
            check(role, victim, &finish(child, SOON), &what);
        }
        check_no_result(&package);
    }

    // One that is alive but says nothing is as good as dead.
    let victim = "helper";
    let (mut frozen, others) = start(&parties, victim, &["--timeout", "2"]);
    wait_for_progress(&mut frozen, 30);
    let stop = Command::new("kill").args(["-STOP", &frozen.id().to_string()]).status().expect("kill starts");
    assert!(stop.success());
    let outcomes = others.map(|(role, child)| (role, finish(child, SOON)));
    frozen.kill().expect("it can be killed");
    frozen.wait().expect("it was killed");
    for (role, outcome) in outcomes {
        check(role, victim, &outcome, "the helper is frozen");
    }
    check_no_result(&package);
}

/// Starts all parties; the victim tells its progress.
fn start(parties: &Parties, victim: &str, more: &[&str]) -> (Child, [(&'static str, Child); 2]) {
    parties.use_free_ports();
    let net = [&["--net", "wan"], more].concat();
    let dying = parties.spawn(victim, &[&net[..], &["--progress"]].concat());
    let mut others = ROLES.into_iter().filter(|r| *r != victim).map(|r| (r, parties.spawn(r, &net)));
    let others = [(); 2].map(|()| others.next().expect("two others"));
    (dying, others)
}

/// Waits until a party has ended `n` operations, and says where it is.
fn wait_for_progress(party: &mut Child, n: usize) -> String {
    let stderr = BufReader::new(party.stderr.as_mut().expect("stderr is piped"));
    let mut lines = stderr.lines().map(|l| l.expect("a line"));
    let mut last = String::new();
    for _ in 0..n {
        last = lines.next().unwrap_or_else(|| panic!("the party ended by itself after {last}"));
        assert!(last.starts_with("progress: "), "{last}");
    }
    last
}

fn check(role: &str, victim: &str, outcome: &Outcome, what: &str) {
    let said = &outcome.stderr;
    eprintln!("{what}; the {role} says:\n{said}");
    assert_eq!(outcome.code, Some(5));
    assert_eq!(outcome.stdout, "");
    // Before the first message of an operation there is none to name.
    let at = if said.contains("at the handshake") { &[victim][..] } else { &[victim, "op ", "node `"] };
    for part in at {
        assert!(said.contains(part), "`{part}` is not in it");
    }
}

fn check_no_result(package: &Path) {
    let files = std::fs::read_dir(package).expect("the package").map(|e| e.expect("an entry").file_name());
    let results: Vec<_> = files.filter(|f| f.to_string_lossy().starts_with("out")).collect();
    assert!(results.is_empty(), "{results:?}");
}
