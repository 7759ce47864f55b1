//! Model files: which format a file has, and the front end that reads it.
#![allow(clippy::result_large_err, reason = "an import fails once, not in a loop")]

use std::path::{Path, PathBuf};

use bytes::Bytes;
use treville_frontend_common::{ImportError, Imported, OpCount, Options};
use treville_frontend_onnx as onnx;
use treville_frontend_tensorflow::{self as tensorflow, Format};

use crate::failure::Failure;

/// A model that a front end reads.
pub(crate) enum Source {
    /// A TensorFlow GraphDef, text or binary.
    GraphDef(Bytes),
    /// The directory of a TensorFlow SavedModel.
    SavedModel(PathBuf),
    /// An ONNX model, and the folder in which its external data are.
    Onnx(Bytes, PathBuf),
}

impl Source {
    /// Reads a model file, and tells its format by its ending where that says it, else by its first bytes.
    ///
    /// # Errors
    /// Exit code 2 for a file that cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            return Ok(Source::SavedModel(path.to_path_buf()));
        }
        if let Some(folder) = path.parent().filter(|_| path.ends_with("saved_model.pb")) {
            return Ok(Source::SavedModel(folder.to_path_buf()));
        }
        let bytes = read_file(path)?;
        // The first field of an ONNX model is a number, that of a GraphDef a node.
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx")) || bytes.first() == Some(&0x08) {
            return Ok(Source::Onnx(bytes, path.parent().unwrap_or(Path::new("")).to_path_buf()));
        }
        Ok(Source::GraphDef(bytes))
    }

    /// The format, as users call it.
    pub(crate) fn format(&self) -> &'static str {
        match self {
            Source::GraphDef(_) => "TensorFlow GraphDef",
            Source::SavedModel(_) => "TensorFlow SavedModel",
            Source::Onnx(..) => "ONNX",
        }
    }

    /// Imports the model.
    pub(crate) fn import(&self, options: &Options) -> Result<Imported, ImportError> {
        match self {
            Source::GraphDef(bytes) => tensorflow::import(bytes, Format::sniff(bytes), options),
            Source::SavedModel(folder) => tensorflow::import_saved_model(&files_of(folder), options),
            Source::Onnx(bytes, folder) => onnx::import_with_files(bytes.clone(), &files_of(folder), options),
        }
    }

    /// The kinds of nodes that the results need, and whether each is supported.
    pub(crate) fn coverage(&self, options: &Options) -> Result<Vec<OpCount>, ImportError> {
        match self {
            Source::GraphDef(bytes) => tensorflow::coverage(bytes, Format::sniff(bytes), options),
            Source::SavedModel(folder) => tensorflow::coverage_saved_model(&files_of(folder), options),
            Source::Onnx(bytes, _) => onnx::coverage(bytes.clone(), options),
        }
    }
}

/// The bytes of a file that the user named.
pub(crate) fn read_file(path: &Path) -> Result<Bytes, Failure> {
    std::fs::read(path).map(Bytes::from).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// The files of a folder, by their path in it.
fn files_of(folder: &Path) -> impl Fn(&str) -> std::io::Result<Bytes> + '_ {
    |file| std::fs::read(folder.join(file)).map(Bytes::from)
}
