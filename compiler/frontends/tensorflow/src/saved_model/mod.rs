//! SavedModel directories: what Keras' `model.export`, `tf.saved_model.save` and TensorFlow 1's builder write.
//!
//! A directory is turned into one flat graph, which is then imported as any other: the functions that the signature calls
//! are put in place ([`functions`](crate::functions)), and each variable becomes a constant with its value from the
//! checkpoint. Inputs and outputs are called as the signature calls them.
//!
//! Which tensor of the checkpoint a variable gets is read from the graph itself, as TensorFlow's servers do it: the node
//! that the saver calls to restore the model assigns each variable the tensor of a name.

mod checkpoint;
mod checksum;
mod proto;
mod table;
mod variables;

use crate::ImportError;
use crate::functions::{self, Flat, Inliner};
use crate::graph;
use crate::proto::{AttrValue, FunctionDef, GraphDef, NodeDef, Value};
use bytes::Bytes;
use prost::Message;
use proto::{MetaGraphDef, SavedModel, SignatureDef};
use treville_frontend_common::{Options, quoted};
use treville_ir::{Diagnostic, Listing};

/// Reads a file of a SavedModel by its path in the directory, such as `variables/variables.index`.
pub type Read<'r> = &'r dyn Fn(&str) -> std::io::Result<Bytes>;

/// The flat graph of a signature, whose variables are constants.
pub(crate) fn flatten(read: Read<'_>, options: &Options) -> Result<Flat, ImportError> {
    let meta = meta_graph(read).and_then(|meta| Ok((signature(&meta, options.signature.as_deref())?, meta)));
    let (signature, meta) = meta.map_err(|diagnostic| fail(vec![*diagnostic], Listing::new(&options.file)))?;
    let GraphDef { node: nodes, library, .. } = meta.graph_def.unwrap_or_default();
    let functions = library.unwrap_or_default().function;
    let wanted: Vec<String> = signature.outputs.values().map(|info| info.name.clone()).collect();
    let mut own = functions::needed(nodes.clone(), &wanted, false);
    let restore = meta.saver_def.unwrap_or_default().restore_op_name;
    let problems = variables::give_values(read, &mut own, (nodes, functions.clone()), restore);
    if !problems.is_empty() {
        return Err(fail(problems, graph::listing(&options.file, &own)));
    }
    serving_graph(own, functions, &signature).map_err(|d| fail(d, Listing::new(&options.file)))
}

fn fail(diagnostics: Vec<Diagnostic>, listing: Listing) -> ImportError {
    ImportError { diagnostics, listing }
}

/// The graph for inference.
fn meta_graph(read: Read<'_>) -> Result<MetaGraphDef, Box<Diagnostic>> {
    let bytes = read(MODEL).map_err(|error| {
        let diagnostic = Diagnostic::error("E0120", format!("`{MODEL}` cannot be read: {error}"));
        diagnostic.with_help("a SavedModel directory holds `saved_model.pb` and a directory `variables`")
    })?;
    let model = SavedModel::decode(bytes).map_err(|error| {
        let diagnostic = Diagnostic::error("E0101", format!("`{MODEL}` is no SavedModel: {error}"));
        diagnostic.with_help("the file may be cut off: copy or export the model again")
    })?;
    let is_served =
        |meta: &MetaGraphDef| meta.meta_info_def.iter().flat_map(|info| &info.tags).any(|tag| tag == "serve");
    let served = model.meta_graphs.iter().position(is_served).unwrap_or(0);
    model.meta_graphs.into_iter().nth(served).ok_or_else(|| {
        let diagnostic = Diagnostic::error("E0101", format!("`{MODEL}` is no SavedModel: it holds no graph"));
        diagnostic.with_help("export the model again").into()
    })
}

/// The signature that the user names, or the default one, or the only one.
fn signature(meta: &MetaGraphDef, name: Option<&str>) -> Result<SignatureDef, Box<Diagnostic>> {
    let of_model: Vec<&str> = meta.signature_def.keys().map(String::as_str).filter(|n| !n.starts_with("__")).collect();
    let chosen = match (name, of_model.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => DEFAULT_SIGNATURE,
    };
    let problem = |message: String, help: String| Err(Diagnostic::error("E0123", message).with_help(help).into());
    let Some(signature) = meta.signature_def.get(chosen) else {
        return match of_model.as_slice() {
            [] => {
                problem("the SavedModel has no signature".to_owned(), "export it with a serving signature".to_owned())
            }
            names => problem(
                format!("the SavedModel has no signature `{chosen}`"),
                format!("choose one with --signature: {}", quoted(names)),
            ),
        };
    };
    for (key, info) in signature.inputs.iter().chain(&signature.outputs) {
        if info.name.is_empty() {
            let help = "export it with dense tensors".to_owned();
            return problem(format!("`{key}` of the signature `{chosen}` is no single tensor"), help);
        }
    }
    if signature.outputs.is_empty() {
        return problem(
            format!("the signature `{chosen}` has no outputs"),
            "choose another with --signature".to_owned(),
        );
    }
    Ok(signature.clone())
}

/// The flat graph from a signature's inputs to its outputs, each called by its key.
fn serving_graph(
    own: Vec<NodeDef>,
    functions: Vec<FunctionDef>,
    signature: &SignatureDef,
) -> Result<Flat, Vec<Diagnostic>> {
    let mut inliner = Inliner::new(functions);
    for (key, info) in &signature.inputs {
        let name = inliner.reserve(key);
        inliner.feed(&info.name, &name);
        let shape = info.tensor_shape.clone().unwrap_or_default();
        let attr = [("dtype", Value::Type(info.dtype)), ("shape", Value::Shape(shape))];
        let attr = attr.map(|(name, value)| (name.to_owned(), AttrValue { value: Some(value) })).into();
        inliner.push(NodeDef { name, op: "Placeholder".to_owned(), attr, ..NodeDef::default() });
    }
    let keys: Vec<String> = signature.outputs.keys().map(|key| inliner.reserve(key)).collect();
    let wanted: Vec<&str> = signature.outputs.values().map(|info| info.name.as_str()).collect();
    for ((name, output), wanted) in keys.iter().zip(inliner.add_graph(own, &wanted)).zip(wanted) {
        let Some(output) = output else {
            let diagnostic =
                Diagnostic::error("E0105", format!("the output `{name}` is `{wanted}`, which no node makes"));
            return Err(vec![diagnostic.with_help("the file is damaged: export the model again")]);
        };
        inliner.push(functions::identity(name, &output));
    }
    inliner.finish(Some(&keys))
}

const MODEL: &str = "saved_model.pb";
const DEFAULT_SIGNATURE: &str = "serving_default";
