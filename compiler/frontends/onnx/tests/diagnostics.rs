//! What the user reads when a model cannot be imported.

mod models;

use models::{cnn, indices, int, ints, model, node, options, show, tensor, text, value};
use prost::Message;
use treville_frontend_onnx::proto::{ModelProto, TypeProto};
use treville_frontend_onnx::{Options, import};
use treville_ir::Severity;

fn refused_bytes(bytes: &[u8], options: &Options) -> String {
    let Err(error) = import(bytes.to_vec(), options) else { panic!("it was imported") };
    assert!(error.diagnostics.iter().all(|d| d.severity == Severity::Error && d.help.is_some()), "{}", show(&error));
    show(&error)
}

fn refused(model: &ModelProto) -> String {
    refused_bytes(&model.encode_to_vec(), &options())
}

#[test]
fn not_a_model() {
    let refused = |bytes: &[u8]| refused_bytes(bytes, &options());
    insta::assert_snapshot!("not_a_model_image", refused(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"));
    insta::assert_snapshot!("not_a_model_empty", refused(b""));
    insta::assert_snapshot!("not_a_model_tensor", refused(&tensor("t", &[2], &[1.0, 2.0]).encode_to_vec()));
    let bytes = cnn().encode_to_vec();
    insta::assert_snapshot!("truncated", refused(&bytes[..bytes.len() / 2]));
}

#[test]
fn many_problems_at_once() {
    let mut words = value("words", &["1"]);
    if let Some(tensor) = words.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()) {
        tensor.elem_type = 8;
    }
    let mut list = value("list", &[]);
    list.r#type = Some(TypeProto::default());
    let weights = [tensor("filter", &[2, 2, 3, 3], &[0.25; 36]), tensor("matrix", &[3, 2], &[0.5; 6])];
    let mut named = node("Conv", &["image", "filter"], &["strange"], &[int("fused", 1)]);
    named.name = "first/conv".to_owned();
    let nodes = [
        named,
        node("Conv", &["image", "filter"], &["wide"], &[ints("strides", &[1, 1, 1])]),
        node("Conv", &["strange", "filter"], &["padded"], &[text("auto_pad", "SOMEHOW")]),
        node("MatMul", &["image", "matrix"], &["misfit"], &[]),
        node("Identity", &["words"], &["same"], &[]),
        node("Loop", &["padded"], &["looped"], &[]),
        node("LSTM", &["wide", "list"], &["recurrent"], &[]),
        node("Reshape", &["image", "misfit"], &["dynamic"], &[]),
        node("Conv", &["image"], &["lonely"], &[]),
        node("Dropout", &["image"], &["dropped", "mask"], &[]),
        node("Relu", &["dropped"], &["positive", "negative"], &[]),
        node("Add", &["negative", "positive"], &["sum"], &[]),
    ];
    let outputs = ["looped", "recurrent", "dynamic", "same", "lonely", "sum"];
    let model = model(13, &[value("image", &["1", "2", "4", "4"]), words, list], &weights, &nodes, &outputs);
    insta::assert_snapshot!(refused(&model));
}

#[test]
fn broken_graphs() {
    let x = [value("x", &["2"])];
    let relu = |input: &str, output: &str| node("Relu", &[input], &[output], &[]);
    insta::assert_snapshot!("cycle", refused(&model(13, &x, &[], &[relu("b", "a"), relu("a", "b")], &["b"])));
    insta::assert_snapshot!("missing", refused(&model(13, &x, &[], &[relu("nowhere", "a")], &["a", "b"])));
    insta::assert_snapshot!("twice", refused(&model(13, &x, &[], &[relu("x", "a"), relu("x", "a")], &["a"])));
    insta::assert_snapshot!("old", refused(&model(6, &x, &[], &[relu("x", "a")], &["a"])));
    let mut silent = model(13, &x, &[], &[relu("x", "a")], &["a"]);
    silent.opset_import.clear();
    insta::assert_snapshot!("no_opset", refused(&silent));
    insta::assert_snapshot!("no_output", refused(&model(13, &x, &[], &[relu("x", "a")], &[])));
    let weight = [tensor("w", &[2], &[1.0, 2.0])];
    insta::assert_snapshot!("constant_output", refused(&model(13, &x, &weight, &[relu("w", "a")], &["a"])));
}

#[test]
fn shapes_that_are_not_known() {
    let mut unknown = value("y", &[]);
    if let Some(tensor) = unknown.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()) {
        tensor.shape = None;
    }
    let inputs = [value("x", &["N", "3", "height", "width"]), unknown];
    let model = model(13, &inputs, &[], &[node("Add", &["x", "y"], &["sum"], &[])], &["sum"]);
    insta::assert_snapshot!("dynamic_shape", refused(&model));
    let given = |x: &[usize], y: &[usize]| Options {
        shapes: [("x".to_owned(), x.to_vec()), ("y".to_owned(), y.to_vec())].into(),
        ..options()
    };
    assert!(import(model.encode_to_vec(), &given(&[1, 3, 2, 2], &[2])).is_ok());
    insta::assert_snapshot!("wrong_shapes_given", refused_bytes(&model.encode_to_vec(), &given(&[1, 4, 2, 2], &[2])));
}

#[test]
fn narrow_integers_that_may_wrap() {
    let mut bytes = value("bytes", &["2"]);
    if let Some(tensor) = bytes.r#type.as_mut().and_then(|t| t.tensor_type.as_mut()) {
        tensor.elem_type = 2;
    }
    let sum = model(13, &[bytes.clone()], &[], &[node("Add", &["bytes", "bytes"], &["y"], &[])], &["y"]);
    insta::assert_snapshot!(refused(&sum));
    let nodes = [node("Cast", &["bytes"], &["real"], &[int("to", 1)]), node("Add", &["real", "real"], &["y"], &[])];
    assert!(import(model(13, &[bytes], &[], &nodes, &["y"]).encode_to_vec(), &options()).is_ok());
}

#[test]
fn options_that_name_nothing() {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let options = Options {
        outputs: vec!["nowhere".to_owned()],
        public: names(&["kernel", "conv"]),
        secret: names(&["kernel", "kernal"]),
        owners: [("who".to_owned(), "server".to_owned())].into(),
        ..options()
    };
    insta::assert_snapshot!(refused_bytes(&cnn().encode_to_vec(), &options));
}

#[test]
fn damaged_weights() {
    let mut short = tensor("w", &[2, 2], &[1.0, 2.0, 3.0]);
    let product =
        |weight| model(13, &[value("x", &["2", "2"])], &[weight], &[node("MatMul", &["x", "w"], &["y"], &[])], &["y"]);
    insta::assert_snapshot!("short_weight", refused(&product(short.clone())));
    short.data_type = 14;
    insta::assert_snapshot!("complex_weight", refused(&product(short)));
    insta::assert_snapshot!("integer_weight", refused(&product(indices("w", &[1, 2]))));
}
