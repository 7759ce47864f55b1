//! Model files.

use std::path::Path;

use bytes::Bytes;
use indexmap::IndexMap;
use treville_frontend_common::{Options, Sizes};
use treville_hlil::{Hlil, Tensor, TensorType, Weights};
use treville_ir::{ArgKind, Diagnostic, Func, Listing, parse};
use treville_party::Exit;

use crate::cli::ModelArgs;
use crate::data;
use crate::failure::Failure;
pub use crate::samples::Samples;
use crate::source::{Source, read_file};

/// The greatest number of elements of a tensor: 1 GiB of f32.
const MAX_ELEMENTS: f64 = (1u64 << 28) as f64;

/// An imported model.
#[derive(Clone)]
pub struct Model {
    /// The file's name without its ending.
    pub name: String,
    /// The program.
    pub func: Func<Hlil>,
    /// Its weights.
    pub weights: Weights,
    /// What the importer decided.
    pub notes: Vec<Diagnostic>,
    /// One line for each node, for diagnostics.
    pub listing: Listing,
}

impl Model {
    /// Reads a model file.
    ///
    /// # Errors
    /// Exit code 2 for unusable options or files that cannot be read, 3 for what is not supported: all problems at once.
    pub fn read(path: &Path, args: &ModelArgs) -> Result<Self, Failure> {
        let name = path.file_stem().unwrap_or("model".as_ref()).to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "hlil") {
            return Self::read_hlil(path, name, &read_file(path)?);
        }
        Self::import(name, &Source::open(path)?, &import_options(path, args)?)
    }

    /// Imports a GraphDef, text or binary.
    pub fn from_graph(name: String, file: &str, bytes: &'static [u8], args: &ModelArgs) -> Result<Self, Failure> {
        Self::import(name, &Source::GraphDef(Bytes::from_static(bytes)), &import_options(Path::new(file), args)?)
    }

    /// Imports what a front end reads.
    pub(crate) fn import(name: String, source: &Source, options: &Options) -> Result<Self, Failure> {
        match source.import(options) {
            Ok(imported) => Model {
                name,
                func: imported.func,
                weights: imported.weights,
                notes: imported.notes,
                listing: imported.listing,
            }
            .in_memory(),
            Err(error) => {
                // The model may be fine where all that is wrong are options that do not fit it.
                let of_options =
                    |code: &str| matches!(code, "E0109" | "E0119") || code == "E0107" && !options.outputs.is_empty();
                let only_options = error.diagnostics.iter().all(|d| of_options(d.code));
                let exit = if only_options { Exit::Usage } else { Exit::Unsupported };
                Err(Failure::diagnostics(exit, &error.diagnostics, &error.listing, false))
            }
        }
    }

    fn read_hlil(path: &Path, name: String, bytes: &[u8]) -> Result<Self, Failure> {
        let text = std::str::from_utf8(bytes).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
        let listing = Listing::of_text(path.to_string_lossy(), text);
        let func = parse::<Hlil>(text).map_err(|d| Failure::diagnostics(Exit::Unsupported, &d, &listing, false))?;
        let beside = path.with_file_name("weights.safetensors");
        let weights = match std::fs::read(&beside) {
            Ok(bytes) => {
                Weights::from_safetensors(bytes).map_err(|e| Failure::usage(format!("{}: {e}", beside.display())))?
            }
            Err(_) => Weights::default(),
        };
        if let Some((_, missing)) = func.args().find(|(_, a)| a.kind == ArgKind::Weight && !weights.contains(&a.name)) {
            return Err(Failure::usage(format!("weight `{}` is not in {}", missing.name, beside.display())));
        }
        Model { name, func, weights, notes: Vec::new(), listing }.in_memory()
    }

    /// Refuses a model whose tensors no machine could hold: calibration evaluates it.
    fn in_memory(self) -> Result<Self, Failure> {
        let mut too_large = Vec::new();
        for (id, value) in self.func.values() {
            let elements: f64 = value.ty.shape.iter().map(|&d| d as f64).product();
            if elements > MAX_ELEMENTS {
                let message = format!("a tensor of {elements:.0} elements is too large: {}", value.ty);
                let node = self.func.loc(id);
                let diagnostic = Diagnostic::error("E0701", message).at_node(node, "this value");
                too_large
                    .push(diagnostic.with_help("at most 2^28 elements can be computed with; is a dimension wrong?"));
            }
        }
        if too_large.is_empty() {
            return Ok(self);
        }
        Err(Failure::diagnostics(Exit::Unsupported, &too_large, &self.listing, false))
    }

    /// The names and shapes of the inputs.
    pub fn inputs(&self) -> Vec<(String, Vec<usize>)> {
        self.input_types().map(|(name, ty)| (name.to_string(), ty.shape.clone())).collect()
    }

    /// The names and types of the inputs.
    pub fn input_types(&self) -> impl Iterator<Item = (&str, &TensorType)> + '_ {
        let inputs = self.func.args().map(|(_, a)| a).filter(|a| a.kind == ArgKind::Input);
        inputs.map(|a| (a.name.as_str(), &a.ty))
    }
}

/// What the command line says about the model in a file.
pub(crate) fn import_options(path: &Path, args: &ModelArgs) -> Result<Options, Failure> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (outputs, signature) = (args.result.clone(), args.signature.clone());
    let mut options = Options { file, outputs, signature, ..Options::default() };
    for shape in &args.shape {
        let parsed = shape.rsplit_once(':').and_then(|(name, dims)| {
            let dims: Option<Vec<usize>> = dims.split('x').map(|d| d.parse().ok()).collect();
            Some((name.to_string(), dims?))
        });
        let (name, dims) = parsed.ok_or_else(|| Failure::usage(format!("--shape {shape}: expected NAME:1x28x28x1")))?;
        options.shapes.insert(name, dims);
    }
    if let Some(path) = &args.sizes {
        let text = std::fs::read_to_string(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
        options.sizes = Some(Sizes::parse(&text).map_err(|e| Failure::usage(format!("{}: {}", path.display(), e)))?);
    }
    for owner in &args.owner {
        let (name, party) =
            owner.rsplit_once('=').ok_or_else(|| Failure::usage(format!("--owner {owner}: expected NAME=PARTY")))?;
        match name {
            "weights" => options.weights_owner = Some(party.to_string()),
            _ => drop(options.owners.insert(name.to_string(), party.to_string())),
        }
    }
    for bound in &args.bind {
        let (name, file) =
            bound.split_once('=').ok_or_else(|| Failure::usage(format!("--bind {bound}: expected NAME=FILE")))?;
        for (name, array) in data::read(Path::new(file), name)? {
            options.bound.insert(name, data::tensor(array));
        }
    }
    options.public = args.public.iter().cloned().collect();
    options.secret = args.secret.iter().cloned().collect();
    Ok(options)
}

/// The arguments of an evaluation: one sample and the weights.
pub fn with_weights(
    func: &Func<Hlil>,
    weights: &Weights,
    sample: &IndexMap<String, Tensor>,
) -> Result<IndexMap<String, Tensor>, Failure> {
    let mut args = sample.clone();
    for (_, arg) in func.args().filter(|(_, a)| a.kind == ArgKind::Weight) {
        let value = weights.get(&arg.name).map_err(|e| Failure::other(e.to_string()))?;
        args.insert(arg.name.clone(), Tensor::F32(value));
    }
    Ok(args)
}
