//! Model files and data files.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use ndarray::{ArrayD, Axis};
use treville_frontend_tensorflow as tensorflow;
use treville_hlil::{Hlil, Tensor, Weights};
use treville_ir::{ArgKind, Diagnostic, Func, Listing, parse};
use treville_party::{Array, Exit, read_inputs};

use crate::cli::ModelArgs;
use crate::failure::Failure;
use crate::table::table;

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
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            let what = "SavedModel directories are not supported yet; freeze the graph to a .pb";
            return Err(Failure::new(Exit::Unsupported, format!("{}: {what}", path.display())));
        }
        let bytes = std::fs::read(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "hlil" => Self::read_hlil(path, name, &bytes),
            "onnx" => Err(Failure::new(
                Exit::Unsupported,
                format!("{}: ONNX is not supported yet; export a TensorFlow GraphDef (.pb or .pbtxt)", path.display()),
            )),
            _ => Self::from_graph(name, &file, &bytes, args),
        }
    }

    /// Imports a GraphDef, text or binary.
    pub fn from_graph(name: String, file: &str, bytes: &[u8], args: &ModelArgs) -> Result<Self, Failure> {
        let options = import_options(file, args)?;
        let format = tensorflow::Format::sniff(bytes);
        match tensorflow::import(bytes, format, &options) {
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
                    |code: &str| matches!(code, "E0109" | "E0119") || code == "E0107" && !args.result.is_empty();
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
                Weights::from_safetensors(&bytes).map_err(|e| Failure::usage(format!("{}: {e}", beside.display())))?
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
        self.func
            .args()
            .filter(|(_, a)| a.kind == ArgKind::Input)
            .map(|(_, a)| (a.name.clone(), a.ty.shape.clone()))
            .collect()
    }
}

