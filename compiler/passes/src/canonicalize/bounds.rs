//! `merge-bounds`: what holds values between bounds, once.

use treville_ir::{Diagnostic, ValueId, attrs};

use super::{Builder, Site};

pub(super) fn merge_bounds(builder: &mut Builder<'_>, site: &Site<'_>) -> Result<Option<ValueId>, Diagnostic> {
    if let ("max", &[a, b]) = (site.op, site.operands) {
        let x = if builder.is_filled_with(b, 0.0) { a } else { b };
        let zero = if x == a { b } else { a };
        let relu = Site { op: "relu", operands: &[x], ..*site };
        if builder.is_filled_with(zero, 0.0) && builder.has_type_of(site, x) && builder.is_valid(&relu) {
            return builder.emit("relu", &[x], attrs! {}, site.loc).map(Some);
        }
        return Ok(None);
    }
    let Some((min, max)) = bounds(site.op, site.attrs) else { return Ok(None) };
    let inner = builder.rw.func().defining_op(site.operands[0]);
    let inner = inner.and_then(|(_, op)| Some((op.operands[0], bounds(op.def.mnemonic, &op.attrs)?)));
    let (x, min, max) = match inner {
        // The outer bounds hold those of the inner clip.
        Some((x, (low, high))) => (x, low.clamp(min, max), high.clamp(min, max)),
        None if site.op == "clip" && (min, max) == RELU => (site.operands[0], min, max),
        None => return Ok(None),
    };
    if (min, max) == RELU {
        return builder.emit("relu", &[x], attrs! {}, site.loc).map(Some);
    }
    builder.emit("clip", &[x], attrs! { min: min, max: max }, site.loc).map(Some)
}

const RELU: (f64, f64) = (0.0, f64::INFINITY);

/// The least and the greatest value of what an op gives.
fn bounds(op: &str, attrs: &treville_ir::Attrs) -> Option<(f64, f64)> {
    match op {
        "relu" => Some(RELU),
        "clip" => Some((attrs["min"].as_float()?, attrs["max"].as_float()?)),
        _ => None,
    }
}
