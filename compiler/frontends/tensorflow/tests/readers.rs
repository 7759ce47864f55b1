//! Both readers yield the same graph, however the text is written.

mod models;

use bytes::Bytes;
use prost::Message;
use treville_frontend_tensorflow::proto::{AttrValue, GraphDef, ListValue, NodeDef, TensorProto, Value};
use treville_frontend_tensorflow::text::{TextError, TextErrorKind};
use treville_frontend_tensorflow::{Format, binary, text};

#[test]
fn a_graph_survives_the_binary_format() {
    for text in [models::cnn(), models::dense()] {
        let graph = text::parse(&text).unwrap();
        assert_eq!(binary::parse(&graph.encode_to_vec().into()).unwrap(), graph);
    }
}

#[test]
fn every_kind_of_value_in_every_notation() {
    let text = r#"
        # A comment; "quotes" and braces { in it do not count.
        node: <
          name: 'n' "o" 'de\x5f\061'  # strings that stand side by side are one
          op: "Const";
          input: ["a", 'b:1', "^c"], input: "d"
          experimental_debug_info { original_node_names: "x" original_func_names: [] }
          [some.extension/name]: 7
          99: "a field by its number"
          attr { key: "list" value { list {
            s: "a" s: "\377"
            i: [0x10, -017, - 3]
            f: 1.5f f: -inf
            b: true b: f
            type: DT_FLOAT type: 3
            shape: [{ dim { size: -1 } dim { size: 2 name: "c" } }, < unknown_rank: true >]
            func { name: "f" attr { key: "k" value { b: true } } }
          } } }
          attr: { key: "s" value: { s: "\"\\" } }
          attr < key: "placeholder" value < placeholder: "p" > >
          attr { value { tensor {
            dtype: DT_HALF tensor_shape { dim { size: 2 } } version_number: 1
            half_val: 1 half_val: 2 string_val: "x" double_val: 1e300 int64_val: -5 bool_val: true int_val: 3
          } } key: "tensor" }
          attr { key: "none" value { } }
        >
        library { function { signature { name: "f" } node_def { name: "inner" } } }
        library { function { signature { name: "g" } } }
        versions { producer: 21 } version: 1
        unknown_message { a { b: 1 } } unknown_list: [{ x: 1 }, { x: 2 }]
    "#;
    let graph = text::parse(text).unwrap();
    let node = &graph.node[0];
    assert_eq!((node.name.as_str(), node.op.as_str()), ("node_1", "Const"));
    assert_eq!(node.input, ["a", "b:1", "^c", "d"]);
    let list = |node: &NodeDef| match &node.attr["list"].value {
        Some(Value::List(list)) => list.clone(),
        other => panic!("{other:?}"),
    };
    let ListValue { s, i, f, b, r#type, shape, func, tensor } = list(node);
    assert_eq!((s, i, f), (vec![b"a".to_vec(), vec![0xFF]], vec![16, -15, -3], vec![1.5, f32::NEG_INFINITY]));
    assert_eq!((b, r#type, func.len(), tensor.len()), (vec![true, false], vec![1, 3], 1, 0));
    assert_eq!(shape[0].dim.iter().map(|d| d.size).collect::<Vec<_>>(), [-1, 2]);
    assert!(shape[1].unknown_rank && !shape[0].unknown_rank);
    assert_eq!(node.attr["s"].value, Some(Value::S(b"\"\\".to_vec())));
    assert_eq!(node.attr["placeholder"].value, Some(Value::Placeholder("p".to_owned())));
    assert_eq!(node.attr["none"], AttrValue::default());
    let Some(Value::Tensor(TensorProto { dtype: 19, half_val, double_val, int64_val, .. })) =
        &node.attr["tensor"].value
    else {
        panic!("{:?}", node.attr["tensor"]);
    };
    assert_eq!(
        (half_val.as_slice(), double_val.as_slice(), int64_val.as_slice()),
        ([1, 2].as_slice(), [1e300].as_slice(), [-5].as_slice())
    );
    let functions: Vec<_> =
        graph.library.iter().flat_map(|l| &l.function).filter_map(|f| f.signature.as_ref()).collect();
    assert_eq!(functions.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["f", "g"]);
    assert_eq!((graph.version, graph.versions.as_ref().map(|v| v.producer)), (1, Some(21)));
    assert_eq!(binary::parse(&graph.encode_to_vec().into()).unwrap(), graph);
}

#[test]
fn faults_are_found_where_they_are() {
    let cases = [
        ("node { name: 1 }", 7, "field `name` wants a quoted string"),
        ("node { name: \"a\\q\" }", 7, "field `name` wants a quoted string with valid escapes"),
        ("node { name: \"a", 13, "the file ends before this is complete"),
        ("node { name: \"a\n\" }", 13, "this string has no end"),
        ("node { name: \"a\"", 5, "the file ends before this is complete"),
        ("node {", 5, "the file ends before this is complete"),
        ("node { > }", 7, "`>` closes nothing that is open here"),
        ("}", 0, "`}` closes nothing that is open here"),
        ("node 7", 5, "this is no field of protobuf's text format"),
        ("{ }", 0, "this is no field of protobuf's text format"),
        ("a: [{ x: 1 } b: 2 ]", 13, "this is no field of protobuf's text format"),
        ("node \"a\"", 5, "the file ends before this is complete"),
        ("version: 2147483648", 0, "field `version` wants an integer"),
        ("version: { }", 0, "field `version` wants an integer"),
        ("node: 3", 0, "field `node` wants a message in braces"),
        ("node { attr { value { type: DT_FLAOT } } }", 22, "field `type` wants a data type such as DT_FLOAT"),
        ("node { attr { value { b: yes } } }", 22, "field `b` wants true or false"),
    ];
    for (text, at, message) in cases {
        let error = text::parse(text).unwrap_err();
        assert_eq!((error.at, error.to_string().as_str()), (at, message), "{text}");
    }
    let deep = "a { ".repeat(101);
    assert_eq!(text::parse(&deep), Err(TextError { at: 402, kind: TextErrorKind::TooDeep }));
}

#[test]
fn binary_faults_are_told_apart() {
    let bytes = text::parse(&models::dense()).unwrap().encode_to_vec();
    let error = binary::parse(&bytes[..bytes.len() - 3].to_vec().into()).unwrap_err();
    assert!(matches!(error, binary::BinaryError::Truncated { .. }), "{error}");
    for other in [b"\x89PNG\r\n\x1a\n".as_slice(), b"PK\x03\x04", b"node { }", b"\x08\x01\x12\x00"] {
        let error = binary::parse(&Bytes::copy_from_slice(other)).unwrap_err();
        assert!(matches!(error, binary::BinaryError::Malformed { .. }), "{other:?}: {error}");
    }
}

#[test]
fn formats_are_told_apart() {
    for text in [models::cnn(), models::dense()] {
        let bytes = text::parse(&text).unwrap().encode_to_vec();
        assert_eq!((Format::sniff(text.as_bytes()), Format::sniff(&bytes)), (Format::Text, Format::Binary));
    }
    // Here each byte of the binary format but the op's tag is printable or space.
    let node = NodeDef { name: "n".repeat(50), op: "o".repeat(60), ..NodeDef::default() };
    let graph = GraphDef { node: vec![node], ..GraphDef::default() };
    assert_eq!(Format::sniff(&graph.encode_to_vec()), Format::Binary);
    assert_eq!(Format::sniff("# ä comment\r\n\tnode { }".as_bytes()), Format::Text);
}
