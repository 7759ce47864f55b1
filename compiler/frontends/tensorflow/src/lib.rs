//! TensorFlow GraphDef, text and binary, and SavedModel directories to HLIL.
//!
//! A file is read by [`text`] or [`binary`] into the messages of [`proto`]; both readers yield equal graphs for two dumps of
//! one model. [`import`] resolves names and hands each node to the importer of its op (`ops/`: one line of a table, and a
//! function where a line does not do); what is not TensorFlow's own is done by `treville-frontend-common`. Every problem of
//! a graph is reported in one run, by node name, and nothing that is not understood is imported: not an op, not an
//! attribute, not a data type.
//!
//! What the file does not say, [`Options`] does. By default placeholders are inputs of the party `client`, which also learns
//! the results; constants are weights of `server`, unless they are integers or have a single element: these are public.
//!
//! Functions are put in the place of their calls before, and the variables of a [SavedModel](import_saved_model) get their
//! values.
//!
//! Deliberately absent: variables without values (a graph must be frozen), control flow, strings, reading of files.
#![forbid(unsafe_code)]
#![allow(clippy::result_large_err, reason = "an import fails once, not in a loop")]

pub mod binary;
pub mod dtype;
mod functions;
mod graph;
mod model;
mod node;
mod ops;
mod outputs;
pub mod proto;
mod saved_model;
pub mod tensor;
pub mod text;

pub use saved_model::Read;
pub use treville_frontend_common::{ImportError, Imported, OpCount, Options, Sizes};

use bytes::Bytes;
use functions::Flat;
use model::Model;
use treville_frontend_common::{Model as _, Parts};
use treville_ir::{Diagnostic, Listing};

/// How a GraphDef is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Protobuf's text format, `.pbtxt`.
    Text,
    /// Protobuf's binary format, `.pb`.
    Binary,
}

impl Format {
    /// The format that the bytes look like: binary messages hold control characters near their beginning, text does not.
    pub fn sniff(bytes: &[u8]) -> Self {
        let head = &bytes[..bytes.len().min(4096)];
        let is_control = |b: &u8| b.is_ascii_control() && !matches!(b, b'\n' | b'\r' | b'\t' | 0x0B | 0x0C);
        let text = std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true);
        if text && !head.iter().any(is_control) { Self::Text } else { Self::Binary }
    }
}

/// Imports a model. Its weights stay in `bytes` where these hold them as they lie in memory.
///
/// # Errors
/// All problems at once, with the listing that their labels point into. Never panics, whatever the bytes.
///
/// # Security
/// A constant that is a weight appears in the function by name and shape only. Integer constants and floats of a single
/// element become part of the public program, which a note says.
pub fn import(bytes: &Bytes, format: Format, options: &Options) -> Result<Imported, ImportError> {
    import_graph(read(bytes, format, &options.file)?, options)
}

/// Imports a SavedModel directory, whose files `read` returns. Inputs and outputs are called as the signature calls them.
///
/// # Errors
/// As [`import`].
///
/// # Security
/// As [`import`]; variables are as constants.
pub fn import_saved_model(read: Read<'_>, options: &Options) -> Result<Imported, ImportError> {
    import_graph(read_saved_model(read, options)?, options)
}

fn import_graph((model, listing): (Model, Listing), options: &Options) -> Result<Imported, ImportError> {
    let outputs = outputs::find_outputs(model.graph(), options);
    match treville_frontend_common::import(&model, outputs, options) {
        Ok(Parts { func, weights, notes }) => Ok(Imported { func, weights, notes, listing }),
        Err(diagnostics) => Err(ImportError { diagnostics, listing }),
    }
}

/// The kinds of nodes that the outputs of a model need, by name.
///
/// # Errors
/// Where the bytes are no graph, or it has no outputs.
pub fn coverage(bytes: &Bytes, format: Format, options: &Options) -> Result<Vec<OpCount>, ImportError> {
    count(read(bytes, format, &options.file)?, options)
}

/// The kinds of nodes that the outputs of a SavedModel need, by name.
///
/// # Errors
/// Where there is no SavedModel.
pub fn coverage_saved_model(read: Read<'_>, options: &Options) -> Result<Vec<OpCount>, ImportError> {
    count(read_saved_model(read, options)?, options)
}

