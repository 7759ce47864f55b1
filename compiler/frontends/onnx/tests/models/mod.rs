//! Small models, and their answers by HLIL's evaluator.
#![allow(dead_code, reason = "not every test file uses everything")]

use indexmap::IndexMap;
use ndarray::ArrayD;
use prost::Message;
use treville_frontend_onnx::proto::tensor_shape_proto::{Dimension, Value};
use treville_frontend_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};
use treville_frontend_onnx::{ImportError, Imported, Options, import};
use treville_hlil::{Tensor, evaluate};
use treville_ir::render;

/// An attribute with its value.
pub(crate) type Attr = AttributeProto;

pub(crate) fn int(name: &str, value: i64) -> Attr {
    Attr { name: name.to_owned(), r#type: 2, i: value, ..Attr::default() }
}

pub(crate) fn float(name: &str, value: f32) -> Attr {
    Attr { name: name.to_owned(), r#type: 1, f: value, ..Attr::default() }
}

pub(crate) fn text(name: &str, value: &str) -> Attr {
    Attr { name: name.to_owned(), r#type: 3, s: value.as_bytes().to_vec().into(), ..Attr::default() }
}

pub(crate) fn ints(name: &str, values: &[i64]) -> Attr {
    Attr { name: name.to_owned(), r#type: 7, ints: values.to_vec(), ..Attr::default() }
}

pub(crate) fn floats(name: &str, values: &[f32]) -> Attr {
    Attr { name: name.to_owned(), r#type: 6, floats: values.to_vec(), ..Attr::default() }
}

/// A node without a name of its own.
pub(crate) fn node(op: &str, inputs: &[&str], outputs: &[&str], attrs: &[Attr]) -> NodeProto {
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    NodeProto {
        op_type: op.to_owned(),
        input: names(inputs),
        output: names(outputs),
        attribute: attrs.to_vec(),
        ..NodeProto::default()
    }
}

/// A value of floats; a dimension that is no number is a name.
pub(crate) fn value(name: &str, dims: &[&str]) -> ValueInfoProto {
    let dim = |d: &&str| Dimension {
        value: Some(d.parse().map_or_else(|_| Value::DimParam((*d).to_owned()), Value::DimValue)),
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor_type = Some(type_proto::Tensor { elem_type: 1, shape });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type, ..TypeProto::default() }) }
}

/// A tensor of floats as exporters write it.
pub(crate) fn tensor(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorProto {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data: raw.into(),
        ..TensorProto::default()
    }
}

/// A vector of 64-bit integers.
pub(crate) fn indices(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: 7,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// A model of ONNX's operators of this version.
pub(crate) fn model(
    opset: i64,
    inputs: &[ValueInfoProto],
    initializers: &[TensorProto],
    nodes: &[NodeProto],
    outputs: &[&str],
) -> ModelProto {
    let graph = GraphProto {
        name: "graph".to_owned(),
        input: inputs.to_vec(),
        initializer: initializers.to_vec(),
        node: nodes.to_vec(),
        output: outputs.iter().map(|name| ValueInfoProto { name: (*name).to_owned(), r#type: None }).collect(),
        ..GraphProto::default()
    };
    let set = |domain: &str, version| OperatorSetIdProto { domain: domain.to_owned(), version };
    ModelProto {
        ir_version: 8,
        opset_import: vec![set("", opset), set("ai.onnx.ml", 3)],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// Convolution, batch norm, pool, flatten by the arithmetic on shapes, dense layer, softmax.
pub(crate) fn cnn() -> ModelProto {
    let ramp = |n: usize| (0..n).map(|i| (i as f32 - 4.0) / 8.0).collect::<Vec<f32>>();
    let initializers = [
        tensor("filter", &[2, 1, 3, 3], &ramp(18)),
        tensor("filter/bias", &[2], &[0.5, -0.5]),
        tensor("scale", &[2], &[1.0, 2.0]),
        tensor("offset", &[2], &[0.0, 0.25]),
        tensor("mean", &[2], &[0.1, -0.1]),
        tensor("variance", &[2], &[1.0, 4.0]),
        indices("first", &[0]),
        indices("rest", &[-1]),
        tensor("kernel", &[3, 8], &ramp(24)),
        tensor("bias", &[3], &[0.0, 1.0, -1.0]),
    ];
    let nodes = [
        node(
            "Conv",
            &["image", "filter", "filter/bias"],
            &["conv"],
            &[ints("pads", &[1, 0, 0, 1]), ints("strides", &[1, 1])],
        ),
        node(
            "BatchNormalization",
            &["conv", "scale", "offset", "mean", "variance"],
            &["norm"],
            &[float("epsilon", 0.001)],
        ),
        node("Relu", &["norm"], &["relu"], &[]),
        node("Shape", &["relu"], &["shape"], &[]),
        node("Gather", &["shape", "first"], &["batch"], &[int("axis", 0)]),
        node("Concat", &["batch", "rest"], &["flat/shape"], &[int("axis", 0)]),
        node("Reshape", &["relu", "flat/shape"], &["flat"], &[]),
        node("Slice", &["flat", "first", "eight", "one"], &["head"], &[]),
        node("Gemm", &["head", "kernel", "bias"], &["logits"], &[int("transB", 1)]),
        node("Softmax", &["logits"], &["probabilities"], &[]),
    ];
    let initializers = [initializers.as_slice(), &[indices("eight", &[8]), indices("one", &[1])]].concat();
    model(13, &[value("image", &["N", "1", "4", "4"])], &initializers, &nodes, &["probabilities"])
}

pub(crate) fn options() -> Options {
    Options { file: "model.onnx".to_owned(), ..Options::default() }
}

/// Imports a model that must be accepted.
pub(crate) fn accepted(model: &ModelProto, options: &Options) -> Imported {
    import(model.encode_to_vec(), options).unwrap_or_else(|error| panic!("{}", show(&error)))
}

pub(crate) fn show(error: &ImportError) -> String {
    render(&error.diagnostics, &error.listing, false)
}

/// The results of a model for reals by name.
pub(crate) fn run(model: &ModelProto, inputs: &[(&str, ArrayD<f32>)]) -> Vec<Tensor> {
    let imported = accepted(model, &options());
    let mut args: IndexMap<String, Tensor> =
        inputs.iter().map(|(name, values)| ((*name).to_owned(), Tensor::F32(values.clone()))).collect();
    for name in imported.weights.names() {
        args.insert(name.to_owned(), Tensor::F32(imported.weights.get(name).unwrap()));
    }
    evaluate(&imported.func, &args).unwrap()
}

/// The values of the only result of a single node of this version.
pub(crate) fn answer(opset: i64, op: NodeProto, x: ArrayD<f32>, initializers: &[TensorProto]) -> ArrayD<f32> {
    let dims: Vec<String> = x.shape().iter().map(usize::to_string).collect();
    let dims: Vec<&str> = dims.iter().map(String::as_str).collect();
    let output = op.output[0].clone();
    let model = model(opset, &[value("x", &dims)], initializers, &[op], &[&output]);
    match run(&model, &[("x", x)]).remove(0) {
        Tensor::F32(values) => values,
        Tensor::I64(values) => values.mapv(|v| v as f32),
    }
}