fn import_options(file: &str, args: &ModelArgs) -> Result<tensorflow::Options, Failure> {
    let mut options =
        tensorflow::Options { file: file.to_string(), outputs: args.result.clone(), ..Default::default() };
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
        options.sizes =
            Some(tensorflow::Sizes::parse(&text).map_err(|e| Failure::usage(format!("{}: {}", path.display(), e)))?);
    }
    for owner in &args.owner {
        let (name, party) =
            owner.rsplit_once('=').ok_or_else(|| Failure::usage(format!("--owner {owner}: expected NAME=PARTY")))?;
        match name {
            "weights" => options.weights_owner = Some(party.to_string()),
            _ => drop(options.owners.insert(name.to_string(), party.to_string())),
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

/// `treville inspect MODEL`: what the file holds, and what of it is supported.
///
/// # Errors
/// As [`Model::read`]; the coverage of its operations comes before the diagnostics of a model that cannot be compiled.
pub fn inspect(path: &Path, args: &ModelArgs) -> Result<String, Failure> {
    let coverage = coverage(path, args);
    let model =
        Model::read(path, args).map_err(|e| Failure::new(e.exit, format!("{}{coverage}", e.text.clone() + "\n\n")))?;
    let mut text = coverage;
    for (_, arg) in model.func.args() {
        let kind = if arg.kind == ArgKind::Input { "input " } else { "weight" };
        text += &format!("  {kind} {} {:?} of the {}\n", arg.name, arg.ty.shape, arg.owner);
    }
    for result in model.func.results() {
        text += &format!(
            "  result {} {:?} for the {}\n",
            result.name,
            model.func.ty(result.value).shape,
            result.owners.join(", ")
        );
    }
    for note in &model.notes {
        text += &format!("note: {}\n", note.message);
    }
    Ok(text)
}

/// The operations of a TensorFlow graph and whether each is supported; empty for anything else.
fn coverage(path: &Path, args: &ModelArgs) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let counted = std::fs::read(path)
        .ok()
        .zip(import_options(&file, args).ok())
        .and_then(|(bytes, options)| tensorflow::coverage(&bytes, tensorflow::Format::sniff(&bytes), &options).ok());
    let Some(counts) = counted.filter(|c| !c.is_empty()) else { return String::new() };
    let n_nodes: usize = counts.iter().map(|c| c.nodes).sum();
    let n_supported: usize = counts.iter().filter(|c| c.supported).map(|c| c.nodes).sum();
    let rows: Vec<Vec<String>> = counts
        .iter()
        .map(|c| {
            vec![c.op.clone(), c.nodes.to_string(), if c.supported { String::new() } else { "NOT SUPPORTED".into() }]
        })
        .collect();
    format!(
        "{file}: {n_nodes} nodes that the result needs, {n_supported} of supported operations\n{}",
        table(&["operation", "nodes", ""], &rows)
    )
}

/// Samples for calibration or verification.
#[derive(Clone, Default)]
pub struct Samples {
    /// By sample: the inputs by name, in the shapes of one inference.
    pub inputs: Vec<IndexMap<String, Tensor>>,
    /// The class of each sample, where known.
    pub labels: Option<Vec<i64>>,
    /// The reference output of each sample, where known.
    pub expected: Option<Vec<ArrayD<f32>>>,
}

impl Samples {
    /// Reads `.npz` with one array for each input, and `labels` and `expected` where known; or a `.npy` for the only input.
    ///
    /// # Errors
    /// Exit code 2: a missing or ill-shaped array, values that are not finite, different numbers of samples.
    pub fn read(path: &Path, model: &Model) -> Result<Self, Failure> {
        let inputs = model.inputs();
        let single = inputs.first().map(|(n, _)| n.as_str()).unwrap_or_default();
        let arrays = read_inputs(path, single).map_err(|e| Failure::usage(e.to_string()))?;
        Self::from_arrays(arrays.into_iter().collect(), &inputs)
            .map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
    }

    /// The samples in named arrays.
    pub fn from_arrays(mut arrays: BTreeMap<String, Array>, inputs: &[(String, Vec<usize>)]) -> Result<Self, String> {
        let mut samples = Samples::default();
        for (i, (name, shape)) in inputs.iter().enumerate() {
            let array = arrays.remove(name).ok_or_else(|| {
                let given: Vec<&str> = arrays.keys().map(String::as_str).collect();
                format!(
                    "no array for the input `{name}`; there is: {}",
                    if given.is_empty() { "none".into() } else { given.join(", ") }
                )
            })?;
            let parts = split(&array.into_f32(), shape).map_err(|e| format!("array `{name}`: {e}"))?;
            if let Some(bad) = parts.iter().position(|p| p.iter().any(|v| !v.is_finite())) {
                return Err(format!("array `{name}`: sample {bad} has a value that is not a finite number"));
            }
            if i == 0 {
                samples.inputs = vec![IndexMap::new(); parts.len()];
            }
            if parts.len() != samples.inputs.len() {
                return Err(format!(
                    "array `{name}` has {} samples, the first input has {}",
                    parts.len(),
                    samples.inputs.len()
                ));
            }
            samples.inputs.iter_mut().zip(parts).for_each(|(s, p)| drop(s.insert(name.clone(), Tensor::F32(p))));
        }
        let n = samples.inputs.len();
        if let Some(labels) = arrays.remove("labels") {
            let labels: Vec<i64> = labels.into_f32().iter().map(|&v| v as i64).collect();
            if labels.len() != n {
                return Err(format!("{} labels for {n} samples", labels.len()));
            }
            samples.labels = Some(labels);
        }
        if let Some(expected) = arrays.remove("expected") {
            let expected = expected.into_f32();
            if expected.shape().first() != Some(&n) {
                return Err(format!("`expected` has shape {:?} for {n} samples", expected.shape()));
            }
            samples.expected = Some(expected.axis_iter(Axis(0)).map(|e| e.to_owned()).collect());
        }
        Ok(samples)
    }

    /// The first `n` samples.
    pub fn first(&self, n: usize) -> Samples {
        let n = n.min(self.inputs.len());
        Samples {
            inputs: self.inputs[..n].to_vec(),
            labels: self.labels.as_ref().map(|l| l[..n].to_vec()),
            expected: self.expected.as_ref().map(|e| e[..n].to_vec()),
        }
    }
}

/// Splits N samples along the first axis into tensors of `shape`.
fn split(array: &ArrayD<f32>, shape: &[usize]) -> Result<Vec<ArrayD<f32>>, String> {
    let size: usize = shape.iter().product();
    let tail = |s: &[usize]| s.iter().copied().skip_while(|&d| d == 1).collect::<Vec<_>>();
    if array.ndim() == 0 || size == 0 || array.len() % size != 0 || array.is_empty() {
        return Err(format!("shape {:?} does not hold samples of {shape:?}", array.shape()));
    }
    // The sample's own batch axis of 1 may be there or not.
    if tail(&array.shape()[1..]) != tail(shape) && array.shape() != shape {
        return Err(format!("shape {:?} does not hold samples of {shape:?} along its first axis", array.shape()));
    }
    let flat: Vec<f32> = array.iter().copied().collect();
    Ok(flat.chunks(size).map(|c| treville_ring::tensor::from_vec(shape, c.to_vec())).collect())
}
