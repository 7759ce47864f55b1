//! The weight store beside the module: what the IR leaves out.

use std::io::Write;
use std::sync::Arc;

use indexmap::IndexMap;
use ndarray::ArrayD;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};
use treville_ring::tensor::from_vec;

use crate::{EvalError, Func, Scalar, Tensor, evaluate};

/// Weights by name: source tensors, and recipes that compute further ones from them on demand.
///
/// Clones share the source tensors. No `Debug` of values: weights are a party's secret.
#[derive(Clone, Default)]
pub struct Weights {
    recipes: IndexMap<String, Recipe>,
}

#[derive(Clone)]
enum Recipe {
    Source(Arc<ArrayD<f32>>),
    Computed(Arc<Computed>),
}

struct Computed {
    func: Func,
    /// For each argument of the function, the weight's name.
    inputs: Vec<String>,
}

/// Why a weight cannot be stored or had.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// There is no such weight.
    #[error("there is no weight `{name}`")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The name is taken.
    #[error("there is already a weight `{name}`")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A recipe is no function of its inputs.
    #[error("the recipe of weight `{name}` does not fit: {reason}")]
    Recipe {
        /// The weight that it would compute.
        name: String,
        /// What does not fit.
        reason: String,
    },
    /// A recipe failed.
    #[error("the recipe of weight `{name}` failed")]
    Eval {
        /// The weight that it computes.
        name: String,
        /// Why.
        source: EvalError,
    },
    /// A tensor in a file is of another kind than f32.
    #[error("weight `{name}` is stored as {dtype}, expected F32")]
    Dtype {
        /// The weight.
        name: String,
        /// How it is stored.
        dtype: String,
    },
    /// The bytes are no safetensors file.
    #[error("not a valid safetensors file")]
    Format(#[source] safetensors::SafeTensorError),
    /// The file's header cannot be written.
    #[error("the safetensors header cannot be written")]
    Header(#[source] serde_json::Error),
    /// Writing failed.
    #[error("weight `{name}` cannot be written")]
    Io {
        /// The weight, or the file's header.
        name: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Weights {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a source tensor.
    ///
    /// # Errors
    /// Where the name is taken.
    pub fn add_source(&mut self, name: impl Into<String>, tensor: ArrayD<f32>) -> Result<(), WeightsError> {
        self.add(name.into(), Recipe::Source(Arc::new(tensor)))
    }

    /// Adds a weight that `func` computes; its arguments stand for the weights `inputs`, in order. Nothing is computed yet.
    ///
    /// # Errors
    /// Where the name is taken, an input is unknown, or the function does not take these inputs or give one real tensor.
    pub fn add_recipe(&mut self, name: impl Into<String>, func: Func, inputs: Vec<String>) -> Result<(), WeightsError> {
        let name = name.into();
        let misfit = |reason: String| WeightsError::Recipe { name: name.clone(), reason };
        func.verify().map_err(|e| misfit(e[0].to_string()))?;
        if func.args().len() != inputs.len() {
            return Err(misfit(format!("{} inputs for {} arguments", inputs.len(), func.args().len())));
        }
        for (input, (_, arg)) in inputs.iter().zip(func.args()) {
            let shape = self.shape(input)?;
            if shape != arg.ty.shape || arg.ty.elem.scalar != Scalar::F32 {
                return Err(misfit(format!("weight `{input}` of shape {shape:?} for argument {}", arg.ty)));
            }
        }
        match func.results() {
            [one] if func.ty(one.value).elem.scalar == Scalar::F32 => {}
            _ => return Err(misfit("it must have one real result".into())),
        }
        self.add(name, Recipe::Computed(Arc::new(Computed { func, inputs })))
    }

    fn add(&mut self, name: String, recipe: Recipe) -> Result<(), WeightsError> {
        if self.recipes.contains_key(&name) {
            return Err(WeightsError::Duplicate { name });
        }
        self.recipes.insert(name, recipe);
        Ok(())
    }

    /// The names, in order of addition.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.recipes.keys().map(String::as_str)
    }

    /// Whether there is a weight of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.recipes.contains_key(name)
    }

    /// The shape of a weight, without computing it.
    ///
    /// # Errors
    /// Where there is no such weight.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, WeightsError> {
        Ok(match self.recipe(name)? {
            Recipe::Source(tensor) => tensor.shape().to_vec(),
            Recipe::Computed(computed) => computed.func.ty(computed.func.results()[0].value).shape.clone(),
        })
    }

    /// A weight, computed now if it has a recipe. Nothing is kept.
    ///
    /// # Errors
    /// Where there is no such weight, or its recipe fails.
    pub fn get(&self, name: &str) -> Result<ArrayD<f32>, WeightsError> {
        let computed = match self.recipe(name)? {
            Recipe::Source(tensor) => return Ok(ArrayD::clone(tensor)),
            Recipe::Computed(computed) => computed,
        };
        let args = computed.func.args().zip(&computed.inputs);
        let args = args.map(|((_, arg), input)| Ok((arg.name.clone(), Tensor::F32(self.get(input)?))));
        let args = args.collect::<Result<IndexMap<_, _>, WeightsError>>()?;
        let results = evaluate(&computed.func, &args);
        let results = results.map_err(|source| WeightsError::Eval { name: name.to_string(), source })?;
        match results.into_iter().next() {
            Some(Tensor::F32(tensor)) => Ok(tensor),
            _ => unreachable!("invariant: add_recipe asks for one real result"),
        }
    }

    fn recipe(&self, name: &str) -> Result<&Recipe, WeightsError> {
        self.recipes.get(name).ok_or_else(|| WeightsError::Unknown { name: name.to_string() })
    }

    /// Reads a safetensors file's bytes; all tensors become sources, in the order of the file.
    ///
    /// # Errors
    /// Where the bytes are no such file, or a tensor is not f32.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let file = SafeTensors::deserialize(bytes).map_err(WeightsError::Format)?;
        let mut tensors: Vec<_> = file.iter().collect();
        tensors.sort_by(|(a, x), (b, y)| (x.data().as_ptr(), a).cmp(&(y.data().as_ptr(), b)));
        let mut weights = Self::new();
        for (name, view) in tensors {
            if view.dtype() != Dtype::F32 {
                return Err(WeightsError::Dtype { name: name.to_string(), dtype: format!("{:?}", view.dtype()) });
            }
            let (words, _) = view.data().as_chunks::<4>();
            let values = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
            weights.add_source(name, from_vec(view.shape(), values))?;
        }
        Ok(weights)
    }

    /// Writes weights as a safetensors file, in the given order. Each is computed when its turn comes, so that one at a time is held.
    ///
    /// # Errors
    /// As [`Weights::get`], and where a name stands twice or writing fails.
    pub fn write_safetensors<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        out: &mut dyn Write,
    ) -> Result<(), WeightsError> {
        let names: Vec<_> = names.into_iter().collect();
        let mut infos = Vec::new();
        let mut end = 0;
        for (i, name) in names.iter().enumerate() {
            if names[..i].contains(name) {
                return Err(WeightsError::Duplicate { name: name.to_string() });
            }
            let shape = self.shape(name)?;
            let start = end;
            end += 4 * shape.iter().product::<usize>();
            infos.push((name.to_string(), TensorInfo { dtype: Dtype::F32, shape, data_offsets: (start, end) }));
        }
        let metadata = Metadata::new(None, infos).map_err(WeightsError::Format)?;
        let mut header = serde_json::to_vec(&metadata).map_err(WeightsError::Header)?;
        // The format asks for data that is aligned to 8 bytes.
        header.resize(header.len().next_multiple_of(8), b' ');
        let io = |name: &str| {
            let name = name.to_string();
            move |source| WeightsError::Io { name, source }
        };
        out.write_all(&(header.len() as u64).to_le_bytes()).map_err(io("header"))?;
        out.write_all(&header).map_err(io("header"))?;
        for name in names {
            let tensor = self.get(name)?;
            let bytes: Vec<u8> = tensor.iter().flat_map(|v| v.to_le_bytes()).collect();
            out.write_all(&bytes).map_err(io(name))?;
        }
        Ok(())
    }
}
