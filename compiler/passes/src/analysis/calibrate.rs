//! Calibration: the ranges that values attain on sample data.

use indexmap::IndexMap;
use treville_hlil::{EvalError, Hlil, Tensor, Weights, WeightsError, evaluate_with};
use treville_ir::{ArgKind, Func};

use super::range::{Range, annotate};
use crate::origin::Origin;

/// One sample: the inputs by name.
pub type Sample = IndexMap<String, Tensor>;

/// What a real-valued program does on the samples.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// The range of each value that depends on an input, by index; [`Range::EMPTY`] for the others.
    pub ranges: Vec<Range>,
    /// The greatest mean magnitude that the elements of such a value had on one sample.
    pub means: Vec<f64>,
    /// The results on each sample.
    pub results: Vec<Vec<Tensor>>,
}

/// Why a program cannot be calibrated.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// A weight cannot be had.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A sample cannot be evaluated.
    #[error("sample {index}: {source}")]
    Sample {
        /// The sample's index.
        index: usize,
        /// Why.
        source: EvalError,
    },
}

/// Evaluates the program on each sample and notes the range of every value.
///
/// # Errors
/// Weights that are missing, and samples that do not fit the program's inputs.
pub fn calibrate(func: &Func<Hlil>, weights: &Weights, samples: &[Sample]) -> Result<Calibration, CalibrateError> {
    calibrate_with(func, weights, samples, &mut |_| {})
}

/// As [`calibrate`]; `done` gets the number of each sample after it was evaluated.
///
/// # Errors
/// As [`calibrate`].
pub fn calibrate_with(
    func: &Func<Hlil>,
    weights: &Weights,
    samples: &[Sample],
    done: &mut dyn FnMut(usize),
) -> Result<Calibration, CalibrateError> {
    let origins = Origin::of_values(func);
    let mut args = Sample::new();
    for (_, arg) in func.args().filter(|(_, arg)| arg.kind == ArgKind::Weight) {
        args.insert(arg.name.clone(), Tensor::F32(weights.get(&arg.name)?));
    }
    let mut ranges = vec![Range::EMPTY; func.values().len()];
    let mut means = vec![0.0; func.values().len()];
    let mut results = Vec::with_capacity(samples.len());
    for (index, sample) in samples.iter().enumerate() {
        args.extend(sample.iter().map(|(name, tensor)| (name.clone(), tensor.clone())));
        let mut observe = |value: treville_ir::ValueId, tensor: &Tensor| {
            if origins[value.index()] == Origin::Secret {
                let range = &mut ranges[value.index()];
                let (seen, mean) = extent_of(tensor);
                *range = range.union(seen);
                means[value.index()] = mean.max(means[value.index()]);
            }
        };
        let result = evaluate_with(func, &args, &mut observe);
        results.push(result.map_err(|source| CalibrateError::Sample { index, source })?);
        done(index);
    }
    Ok(Calibration { ranges, means, results })
}

impl Calibration {
    /// Annotates each value that has a range; `hlil-to-llil` carries the ranges over.
    ///
    /// # Security
    /// The ranges of weights stay out of the program; that each weight fits is checked when it is encoded.
    ///
    /// # Panics
    /// Where the calibration is of another function.
    pub fn annotate(&self, func: &mut Func<Hlil>) {
        assert_eq!(func.values().len(), self.ranges.len(), "a calibration of another function");
        let values: Vec<_> = func.values().map(|(value, _)| value).collect();
        for (value, (&range, &mean)) in values.into_iter().zip(self.ranges.iter().zip(&self.means)) {
            if range.low <= range.high {
                annotate(func, value, range, mean);
            }
        }
    }
}

/// The range of the elements, and the mean of their magnitudes.
fn extent_of(tensor: &Tensor) -> (Range, f64) {
    match tensor {
        Tensor::F32(x) => extent(x.iter().map(|&v| v.into())),
        Tensor::I64(x) => extent(x.iter().map(|&v| v as f64)),
    }
}

fn extent(values: impl ExactSizeIterator<Item = f64>) -> (Range, f64) {
    let (count, mut sum) = (values.len().max(1) as f64, 0.0);
    let range = Range::over(values.inspect(|v| sum += v.abs()));
    (range, sum / count)
}
