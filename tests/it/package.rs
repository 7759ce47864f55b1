//! A package as a user has it: compiled, built, run as three processes over TLS, copied, and away from the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;
use treville::compile::{Watch, compile};
use treville::model::Samples;
use treville_party::{Array, read_inputs, read_npy, write_npy};

use crate::failures;
use crate::support::{classes, copy_folder, example, load, options, path, read_json, root, succeed, write_samples};

const SCALE: &str = "12";

#[test]
fn the_logistic_regression_runs_as_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = path(&example("breast_cancer_logreg", "breast_cancer_logreg.pbtxt"));
    succeed(folder.path(), &["compile", &model, "-o", "built", "--scale", SCALE]);
    succeed(folder.path(), &["build", "built"]);
    // What counts is the copy: nothing in it may know where it was built.
    let package = folder.path().join("package");
    copy_folder(&folder.path().join("built"), &package);
    std::fs::remove_dir_all(folder.path().join("built")).expect("the folder is ours");

    let options = options("porthos", SCALE);
    let (imported, samples) = load("breast_cancer_logreg", &options);
    let bound = compile(imported, &options, None, Watch::default()).expect("it compiles").output_error_bound();
    assert!(bound > 0.0 && bound < 0.01, "{bound}");

    one_sample(&package, &samples, &model, bound);
    many_samples(&package, &samples, &model);
    failures::of_a_run(&package);
    failures::between_parties(&package);
    away_from_the_workspace(&samples);
}

/// A program with approximated functions, products of secrets, branches that run side by side, and inputs of two parties.
#[test]
fn an_attention_block_runs_as_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = path(&root().join("tests/onnx_models/attention.onnx"));
    for (name, array) in read_inputs(model.replace(".onnx", ".npz").as_ref(), "").expect("inputs and answers") {
        write_npy(&folder.path().join(format!("{name}.npy")), &array).expect("the folder is ours");
    }
    let of_server = ["--owner", "mask=server"];
    succeed(folder.path(), &[&["compile", &model, "-o", "package", "--scale", SCALE][..], &of_server].concat());
    succeed(folder.path(), &["build", "package"]);
    let inputs = ["--input", "x=x.npy", "--input", "mask=mask.npy", "--output", "run.npy"];
    succeed(folder.path(), &[&["run", "package", "--report", "run.json"][..], &inputs].concat());
    succeed(folder.path(), &[&["simulate", "package", "--report", "simulated.json"][..], &inputs[..4]].concat());
    check_report(
        &read_json(&folder.path().join("run.json")),
        &read_json(&folder.path().join("simulated.json")),
        &read_json(&folder.path().join("package/treville.json")),
    );
    for (found, expected) in [("run.logits.npy", "expected_logits.npy"), ("run.shares.npy", "expected_shares.npy")] {
        let [found, expected] = [found, expected].map(|file| reals(&folder.path().join(file)));
        assert!(distance(&found, &expected) <= 0.02, "{found:?} and {expected:?}");
    }
}

fn one_sample(package: &Path, samples: &Samples, model: &str, bound: f64) {
    write_samples(&package.join("in.npy"), samples, 1);
    let files = ["--output", "run.npy", "--report", "run.json", "--trace", "trace.json"];
    succeed(package, &[&["run", ".", "--input", "x=in.npy"][..], &files].concat());
    check_trace(&read_json(&package.join("trace.json")));
    succeed(
        package,
        &["simulate", ".", "--input", "x=in.npy", "--output", "simulated.npy", "--report", "simulated.json"],
    );
    succeed(package, &["eval", model, "--input", "x=in.npy", "--output", "float.npy"]);
    let [run, simulated, float] = ["run.npy", "simulated.npy", "float.npy"].map(|f| reals(&package.join(f)));
    // Both are within the bound of the reference; a softmax brings probabilities no further apart than its operands are.
    assert!(distance(&run, &simulated) <= 2.0 * bound, "{run:?} and {simulated:?}, bound {bound}");
    assert!(distance(&run, &float) <= 0.01, "{run:?} and {float:?}");
    assert_eq!(classes(&package.join("run.npy")), classes(&package.join("float.npy")));
    check_report(
        &read_json(&package.join("run.json")),
        &read_json(&package.join("simulated.json")),
        &read_json(&package.join("treville.json")),
    );
}

