//! The messages of an ONNX model, as far as an importer needs them.
//!
//! Field numbers are those of ONNX's `onnx.proto` (IR version 11). Enumerations are kept as their numbers, which is the same
//! on the wire. Bytes are slices of the file's buffer where it is decoded from [`Bytes`]. Fields that stand here not at all
//! are skipped: documentation, metadata, training information, sparse tensors, quantisation annotations, device placement.

use bytes::Bytes;

/// A whole model.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ModelProto {
    /// The version of the format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// The operator sets that the nodes are of.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// The tool that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// What is computed.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Operators that the model defines itself.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

/// An operator set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperatorSetIdProto {
    /// Empty for ONNX's own operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// The version of the set.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A graph.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GraphProto {
    /// The nodes, operands before their readers.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// Of the graph.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Weights and other constants, by name.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// Constants with few values that are not zero.
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializer: Vec<SparseTensorProto>,
    /// The inputs, among which old files list the initializers too.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// The outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    /// Types of values in between.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfoProto>,
}

/// A node: an operator applied to values by name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NodeProto {
    /// The values that it reads; empty where an optional one is left out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// The values that it makes; empty where nobody wants one.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Often empty, and not always unique.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// The operator set; empty for ONNX's own.
    #[prost(string, tag = "7")]
    pub domain: String,
    /// Which of several functions of one name.
    #[prost(string, tag = "8")]
    pub overload: String,
    /// The attributes; those that are absent have the operator's default.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// An operator that is defined by nodes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FunctionProto {
    /// The operator.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its formal inputs.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Its formal outputs.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// Attributes without default.
    #[prost(string, repeated, tag = "6")]
    pub attribute: Vec<String>,
    /// Attributes with defaults.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
    /// The nodes.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    /// The operator sets that they are of.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// The operator set that the function belongs to.
    #[prost(string, tag = "10")]
    pub domain: String,
    /// Which of several functions of one name.
    #[prost(string, tag = "13")]
    pub overload: String,
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributeProto {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Inside a function: the attribute of the caller that it stands for.
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
    /// Which of the fields below holds the value; 0 in files of IR version 1.
    #[prost(int32, tag = "20")]
    pub r#type: i32,
    /// Type 1.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// Type 2.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// Type 3.
    #[prost(bytes = "bytes", tag = "4")]
    pub s: Bytes,
    /// Type 4.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    /// Type 5.
    #[prost(message, optional, tag = "6")]
    pub g: Option<GraphProto>,
    /// Type 11.
    #[prost(message, optional, tag = "22")]
    pub sparse_tensor: Option<SparseTensorProto>,
    /// Type 6.
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    /// Type 7.
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    /// Type 8.
    #[prost(bytes = "bytes", repeated, tag = "9")]
    pub strings: Vec<Bytes>,
    /// Type 9.
    #[prost(message, repeated, tag = "10")]
    pub tensors: Vec<TensorProto>,
    /// Type 10.
    #[prost(message, repeated, tag = "11")]
    pub graphs: Vec<GraphProto>,
}

/// A tensor with its values.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorProto {
    /// The dimensions.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// The kind of elements.
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// Of floats and complex numbers.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Of integers of up to 32 bits, booleans, and 16-bit floats by their bits.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Of strings.
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub string_data: Vec<Bytes>,
    /// Of 64-bit integers.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// The tensor's name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// All values, little endian, instead of one of the lists.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    /// Of doubles.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Of unsigned integers of 32 and 64 bits.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// Where the values are, if in another file: `location`, `offset`, `length`.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
    /// 1 if the values are in another file.
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// A tensor by its values that are not zero.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SparseTensorProto {
    /// The values, with the tensor's name.
    #[prost(message, optional, tag = "1")]
    pub values: Option<TensorProto>,
    /// Where they stand.
    #[prost(message, optional, tag = "2")]
    pub indices: Option<TensorProto>,
    /// The dimensions of the whole.
    #[prost(int64, repeated, tag = "3")]
    pub dims: Vec<i64>,
}

/// A key with its value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// The name and type of a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueInfoProto {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// A type: at most one of the fields is there.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TypeProto {
    /// A tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<type_proto::Tensor>,
    /// A sequence.
    #[prost(message, optional, boxed, tag = "4")]
    pub sequence_type: Option<Box<type_proto::Sequence>>,
    /// A map.
    #[prost(message, optional, boxed, tag = "5")]
    pub map_type: Option<Box<type_proto::Map>>,
    /// A value that may be absent.
    #[prost(message, optional, boxed, tag = "9")]
    pub optional_type: Option<Box<type_proto::Optional>>,
    /// A sparse tensor.
    #[prost(message, optional, tag = "8")]
    pub sparse_tensor_type: Option<type_proto::Tensor>,
}

/// The kinds of [`TypeProto`].
pub mod type_proto {
    use super::{TensorShapeProto, TypeProto};

    /// A tensor.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Tensor {
        /// The kind of elements.
        #[prost(int32, tag = "1")]
        pub elem_type: i32,
        /// The shape; absent if even the rank is unknown.
        #[prost(message, optional, tag = "2")]
        pub shape: Option<TensorShapeProto>,
    }

    /// A sequence.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Sequence {
        /// Of its elements.
        #[prost(message, optional, boxed, tag = "1")]
        pub elem_type: Option<Box<TypeProto>>,
    }

    /// A map.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Map {
        /// The kind of its keys.
        #[prost(int32, tag = "1")]
        pub key_type: i32,
        /// Of its values.
        #[prost(message, optional, boxed, tag = "2")]
        pub value_type: Option<Box<TypeProto>>,
    }

    /// A value that may be absent.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Optional {
        /// Of the value.
        #[prost(message, optional, boxed, tag = "1")]
        pub elem_type: Option<Box<TypeProto>>,
    }
}

/// The shape of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorShapeProto {
    /// The dimensions.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<tensor_shape_proto::Dimension>,
}

/// The parts of [`TensorShapeProto`].
pub mod tensor_shape_proto {
    /// A dimension: a number, or a name.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Dimension {
        /// Its size, if it is known.
        #[prost(oneof = "Value", tags = "1, 2")]
        pub value: Option<Value>,
    }

    /// What a dimension is.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        /// A size.
        #[prost(int64, tag = "1")]
        DimValue(i64),
        /// A name for a size that is not known.
        #[prost(string, tag = "2")]
        DimParam(String),
    }
}
