//! What becomes of models that can be imported.

mod models;

use bytes::Bytes;
use models::{cnn, constant, dense, node, placeholder, weight};
use treville_frontend_tensorflow::{Format, Imported, OpCount, Options, coverage, import};
use treville_ir::render;

const T: (&str, &str) = ("T", "type: DT_FLOAT");

fn imported(text: &str, options: &Options) -> Imported {
    import(&Bytes::copy_from_slice(text.as_bytes()), Format::Text, options)
        .unwrap_or_else(|e| panic!("{}", render(&e.diagnostics, &e.listing, false)))
}

#[test]
fn a_convolutional_network() {
    let imported = imported(&cnn(), &Options::default());
    insta::assert_snapshot!("cnn", imported.func);
    insta::assert_snapshot!("cnn_notes", render(&imported.notes, &imported.listing, false));
    insta::assert_snapshot!("cnn_listing", imported.listing.text());
    assert_eq!(imported.weights.names().collect::<Vec<_>>(), ["filter", "bias", "dense/kernel"]);
    assert_eq!(imported.weights.get("bias").unwrap().iter().copied().collect::<Vec<_>>(), [1.0, 2.0]);
}

#[test]
fn parties_and_secrecy_as_asked() {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let text = [dense(), weight("factor", &[]), node("scaled", "Mul", &["sum", "factor"], &[T])].concat();
    let by_default = imported(&text, &Options { outputs: vec!["scaled".to_owned()], ..Options::default() });
    insta::assert_snapshot!("dense", by_default.func);
    insta::assert_snapshot!("dense_notes", render(&by_default.notes, &by_default.listing, false));
    let owners = [("kernel", "bank"), ("x", "hospital"), ("scaled", "doctor")];
    let options = Options {
        outputs: vec!["scaled:0".to_owned()],
        public: names(&["bias"]),
        secret: names(&["factor"]),
        owners: owners.map(|(name, party)| (name.to_owned(), party.to_owned())).into(),
        shapes: [("x".to_owned(), vec![5, 3])].into(),
        ..Options::default()
    };
    insta::assert_snapshot!("dense_with_options", imported(&text, &options).func);
}

#[test]
fn what_nothing_needs_is_left_out() {
    let text = [
        dense(),
        node("idle", "NoOp", &["^output"], &[]),
        weight("dead", &[2, 2]),
        node("dead/square", "Mul", &["dead", "dead"], &[T]),
        node("output_shape", "Shape", &["sum"], &[T]),
    ];
    let imported = imported(&text.concat(), &Options::default());
    assert_eq!(imported.func.results().iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["output"]);
    assert!(!imported.weights.contains("dead"));
    assert!(imported.notes.iter().any(|note| note.code == "N0105" && note.message.contains("`dead/square`")));
}

#[test]
fn identities_change_no_name() {
    let text = [
        placeholder("x", &[1, 2]),
        weight("w", &[2, 2]),
        node("w/read", "Identity", &["w"], &[T]),
        node("w/read/1", "StopGradient", &["w/read"], &[T]),
        node("product", "MatMul", &["x", "w/read/1"], &[T]),
        node("out", "Identity", &["product"], &[T]),
    ];
    let func = imported(&text.concat(), &Options::default()).func;
    assert_eq!(func.args().map(|(_, a)| a.name.as_str()).collect::<Vec<_>>(), ["x", "w"]);
    assert_eq!(func.ops().map(|(_, op)| op.loc.as_str()).collect::<Vec<_>>(), ["product"]);
    assert_eq!(func.results()[0].name, "out");
}

#[test]
fn floats_that_become_integers_are_disclosed_unless_secret() {
    let cast = [("SrcT", "type: DT_FLOAT"), ("DstT", "type: DT_INT32")];
    let text = [
        placeholder("x", &[1, 4]),
        constant("dims", "DT_FLOAT", &[2], "float_val: 2.9 float_val: 2"),
        node("dims/int", "Cast", &["dims"], &cast),
        node("y", "Reshape", &["x", "dims/int"], &[T]),
    ]
    .concat();
    let open = imported(&text, &Options::default());
    assert_eq!(open.func.ty(open.func.results()[0].value).shape, [2, 2]);
    assert!(open.notes.iter().any(|note| note.code == "N0103" && note.message.contains("`dims`")));
    let secret = Options { secret: ["dims".to_owned()].into(), ..Options::default() };
    assert!(import(&Bytes::copy_from_slice(text.as_bytes()), Format::Text, &secret).is_err());
}

#[test]
fn other_float_types_are_computed_in_f32_and_noted() {
    let half = constant("w", "DT_HALF", &[2], "half_val: 15360 half_val: 49664");
    let x = node("x", "Placeholder", &[], &[("dtype", "type: DT_DOUBLE"), ("shape", "shape { dim { size: 2 } }")]);
    let cast = [("SrcT", "type: DT_DOUBLE"), ("DstT", "type: DT_HALF")];
    let text = [x, half, node("x/half", "Cast", &["x"], &cast), node("y", "Add", &["x/half", "w"], &[T])].concat();
    let imported = imported(&text, &Options::default());
    assert_eq!(imported.weights.get("w").unwrap().iter().copied().collect::<Vec<_>>(), [1.0, -3.0]);
    let notes: Vec<&str> = imported.notes.iter().filter(|n| n.code == "N0104").map(|n| n.message.as_str()).collect();
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn coverage_counts_what_the_outputs_need() {
    let text = [dense(), node("top", "Lgamma", &["sum"], &[T]), node("dead", "Erfinv", &["kernel"], &[T])].concat();
    let options = Options { outputs: vec!["top".to_owned()], ..Options::default() };
    let counts = coverage(&Bytes::copy_from_slice(text.as_bytes()), Format::Text, &options).unwrap();
    let count = |op: &str, nodes, supported| OpCount { op: op.to_owned(), nodes, supported };
    let expected = [
        count("BiasAdd", 1, true),
        count("Const", 2, true),
        count("Lgamma", 1, false),
        count("MatMul", 1, true),
        count("Placeholder", 1, true),
    ];
    assert_eq!(counts, expected);
}
