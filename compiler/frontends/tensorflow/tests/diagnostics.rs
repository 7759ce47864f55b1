//! What the user reads when a model cannot be imported.

mod models;

use bytes::Bytes;
use models::{constant, dense, node, placeholder, weight};
use prost::Message;
use treville_frontend_tensorflow::{Format, Options, Sizes, import, text};
use treville_ir::{Severity, render};

fn refused_with(bytes: &[u8], options: &Options) -> String {
    let Err(error) = import(&Bytes::copy_from_slice(bytes), Format::sniff(bytes), options) else {
        panic!("it was imported")
    };
    assert!(error.diagnostics.iter().all(|d| d.severity == Severity::Error && d.help.is_some()));
    render(&error.diagnostics, &error.listing, false)
}

fn refused(text: &str) -> String {
    refused_with(text.as_bytes(), &options())
}

fn options() -> Options {
    Options { file: "model".to_owned(), ..Options::default() }
}

const T: (&str, &str) = ("T", "type: DT_FLOAT");

#[test]
fn truncated_file() {
    let text = dense();
    insta::assert_snapshot!("truncated_text", refused(&text[..text.find("kernel").unwrap()]));
    insta::assert_snapshot!("truncated_in_message", refused(&text[..text.find("op: \"Const\"").unwrap()]));
    let bytes = text::parse(&text).unwrap().encode_to_vec();
    insta::assert_snapshot!("truncated_binary", refused_with(&bytes[..100], &options()));
}

#[test]
fn not_a_graph() {
    insta::assert_snapshot!("not_a_graph_image", refused_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", &options()));
    insta::assert_snapshot!("not_a_graph_saved_model", refused_with(b"\x08\x01\x12\x05\x0a\x03\x0a\x01x", &options()));
    insta::assert_snapshot!("not_a_graph_onnx", refused_with(b"\x08\x07\x12\x07pytorch\x3a\x02\x0a\x00", &options()));
    insta::assert_snapshot!("not_a_graph_prose", refused("Dear reader,\nthis is no graph.\n"));
    insta::assert_snapshot!("not_a_graph_config", refused("model_name: \"resnet\"\nlayers { width: 3 }\n"));
    insta::assert_snapshot!("not_a_graph_empty", refused(""));
}

#[test]
fn unknown_op() {
    let graph = [
        placeholder("x", &[1, 3]),
        weight("kernel", &[3, 2]),
        node("product", "MatMul", &["x", "kernel"], &[T]),
        node("hidden", "Lgamma", &["product"], &[T]),
        node("norm", "Betainc", &["hidden"], &[T]),
        node("output", "Digamma", &["hidden"], &[T]),
        node("dead", "Erfinv", &["kernel"], &[T]),
    ];
    insta::assert_snapshot!(refused(&graph.concat()));
}

#[test]
fn dynamic_shape() {
    let shape =
        node("y", "Placeholder", &[], &[("dtype", "type: DT_FLOAT"), ("shape", "shape { unknown_rank: true }")]);
    let graph = [placeholder("x", &[-1, -1, 3, -1]), shape, node("sum", "Add", &["x", "y"], &[T])].concat();
    insta::assert_snapshot!("dynamic_shape", refused(&graph));
    let mut options = options();
    options.shapes = [("x".to_owned(), vec![2, 2, 3, 2]), ("y".to_owned(), vec![2])].into();
    assert!(import(&Bytes::copy_from_slice(graph.as_bytes()), Format::Text, &options).is_ok());
    options.shapes = [("x".to_owned(), vec![2, 2, 4, 2]), ("z".to_owned(), vec![2])].into();
    options.sizes = Some(Sizes::parse("y 2").unwrap());
    insta::assert_snapshot!("wrong_shapes_given", refused_with(graph.as_bytes(), &options));
}

#[test]
fn unfrozen_variable() {
    let shape = |dims: &str| format!("shape {{ {dims} }}");
    let (matrix, vector) = (shape("dim { size: 3 } dim { size: 2 }"), shape("dim { size: 2 }"));
    let float = ("dtype", "type: DT_FLOAT");
    let graph = [
        placeholder("x", &[1, 3]),
        node("kernel", "VariableV2", &[], &[float, ("shape", &matrix)]),
        node("kernel/read", "Identity", &["kernel"], &[T]),
        node("bias", "VarHandleOp", &[], &[float, ("shape", &vector)]),
        node("bias/read", "ReadVariableOp", &["bias"], &[float]),
        node("product", "MatMul", &["x", "kernel/read"], &[T]),
        node("sum", "BiasAdd", &["product", "bias/read"], &[T]),
        node("kernel/zeros", "Fill", &[], &[T]),
        node("kernel/init", "Assign", &["kernel", "kernel/zeros"], &[T]),
    ];
    insta::assert_snapshot!(refused(&graph.concat()));
}

#[test]
fn many_problems_at_once() {
    let ones = "list { i: 1 i: 1 i: 1 i: 1 }";
    let graph = [
        placeholder("image", &[1, 4, 4, 2]),
        node("words", "Placeholder", &[], &[("dtype", "type: DT_STRING")]),
        weight("filter", &[3, 3, 2, 4]),
        constant("axes", "DT_INT32", &[2], "int_val: 0 int_val: 3"),
        node(
            "strange",
            "Conv2D",
            &["image", "filter"],
            &[T, ("strides", ones), ("padding", "s: \"SAME\""), ("fused", "b: true")],
        ),
        node(
            "layout",
            "Conv2D",
            &["image", "filter"],
            &[T, ("strides", ones), ("padding", "s: \"SAME\""), ("data_format", "s: \"HWCN\"")],
        ),
        node(
            "strides",
            "MaxPool",
            &["image"],
            &[T, ("ksize", ones), ("strides", "list { i: 2 i: 1 i: 1 i: 1 }"), ("padding", "s: \"VALID\"")],
        ),
        node("mean", "Mean", &["strides", "axes"], &[T]),
        node("mean2", "Mean", &["image", "filter"], &[T]),
        node("misfit", "MatMul", &["image", "filter"], &[T]),
        node("lookup", "Identity", &["words"], &[T]),
        node("sum", "AddN", &["image", "image:1"], &[T]),
    ];
    insta::assert_snapshot!(refused(&graph.concat()));
}

#[test]
fn broken_graphs() {
    let relu = |name: &str, input: &str| node(name, "Relu", &[input], &[T]);
    insta::assert_snapshot!("cycle", refused(&[placeholder("x", &[1]), relu("a", "b"), relu("b", "a")].concat()));
    insta::assert_snapshot!(
        "missing_inputs",
        refused(&[relu("a", "nowhere"), relu("b", "a:x"), relu("b", "a")].concat())
    );
    insta::assert_snapshot!("no_output", refused(&weight("w", &[2])));
}

#[test]
fn options_that_name_nothing() {
    let graph = dense();
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let options = Options {
        outputs: vec!["nowhere".to_owned()],
        public: names(&["kernel", "product"]),
        secret: names(&["kernel", "kernal"]),
        owners: [("who".to_owned(), "server".to_owned())].into(),
        ..options()
    };
    insta::assert_snapshot!("options_that_name_nothing", refused_with(graph.as_bytes(), &options));
    let weights = Options { outputs: vec!["kernel".to_owned()], ..self::options() };
    insta::assert_snapshot!("output_that_is_a_weight", refused_with(graph.as_bytes(), &weights));
}
