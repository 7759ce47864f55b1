//! The weight store beside the module: what the IR leaves out.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use indexmap::IndexMap;
use ndarray::ArrayD;
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorInfo};

use crate::{Encoding, EvalError, Func, Scalar, StoredTensor, Tensor, evaluate};

/// Weights by name: source tensors, in memory or as they lie in a file, and recipes that compute further ones from them on demand.
///
/// Clones share the source tensors and the file. No `Debug` of values: weights are a party's secret.
#[derive(Clone, Default)]
pub struct Weights {
    recipes: IndexMap<String, Recipe>,
}

#[derive(Clone)]
enum Recipe {
    Source(Arc<ArrayD<f32>>),
    Stored(StoredTensor),
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
    /// A stored tensor does not hold reals.
    #[error("weight `{name}` is stored as {encoding}, expected a float of 16, 32 or 64 bits")]
    Encoding {
        /// The weight.
        name: String,
        /// How it is stored.
        encoding: String,
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

    /// Adds a source tensor as it lies in a file. It is decoded each time that it is asked for, and the store keeps only the bytes.
    ///
    /// # Errors
    /// Where the name is taken, or the tensor holds integers.
    pub fn add_stored(&mut self, name: impl Into<String>, tensor: StoredTensor) -> Result<(), WeightsError> {
        let name = name.into();
        if tensor.scalar() != Scalar::F32 {
            return Err(WeightsError::Encoding { name, encoding: format!("{:?}", tensor.encoding()) });
        }
        self.add(name, Recipe::Stored(tensor))
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
            Recipe::Stored(tensor) => tensor.shape().to_vec(),
            Recipe::Computed(computed) => computed.func.ty(computed.func.results()[0].value).shape.clone(),
        })
    }

    /// A weight, decoded or computed now. Nothing is kept.
    ///
    /// # Errors
    /// Where there is no such weight, or its recipe fails.
    pub fn get(&self, name: &str) -> Result<ArrayD<f32>, WeightsError> {
        let computed = match self.recipe(name)? {
            Recipe::Source(tensor) => return Ok(ArrayD::clone(tensor)),
            Recipe::Stored(tensor) => return Ok(real(tensor.decode())),
            Recipe::Computed(computed) => computed,
        };
        let args = computed.func.args().zip(&computed.inputs);
        let args = args.map(|((_, arg), input)| Ok((arg.name.clone(), Tensor::F32(self.get(input)?))));
        let args = args.collect::<Result<IndexMap<_, _>, WeightsError>>()?;
        let results = evaluate(&computed.func, &args);
        Ok(real(results.map_err(|source| WeightsError::Eval { name: name.to_string(), source })?.remove(0)))
    }

    fn recipe(&self, name: &str) -> Result<&Recipe, WeightsError> {
        self.recipes.get(name).ok_or_else(|| WeightsError::Unknown { name: name.to_string() })
    }

    /// Reads a safetensors file; all tensors become sources, in the order of the file, and stay in its bytes.
    ///
    /// # Errors
    /// Where the bytes are no such file, or a tensor does not hold reals.
    pub fn from_safetensors(file: impl Into<Bytes>) -> Result<Self, WeightsError> {
        let file = file.into();
        let tensors = SafeTensors::deserialize(&file).map_err(WeightsError::Format)?;
        let mut tensors: Vec<_> = tensors.iter().collect();
        tensors.sort_by(|(a, x), (b, y)| (x.data().as_ptr(), a).cmp(&(y.data().as_ptr(), b)));
        let mut weights = Self::new();
        for (name, view) in tensors {
            let encoding = match view.dtype() {
                Dtype::F16 => Encoding::F16,
                Dtype::BF16 => Encoding::BF16,
                Dtype::F32 => Encoding::F32,
                Dtype::F64 => Encoding::F64,
                other => return Err(WeightsError::Encoding { name: name.into(), encoding: format!("{other:?}") }),
            };
            let tensor = StoredTensor::new(view.shape(), encoding, file.slice_ref(view.data()));
            weights.add_stored(name, tensor.expect("invariant: the format's reader has checked the length"))?;
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
            let values = tensor.as_standard_layout();
            for values in values.as_slice().expect("invariant: standard layout").chunks(WRITE_CHUNK) {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                out.write_all(&bytes).map_err(io(name))?;
            }
        }
        Ok(())
    }
}

/// Elements that are encoded and written at a time.
const WRITE_CHUNK: usize = 1 << 14;

fn real(tensor: Tensor) -> ArrayD<f32> {
    match tensor {
        Tensor::F32(tensor) => tensor,
        Tensor::I64(_) => unreachable!("invariant: the store takes reals only"),
    }
}
