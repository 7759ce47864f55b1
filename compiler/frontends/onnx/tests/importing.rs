//! What becomes of models that can be imported.

mod models;

use bytes::Bytes;
use models::{accepted, cnn, float, int, model, node, options, run, show, tensor, value};
use ndarray::{ArrayD, arr1, arr2};
use prost::Message;
use treville_frontend_onnx::proto::{
    FunctionProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
};
use treville_frontend_onnx::{OpCount, Options, coverage, import, import_with_files, tensor as tensors};
use treville_hlil::Tensor;
use treville_ir::render;

#[test]
fn a_convolutional_network() {
    let imported = accepted(&cnn(), &options());
    insta::assert_snapshot!("cnn", imported.func);
    insta::assert_snapshot!("cnn_notes", render(&imported.notes, &imported.listing, false));
    insta::assert_snapshot!("cnn_listing", imported.listing.text());
}

#[test]
fn parties_and_secrecy_as_asked() {
    let options = Options {
        public: ["bias".to_owned()].into(),
        owners: [("image", "hospital"), ("kernel", "bank"), ("probabilities", "doctor")]
            .map(|(name, party)| (name.to_owned(), party.to_owned()))
            .into(),
        shapes: [("image".to_owned(), vec![2, 1, 4, 4])].into(),
        ..options()
    };
    insta::assert_snapshot!("cnn_with_options", accepted(&cnn(), &options).func);
}

#[test]
fn a_named_dimension_is_the_same_everywhere() {
    let inputs = [value("a", &["batch", "time"]), value("b", &["batch", "time"])];
    let sum = model(13, &inputs, &[], &[node("Add", &["a", "b"], &["y"], &[])], &["y"]);
    let options = Options { shapes: [("a".to_owned(), vec![5, 3])].into(), ..options() };
    let func = accepted(&sum, &options).func;
    assert_eq!(func.args().map(|(_, arg)| arg.ty.shape.clone()).collect::<Vec<_>>(), [[5, 3], [5, 3]]);
}

#[test]
fn a_bound_input_is_a_public_constant() {
    let inputs = [value("x", &["4"]), value("dims", &["2"])];
    let mut reshape = model(13, &inputs, &[], &[node("Reshape", &["x", "dims"], &["y"], &[])], &["y"]);
    if let Some(tensor) = reshape.graph.as_mut().and_then(|g| g.input[1].r#type.as_mut()?.tensor_type.as_mut()) {
        tensor.elem_type = 7;
    }
    let bound = |values: Tensor| Options { bound: [("dims".to_owned(), values)].into(), ..options() };
    let func = accepted(&reshape, &bound(Tensor::I64(arr1(&[2, -1]).into_dyn()))).func;
    assert_eq!(func.args().map(|(_, arg)| arg.name.as_str()).collect::<Vec<_>>(), ["x"]);
    assert_eq!(func.ty(func.results()[0].value).shape, [2, 2]);
    for wrong in [Tensor::I64(arr1(&[2, 2, 1]).into_dyn()), Tensor::F32(arr1(&[2.0, 2.0]).into_dyn())] {
        let Err(error) = import(reshape.encode_to_vec(), &bound(wrong)) else { panic!("it was imported") };
        assert_eq!(error.diagnostics[0].code, "E0109", "{}", show(&error));
    }
}

