//! `treville demo`: the whole job on a model that treville ships.

use std::time::Instant;

use ndarray::ArrayD;
use serde::Serialize;
use treville_party::{Array, Exit};

use crate::backends::Backend;
use crate::cli::{DemoArgs, ModelArgs};
use crate::compile::{Watch, compile};
use crate::failure::Failure;
use crate::model::{Model, Samples};
use crate::run::{RunOptions, run};
use crate::table::{bytes, seconds};
use crate::{package, verify};

/// The digits CNN as TensorFlow dumped it, and a digit of its test set.
const GRAPH: &[u8] = include_bytes!("../../../examples/digits_cnn/digits_cnn.pb");
const SAMPLE: &[u8] = include_bytes!("../../../examples/digits_cnn/sample.npy");

/// What `--json` prints.
#[derive(Serialize)]
struct Demo {
    model: String,
    backend: String,
    prediction: i64,
    plaintext_prediction: i64,
    agree: bool,
    bytes_total: u64,
    rounds: u32,
    seconds: f64,
    build_seconds: f64,
    max_abs_err: f64,
}

/// Compiles, builds, runs all parties over TLS on loopback, and compares with plaintext. Returns what is to be printed.
pub(crate) fn demo(args: &DemoArgs, say: &dyn Fn(&str)) -> Result<String, Failure> {
    let backend = Backend::by_name(&args.backend)?;
    let options = ModelArgs::for_backend(&args.backend);
    let scratch = tempfile::tempdir().map_err(|e| Failure::other(format!("no temporary directory: {e}")))?;

    let model = Model::from_graph("digits_cnn".into(), "digits_cnn.pb", GRAPH, &options)?;
    let sample_path = scratch.path().join("sample.npy");
    std::fs::write(&sample_path, SAMPLE).map_err(|e| Failure::file(&sample_path, e))?;
    let samples = Samples::read(&sample_path, &model)?;
    let sample = samples.inputs.first().ok_or_else(|| Failure::other("the shipped sample is empty"))?;
    let image =
        sample.values().next().and_then(|t| if let treville_hlil::Tensor::F32(x) = t { Some(x.clone()) } else { None });
    if !args.json {
        println!("A hospital has an image that it may not show:\n\n{}", image.as_ref().map(draw).unwrap_or_default());
        println!("A company has a model that it will not give away: digits_cnn, trained with TensorFlow.\n");
    }

    say("compiling digits_cnn.pb");
    let compiled = compile(model, &options, None, Watch::default())?;
    let dir = scratch.path().join("digits_cnn");
    let package = package::write(&compiled, backend, &dir, false)?;
    say("building the party program with cargo (about a minute the first time)");
    let build_start = Instant::now();
    package.build(true)?;
    let build_seconds = build_start.elapsed().as_secs_f64();
    let roles = backend.info().roles;
    say(&format!(
        "running {} as {} process{} over TLS on loopback",
        roles.join(", "),
        roles.len(),
        if roles.len() == 1 { "" } else { "es" }
    ));
    let result = run(
        &package,
        &RunOptions { inputs: vec![sample_path.display().to_string()], timeout: 8, ..RunOptions::default() },
    )?;

    let (_, value) = result.outputs.first().ok_or_else(|| Failure::other("the program has no result"))?;
    let plain = verify::first_of(verify::float_results(&compiled.model, sample)?)?;
    let demo = Demo {
        model: compiled.manifest.model.clone(),
        backend: backend.info().name.into(),
        prediction: best(value),
        plaintext_prediction: best(&plain),
        agree: best(value) == best(&plain),
        bytes_total: result.report.bytes_total,
        rounds: result.report.rounds,
        seconds: result.report.seconds,
        build_seconds,
        max_abs_err: difference(value, &plain),
    };
    if !demo.agree {
        return Err(Failure::new(
            Exit::Mismatch,
            format!("the parties computed {}, plaintext is {}", demo.prediction, demo.plaintext_prediction),
        ));
    }
    if args.json {
        return serde_json::to_string(&demo).map(|j| j + "\n").map_err(|e| Failure::other(e.to_string()));
    }
    Ok(format!(
        "{}:\n\n  predicted digit      {}\n  plaintext prediction {}\n  largest difference of a probability {:.1e}\n\n  protocol {}   bytes {} ({})   rounds {}   time {} (after a build of {})\n",
        if roles.len() == 1 {
            "One process computed, in the clear"
        } else {
            "The parties computed, and only the client learned"
        },
        demo.prediction,
        demo.plaintext_prediction,
        demo.max_abs_err,
        demo.backend,
        demo.bytes_total,
        bytes(demo.bytes_total),
        demo.rounds,
        seconds(demo.seconds),
        seconds(demo.build_seconds),
    ))
}

/// The index of the greatest element.
fn best(value: &Array) -> i64 {
    match value {
        Array::I64(x) => x.iter().next().copied().unwrap_or(-1),
        Array::F32(x) => {
            x.iter().enumerate().max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i))).map_or(-1, |(i, _)| i as i64)
        }
    }
}

fn difference(a: &Array, b: &Array) -> f64 {
    match (a, b) {
        (Array::F32(a), Array::F32(b)) => a.iter().zip(b).map(|(x, y)| f64::from((x - y).abs())).fold(0.0, f64::max),
        _ => 0.0,
    }
}

/// An 8 x 8 image in characters.
fn draw(image: &ArrayD<f32>) -> String {
    let max = image.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let shades = [' ', '.', ':', 'o', '#'];
    let pixels: Vec<char> = image.iter().map(|v| shades[((v / max).clamp(0.0, 1.0) * 4.0).round() as usize]).collect();
    pixels.chunks(8).map(|row| format!("    {}\n", row.iter().flat_map(|c| [*c, *c]).collect::<String>())).collect()
}

impl ModelArgs {
    /// The defaults for a backend.
    pub fn for_backend(backend: &str) -> Self {
        ModelArgs {
            backend: backend.into(),
            owner: vec![],
            scale: "auto".into(),
            ring_bits: "auto".into(),
            calibrate: None,
            input_range: vec![],
            ranges: None,
            shape: vec![],
            bind: vec![],
            sizes: None,
            signature: None,
            result: vec![],
            public: vec![],
            secret: vec![],
            max_failure: None,
            require_proven: false,
            net: "lan".into(),
        }
    }
}
