//! The messages of a TensorFlow graph, as far as an importer needs them.
//!
//! Field numbers are those of TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto`, `tensor.proto`,
//! `tensor_shape.proto`, `versions.proto` and `function.proto`. Enumerations are kept as their numbers, which is the same
//! on the wire; [`DType`](crate::dtype::DType) gives the data types their names. Fields that stand here not at all are
//! skipped by both readers.

use bytes::Bytes;
use std::collections::BTreeMap;

/// A whole graph: what `tf.io.write_graph` writes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GraphDef {
    /// The nodes, in no particular order.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeDef>,
    /// Functions that nodes may call.
    #[prost(message, optional, tag = "2")]
    pub library: Option<FunctionDefLibrary>,
    /// The version that old files give.
    #[prost(int32, tag = "3")]
    pub version: i32,
    /// The TensorFlow version that wrote the file.
    #[prost(message, optional, tag = "4")]
    pub versions: Option<VersionDef>,
}

/// One node: an op applied to the outputs of other nodes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NodeDef {
    /// Unique in the graph.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The op's name, as in TensorFlow's registry.
    #[prost(string, tag = "2")]
    pub op: String,
    /// `node`, `node:k` for output k, `^node` for a control input.
    #[prost(string, repeated, tag = "3")]
    pub input: Vec<String>,
    /// Where TensorFlow would place the node.
    #[prost(string, tag = "4")]
    pub device: String,
    /// Attributes; those that equal the op's default may be absent.
    #[prost(btree_map = "string, message", tag = "5")]
    pub attr: BTreeMap<String, AttrValue>,
}

/// The value of an attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttrValue {
    /// Absent if the file names the attribute without a value.
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub value: Option<Value>,
}

/// The kinds of attribute value.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    /// Several values of one kind.
    #[prost(message, tag = "1")]
    List(ListValue),
    /// A string.
    #[prost(bytes, tag = "2")]
    S(Vec<u8>),
    /// An integer.
    #[prost(int64, tag = "3")]
    I(i64),
    /// A float.
    #[prost(float, tag = "4")]
    F(f32),
    /// A boolean.
    #[prost(bool, tag = "5")]
    B(bool),
    /// A data type.
    #[prost(int32, tag = "6")]
    Type(i32),
    /// A shape.
    #[prost(message, tag = "7")]
    Shape(TensorShapeProto),
    /// A tensor.
    #[prost(message, tag = "8")]
    Tensor(TensorProto),
    /// A name that stands for a value, inside functions.
    #[prost(string, tag = "9")]
    Placeholder(String),
    /// A function to call.
    #[prost(message, tag = "10")]
    Func(NameAttrList),
}

/// The lists an attribute can hold; one of them is in use.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListValue {
    /// Strings.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub s: Vec<Vec<u8>>,
    /// Integers.
    #[prost(int64, repeated, tag = "3")]
    pub i: Vec<i64>,
    /// Floats.
    #[prost(float, repeated, tag = "4")]
    pub f: Vec<f32>,
    /// Booleans.
    #[prost(bool, repeated, tag = "5")]
    pub b: Vec<bool>,
    /// Data types.
    #[prost(int32, repeated, tag = "6")]
    pub r#type: Vec<i32>,
    /// Shapes.
    #[prost(message, repeated, tag = "7")]
    pub shape: Vec<TensorShapeProto>,
    /// Tensors.
    #[prost(message, repeated, tag = "8")]
    pub tensor: Vec<TensorProto>,
    /// Functions.
    #[prost(message, repeated, tag = "9")]
    pub func: Vec<NameAttrList>,
}

/// A function's name and the attributes it is called with.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NameAttrList {
    /// The function.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its attributes.
    #[prost(btree_map = "string, message", tag = "2")]
    pub attr: BTreeMap<String, AttrValue>,
}

/// A shape, any part of which may be unknown.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorShapeProto {
    /// The dimensions.
    #[prost(message, repeated, tag = "2")]
    pub dim: Vec<Dim>,
    /// Even the number of dimensions is unknown.
    #[prost(bool, tag = "3")]
    pub unknown_rank: bool,
}

/// One dimension.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Dim {
    /// -1 if unknown.
    #[prost(int64, tag = "1")]
    pub size: i64,
    /// A name for people.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// A tensor with its values, in one of several encodings (see [`tensor`](crate::tensor)).
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorProto {
    /// The data type's number.
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    /// The shape, fully known.
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: Option<TensorShapeProto>,
    /// The format's version.
    #[prost(int32, tag = "3")]
    pub version_number: i32,
    /// The elements as they lie in memory, little endian.
    #[prost(bytes = "bytes", tag = "4")]
    pub tensor_content: Bytes,
    /// DT_FLOAT.
    #[prost(float, repeated, tag = "5")]
    pub float_val: Vec<f32>,
    /// DT_DOUBLE.
    #[prost(double, repeated, tag = "6")]
    pub double_val: Vec<f64>,
    /// DT_INT32, DT_INT16, DT_UINT16, DT_INT8, DT_UINT8.
    #[prost(int32, repeated, tag = "7")]
    pub int_val: Vec<i32>,
    /// DT_STRING.
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub string_val: Vec<Vec<u8>>,
    /// DT_INT64.
    #[prost(int64, repeated, tag = "10")]
    pub int64_val: Vec<i64>,
    /// DT_BOOL.
    #[prost(bool, repeated, tag = "11")]
    pub bool_val: Vec<bool>,
    /// DT_HALF and DT_BFLOAT16: the 16 bits of each element.
    #[prost(int32, repeated, tag = "13")]
    pub half_val: Vec<i32>,
}

/// Which TensorFlow wrote the graph.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VersionDef {
    /// The writer's version.
    #[prost(int32, tag = "1")]
    pub producer: i32,
    /// The oldest reader that may read it.
    #[prost(int32, tag = "2")]
    pub min_consumer: i32,
    /// Readers that may not.
    #[prost(int32, repeated, tag = "3")]
    pub bad_consumers: Vec<i32>,
}

/// The functions of a graph.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FunctionDefLibrary {
    /// The functions.
    #[prost(message, repeated, tag = "1")]
    pub function: Vec<FunctionDef>,
}

/// A function.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FunctionDef {
    /// Name, arguments and outputs.
    #[prost(message, optional, tag = "1")]
    pub signature: Option<OpDef>,
    /// The body, whose inputs are `argument` or `node:output:k`.
    #[prost(message, repeated, tag = "3")]
    pub node_def: Vec<NodeDef>,
    /// What each output is, by its name.
    #[prost(btree_map = "string, string", tag = "4")]
    pub ret: BTreeMap<String, String>,
}

/// A function's signature.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpDef {
    /// The name by which nodes call it.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The arguments, in order.
    #[prost(message, repeated, tag = "2")]
    pub input_arg: Vec<ArgDef>,
    /// The outputs, in order.
    #[prost(message, repeated, tag = "3")]
    pub output_arg: Vec<ArgDef>,
}

/// An argument or output of a function.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ArgDef {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// If it is a list of values of one type: the attribute that holds their number.
    #[prost(string, tag = "5")]
    pub number_attr: String,
    /// If it is a list of values of several types: the attribute that holds the types.
    #[prost(string, tag = "6")]
    pub type_list_attr: String,
}
