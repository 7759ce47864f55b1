//! Samples: the inputs of inferences, with what is known of their answers.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use ndarray::{ArrayD, Axis};
use treville_hlil::{Scalar, Tensor};
use treville_party::Array;
use treville_ring::tensor::from_vec;

use crate::data;
use crate::failure::Failure;
use crate::model::Model;

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
        let arrays = data::read(path, single)?;
        Self::from_arrays(arrays.into_iter().collect(), model)
            .map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
    }

    /// The samples in named arrays.
    ///
    /// # Errors
    /// Which array is missing or does not fit.
    pub fn from_arrays(mut arrays: BTreeMap<String, Array>, model: &Model) -> Result<Self, String> {
        let mut samples = Samples::default();
        for (i, (name, ty)) in model.input_types().enumerate() {
            let array = arrays.remove(name).ok_or_else(|| {
                let given: Vec<&str> = arrays.keys().map(String::as_str).collect();
                let given = if given.is_empty() { "none".into() } else { given.join(", ") };
                format!("no array for the input `{name}`; there is: {given}")
            })?;
            let fail = |what: String| format!("array `{name}`: {what}");
            let parts = split(array, &ty.shape, ty.elem.scalar).map_err(fail)?;
            let finite = |t: &Tensor| t.as_f32().is_none_or(|x| x.iter().all(|v| v.is_finite()));
            if let Some(bad) = parts.iter().position(|part| !finite(part)) {
                return Err(fail(format!("sample {bad} has a value that is not a finite number")));
            }
            if i == 0 {
                samples.inputs = vec![IndexMap::new(); parts.len()];
            }
            if parts.len() != samples.inputs.len() {
                let (here, first) = (parts.len(), samples.inputs.len());
                return Err(format!("array `{name}` has {here} samples, the first input has {first}"));
            }
            samples.inputs.iter_mut().zip(parts).for_each(|(s, p)| drop(s.insert(name.to_string(), p)));
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

/// Splits N samples along the first axis into tensors of `shape`; an array of that very shape is one sample.
fn split(array: Array, shape: &[usize], scalar: Scalar) -> Result<Vec<Tensor>, String> {
    let given = array.shape();
    let size: usize = shape.iter().product();
    let tail = |s: &[usize]| s.iter().copied().skip_while(|&d| d == 1).collect::<Vec<_>>();
    // The sample's own batch axis of 1 may be there or not.
    let many = given.first().is_some_and(|n| *n > 0) && tail(&given[1..]) == tail(shape);
    if size == 0 || given != shape && !many {
        return Err(format!("shape {given:?} does not hold samples of {shape:?} along its first axis"));
    }
    let tensor = |values: &[f32]| Tensor::F32(from_vec(shape, values.to_vec()));
    match (array, scalar) {
        (array, Scalar::F32) => {
            Ok(array.into_f32().iter().copied().collect::<Vec<_>>().chunks(size).map(tensor).collect())
        }
        (Array::I64(x), Scalar::I64) => {
            let flat: Vec<i64> = x.iter().copied().collect();
            Ok(flat.chunks(size).map(|values| Tensor::I64(from_vec(shape, values.to_vec()))).collect())
        }
        (Array::F32(_), Scalar::I64) => Err("the input takes integers, these are reals".into()),
    }
}
