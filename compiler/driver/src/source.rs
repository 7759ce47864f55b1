//! Model files: which format a file has, and the front end that reads it.

use std::path::Path;

use treville_frontend_tensorflow::{self as tensorflow, ImportError, Imported, OpCount, Options};
use treville_party::Exit;

use crate::failure::Failure;

/// The content of a model file that a front end reads.
pub(crate) enum Source<'a> {
    /// A TensorFlow GraphDef, text or binary.
    GraphDef(&'a [u8]),
}

impl<'a> Source<'a> {
    /// Tells the format: by the path's ending where that says it, else by the first bytes.
    ///
    /// # Errors
    /// Exit code 3 for a format that is not supported.
    pub(crate) fn of(path: &Path, bytes: &'a [u8]) -> Result<Self, Failure> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if ending == "onnx" {
            let what = "ONNX is not supported yet; export a TensorFlow GraphDef (.pb or .pbtxt)";
            return Err(Failure::new(Exit::Unsupported, format!("{}: {what}", path.display())));
        }
        Ok(Source::GraphDef(bytes))
    }

    /// The format, as users call it.
    pub(crate) fn format(&self) -> &'static str {
        match self {
            Source::GraphDef(_) => "TensorFlow GraphDef",
        }
    }

    /// Imports the model.
    pub(crate) fn import(&self, options: &Options) -> Result<Imported, ImportError> {
        match self {
            Source::GraphDef(bytes) => tensorflow::import(bytes, tensorflow::Format::sniff(bytes), options),
        }
    }

    /// The kinds of nodes that the results need, and whether each is supported.
    pub(crate) fn coverage(&self, options: &Options) -> Result<Vec<OpCount>, ImportError> {
        match self {
            Source::GraphDef(bytes) => tensorflow::coverage(bytes, tensorflow::Format::sniff(bytes), options),
        }
    }
}
