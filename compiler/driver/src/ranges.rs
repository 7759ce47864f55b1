//! Where the ranges of tensors come from: a calibration, proofs, or an earlier compile.

use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use treville_hlil::{Hlil, Tensor, Weights};
use treville_ir::{Diagnostic, Func, Listing, ValueDef, ValueId, parse};
use treville_party::Exit;
use treville_passes::analysis::calibrate::calibrate_with;
use treville_passes::analysis::{proven, range};
use treville_ring::RingBits;

use crate::calibration::{Calibration, declared_ranges};
use crate::cli::ModelArgs;
use crate::failure::Failure;
use crate::model::{Model, Samples};

/// What finding the ranges brought to light beside them.
pub(crate) struct Found {
    /// The samples, unless the ranges are those of an earlier compile.
    pub(crate) calibration: Option<Calibration>,
    /// The results on each sample.
    pub(crate) float: Vec<Vec<Tensor>>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// Gives `func` its ranges: those of `--ranges`, else from a [`Calibration`] in which `default` stands for data not given. With `--require-proven`
/// bounds that are proven take their place, or the compile ends.
///
/// # Errors
/// Exit code 2 for unusable options or data, 4 where a range is not finite, or not proven though it must be.
pub(crate) fn find(
    func: &mut Func<Hlil>,
    weights: &Weights,
    model: &Model,
    args: &ModelArgs,
    default: Option<Samples>,
    ring: RingBits,
    progress: bool,
) -> Result<Found, Failure> {
    if let Some(path) = &args.ranges {
        take(func, path, &model.listing)?;
        let notes = vec![format!("ranges are taken from {}", path.display())];
        return Ok(Found { calibration: None, float: Vec::new(), notes });
    }
    let calibration = Calibration::choose(model, args, default)?;
    let inputs = &calibration.samples.inputs;
    let bar = if progress { progress_bar(inputs.len()) } else { ProgressBar::hidden() };
    let found = calibrate_with(func, weights, inputs, &mut |_| bar.inc(1))
        .map_err(|e| Failure::new(Exit::Range, format!("calibration: {e}")))?;
    found.annotate(func);
    let declared = declared_ranges(model, args)?;
    let bounds = proven::bounds(func, weights, &declared).map_err(|e| Failure::other(e.to_string()))?;
    bar.finish_and_clear();
    let mut notes = Vec::new();
    if args.require_proven {
        proven::annotate(func, &bounds).map_err(|d| Failure::diagnostics(Exit::Range, &d, &model.listing, false))?;
        notes.push("ranges are proven from the weights and the ranges of the inputs".into());
    } else {
        notes.push(format!("ranges are calibrated on {} ({} samples)", calibration.origin, inputs.len()));
        // Whatever the scale: a value without fraction bits.
        let limit = 2f64.powi(i32::from(ring.get()) - 1);
        if let Some((n, node, bound)) = proven::beyond(func, &bounds, limit) {
            let bound = if bound.is_finite() { format!("2^{:.0}", bound.log2()) } else { "none at all".into() };
            notes.push(format!(
                "{n} tensors have no proven bound that fits the ring, the first at `{node}` ({bound}): that they fit rests on the calibration \
                 and its margin"
            ));
        }
    }
    Ok(Found { calibration: Some(calibration), float: found.results, notes })
}

/// A bar over the samples of a calibration; nothing where stderr is no terminal.
fn progress_bar(n_samples: usize) -> ProgressBar {
    let bar = ProgressBar::new(n_samples as u64).with_message("finding ranges");
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} samples  {msg}  {eta} left");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Gives `func` the ranges in the `program.hlil` of an earlier compile, or of the package that holds it. Nothing is evaluated.
///
/// Values correspond by position, so the two programs must be equal but for names and annotations.
///
/// # Errors
/// Exit code 2 for a file that cannot be used, that has no ranges, or that is of another program: the first value that differs is
/// named, at its node in `listing`.
fn take(func: &mut Func<Hlil>, path: &Path, listing: &Listing) -> Result<(), Failure> {
    let file = if path.is_dir() { path.join("program.hlil") } else { path.to_path_buf() };
    let unusable = |what: String| Failure::usage(format!("--ranges {}: {what}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|e| unusable(e.to_string()))?;
    let old = parse::<Hlil>(&text).map_err(|d| {
        let listing = Listing::of_text(file.to_string_lossy(), text.as_str());
        Failure::diagnostics(Exit::Usage, &d, &listing, false)
    })?;
    if let Some(difference) = difference(func, &old) {
        let diagnostic = difference
            .with_note(format!("the ranges are those in {}", file.display()))
            .with_help("compile once without --ranges, with the same model and options, to get its ranges");
        return Err(Failure::diagnostics(Exit::Usage, &[diagnostic], listing, false));
    }
    let pairs: Vec<(ValueId, ValueId)> = in_order(func).zip(in_order(&old)).collect();
    let mut n_ranges = 0;
    for (new, old_value) in pairs {
        for key in range::KEYS {
            if let Some(attr) = old.annotation(old_value, key) {
                func.annotate(new, key, attr.clone());
                n_ranges += usize::from(key == "range");
            }
        }
    }
    if n_ranges == 0 { Err(unusable("there are no ranges in it".into())) } else { Ok(()) }
}

/// The values by their place in the text: arguments, then results of ops.
fn in_order(func: &Func<Hlil>) -> impl Iterator<Item = ValueId> + '_ {
    func.args().map(|(value, _)| value).chain(func.ops().flat_map(|(_, op)| op.results.iter().copied()))
}

/// The first place where two programs compute something else.
fn difference(new: &Func<Hlil>, old: &Func<Hlil>) -> Option<Diagnostic> {
    let of_another = "these ranges are of another program";
    let mut pairs = in_order(new).zip(in_order(old));
    if let Some((value, counterpart)) = pairs.find(|(a, b)| computation(new, *a) != computation(old, *b)) {
        let there = format!("there `{}` is {}", old.loc(counterpart), computation(old, counterpart));
        let here = format!("here it is {}", computation(new, value));
        return Some(Diagnostic::error("E0702", of_another).at_node(new.loc(value), here).with_note(there));
    }
    let (here, there) = (new.values().len(), old.values().len());
    (here != there).then(|| {
        Diagnostic::error("E0702", format!("{of_another}: that one has {there} values, the one of this model {here}"))
    })
}

/// What computes a value, in words that are equal exactly where two values are computed in the same way.
fn computation(func: &Func<Hlil>, value: ValueId) -> String {
    let ty = func.ty(value);
    let ValueDef::Op(id, _) = func.value(value).def else { return format!("an argument of type {ty}") };
    let op = func.op(id);
    let place = |v: &ValueId| match func.value(*v).def {
        ValueDef::Arg(index) => format!("argument {index}"),
        ValueDef::Op(op, _) => format!("op {}", op.index()),
    };
    let operands: Vec<String> = op.operands.iter().map(place).collect();
    let attrs: Vec<String> = op.attrs.iter().map(|(name, attr)| format!("{name} = {attr}")).collect();
    format!("{}({}) {{{}}} of type {ty}", op.def.full_name(), operands.join(", "), attrs.join(", "))
}
