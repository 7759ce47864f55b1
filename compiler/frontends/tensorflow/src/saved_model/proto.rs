//! The messages of a SavedModel directory, as far as an importer needs them.
//!
//! Field numbers are those of TensorFlow's `saved_model.proto`, `meta_graph.proto`, `saver.proto` and
//! `tensor_bundle.proto`.

use crate::proto::{GraphDef, TensorShapeProto};
use std::collections::BTreeMap;

/// `saved_model.pb`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SavedModel {
    #[prost(message, repeated, tag = "2")]
    pub(super) meta_graphs: Vec<MetaGraphDef>,
}

/// A graph with what can be asked of it.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetaGraphDef {
    #[prost(message, optional, tag = "1")]
    pub(super) meta_info_def: Option<MetaInfoDef>,
    #[prost(message, optional, tag = "2")]
    pub(super) graph_def: Option<GraphDef>,
    #[prost(message, optional, tag = "3")]
    pub(super) saver_def: Option<SaverDef>,
    #[prost(btree_map = "string, message", tag = "5")]
    pub(super) signature_def: BTreeMap<String, SignatureDef>,
}

/// What the graph is for: `serve` or `train`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct MetaInfoDef {
    #[prost(string, repeated, tag = "4")]
    pub(super) tags: Vec<String>,
}

/// How variables get their values.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SaverDef {
    /// The node that gives each variable its value from a checkpoint.
    #[prost(string, tag = "3")]
    pub(super) restore_op_name: String,
}

/// A function of the model: names of inputs and outputs, and the graph's tensors that they are.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SignatureDef {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) inputs: BTreeMap<String, TensorInfo>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) outputs: BTreeMap<String, TensorInfo>,
}

/// A tensor of the graph.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorInfo {
    /// Empty for tensors that are made of several, such as sparse ones.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) tensor_shape: Option<TensorShapeProto>,
}

/// The first entry of a checkpoint's index.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BundleHeader {
    #[prost(int32, tag = "1")]
    pub(super) num_shards: i32,
    /// 0 is little endian.
    #[prost(int32, tag = "2")]
    pub(super) endianness: i32,
}

/// An entry of a checkpoint's index: where a tensor is.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct BundleEntry {
    #[prost(int32, tag = "1")]
    pub(super) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<TensorShapeProto>,
    #[prost(int32, tag = "3")]
    pub(super) shard_id: i32,
    #[prost(int64, tag = "4")]
    pub(super) offset: i64,
    #[prost(int64, tag = "5")]
    pub(super) size: i64,
    #[prost(fixed32, tag = "6")]
    pub(super) crc32c: u32,
    /// If there are any, the tensor is stored in parts under other keys.
    #[prost(message, repeated, tag = "7")]
    pub(super) slices: Vec<TensorSlice>,
}

/// A part of a tensor; only that it is there matters.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorSlice {}