fn count((model, listing): (Model, Listing), options: &Options) -> Result<Vec<OpCount>, ImportError> {
    match outputs::find_outputs(model.graph(), options) {
        Ok(outputs) => Ok(treville_frontend_common::coverage(&model, &outputs)),
        Err(diagnostic) => Err(ImportError { diagnostics: vec![*diagnostic], listing }),
    }
}

fn read(bytes: &Bytes, format: Format, file: &str) -> Result<(Model, Listing), ImportError> {
    let fail = |diagnostic: Diagnostic, listing| ImportError { diagnostics: vec![diagnostic], listing };
    let def = match format {
        Format::Binary => {
            binary::parse(bytes).map_err(|error| fail(explain_binary(bytes, &error), Listing::new(file)))?
        }
        Format::Text => {
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let message = format!("the file is no text: byte {} is not UTF-8", error.valid_up_to());
                let diagnostic = Diagnostic::error("E0101", message);
                fail(diagnostic.with_help("a text GraphDef is UTF-8; a binary one ends in .pb"), Listing::new(file))
            })?;
            text::parse(text).map_err(|error| explain_text(text, &error, file))?
        }
    };
    // Bytes that happen to be a message hold no nodes that could be ones.
    let is_node = |node: &proto::NodeDef| !node.name.is_empty() && !node.op.is_empty();
    if def.node.is_empty() || !def.node.iter().all(is_node) {
        let why = if def.node.is_empty() { "it has no nodes" } else { "some of its nodes have no name or no op" };
        let diagnostic = Diagnostic::error("E0101", format!("the file is not a TensorFlow graph: {why}"));
        return Err(fail(diagnostic.with_help(NOT_A_GRAPH), graph::listing(file, &def.node)));
    }
    let flat = functions::inline(def);
    resolve(flat.map_err(|diagnostics| ImportError { diagnostics, listing: Listing::new(file) })?, file)
}

fn read_saved_model(read: Read<'_>, options: &Options) -> Result<(Model, Listing), ImportError> {
    resolve(saved_model::flatten(read, options)?, &options.file)
}

fn resolve(flat: Flat, file: &str) -> Result<(Model, Listing), ImportError> {
    let listing = graph::listing(file, &flat.nodes);
    match Model::new(flat) {
        Ok(model) => Ok((model, listing)),
        Err(diagnostics) => Err(ImportError { diagnostics, listing }),
    }
}

fn explain_binary(bytes: &[u8], error: &binary::BinaryError) -> Diagnostic {
    match error {
        binary::BinaryError::Truncated { .. } => {
            let diagnostic = Diagnostic::error("E0102", format!("the file is cut off: {error}"));
            diagnostic.with_help("copy or download the file again")
        }
        binary::BinaryError::Malformed { .. } => {
            let diagnostic = Diagnostic::error("E0101", format!("the file is not a TensorFlow graph: {error}"));
            // The first field of a SavedModel and of an ONNX model is a small version number.
            diagnostic.with_help(match bytes {
                [0x08, 1, 0x12, ..] => "this looks like the graph of a SavedModel: give the directory that holds it",
                [0x08, 2..=20, ..] => "this looks like an ONNX model",
                _ => NOT_A_GRAPH,
            })
        }
    }
}

fn explain_text(text: &str, error: &text::TextError, file: &str) -> ImportError {
    let before = &text[..text.floor_char_boundary(error.at)];
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    // Lines may hold whole tensors: show the faulty one from a little before the fault, at its own number in the file.
    let n_lines = before.matches('\n').count();
    let shown_from = text.ceil_char_boundary(before.len().saturating_sub(MAX_SHOWN).max(line_start));
    let line: String = text[shown_from..].lines().next().unwrap_or_default().chars().take(2 * MAX_SHOWN).collect();
    let at = n_lines + before.len().saturating_sub(shown_from);
    let listing = Listing::of_text(file, "\n".repeat(n_lines) + &line);
    let (code, message, help) = match error.kind {
        text::TextErrorKind::Truncated => ("E0102", "the file is cut off", "copy or download the file again"),
        _ => ("E0103", "the file is not a text GraphDef", NOT_A_GRAPH),
    };
    let diagnostic = Diagnostic::error(code, message).at_span(at..at + 1, error.to_string()).with_help(help);
    ImportError { diagnostics: vec![diagnostic], listing }
}

const NOT_A_GRAPH: &str = "a GraphDef is written by tf.io.write_graph, as text (.pbtxt) or binary (.pb)";
/// So many bytes of a faulty line are shown before the fault.
const MAX_SHOWN: usize = 60;
