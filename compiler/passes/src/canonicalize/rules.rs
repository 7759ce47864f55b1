//! Rules that remove or merge ops.

use treville_ir::{Attr, Diagnostic, ValueId, attrs};

use super::{Builder, Site, ints, keeps_order, usizes};

type Rewrite = Result<Option<ValueId>, Diagnostic>;

pub(super) fn drop_identity(builder: &mut Builder<'_>, site: &Site<'_>) -> Rewrite {
    let list = |name: &str| site.attrs.get(name).and_then(Attr::as_ints).unwrap_or_default();
    let identity = match site.op {
        "transpose" => list("perm").iter().enumerate().all(|(i, &axis)| i as i64 == axis),
        "reshape" => list("shape") == ints(builder.shape(site.operands[0])),
        "pad" => list("begin").iter().chain(list("end")).all(|&n| n == 0),
        "slice" => {
            list("starts").iter().all(|&n| n == 0)
                && list("steps").iter().all(|&n| n == 1)
                && list("ends") == ints(builder.shape(site.operands[0]))
        }
        "gather" => {
            let size = site.attrs["axis"].as_int().map_or(0, |axis| builder.shape(site.operands[0])[axis as usize]);
            list("indices").iter().copied().eq(0..size as i64)
        }
        "clip" => {
            site.attrs["min"].as_float() == Some(f64::NEG_INFINITY)
                && site.attrs["max"].as_float() == Some(f64::INFINITY)
        }
        "cast" => builder.has_type_of(site, site.operands[0]),
        _ => false,
    };
    Ok(identity.then(|| site.operands[0]))
}

pub(super) fn merge_transposes(builder: &mut Builder<'_>, site: &Site<'_>) -> Rewrite {
    if site.op != "transpose" {
        return Ok(None);
    }
    let Some((x, inner)) = builder.as_transpose(site.operands[0]) else { return Ok(None) };
    let outer = usizes(site.attrs["perm"].as_ints().unwrap_or_default());
    let perm: Vec<i64> = outer.iter().map(|&axis| inner[axis] as i64).collect();
    builder.emit("transpose", &[x], attrs! { perm: perm }, site.loc).map(Some)
}

/// A transpose that moves only axes of size 1 is a reshape; next to a reshape the two are one.
pub(super) fn merge_reshapes(builder: &mut Builder<'_>, site: &Site<'_>) -> Rewrite {
    let Some(&operand) = site.operands.first() else { return Ok(None) };
    let (x, shape) = match site.op {
        "reshape" => {
            let reshape = builder.defined_by(operand, "reshape").map(|op| op.operands[0]);
            let transpose = || {
                builder.as_transpose(operand).filter(|(x, perm)| keeps_order(builder.shape(*x), perm)).map(|(x, _)| x)
            };
            match reshape.or_else(transpose) {
                Some(x) => (x, site.attrs["shape"].clone()),
                None => return Ok(None),
            }
        }
        "transpose" => {
            let perm = usizes(site.attrs["perm"].as_ints().unwrap_or_default());
            match builder.defined_by(operand, "reshape") {
                Some(reshape) if keeps_order(builder.shape(operand), &perm) => {
                    let shape: Vec<i64> = perm.iter().map(|&axis| builder.shape(operand)[axis] as i64).collect();
                    (reshape.operands[0], Attr::from(shape))
                }
                _ => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    builder.emit("reshape", &[x], attrs! { shape: shape }, site.loc).map(Some)
}

pub(super) fn drop_neutral(builder: &mut Builder<'_>, site: &Site<'_>) -> Rewrite {
    let filled_with = |v: ValueId, number: f64| builder.is_filled_with(v, number);
    let kept = match (site.op, site.operands) {
        ("add" | "sub", &[x, zero]) if filled_with(zero, 0.0) => Some(x),
        ("add", &[zero, x]) if filled_with(zero, 0.0) => Some(x),
        ("mul" | "div", &[x, one]) if filled_with(one, 1.0) => Some(x),
        ("mul", &[one, x]) if filled_with(one, 1.0) => Some(x),
        ("neg", &[y]) => builder.defined_by(y, "neg").map(|inner| inner.operands[0]),
        ("select", &[c, a, _]) if filled_with(c, 1.0) => Some(a),
        ("select", &[c, _, b]) if filled_with(c, 0.0) => Some(b),
        // The order of the elements is that of their exponentials.
        ("arg_max", &[y]) => {
            let softmax =
                builder.defined_by(y, "softmax").filter(|softmax| softmax.attrs["axis"] == site.attrs["axis"]);
            let Some(x) = softmax.map(|softmax| softmax.operands[0]) else { return Ok(None) };
            return builder.emit("arg_max", &[x], site.attrs.clone(), site.loc).map(Some);
        }
        _ => None,
    };
    Ok(kept.filter(|v| builder.has_type_of(site, *v)))
}
