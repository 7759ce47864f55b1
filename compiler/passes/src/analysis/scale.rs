//! The search for a base scale: the smallest that keeps a model's decisions, and two bits more.
//!
//! An error is halved by each bit, so one trial tells about how many bits there are too many or too few, and a second or third one
//! confirms it. Which scales fit the ring and the failure bound is found by bisection, and nothing is evaluated for it.

use treville_ir::Diagnostic;

use super::calibrate::CalibrateError;
use super::error::error_bounds;
use super::range;
use super::trial::{ScaleRow, Trials};
use crate::hlil_infer_scales::Scales;
use crate::{Module, PassError};

/// The scales that are tried.
pub const SCALES: std::ops::RangeInclusive<u8> = 4..=24;

/// Bits that are added to the smallest scale that keeps the decisions: few samples decide little.
pub const EXTRA_BITS: u8 = 2;

/// The error that a scale may make, as a share of the spread of the float results: few samples decide little, errors show early.
pub const MAX_RELATIVE_ERROR: f64 = 1.0 / 1024.0;

/// The scale that is tried first.
const FIRST: u8 = 12;

/// Scales that are evaluated on the samples, at most; one more where none of them keeps the decisions.
const MAX_TRIALS: usize = 4;

/// The outcome of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct ScaleSearch {
    /// The chosen base scale.
    pub scale: u8,
    /// The scales of the tensors, where they are not the same for all.
    pub scales: Option<Scales>,
    /// What was evaluated, in ascending order of scale.
    pub rows: Vec<ScaleRow>,
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

/// The program of fewest bytes that decides as float does on every sample, with an error of at most [`MAX_RELATIVE_ERROR`] of the spread of
/// the results and [`EXTRA_BITS`] to spare as far as they fit.
///
/// Each tensor has its own scale, as `scales` says. Where one scale for all takes fewer bytes and keeps the decisions too, that is taken.
/// Where no scale that fits keeps the decisions, the one with the most of them is taken, of equal ones the one with the smallest error.
/// Without samples, the proven bound on the error takes the place of the measured one.
///
/// # Errors
/// Ops without a fixed-point form, and ranges or failure bounds that fit no scale.
pub fn search_scale(trials: &Trials<'_>, scales: Scales) -> Result<ScaleSearch, ScaleError> {
    let own = search(trials, Some(&scales))?;
    let own_bytes = bytes(trials, own.scale, Some(&scales))?;
    let own = ScaleSearch { scales: Some(scales), ..own };
    let common_bytes = bytes(trials, own.scale, None)?;
    if common_bytes.zip(own_bytes).is_none_or(|(common, own)| common >= own) {
        return Ok(own);
    }
    let common = match search(trials, None) {
        Ok(common) => common,
        Err(ScaleError::NoFit { .. }) => return Ok(own),
        Err(error) => return Err(error),
    };
    let keeps_all = common.rows.iter().any(|row| Target::of(trials).is_met(row));
    let is_cheaper = bytes(trials, common.scale, None)?.zip(own_bytes).is_some_and(|(common, own)| common < own);
    Ok(if keeps_all && is_cheaper { common } else { own })
}

/// What a scale has to reach.
struct Target {
    agreeing: usize,
    max_abs_err: f64,
}

impl Target {
    fn of(trials: &Trials<'_>) -> Self {
        Self { agreeing: trials.samples.len(), max_abs_err: trials.spread() * MAX_RELATIVE_ERROR }
    }

    fn is_met(&self, row: &ScaleRow) -> bool {
        row.fits && row.agreeing == self.agreeing && row.max_abs_err <= self.max_abs_err
    }

    /// By how many bits the error of a row is too large, or too small where negative.
    fn lack(&self, row: &ScaleRow) -> i32 {
        let bits = (row.max_abs_err / self.max_abs_err).log2();
        if bits.is_nan() { 0 } else { bits.ceil().clamp(-24.0, 24.0) as i32 }
    }
}

fn search(trials: &Trials<'_>, scales: Option<&Scales>) -> Result<ScaleSearch, ScaleError> {
    let top = greatest_fitting(trials, scales)?;
    if trials.samples.is_empty() {
        return Ok(ScaleSearch { scale: by_bound(trials, scales, top)?, scales: None, rows: Vec::new() });
    }
    let target = Target::of(trials);
    let mut rows: Vec<ScaleRow> = Vec::new();
    let mut next = Some(FIRST.min(top));
    while let Some(scale) = next.filter(|_| rows.len() < MAX_TRIALS) {
        rows.push(tried(trials, scale, scales)?);
        next = next_scale(&rows, &target, top);
    }
    let met = |rows: &[ScaleRow]| rows.iter().filter(|row| target.is_met(row)).map(|row| row.scale).min();
    if met(&rows).is_none() && rows.iter().all(|row| row.scale != top) {
        rows.push(tried(trials, top, scales)?);
    }
    rows.sort_by_key(|row| row.scale);
    let scale = match met(&rows) {
        Some(least) => {
            let mut scale = (least + EXTRA_BITS).min(top);
            while scale > least && trials.lower(scale, scales)?.is_err() {
                scale -= 1;
            }
            scale
        }
        None => most_agreeing(&rows).unwrap_or(top),
    };
    Ok(ScaleSearch { scale, scales: None, rows })
}

