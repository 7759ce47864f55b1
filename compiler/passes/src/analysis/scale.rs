//! The scale search: the smallest number of fraction bits that keeps a model's decisions.

use treville_hlil::{Hlil, Tensor, Weights};
use treville_ir::{Diagnostic, Func};
use treville_llil::{Exact, Llil, evaluate};

use super::calibrate::{CalibrateError, Sample, calibrate};
use super::failure::failure_bound;
use super::range;
use crate::hlil_to_llil;
use crate::{Module, Options, PassError, decode_results, encode_inputs, encode_weights, run_passes};

/// The scales that are tried.
pub const SCALES: std::ops::RangeInclusive<u8> = 4..=24;

/// Bits that are added to the smallest scale that keeps the decisions.
pub const EXTRA_BITS: u8 = 2;

/// The error that a scale may make, as a share of the spread of the float results: few samples decide little, errors show early.
pub const MAX_RELATIVE_ERROR: f64 = 1.0 / 1024.0;

/// What a program does at one scale.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleRow {
    /// The fraction bits.
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

/// The outcome of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleSearch {
    /// The chosen scale.
    pub scale: u8,
    /// All scales that were tried.
    pub rows: Vec<ScaleRow>,
    /// Samples with the right decision in float, where labels are given.
    pub float_correct: Option<usize>,
    /// The number of samples.
    pub n_samples: usize,
}

/// Why there is no scale.
#[derive(Debug, thiserror::Error)]
pub enum ScaleError {
    /// The samples cannot be evaluated.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The program has no fixed-point form at any scale.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// No scale fits the ring.
    #[error("no scale from 4 to 24 fits the ring")]
    NoFit {
        /// What does not fit at the smallest scale.
        diagnostics: Vec<Diagnostic>,
    },
}

/// Sweeps the scale and picks the smallest from which on all fitting scales decide as float does on every sample with a small error
/// ([`MAX_RELATIVE_ERROR`]), plus [`EXTRA_BITS`] as far as they fit. Where no scale agrees on every sample, the one with the most
/// agreement is taken instead, of equal ones the smallest.
///
/// A scale at which an inference fails with a probability above `2^max_failure_log2` does not fit.
/// `func` is the program after the HLIL passes; `labels` are the right decisions, one a sample, and only reported.
///
/// # Errors
/// Samples that do not fit the program, ops without a fixed-point form, and ranges that fit no scale.
pub fn search_scale(
    func: &Func<Hlil>,
    weights: &Weights,
    samples: &[Sample],
    labels: Option<&[i64]>,
    options: &Options,
    max_failure_log2: f64,
) -> Result<ScaleSearch, ScaleError> {
    let float = calibrate(func, weights, samples)?;
    let mut func = func.clone();
    float.annotate(&mut func);
    let correct = |decisions: &[i64]| labels.map(|labels| decisions.iter().zip(labels).filter(|(a, b)| a == b).count());
    let float_decisions: Vec<i64> = float.results.iter().map(|results| decision(results)).collect();

    let mut rows = Vec::new();
    let mut misfits = Vec::new();
    for scale in SCALES {
        let module = Module::Hlil(func.clone(), weights.clone());
        let lowered = run_passes("hlil-to-llil,llil-default", module, &Options { scale, ..options.clone() });
        let fixed = match lowered {
            Ok(module) => run_fixed(&module, samples, max_failure_log2),
            // What is unsupported at one scale is so at all; the rest is want of bits.
            Err(PassError::Refused { diagnostics, .. })
                if diagnostics.iter().all(|d| d.code != hlil_to_llil::UNSUPPORTED) =>
            {
                Err(diagnostics)
            }
            Err(error) => return Err(error.into()),
        };
        rows.push(match fixed {
            Ok(results) => {
                let decisions: Vec<i64> = results.iter().map(|results| decision(results)).collect();
                let agreeing = decisions.iter().zip(&float_decisions).filter(|(a, b)| a == b).count();
                let errors = results.iter().zip(&float.results).map(|(fixed, float)| error(fixed, float));
                ScaleRow {
                    scale,
                    fits: true,
                    agreeing,
                    correct: correct(&decisions),
                    max_abs_err: errors.fold(0.0, f64::max),
                }
            }
            Err(diagnostics) => {
                if misfits.is_empty() {
                    misfits = diagnostics;
                }
                ScaleRow { scale, fits: false, agreeing: 0, correct: labels.map(|_| 0), max_abs_err: f64::INFINITY }
            }
        });
    }
    let spread = spread(&float.results);
    let Some(scale) = choose(&rows, samples.len(), spread * MAX_RELATIVE_ERROR) else {
        return Err(ScaleError::NoFit { diagnostics: misfits });
    };
    Ok(ScaleSearch { scale, rows, float_correct: correct(&float_decisions), n_samples: samples.len() })
}

