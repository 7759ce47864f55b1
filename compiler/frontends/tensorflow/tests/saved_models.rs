//! SavedModel directories that TensorFlow wrote, with its own answers.

use bytes::Bytes;
use indexmap::IndexMap;
use ndarray::ArrayD;
use ndarray_npy::NpzReader;
use std::fs::File;
use std::path::{Path, PathBuf};
use treville_frontend_tensorflow::{ImportError, Imported, Options, coverage_saved_model, import_saved_model};
use treville_hlil::{Tensor, evaluate};
use treville_ir::{ArgKind, Post, render};

const TOLERANCE: f32 = 1e-5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/saved_models")
}

fn read_from(name: &str) -> impl Fn(&str) -> std::io::Result<Bytes> {
    let folder = folder().join(name);
    move |path: &str| std::fs::read(folder.join(path)).map(Bytes::from)
}

fn options(signature: Option<&str>) -> Options {
    Options { file: "model".to_owned(), signature: signature.map(str::to_owned), ..Options::default() }
}

fn show(error: &ImportError) -> String {
    render(&error.diagnostics, &error.listing, false)
}

fn imported(name: &str, signature: Option<&str>) -> Imported {
    import_saved_model(&read_from(name), &options(signature)).unwrap_or_else(|e| panic!("{name}: {}", show(&e)))
}

/// The results by name, of the inputs that stand beside the model.
fn answers(imported: &Imported, npz: &mut NpzReader<File>) -> IndexMap<String, ArrayD<f32>> {
    let mut args = IndexMap::new();
    for (_, arg) in imported.func.args() {
        let value: ArrayD<f32> = match arg.kind {
            ArgKind::Weight => imported.weights.get(&arg.name).unwrap(),
            ArgKind::Input => npz.by_name(&arg.name).unwrap(),
        };
        args.insert(arg.name.clone(), Tensor::F32(value));
    }
    let values = evaluate(&imported.func, &args).unwrap();
    let results = imported.func.results().iter().zip(values).map(|(result, value)| match value {
        Tensor::F32(value) if result.post == Post::Softmax => {
            let exp = value.mapv(f32::exp);
            (result.name.clone(), &exp / exp.sum())
        }
        Tensor::F32(value) => (result.name.clone(), value),
        Tensor::I64(_) => panic!("the models answer with floats"),
    });
    results.collect()
}

fn answers_like_tensorflow(name: &str, signature: Option<&str>, outputs: &[&str]) {
    let imported = imported(name, signature);
    let mut npz = NpzReader::new(File::open(folder().join(format!("{name}.npz"))).unwrap()).unwrap();
    let answers = answers(&imported, &mut npz);
    assert_eq!(answers.keys().collect::<Vec<_>>(), outputs, "{name}");
    for (key, answer) in answers {
        let expected: ArrayD<f32> = npz.by_name(&format!("expected_{key}")).unwrap();
        let close = answer.iter().zip(&expected).all(|(a, e)| (a - e).abs() <= TOLERANCE * e.abs().max(1.0));
        assert!(answer.shape() == expected.shape() && close, "{name}: {key} is {answer} instead of {expected}");
    }
}

#[test]
fn keras_export() {
    answers_like_tensorflow("keras_export", None, &["output_0"]);
}

#[test]
fn modules_with_nested_functions_and_captured_constants() {
    answers_like_tensorflow("module", None, &["hidden", "scores"]);
    answers_like_tensorflow("module_two_signatures", Some("first"), &["first"]);
}

#[test]
fn sessions_of_tensorflow_1() {
    answers_like_tensorflow("session", None, &["y"]);
    answers_like_tensorflow("session_ref_variables", None, &["y"]);
}

#[test]
fn variables_are_weights_under_their_own_names() {
    let imported = imported("session", None);
    assert_eq!(imported.weights.names().collect::<Vec<_>>(), ["w", "b"]);
    insta::assert_snapshot!("session", imported.func);
    insta::assert_snapshot!("session_listing", imported.listing.text());
}

#[test]
fn coverage_counts_what_the_signature_needs() {
    let counts = coverage_saved_model(&read_from("module"), &options(None)).unwrap();
    let counts: Vec<(&str, usize)> = counts.iter().map(|c| (c.op.as_str(), c.nodes)).collect();
    // The outputs and what functions return are identities; calls are none any more.
    let [add, cast, constants] = [("AddV2", 4), ("Cast", 1), ("Const", 8)];
    let [identities, products, factors] = [("Identity", 8), ("MatMul", 3), ("Mul", 1)];
    let [inputs, reads, relus] = [("Placeholder", 1), ("ReadVariableOp", 7), ("Relu", 2)];
    assert_eq!(counts, [add, cast, constants, identities, products, factors, inputs, reads, relus]);
}

/// What the user reads when a directory is as `read` says.
fn refused(read: &dyn Fn(&str) -> std::io::Result<Bytes>, options: &Options) -> String {
    let Err(error) = import_saved_model(read, options) else { panic!("it was imported") };
    assert!(error.diagnostics.iter().all(|d| d.help.is_some()));
    show(&error)
}

/// A model of which one file is replaced, or removed.
fn with_file(path: &str, edit: impl Fn(Vec<u8>) -> Option<Vec<u8>>) -> impl Fn(&str) -> std::io::Result<Bytes> {
    let read = read_from("session");
    move |wanted: &str| {
        let bytes = read(wanted)?;
        match (wanted == path).then(|| edit(bytes.to_vec())) {
            None => Ok(bytes),
            Some(edited) => edited.map(Bytes::from).ok_or_else(|| std::io::ErrorKind::NotFound.into()),
        }
    }
}

const INDEX: &str = "variables/variables.index";
const DATA: &str = "variables/variables.data-00000-of-00001";

#[test]
fn what_is_wrong_with_a_directory() {
    let options = options(None);
    let flip = |at: usize| {
        move |mut bytes: Vec<u8>| {
            bytes[at] ^= 0x10;
            Some(bytes)
        }
    };
    let cases = [
        ("no_model", refused(&with_file("saved_model.pb", |_| None), &options)),
        ("no_saved_model", refused(&with_file("saved_model.pb", |_| Some(b"\x0a\xffx".to_vec())), &options)),
        ("no_index", refused(&with_file(INDEX, |_| None), &options)),
        ("truncated_index", refused(&with_file(INDEX, |b| Some(b[..b.len() - 1].to_vec())), &options)),
        ("flipped_index", refused(&with_file(INDEX, flip(20)), &options)),
        ("no_data", refused(&with_file(DATA, |_| None), &options)),
        ("truncated_data", refused(&with_file(DATA, |b| Some(b[..40].to_vec())), &options)),
        ("flipped_data", refused(&with_file(DATA, flip(13)), &options)),
        ("partitioned", refused(&read_from("session_partitioned"), &options)),
        ("no_default_signature", refused(&read_from("module_two_signatures"), &options)),
    ];
    for (name, text) in cases {
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn a_checkpoint_of_another_model() {
    let (graph, variables) = (read_from("session"), read_from("module"));
    let read = |path: &str| if path == "saved_model.pb" { graph(path) } else { variables(path) };
    insta::assert_snapshot!(refused(&read, &options(None)));
}
