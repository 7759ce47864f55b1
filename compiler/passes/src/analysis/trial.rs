//! Trials: what a program does at one scale, and how that compares with what it does in float.

use treville_hlil::{Hlil, Tensor, Weights};
use treville_ir::{Diagnostic, Func};
use treville_llil::{Exact, Llil, evaluate};

use super::calibrate::Sample;
use super::failure::failure_bound;
use super::range;
use crate::hlil_infer_scales::Scales;
use crate::{Module, Options, PassError, decode_results, encode_inputs, encode_weights, hlil_to_llil, run_passes};

/// A program, and what it is tried on.
#[derive(Clone, Copy)]
pub struct Trials<'a> {
    /// The program after the HLIL passes, with ranges.
    pub func: &'a Func<Hlil>,
    /// Its weights.
    pub weights: &'a Weights,
    /// The samples.
    pub samples: &'a [Sample],
    /// The float results on each sample.
    pub float: &'a [Vec<Tensor>],
    /// The right decisions, one a sample.
    pub labels: Option<&'a [i64]>,
    /// What the passes are told, but for the scale.
    pub options: &'a Options,
    /// A scale at which an inference fails with a probability above 2 to the power of this does not fit.
    pub max_failure_log2: f64,
}

/// What a program does at one scale.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleRow {
    /// The base scale.
    pub scale: u8,
    /// Whether all ranges and the failure bound fit, and every sample could be evaluated.
    pub fits: bool,
    /// Samples with the decision of the float program.
    pub agreeing: usize,
    /// Samples with the right decision, where labels are given.
    pub correct: Option<usize>,
    /// The largest error of a result.
    pub max_abs_err: f64,
}

impl Trials<'_> {
    /// The fixed-point program at a base scale: each tensor with the fraction bits of `scales`, or with the same ones all over.
    ///
    /// # Errors
    /// Ops without a fixed-point form. What does not fit at this scale is the inner error.
    pub fn lower(&self, scale: u8, scales: Option<&Scales>) -> Result<Result<Module, Vec<Diagnostic>>, PassError> {
        let mut func = self.func.clone();
        if let Some(scales) = scales {
            scales.annotate(&mut func, scale);
        }
        let module = Module::Hlil(func, self.weights.clone());
        match run_passes("hlil-to-llil,llil-default", module, &Options { scale, ..self.options.clone() }) {
            Ok(module) => {
                let func: &Func<Llil> = module.llil().expect("invariant: hlil-to-llil makes LLIL");
                let mut misfits = range::misfits(func);
                misfits.extend(failure_bound(func).refusal(self.max_failure_log2));
                Ok(if misfits.is_empty() { Ok(module) } else { Err(misfits) })
            }
            // What is unsupported at one scale is so at all; the rest is want of bits.
            Err(PassError::Refused { diagnostics, .. })
                if diagnostics.iter().all(|d| d.code != hlil_to_llil::UNSUPPORTED) =>
            {
                Ok(Err(diagnostics))
            }
            Err(error) => Err(error),
        }
    }

    /// Evaluates a fixed-point program on the samples.
    pub fn run(&self, module: &Module, scale: u8) -> ScaleRow {
        let Ok(results) = self.results(module) else { return self.misfit(scale) };
        let decisions = results.iter().map(|results| decision(results));
        let errors = results.iter().zip(self.float).map(|(fixed, float)| error(fixed, float));
        let equal =
            |expected: &mut dyn Iterator<Item = i64>| decisions.clone().zip(expected).filter(|(a, b)| a == b).count();
        ScaleRow {
            scale,
            fits: true,
            agreeing: equal(&mut self.float.iter().map(|results| decision(results))),
            correct: self.labels.map(|labels| equal(&mut labels.iter().copied())),
            max_abs_err: errors.fold(0.0, f64::max),
        }
    }

    /// The row of a scale that does not fit.
    pub fn misfit(&self, scale: u8) -> ScaleRow {
        ScaleRow { scale, fits: false, agreeing: 0, correct: self.labels.map(|_| 0), max_abs_err: f64::INFINITY }
    }

    /// Samples that float decides rightly, where labels are given.
    pub fn float_correct(&self) -> Option<usize> {
        let decisions = self.float.iter().map(|results| decision(results));
        self.labels.map(|labels| decisions.zip(labels).filter(|(a, b)| a == *b).count())
    }

    /// The difference between the largest and the smallest element of all float results; unbounded where they are indices.
    pub fn spread(&self) -> f64 {
        let reals = self.float.iter().flatten().filter_map(Tensor::as_f32);
        let range = range::Range::over(reals.flat_map(|x| x.iter().map(|&v| f64::from(v))));
        if range.low < range.high { range.high - range.low } else { f64::INFINITY }
    }

    fn results(&self, module: &Module) -> Result<Vec<Vec<Tensor>>, Vec<Diagnostic>> {
        let func = module.llil().expect("invariant: what was lowered is LLIL");
        let mut args = encode_weights(func, module.weights())?;
        let mut all = Vec::with_capacity(self.samples.len());
        for sample in self.samples {
            args.extend(encode_inputs(func, sample)?);
            let results = evaluate(func, &args, &mut Exact, &mut |_, _| {}).map_err(|e| vec![e.into()])?;
            all.push(decode_results(func, &results));
        }
        Ok(all)
    }
}

/// What a sample's first result decides: an index as it is, the first maximum of several values, the side of 0.5 of a single one.
pub fn decision(results: &[Tensor]) -> i64 {
    match results.first() {
        Some(Tensor::I64(x)) => x.first().copied().unwrap_or(0),
        Some(Tensor::F32(x)) if x.len() == 1 => i64::from(x.iter().all(|&v| v > 0.5)),
        Some(Tensor::F32(x)) => {
            let greater = |best: (i64, f32), (i, &v): (usize, &f32)| if v > best.1 { (i as i64, v) } else { best };
            x.iter().enumerate().fold((0, f32::NEG_INFINITY), greater).0
        }
        None => 0,
    }
}

/// The largest difference between two lists of results; indices do not count.
fn error(fixed: &[Tensor], float: &[Tensor]) -> f64 {
    let pairs = fixed.iter().zip(float).filter_map(|(a, b)| Some((a.as_f32()?, b.as_f32()?)));
    pairs.flat_map(|(a, b)| a.iter().zip(b)).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_arg_max_side_or_index() {
        let real = |values: &[f32]| Tensor::F32(ndarray::Array::from(values.to_vec()).into_dyn());
        assert_eq!(decision(&[real(&[0.1, 0.7, 0.7])]), 1);
        assert_eq!([decision(&[real(&[0.4])]), decision(&[real(&[0.6])])], [0, 1]);
        assert_eq!(decision(&[Tensor::I64(ndarray::arr1(&[7]).into_dyn())]), 7);
    }
}