fn choose(rows: &[ScaleRow], n_samples: usize, max_abs_err: f64) -> Option<u8> {
    let fitting: Vec<&ScaleRow> = rows.iter().filter(|row| row.fits).collect();
    let good = |row: &&&ScaleRow| row.agreeing == n_samples && row.max_abs_err <= max_abs_err;
    let smallest_good = fitting.iter().rev().take_while(good).last();
    let most_agreeing = || fitting.iter().rev().max_by_key(|row| row.agreeing);
    let base = smallest_good.or_else(most_agreeing)?.scale;
    fitting.iter().map(|row| row.scale).filter(|scale| (base..=base + EXTRA_BITS).contains(scale)).max()
}

fn run_fixed(module: &Module, samples: &[Sample], max_failure_log2: f64) -> Result<Vec<Vec<Tensor>>, Vec<Diagnostic>> {
    let func: &Func<Llil> = module.llil().expect("invariant: hlil-to-llil makes LLIL");
    let mut misfits = range::misfits(func);
    misfits.extend(failure_bound(func).refusal(max_failure_log2));
    if !misfits.is_empty() {
        return Err(misfits);
    }
    let mut args = encode_weights(func, module.weights())?;
    let mut all = Vec::with_capacity(samples.len());
    for sample in samples {
        args.extend(encode_inputs(func, sample)?);
        let results = evaluate(func, &args, &mut Exact, &mut |_, _| {}).map_err(|e| vec![e.into()])?;
        all.push(decode_results(func, &results));
    }
    Ok(all)
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

/// The difference between the largest and the smallest element of all results; unbounded where they are indices.
fn spread(results: &[Vec<Tensor>]) -> f64 {
    let reals = results.iter().flatten().filter_map(Tensor::as_f32);
    let range = range::Range::over(reals.flat_map(|x| x.iter().map(|&v| f64::from(v))));
    if range.low < range.high { range.high - range.low } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scale: u8, fits: bool, agreeing: usize, max_abs_err: f64) -> ScaleRow {
        ScaleRow { scale, fits, agreeing, correct: None, max_abs_err }
    }

    #[test]
    fn the_smallest_scale_from_which_on_all_agree_and_two_more() {
        let rows: Vec<_> = (4..=24).map(|s| row(s, s < 20, if s == 6 || s >= 9 { 10 } else { 9 }, 0.0)).collect();
        assert_eq!(choose(&rows, 10, 1.0), Some(11), "6 agrees by luck");
        assert_eq!(choose(&rows[..3], 10, 1.0), Some(6), "the last one that fits");
        let rows: Vec<_> = (4..=24).map(|s| row(s, true, 10, 2f64.powi(-i32::from(s)))).collect();
        assert_eq!(choose(&rows, 10, 2f64.powi(-7)), Some(9), "errors count");
        let rows: Vec<_> = (4..=24).map(|s| row(s, true, usize::from(s.min(15)), 0.0)).collect();
        assert_eq!(choose(&rows, 20, 1.0), Some(17), "the most agreement where none agrees on all");
        assert_eq!(choose(&[row(4, false, 0, 0.0)], 1, 1.0), None);
    }

    #[test]
    fn decisions_are_arg_max_side_or_index() {
        let real = |values: &[f32]| Tensor::F32(ndarray::Array::from(values.to_vec()).into_dyn());
        assert_eq!(decision(&[real(&[0.1, 0.7, 0.7])]), 1);
        assert_eq!([decision(&[real(&[0.4])]), decision(&[real(&[0.6])])], [0, 1]);
        assert_eq!(decision(&[Tensor::I64(ndarray::arr1(&[7]).into_dyn())]), 7);
    }
}
