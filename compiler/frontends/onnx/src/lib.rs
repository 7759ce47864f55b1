//! ONNX models to HLIL.
//!
//! A file is decoded into the messages of [`proto`], whose bytes are slices of the file's buffer. [`import`] puts functions in
//! the place of their calls, resolves names, and hands each node to the importer of its op (`ops/`: one function and one line
//! in a table); what is not ONNX's own is done by `treville-frontend-common`. The meaning of a node is that of its operator
//! set's version. Every problem of a model is reported in one run, by node name, and nothing that is not understood is
//! imported: not an op, not an attribute, not a data type.
//!
//! What the file does not say, [`Options`] does. By default inputs are of the party `client`, which also learns the outputs;
//! initializers and constants are weights of `server`, unless they are integers or have a single element: these are public.
//!
//! Deliberately absent: control flow, sequences, optionals, strings, quantised and training operators, reading of files.
#![forbid(unsafe_code)]
#![allow(clippy::result_large_err, reason = "an import fails once, not in a loop")]

pub mod dtype;
mod functions;
mod graph;
mod model;
mod node;
mod ops;
pub mod proto;
pub mod tensor;

pub use tensor::Read;
pub use treville_frontend_common::{ImportError, Imported, OpCount, Options, Sizes};

use bytes::Bytes;
use model::Model;
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use proto::ModelProto;
use treville_frontend_common::Parts;
use treville_ir::{Diagnostic, Listing};

/// Imports a model whose weights are all in the file.
///
/// # Errors
/// All problems at once, with the listing that their labels point into. Never panics, whatever the bytes.
///
/// # Security
/// A constant that is a weight appears in the function by name and shape only. Integer constants and floats of a single
/// element become part of the public program, which a note says.
pub fn import(bytes: impl Into<Bytes>, options: &Options) -> Result<Imported, ImportError> {
    import_with_files(bytes, &no_files, options)
}

/// Imports a model whose weights may be in other files, which `read` returns by their path relative to the model's folder.
///
/// # Errors
/// As [`import`].
///
/// # Security
/// As [`import`]. Paths that would leave the model's folder are refused before `read` sees them.
pub fn import_with_files(bytes: impl Into<Bytes>, read: Read<'_>, options: &Options) -> Result<Imported, ImportError> {
    let (model, listing) = resolve(bytes.into(), read, &options.file)?;
    match treville_frontend_common::import(&model, model.outputs(options), options) {
        Ok(Parts { func, weights, notes }) => {
            Ok(Imported { func, weights, notes: model.notes().into_iter().chain(notes).collect(), listing })
        }
        Err(diagnostics) => Err(ImportError { diagnostics, listing }),
    }
}

/// The kinds of nodes that the outputs of a model need, by name; the operators of other domains than ONNX's own with their
/// domain.
///
/// # Errors
/// Where the bytes are no model, or it has no outputs.
pub fn coverage(bytes: impl Into<Bytes>, options: &Options) -> Result<Vec<OpCount>, ImportError> {
    let (model, listing) = resolve(bytes.into(), &no_files, &options.file)?;
    match model.outputs(options) {
        Ok(outputs) => Ok(treville_frontend_common::coverage(&model, &outputs)),
        Err(diagnostic) => Err(ImportError { diagnostics: vec![*diagnostic], listing }),
    }
}

fn no_files(_: &str) -> std::io::Result<Bytes> {
    Err(std::io::Error::other("the model was given without its other files"))
}

fn resolve<'r>(bytes: Bytes, read: Read<'r>, file: &str) -> Result<(Model<'r>, Listing), ImportError> {
    let fail = |diagnostics, listing| ImportError { diagnostics, listing };
    let not_a_model = |code, message: String, help: &str| {
        fail(vec![Diagnostic::error(code, message).with_help(help)], Listing::new(file))
    };
    let proto = match ModelProto::decode(bytes.clone()) {
        Ok(proto) => proto,
        Err(_) if is_cut_off(&bytes) => {
            let message = format!("the file is cut off: it ends at byte {}, inside of a field", bytes.len());
            return Err(not_a_model("E0102", message, "copy or download the file again"));
        }
        Err(error) => {
            let message = format!("the file is not an ONNX model: {error}");
            return Err(not_a_model("E0101", message, NOT_A_MODEL));
        }
    };
    if proto.graph.as_ref().is_none_or(|graph| graph.output.is_empty() && graph.node.is_empty()) {
        let message = "the file is not an ONNX model: it has no graph".to_owned();
        return Err(not_a_model("E0101", message, NOT_A_MODEL));
    }
    match graph::resolve(proto, file) {
        Ok((resolved, listing)) => Ok((Model::new(resolved, read), listing)),
        Err((diagnostics, listing)) => Err(fail(diagnostics, listing)),
    }
}

/// Whether the outermost message runs beyond the end of the file, so that one that was cut off is told from something else.
fn is_cut_off(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        // A key or length of fewer than ten bytes that runs to the end of the file is cut off, not wrong.
        let may_go_on = rest.len() < 10 && rest.iter().all(|b| b & 0x80 != 0);
        let skip = match decode_key(&mut rest) {
            Ok((1 | 5, WireType::Varint)) => decode_varint(&mut rest).ok().map(|_| 0),
            Ok((2..=8 | 14 | 20 | 25 | 26, WireType::LengthDelimited)) => decode_varint(&mut rest).ok(),
            Err(_) if may_go_on => return true,
            _ => return false,
        };
        match skip.and_then(|n| usize::try_from(n).ok()).and_then(|n| rest.split_at_checked(n)) {
            Some((_, after)) => rest = after,
            None => return true,
        }
    }
    false
}

const NOT_A_MODEL: &str = "an ONNX model is written by the exporters of PyTorch, tf2onnx, skl2onnx and others (.onnx)";
