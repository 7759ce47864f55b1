//! The values of variables: an index and the files that it points into.
//!
//! # Source
//! TensorFlow's `BundleReader` (core/util/tensor_bundle).

use super::Read;
use super::checksum;
use super::proto::{BundleEntry, BundleHeader};
use super::table::{self, TableError};
use crate::dtype::DType;
use crate::proto::{TensorProto, TensorShapeProto};
use crate::tensor;
use bytes::Bytes;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Why a checkpoint or a tensor of it cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    #[error("`{path}` cannot be read: {error}")]
    File { path: String, error: std::io::Error },
    #[error("`{INDEX}` is damaged: {0}")]
    Table(#[from] TableError),
    #[error("`{INDEX}` is damaged: its entry `{key}` is no message of TensorFlow's")]
    Entry { key: String },
    #[error("`{INDEX}` does not begin with a header, or the header gives no number of files")]
    Header,
    #[error("its numbers are big endian, which is not supported")]
    Endianness,
    #[error("it holds no tensor `{key}`")]
    Missing { key: String },
    #[error("its tensor `{key}` is stored in slices, which is not supported")]
    Sliced { key: String },
    #[error("its tensor `{key}` is said to lie outside of `{path}`")]
    Range { key: String, path: String },
    #[error("its tensor `{key}` has {actual} bytes, and {dtype} of shape {dims:?} has another number")]
    Size { key: String, actual: usize, dtype: DType, dims: Vec<i64> },
    #[error("its tensor `{key}` does not have the checksum that the index gives")]
    Checksum { key: String },
}

/// The tensors `keys` of the checkpoint under `variables/`. They share the memory of the files that `read` returns.
pub(super) fn tensors(
    read: Read<'_>,
    keys: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Result<TensorProto, CheckpointError>>, CheckpointError> {
    let index = file(read, INDEX)?;
    let (mut header, mut entries) = (None, HashMap::new());
    table::entries(&index, &mut |key, value| match std::str::from_utf8(key) {
        Ok("") => header = Some(value),
        Ok(key) if keys.contains(key) => drop(entries.insert(key.to_owned(), value)),
        _ => {}
    })?;
    let header = header.and_then(|bytes| BundleHeader::decode(bytes).ok()).ok_or(CheckpointError::Header)?;
    if header.endianness != 0 {
        return Err(CheckpointError::Endianness);
    }
    if header.num_shards < 1 {
        return Err(CheckpointError::Header);
    }
    let mut shards = Shards { read, n: header.num_shards, files: HashMap::new() };
    let mut tensor = |key: &str| {
        let bytes = entries.remove(key).ok_or_else(|| CheckpointError::Missing { key: key.to_owned() })?;
        let entry = BundleEntry::decode(bytes).map_err(|_| CheckpointError::Entry { key: key.to_owned() })?;
        shards.tensor(key, entry)
    };
    Ok(keys.iter().map(|&key| (key.to_owned(), tensor(key))).collect())
}

/// The files that hold the values.
struct Shards<'r> {
    read: Read<'r>,
    n: i32,
    files: HashMap<i32, Bytes>,
}

impl Shards<'_> {
    fn tensor(&mut self, key: &str, entry: BundleEntry) -> Result<TensorProto, CheckpointError> {
        let key = || key.to_owned();
        if !entry.slices.is_empty() {
            return Err(CheckpointError::Sliced { key: key() });
        }
        let path = format!("variables/variables.data-{:05}-of-{:05}", entry.shard_id, self.n);
        let bytes = match self.files.get(&entry.shard_id) {
            Some(bytes) => bytes,
            None => self.files.entry(entry.shard_id).or_insert(file(self.read, &path)?),
        };
        let start = usize::try_from(entry.offset).ok();
        let end = start.and_then(|start| start.checked_add(usize::try_from(entry.size).ok()?));
        let (Some(start), Some(end)) = (start, end.filter(|&end| end <= bytes.len())) else {
            return Err(CheckpointError::Range { key: key(), path });
        };
        let content = bytes.slice(start..end);
        let dtype = DType(entry.dtype);
        let proto = TensorProto { dtype: entry.dtype, tensor_shape: entry.shape, ..TensorProto::default() };
        let expected =
            tensor::dims(&proto).ok().zip(dtype.encoding()).map(|(dims, e)| dims.iter().product::<usize>() * e.size());
        // What is no number of ours is refused with its variable.
        if dtype.encoding().is_some() && expected != Some(content.len()) {
            let dims = sizes(proto.tensor_shape.as_ref());
            return Err(CheckpointError::Size { key: key(), actual: content.len(), dtype, dims });
        }
        if dtype.encoding().is_some() && checksum::masked(&content) != entry.crc32c {
            return Err(CheckpointError::Checksum { key: key() });
        }
        Ok(TensorProto { tensor_content: content, ..proto })
    }
}

fn sizes(shape: Option<&TensorShapeProto>) -> Vec<i64> {
    shape.map(|s| s.dim.iter().map(|d| d.size).collect()).unwrap_or_default()
}

fn file(read: Read<'_>, path: &str) -> Result<Bytes, CheckpointError> {
    read(path).map_err(|error| CheckpointError::File { path: path.to_owned(), error })
}

const INDEX: &str = "variables/variables.index";
