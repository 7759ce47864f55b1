//! Models in every format that is read, by the command, against the answers that were written with them.

use treville_party::{Array, output_paths, read_inputs, read_npy, write_npy};

use crate::support::{path, root, succeed, treville};

/// Fraction bits.
const SCALE: &str = "16";

/// The greatest difference from the answer, for answers of magnitude up to 1; above that it is relative.
const TOLERANCE: f32 = 1e-3;

#[test]
fn saved_models_answer_like_tensorflow() {
    for (name, options) in [
        ("keras_export", &[][..]),
        ("module", &[]),
        ("module_two_signatures", &["--signature", "first"]),
        ("session_ref_variables", &[]),
    ] {
        let model = root().join("tests/saved_models").join(name);
        answers(&path(&model), &path(&model.with_extension("npz")), options);
    }
    let file = root().join("tests/saved_models/session/saved_model.pb");
    answers(&path(&file), &path(&root().join("tests/saved_models/session.npz")), &[]);
}

#[test]
fn onnx_models_answer_like_onnxruntime() {
    let folder = root().join("tests/onnx_models");
    for name in ["attention", "external"] {
        answers(&path(&folder.join(name).with_extension("onnx")), &path(&folder.join(name).with_extension("npz")), &[]);
    }
}

/// A test tensor as ONNX writes them is an input, for `eval` as for `simulate`; one that is bound is an input no more.
#[test]
fn onnx_tensors_are_inputs() {
    let folder = root().join("tests/onnx_models");
    let scratch = tempfile::tempdir().expect("a folder");
    let at = |file: &str| path(&folder.join(file));
    let x = at("external_x.pb");
    succeed(scratch.path(), &["eval", &at("external.onnx"), "--input", &x, "--output", "float.npy"]);
    succeed(
        scratch.path(),
        &["simulate", &at("external.onnx"), "--scale", SCALE, "--input", &format!("x={x}"), "--output", "mpc.npy"],
    );
    let [float, mpc] = ["float.npy", "mpc.npy"].map(|file| read_npy(&scratch.path().join(file)).expect("a result"));
    assert!(close(&mpc, &float), "{mpc}\n{float}");

    let mask = scratch.path().join("mask.npy");
    let arrays = read_inputs(at("attention.npz").as_ref(), "").expect("inputs and answers");
    let array = |name: &str| &arrays.iter().find(|(n, _)| n == name).expect("it is there").1;
    write_npy(&mask, array("mask")).expect("the folder is ours");
    write_npy(&scratch.path().join("x.npy"), array("x")).expect("the folder is ours");
    let bind = format!("mask={}", path(&mask));
    let model = at("attention.onnx");
    let inspected = succeed(scratch.path(), &["inspect", &model, "--bind", &bind]);
    assert!(inspected.contains("input   x") && !inspected.contains("input   mask"), "{inspected}");
    succeed(scratch.path(), &["eval", &model, "--bind", &bind, "--input", "x=x.npy", "--output", "bound.npy"]);
    let bound = read_npy(&output_paths(&scratch.path().join("bound.npy"), &["logits", "shares"])[0]).expect("a result");
    assert!(close(&bound, array("expected_logits")), "{bound}");
}

#[test]
fn inspect_writes_pages_about_good_and_bad_models() {
    let folder = root().join("tests/onnx_models");
    let scratch = tempfile::tempdir().expect("a folder");
    let page = |model: &str| {
        let outcome = treville(scratch.path(), &["inspect", &path(&folder.join(model)), "--html", "page.html"]);
        (outcome.code, std::fs::read_to_string(scratch.path().join("page.html")).expect("a page"))
    };
    let (code, good) = page("attention.onnx");
    assert_eq!(code, Some(0));
    for said in ["attention.onnx: ONNX, 32 nodes", "multiply-accumulates", "norm1.scale", "scores"] {
        assert!(good.contains(said), "no {said} in\n{good}");
    }
    let (code, bad) = page("refused.onnx");
    assert_eq!(code, Some(3));
    for said in ["What stands in the way", "error[E0110]: LSTM", "NOT SUPPORTED"] {
        assert!(bad.contains(said), "no {said} in\n{bad}");
    }
}

/// Float and fixed point give the arrays `expected_NAME` beside the inputs.
fn answers(model: &str, data: &str, options: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let (expected, given): (Vec<_>, Vec<_>) = read_inputs(data.as_ref(), "")
        .expect("inputs and answers")
        .into_iter()
        .partition(|(name, _)| name.starts_with("expected_"));
    let inputs: Vec<String> = given
        .iter()
        .map(|(name, array)| {
            write_npy(&folder.path().join(format!("{name}.npy")), array).expect("the folder is ours");
            format!("--input={name}={name}.npy")
        })
        .collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let names: Vec<&str> = expected.iter().map(|(name, _)| &name["expected_".len()..]).collect();
    let files = output_paths(&folder.path().join("result.npy"), &names);
    for how in [&[][..], &["--fixed", "--scale", SCALE]] {
        succeed(folder.path(), &[&["eval", model, "--output", "result.npy"], options, &inputs, how].concat());
        for ((name, expected), file) in expected.iter().zip(&files) {
            let found = read_npy(file).expect("a result");
            assert!(close(&found, expected), "{model} {how:?}, {name}: {found}\ninstead of\n{expected}");
        }
    }
}

fn close(found: &Array, expected: &Array) -> bool {
    match (found, expected) {
        (Array::F32(f), Array::F32(e)) => {
            f.shape() == e.shape() && f.iter().zip(e).all(|(f, e)| (f - e).abs() <= TOLERANCE * e.abs().max(1.0))
        }
        (found, expected) => found == expected,
    }
}