#[test]
fn old_files_list_initializers_as_inputs() {
    let inputs = [value("x", &["1", "2"]), value("w", &["2", "2"])];
    let weights = [tensor("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])];
    let product = model(8, &inputs, &weights, &[node("MatMul", &["x", "w"], &["y"], &[])], &["y"]);
    assert_eq!(
        run(&product, &[("x", arr2(&[[1.0, 10.0]]).into_dyn())]),
        [Tensor::F32(arr2(&[[31.0, 42.0]]).into_dyn())]
    );
}

/// `y = twice(x) + 1`, where `twice` is a function of the model with an attribute for its factor.
fn with_function(depth: usize) -> ModelProto {
    let set = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    let mut factor = float("value_float", 0.0);
    factor.ref_attr_name = "factor".to_owned();
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let function = |name: String, nodes| FunctionProto {
        name,
        domain: "own".to_owned(),
        input: names(&["a"]),
        output: names(&["b"]),
        attribute_proto: vec![float("factor", 2.0)],
        node: nodes,
        opset_import: vec![set("", 13), set("own", 1)],
        ..FunctionProto::default()
    };
    let call = |name: &str, input: &str, output: &str, attrs: &[models::Attr]| {
        let mut call = node(name, &[input], &[output], attrs);
        call.domain = "own".to_owned();
        call
    };
    let mut functions = vec![function(
        "f0".to_owned(),
        vec![node("Constant", &[], &["c"], &[factor]), node("Mul", &["a", "c"], &["b"], &[])],
    )];
    for i in 1..=depth {
        let inner = format!("f{}", i - 1);
        functions.push(function(format!("f{i}"), vec![call(&inner, "a", "c", &[]), call(&inner, "c", "b", &[])]));
    }
    let nodes = [call(&format!("f{depth}"), "x", "twice", &[]), call("f0", "twice", "thrice", &[float("factor", 3.0)])];
    let mut model = model(13, &[value("x", &["2"])], &[], &nodes, &["thrice"]);
    model.opset_import.push(set("own", 1));
    model.functions = functions;
    model
}

#[test]
fn functions_are_put_in_the_place_of_their_calls() {
    assert_eq!(
        run(&with_function(0), &[("x", arr1(&[1.0, 2.0]).into_dyn())]),
        [Tensor::F32(arr1(&[6.0, 12.0]).into_dyn())]
    );
    let doubled = run(&with_function(2), &[("x", arr1(&[1.0, 2.0]).into_dyn())]);
    assert_eq!(doubled, [Tensor::F32(arr1(&[48.0, 96.0]).into_dyn())]);
    let func = accepted(&with_function(0), &options()).func;
    assert_eq!(
        func.ops().map(|(_, op)| op.loc.as_str()).collect::<Vec<_>>(),
        ["twice/f0/c", "twice", "thrice/f0/c", "thrice"]
    );
    // Each level doubles the number of nodes.
    let Err(error) = import(with_function(30).encode_to_vec(), &options()) else { panic!("it was imported") };
    assert!(error.diagnostics[0].message.contains("too many nodes"), "{}", show(&error));
    let mut endless = with_function(0);
    endless.functions[0].node = vec![{
        let mut call = node("f0", &["a"], &["b"], &[]);
        call.domain = "own".to_owned();
        call
    }];
    let Err(error) = import(endless.encode_to_vec(), &options()) else { panic!("it was imported") };
    assert!(error.diagnostics[0].message.contains("nested too deep"), "{}", show(&error));
}

/// `y = if ... { x + 1 } else { x * w }`, with the condition from this node.
fn with_branches(condition: treville_frontend_onnx::proto::NodeProto, shape: &[i64]) -> ModelProto {
    let graph = |name: &str, initializers: &[TensorProto], nodes| {
        let inner = model(13, &[], initializers, nodes, &["out"]);
        models::Attr { name: name.to_owned(), r#type: 5, g: inner.graph, ..models::Attr::default() }
    };
    let branches = [
        graph("then_branch", &[tensor("one", &[], &[1.0])], &[node("Add", &["x", "one"], &["out"], &[])]),
        graph("else_branch", &[tensor("w", shape, &[3.0, 5.0])], &[node("Mul", &["x", "w"], &["out"], &[])]),
    ];
    let nodes = [
        node("Shape", &["x"], &["shape"], &[]),
        node("Constant", &[], &["two"], &[models::ints("value_ints", &[2])]),
        condition,
        node("If", &["condition"], &["y"], &branches),
    ];
    model(13, &[value("x", &["2"])], &[], &nodes, &["y"])
}

#[test]
fn a_constant_condition_takes_its_branch() {
    let x = || [("x", arr1(&[1.0, 2.0]).into_dyn())];
    let equal = with_branches(node("Equal", &["shape", "two"], &["condition"], &[]), &[2]);
    assert_eq!(run(&equal, &x()), [Tensor::F32(arr1(&[2.0, 3.0]).into_dyn())]);
    // The branch that is not taken is no part of the model, not even where it does not fit.
    assert!(
        accepted(&with_branches(node("Equal", &["shape", "two"], &["condition"], &[]), &[1, 1, 2]), &options())
            .weights
            .names()
            .next()
            .is_none()
    );
    let greater = with_branches(node("Greater", &["shape", "two"], &["condition"], &[]), &[2]);
    assert_eq!(run(&greater, &x()), [Tensor::F32(arr1(&[3.0, 10.0]).into_dyn())]);
}

#[test]
fn a_computed_condition_chooses_between_the_values_of_both_branches() {
    let mut sum = with_branches(node("Greater", &["total", "limit"], &["condition"], &[]), &[2]);
    let graph = sum.graph.as_mut().unwrap();
    graph.initializer.push(tensor("limit", &[1], &[2.5]));
    graph.node.insert(0, node("ReduceSum", &["x"], &["total"], &[int("keepdims", 1)]));
    assert_eq!(run(&sum, &[("x", arr1(&[1.0, 2.0]).into_dyn())]), [Tensor::F32(arr1(&[2.0, 3.0]).into_dyn())]);
    assert_eq!(run(&sum, &[("x", arr1(&[1.0, 1.0]).into_dyn())]), [Tensor::F32(arr1(&[3.0, 5.0]).into_dyn())]);
}

#[test]
fn weights_in_other_files() {
    let external = |location: &str, offset: &str, length: &str| {
        let entry =
            |(key, value): (&str, &str)| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
        let entries = [("location", location), ("offset", offset), ("length", length)];
        let weight = TensorProto {
            data_location: 1,
            external_data: entries.into_iter().filter(|(_, value)| !value.is_empty()).map(entry).collect(),
            ..tensor("w", &[2], &[])
        };
        model(13, &[value("x", &["2"])], &[weight], &[node("Mul", &["x", "w"], &["y"], &[])], &["y"]).encode_to_vec()
    };
    let file: Vec<u8> = [9.0f32, 3.0, 5.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let read = |path: &str| match path {
        "weights/w.bin" => Ok(Bytes::from(file.clone())),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    let imported = import_with_files(external("weights/w.bin", "4", "8"), &read, &options()).unwrap();
    assert_eq!(imported.weights.get("w").unwrap(), arr1(&[3.0, 5.0]).into_dyn());
    let refused = [
        ("../w.bin", "4", "8"),
        ("/etc/passwd", "", ""),
        ("weights/../../w.bin", "", ""),
        ("C:\\w.bin", "", ""),
        ("missing.bin", "", ""),
        ("weights/w.bin", "8", "8"),
        ("weights/w.bin", "", ""),
        ("weights/w.bin", "x", ""),
        ("weights/w.bin", "18446744073709551615", "8"),
        ("", "", ""),
    ];
    let shown: Vec<String> = refused
        .iter()
        .map(|(location, offset, length)| {
            let allowed = |path: &str| {
                assert!(!path.contains("..") && !path.starts_with('/'), "{path} was asked for");
                read(path)
            };
            match import_with_files(external(location, offset, length), &allowed, &options()) {
                Ok(_) => format!("{location} {offset} {length} was imported"),
                Err(error) => error.diagnostics[0].message.clone(),
            }
        })
        .collect();
    insta::assert_snapshot!("weights_in_other_files", shown.join("\n"));
    let alone = import(external("weights/w.bin", "4", "8"), &options());
    assert!(alone.is_err_and(|error| error.diagnostics[0].message.contains("without its other files")));
}

#[test]
fn tensors_of_every_type() {
    let raw = |data_type: i32, bytes: &[u8]| TensorProto {
        dims: vec![1],
        data_type,
        raw_data: bytes.to_vec().into(),
        ..TensorProto::default()
    };
    let list = |data_type: i32, int: i32, long: u64| TensorProto {
        dims: vec![1],
        data_type,
        int32_data: if matches!(data_type, 7 | 12 | 13) { vec![] } else { vec![int] },
        int64_data: if data_type == 7 { vec![long as i64] } else { vec![] },
        uint64_data: if matches!(data_type, 12 | 13) { vec![long] } else { vec![] },
        ..TensorProto::default()
    };
    let read = |proto: TensorProto| tensors::read_tensor(&proto.encode_to_vec()).map(|(_, values)| values);
    let reals = |v: f32| Ok(Tensor::F32(arr1(&[v]).into_dyn()));
    let integers = |v: i64| Ok(Tensor::I64(arr1(&[v]).into_dyn()));
    assert_eq!(read(raw(1, &1.5f32.to_le_bytes())), reals(1.5));
    assert_eq!(read(raw(11, &1.5f64.to_le_bytes())), reals(1.5));
    assert_eq!(read(raw(10, &[0, 0xC2])), reals(-3.0));
    assert_eq!(read(list(10, 0xC200, 0)), reals(-3.0));
    assert_eq!(read(raw(16, &[0xC0, 0x3F])), reals(1.5));
    assert_eq!(read(list(16, 0x3FC0, 0)), reals(1.5));
    for (data_type, bytes) in [
        (3, vec![0xFE]),
        (5, vec![0xFE, 0xFF]),
        (6, vec![0xFE, 0xFF, 0xFF, 0xFF]),
        (7, [vec![0xFE], vec![0xFF; 7]].concat()),
    ] {
        assert_eq!(read(raw(data_type, &bytes)), integers(-2), "{data_type}");
        assert_eq!(read(list(data_type, -2, -2i64 as u64)), integers(-2), "{data_type}");
    }
    for (data_type, bytes) in
        [(2, vec![254]), (4, vec![254, 0]), (12, vec![254, 0, 0, 0]), (13, vec![254, 0, 0, 0, 0, 0, 0, 0])]
    {
        assert_eq!(read(raw(data_type, &bytes)), integers(254), "{data_type}");
        assert_eq!(read(list(data_type, 254, 254)), integers(254), "{data_type}");
    }
    assert_eq!(read(raw(9, &[7])), integers(1));
    let refused = [
        raw(13, &[0xFF; 8]),
        list(13, 0, u64::MAX),
        raw(8, &[1]),
        raw(17, &[1]),
        raw(1, &[1, 2, 3]),
        TensorProto { dims: vec![1 << 40, 1 << 40], ..raw(1, &[0; 4]) },
        TensorProto { dims: vec![-1], ..raw(1, &[0; 4]) },
        TensorProto { dims: vec![1 << 30], ..list(6, 1, 0) },
    ];
    let shown: Vec<String> = refused.into_iter().map(|proto| read(proto).unwrap_err().to_string()).collect();
    insta::assert_snapshot!("tensors_that_are_none", shown.join("\n"));
}

#[test]
fn coverage_counts_what_the_outputs_need() {
    let nodes = [
        node("MatMul", &["x", "w"], &["product"], &[]),
        node("Loop", &["product"], &["y"], &[]),
        node("Exp", &["w"], &["dead"], &[]),
    ];
    let weights = [tensor("w", &[2, 2], &[0.0; 4])];
    let model = model(13, &[value("x", &["1", "2"])], &weights, &nodes, &["y"]);
    let count = |op: &str, supported| OpCount { op: op.to_owned(), nodes: 1, supported };
    let expected = [count("Initializer", true), count("Input", true), count("Loop", false), count("MatMul", true)];
    assert_eq!(coverage(model.encode_to_vec(), &options()).unwrap(), expected);
}

#[test]
fn a_linear_classifier_of_scikit_learn() {
    let mut classifier = node(
        "LinearClassifier",
        &["x"],
        &["label", "scores"],
        &[
            models::floats("coefficients", &[1.0, 0.0, 0.0, 1.0, -1.0, -1.0]),
            models::floats("intercepts", &[0.0, 0.5, 1.0]),
            models::ints("classlabels_ints", &[7, 11, 13]),
            models::text("post_transform", "LOGISTIC"),
        ],
    );
    classifier.domain = "ai.onnx.ml".to_owned();
    let mut normalizer = node("Normalizer", &["scores"], &["probabilities"], &[models::text("norm", "L1")]);
    normalizer.domain = "ai.onnx.ml".to_owned();
    let model = model(9, &[value("x", &["", "2"])], &[], &[classifier, normalizer], &["label", "probabilities"]);
    let results = run(&model, &[("x", arr2(&[[1.0, 2.0]]).into_dyn())]);
    assert_eq!(results[0], Tensor::I64(arr1(&[11]).into_dyn()));
    let sigmoid = |v: f32| 1.0 / (1.0 + (-v).exp());
    let scores = [1.0, 2.5, -2.0].map(sigmoid);
    let sum: f32 = scores.iter().sum();
    let Tensor::F32(probabilities) = &results[1] else { panic!("{results:?}") };
    assert!(probabilities.iter().zip(scores).all(|(p, s)| (p - s / sum).abs() < 1e-6), "{probabilities}");
    let imported = accepted(&model, &options());
    assert_eq!(imported.weights.names().collect::<Vec<_>>(), ["label/coefficients", "label/intercepts"]);
}

#[test]
fn what_secret_constants_feed_stays_secret() {
    // The weights of the classifier are the server's, though everything else that the node reads is public.
    let mut regressor = node("LinearRegressor", &["c"], &["y"], &[models::floats("coefficients", &[2.0, 3.0])]);
    regressor.domain = "ai.onnx.ml".to_owned();
    let nodes = [regressor, node("Add", &["x", "y"], &["z"], &[])];
    let model = model(13, &[value("x", &["1", "1"]), value("c", &["1", "2"])], &[], &nodes, &["z"]);
    let bound = Tensor::F32(ArrayD::ones(vec![1, 2]));
    let options = Options { bound: [("c".to_owned(), bound)].into(), ..options() };
    let func = accepted(&model, &options).func;
    assert!(func.values().all(|(value, _)| func.loc(value) == "c" || func.ty(value).elem.secret), "{func}");
    assert!(!func.to_string().contains("5.0"), "{func}");
}