/// The report of a run: its fields, and that it says what was predicted and what the simulation measured.
fn check_report(run: &Value, simulated: &Value, manifest: &Value) {
    assert_eq!(run["schema"], 1);
    assert_eq!(run["backend"], "porthos");
    assert_eq!(run["program_hash"], manifest["program_hash"]);
    let parties = run["parties"].as_array().expect("parties");
    assert_eq!(
        parties.iter().map(|p| p["role"].as_str().expect("a role")).collect::<Vec<_>>(),
        ["client", "server", "helper"]
    );
    for party in parties {
        assert!(party["seconds"].as_f64().is_some_and(|s| s > 0.0 && s <= run["seconds"].as_f64().expect("seconds")));
        assert!(party["cpu_seconds"].as_f64().is_some_and(|s| s >= 0.0));
        assert!(party["peak_rss_bytes"].as_u64().is_some_and(|b| b > 1 << 20));
    }
    let sum = |values: &[Value], field: &str| values.iter().map(|v| v[field].as_u64().expect("a number")).sum::<u64>();
    let total = run["bytes_total"].as_u64().expect("bytes");
    assert_eq!(total, sum(parties, "bytes_sent"));
    assert_eq!(total, run["bytes_online"].as_u64().expect("bytes") + run["bytes_offline"].as_u64().expect("bytes"));
    let nodes = run["nodes"].as_array().expect("nodes");
    assert!(nodes.iter().all(|n| n["seconds"].as_f64().is_some_and(|s| s >= 0.0)));
    let predicted = manifest["ops"].as_array().expect("ops");
    for field in ["bytes", "rounds"] {
        assert_eq!(sum(nodes, field), sum(predicted, field), "{field} of the run, and as predicted");
    }
    assert_eq!((total, run["rounds"].as_u64()), (sum(nodes, "bytes"), Some(sum(nodes, "rounds"))));
    let measured = |r: &Value| -> Vec<Value> {
        r["nodes"]
            .as_array()
            .expect("nodes")
            .iter()
            .map(|n| serde_json::json!([n["name"], n["op"], n["bytes"], n["rounds"]]))
            .collect()
    };
    assert_eq!(measured(run), measured(simulated), "processes and simulation");
}

/// Each party has its operations in the trace, within the time of the run.
fn check_trace(trace: &Value) {
    let events = trace["traceEvents"].as_array().expect("events");
    for pid in 0..3 {
        let of_party = || events.iter().filter(move |e| e["pid"] == pid);
        assert!(of_party().any(|e| e["ph"] == "M" && e["args"]["name"].is_string()), "party {pid} has a name");
        let kinds: Vec<&str> = of_party().filter_map(|e| e["args"]["operation"].as_str()).collect();
        assert!(kinds.contains(&"input") && kinds.contains(&"matmul"), "party {pid}: {kinds:?}");
    }
    let times = events.iter().filter_map(|e| Some((e["ts"].as_f64()?, e["dur"].as_f64()?)));
    assert!(times.clone().count() > 10 && times.into_iter().all(|(ts, dur)| ts >= 0.0 && ts + dur < 60e6));
}

fn many_samples(package: &Path, samples: &Samples, model: &str) {
    write_samples(&package.join("in.npy"), samples, 20);
    succeed(package, &["run", ".", "--input", "in.npy", "--output", "run.npy", "--threads", "1"]);
    succeed(package, &["eval", model, "--input", "in.npy", "--output", "float.npy"]);
    let (run, float) = (classes(&package.join("run.npy")), classes(&package.join("float.npy")));
    assert_eq!(run.len(), 20);
    assert_eq!(run, float);
}

/// A package with the runtime's sources in it, where no workspace is near. Its place is the same in each run of the tests, so that cargo
/// has the runtime built already.
fn away_from_the_workspace(samples: &Samples) {
    let folder = std::env::temp_dir().join(format!("treville-tests{}", path(root()).replace('/', "-")));
    std::fs::create_dir_all(&folder).expect("the folder for temporary files is writable");
    let model = path(&example("breast_cancer_logreg", "breast_cancer_logreg.pb"));
    succeed(&folder, &["compile", &model, "-o", "vendored", "--scale", SCALE, "--vendor"]);
    let package = folder.join("vendored");
    for file in files(&package).iter().filter(|f| f.extension().is_some_and(|e| e == "toml" || e == "rs")) {
        let text = std::fs::read_to_string(file).expect("a source file");
        assert!(!text.contains(&path(root())), "{} points into the workspace", file.display());
    }
    succeed(&folder, &["build", "vendored"]);
    write_samples(&package.join("in.npy"), samples, 1);
    succeed(&package, &["run", ".", "--input", "in.npy", "--output", "run.npy"]);
    succeed(&package, &["eval", &model, "--input", "in.npy", "--output", "float.npy"]);
    assert_eq!(classes(&package.join("run.npy")), classes(&package.join("float.npy")));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] }).collect()
}

fn reals(file: &Path) -> Vec<f32> {
    match read_npy(file).expect("a result") {
        Array::F32(x) => x.iter().copied().collect(),
        Array::I64(x) => panic!("{x} are indices"),
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}