/// The scale to try after these rows: where the last one says that the target would just be met, between what is known not to meet it and
/// what is known to.
fn next_scale(rows: &[ScaleRow], target: &Target, top: u8) -> Option<u8> {
    let last = rows.last()?;
    let too_small = rows.iter().filter(|row| !target.is_met(row)).map(|row| row.scale).max();
    let enough = rows.iter().filter(|row| target.is_met(row)).map(|row| row.scale).min();
    let least = too_small.map_or(*SCALES.start(), |scale| scale + 1);
    let most = enough.map_or(top, |scale| scale - 1);
    let wanted = i32::from(last.scale) + target.lack(last);
    (least <= most).then(|| wanted.clamp(least.into(), most.into()) as u8).filter(|next| {
        // A scale that meets the target with less than a bit to spare is the smallest that does.
        !(target.is_met(last) && (i32::from(*next) < wanted || i32::from(last.scale) == wanted))
    })
}

/// The row with the most agreement; of equal ones the one with the smallest error.
fn most_agreeing(rows: &[ScaleRow]) -> Option<u8> {
    let fitting = rows.iter().filter(|row| row.fits);
    let better =
        |a: &&ScaleRow, b: &&ScaleRow| a.agreeing.cmp(&b.agreeing).then(b.max_abs_err.total_cmp(&a.max_abs_err));
    fitting.max_by(better).map(|row| row.scale)
}

fn tried(trials: &Trials<'_>, scale: u8, scales: Option<&Scales>) -> Result<ScaleRow, ScaleError> {
    Ok(match trials.lower(scale, scales)? {
        Ok(module) => trials.run(&module, scale),
        Err(_) => trials.misfit(scale),
    })
}

/// The greatest scale that fits; what fits at one scale fits at the smaller ones.
fn greatest_fitting(trials: &Trials<'_>, scales: Option<&Scales>) -> Result<u8, ScaleError> {
    let (mut fitting, last) = (*SCALES.start(), *SCALES.end());
    if let Err(diagnostics) = trials.lower(fitting, scales)? {
        return Err(ScaleError::NoFit { diagnostics });
    }
    let mut beyond = last + 1;
    while beyond - fitting > 1 {
        let middle = (fitting + beyond) / 2;
        match trials.lower(middle, scales)? {
            Ok(_) => fitting = middle,
            Err(_) => beyond = middle,
        }
    }
    Ok(fitting)
}

/// The smallest scale at which the error of the first result is proven to be small; the greatest one that fits where there is none.
fn by_bound(trials: &Trials<'_>, scales: Option<&Scales>, top: u8) -> Result<u8, ScaleError> {
    let result = trials.func.results()[0].value;
    let spread = range::of(trials.func, result).map_or(0.0, |range| range.high - range.low);
    let (mut beyond, mut enough) = (*SCALES.start() - 1, top);
    while enough - beyond > 1 {
        let middle = (beyond + enough) / 2;
        let bound = trials.lower(middle, scales)?.ok().and_then(|module| real_bound(&module));
        match bound.is_some_and(|bound| bound <= spread * MAX_RELATIVE_ERROR) {
            true => enough = middle,
            false => beyond = middle,
        }
    }
    Ok(enough)
}

/// The bound on the error of the first result, as a real number.
fn real_bound(module: &Module) -> Option<f64> {
    let func = module.llil()?;
    let units = (*error_bounds(func, module.weights()).first()?)?;
    let frac = func.ty(func.results()[0].value).elem.fixed()?.frac;
    Some(units / 2f64.powi(frac.into()))
}

/// The bytes of one inference, where they are known.
fn bytes(trials: &Trials<'_>, scale: u8, scales: Option<&Scales>) -> Result<Option<u64>, ScaleError> {
    let Some(prices) = &trials.options.prices else { return Ok(None) };
    let module = trials.lower(scale, scales)?.ok();
    let price = module.as_ref().and_then(Module::llil).and_then(|func| prices.of(func).ok());
    Ok(price.map(|price| price.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scales that are tried where the error at scale s is 2^-s, and the target that of `needed`.
    fn path(needed: u8, top: u8) -> Vec<u8> {
        let target = Target { agreeing: 1, max_abs_err: 2f64.powi(-i32::from(needed)) };
        let mut rows = Vec::new();
        let mut next = Some(FIRST.min(top));
        while let Some(scale) = next {
            let max_abs_err = 2f64.powi(-i32::from(scale));
            rows.push(ScaleRow { scale, fits: true, agreeing: 1, correct: None, max_abs_err });
            next = next_scale(&rows, &target, top);
        }
        rows.iter().map(|row| row.scale).collect()
    }

    #[test]
    fn two_trials_find_the_scale() {
        assert_eq!(path(12, 24), [12]);
        assert_eq!(path(9, 24), [12, 9]);
        assert_eq!(path(15, 24), [12, 15]);
        assert_eq!(path(15, 13), [12, 13]);
        assert_eq!(path(1, 24), [12, 4]);
        assert_eq!(path(15, 10), [10]);
    }

    #[test]
    fn decisions_count_like_errors() {
        let target = Target { agreeing: 10, max_abs_err: 1.0 };
        let row = |scale, agreeing| ScaleRow { scale, fits: true, agreeing, correct: None, max_abs_err: 0.5 };
        assert_eq!(next_scale(&[row(12, 9)], &target, 24), Some(13), "a scale that lacks a decision is too small");
        assert_eq!(next_scale(&[row(12, 9), row(13, 10)], &target, 24), None);
        assert_eq!(most_agreeing(&[row(4, 9), row(5, 9), row(6, 8)]), Some(5));
    }
}
