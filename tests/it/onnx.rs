//! ONNX models as small as a test needs them.

use bytes::Bytes;
use prost::Message;
use treville::model::Model;
use treville_frontend_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, tensor_shape_proto, type_proto,
};
use treville_frontend_onnx::{Options, import};

const FLOAT: i32 = 1;
const INT64: i32 = 7;

/// A graph with the inputs that it is given and the result `y`.
pub(crate) struct Graph(GraphProto);

impl Graph {
    /// A graph of inputs with these shapes.
    pub(crate) fn new(inputs: &[(&str, &[i64])]) -> Self {
        let info = |name: &str, dims: Option<&[i64]>| {
            let dim = |&d: &i64| tensor_shape_proto::Dimension { value: Some(tensor_shape_proto::Value::DimValue(d)) };
            let shape = dims.map(|dims| TensorShapeProto { dim: dims.iter().map(dim).collect() });
            let tensor_type = Some(type_proto::Tensor { elem_type: FLOAT, shape });
            ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type, ..Default::default() }) }
        };
        Graph(GraphProto {
            name: "test".into(),
            input: inputs.iter().map(|(name, dims)| info(name, Some(dims))).collect(),
            output: vec![info("y", None)],
            ..Default::default()
        })
    }

    /// With float weights.
    pub(crate) fn floats(mut self, name: &str, dims: &[i64], values: &[f32]) -> Self {
        self.0.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.to_vec(),
            data_type: FLOAT,
            float_data: values.to_vec(),
            ..Default::default()
        });
        self
    }

    /// With a list of integers.
    pub(crate) fn integers(mut self, name: &str, values: &[i64]) -> Self {
        self.0.initializer.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: INT64,
            int64_data: values.to_vec(),
            ..Default::default()
        });
        self
    }

    /// With a node, written as `result = Op(operands)`.
    pub(crate) fn node(mut self, text: &str, attributes: Vec<AttributeProto>) -> Self {
        let (result, call) = text.split_once(" = ").expect("result = Op(operands)");
        let (op, operands) = call.trim_end_matches(')').split_once('(').expect("Op(operands)");
        self.0.node.push(NodeProto {
            name: format!("the {op}"),
            op_type: op.into(),
            input: operands.split(", ").map(String::from).collect(),
            output: vec![result.into()],
            attribute: attributes,
            ..Default::default()
        });
        self
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            graph: Some(self.0.clone()),
            ..Default::default()
        }
        .encode_to_vec()
    }

    /// The imported model.
    ///
    /// # Panics
    /// If it is refused.
    pub(crate) fn model(&self) -> Model {
        let imported = import(Bytes::from(self.bytes()), &Options::default())
            .unwrap_or_else(|e| panic!("{}", treville_ir::render(&e.diagnostics, &e.listing, false)));
        Model {
            name: "test".into(),
            func: imported.func,
            weights: imported.weights,
            notes: imported.notes,
            listing: imported.listing,
        }
    }
}

/// An attribute that is an integer.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: 2, ..Default::default() }
}

/// An attribute that is a list of integers.
pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), ints: values.to_vec(), r#type: 7, ..Default::default() }
}

/// An attribute that is a real.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), f: value, r#type: 1, ..Default::default() }
}

/// An attribute that is a text.
pub(crate) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { name: name.into(), s: value.as_bytes().to_vec().into(), r#type: 3, ..Default::default() }
}
