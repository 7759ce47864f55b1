//! Graphs that TensorFlow wrote, with its own answers: import and HLIL's evaluator must agree with them, or refuse.

use indexmap::IndexMap;
use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use std::fs::File;
use std::path::{Path, PathBuf};
use treville_frontend_tensorflow::{Format, ImportError, Imported, Options, Sizes, import};
use treville_hlil::{Tensor, evaluate};
use treville_ir::{ArgKind, Place, Post, render};

const TOLERANCE: f32 = 1e-4;

#[test]
fn answers_are_those_of_tensorflow() {
    let mut failures = Vec::new();
    let lines = index("cases.txt");
    for line in &lines {
        let [name, kind, output, about] = line.as_slice() else { panic!("cases.txt: {line:?}") };
        match run(name, output) {
            Err(Failure::Refused(_)) if kind == "answer-or-refusal" => {}
            Err(failure) => failures.push(format!("{name} ({about}): {failure}")),
            Ok(()) => {}
        }
    }
    assert!(lines.len() > 100, "cases.txt holds the cases");
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), lines.len(), failures.join("\n"));
}

#[test]
fn what_is_not_supported_is_refused_by_node_name() {
    let mut failures = Vec::new();
    let lines = index("refused.txt");
    for line in &lines {
        let [name, blamed, why] = line.as_slice() else { panic!("refused.txt: {line:?}") };
        let bytes = std::fs::read(folder().join("refused").join(format!("{name}.pb"))).unwrap().into();
        let Err(error) = import(&bytes, Format::sniff(&bytes), &options(name)) else {
            failures.push(format!("{name} ({why}) was imported"));
            continue;
        };
        let places = error.diagnostics.iter().flat_map(|d| &d.labels).map(|l| &l.place);
        let named: Vec<&str> =
            places.filter_map(|p| if let Place::Node(n) = p { Some(n.as_str()) } else { None }).collect();
        for node in blamed.split(", ").filter(|node| !named.contains(node)) {
            failures.push(format!("{name} ({why}): nothing names {node}:\n{}", show(&error)));
        }
        if error.diagnostics.iter().any(|d| d.help.is_none()) {
            failures.push(format!("{name} ({why}): a diagnostic has no help line:\n{}", show(&error)));
        }
    }
    assert!(lines.len() > 20, "refused.txt holds the cases");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Why a case did not give TensorFlow's answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("refused:\n{0}")]
    Refused(String),
    #[error("{0}")]
    Wrong(String),
}

fn run(name: &str, output: &str) -> Result<(), Failure> {
    let path = |extension| folder().join("cases").join(format!("{name}.{extension}"));
    let bytes = std::fs::read(path("pb")).unwrap().into();
    let sizes = std::fs::read_to_string(path("sizes")).ok().map(|text| Sizes::parse(&text).unwrap());
    let imported = import(&bytes, Format::sniff(&bytes), &Options { sizes, ..options(name) });
    let imported = imported.map_err(|error| Failure::Refused(show(&error)))?;
    let mut npz = NpzReader::new(File::open(path("npz")).unwrap()).unwrap();
    let result = answer(&imported, &mut npz)?;
    let wrong = |why: String| Err(Failure::Wrong(format!("{why}\n{}", imported.func)));
    let names: Vec<&str> = imported.func.results().iter().map(|r| r.name.as_str()).collect();
    if names != [output] {
        return wrong(format!("the results are {names:?}, not {output}"));
    }
    match result {
        Tensor::F32(actual) => {
            let expected: ArrayD<f32> = npz.by_name("expected").unwrap();
            let close = |(a, e): (&f32, &f32)| (a - e).abs() <= TOLERANCE * e.abs().max(1.0);
            if actual.shape() != expected.shape() || !actual.iter().zip(&expected).all(close) {
                return wrong(format!("{actual}\ninstead of\n{expected}"));
            }
        }
        Tensor::I64(actual) => {
            let expected: ArrayD<i64> = npz.by_name("expected").unwrap();
            if actual != expected {
                return wrong(format!("{actual}\ninstead of\n{expected}"));
            }
        }
    }
    Ok(())
}

fn answer(imported: &Imported, npz: &mut NpzReader<File>) -> Result<Tensor, Failure> {
    let mut args = IndexMap::new();
    for (_, arg) in imported.func.args() {
        let value: ArrayD<f32> = match arg.kind {
            ArgKind::Weight => imported.weights.get(&arg.name).unwrap(),
            ArgKind::Input => npz.by_name(&arg.name).map_err(|e| Failure::Wrong(format!("{}: {e}", arg.name)))?,
        };
        args.insert(arg.name.clone(), Tensor::F32(value));
    }
    let results = evaluate(&imported.func, &args).map_err(|e| Failure::Wrong(e.to_string()))?;
    let (Some(result), Some(how)) = (results.first(), imported.func.results().first()) else {
        return Err(Failure::Wrong("there is no result".to_owned()));
    };
    Ok(match (how.post, result) {
        (Post::Softmax, Tensor::F32(logits)) => Tensor::F32(softmax(logits)),
        (_, result) => result.clone(),
    })
}

/// What the receiver of a result with `post = "softmax"` does.
fn softmax(logits: &ArrayD<f32>) -> ArrayD<f32> {
    let mut out = logits.clone();
    for mut lane in out.lanes_mut(ndarray::Axis(logits.ndim() - 1)) {
        let max = lane.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        lane.mapv_inplace(|v| (v - max).exp());
        let sum = lane.sum();
        lane.mapv_inplace(|v| v / sum);
    }
    out
}

fn options(name: &str) -> Options {
    Options { file: format!("{name}.pb"), ..Options::default() }
}

fn show(error: &ImportError) -> String {
    render(&error.diagnostics, &error.listing, false)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/tensorflow_ops")
}

fn index(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(|line| line.split(" | ").map(|part| part.trim().to_owned()).collect()).collect()
}
