//! Rules that remove or merge ops.

use treville_ir::{Attr, Diagnostic, ValueId, attrs};

use super::{Builder, Site, ints, usizes};

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
    let keeps_order = |x: ValueId, perm: &[usize]| {
        let moved: Vec<usize> = perm.iter().copied().filter(|&axis| builder.shape(x)[axis] != 1).collect();
        moved.is_sorted()
    };
    let (x, shape) = match site.op {
        "reshape" => {
            let reshape = builder.defined_by(operand, "reshape").map(|op| op.operands[0]);
            let transpose = || builder.as_transpose(operand).filter(|(x, perm)| keeps_order(*x, perm)).map(|(x, _)| x);
            match reshape.or_else(transpose) {
                Some(x) => (x, site.attrs["shape"].clone()),
                None => return Ok(None),
            }
        }
        "transpose" => {
            let perm = usizes(site.attrs["perm"].as_ints().unwrap_or_default());
            match builder.defined_by(operand, "reshape") {
                Some(reshape) if keeps_order(operand, &perm) => {
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
    let filled_with = |v: ValueId, number: f64| {
        builder.defined_by(v, "constant").is_some_and(|op| {
            let Some(value) = op.attrs.get("values") else { return false };
            value.as_floats().is_some_and(|all| all.iter().all(|&v| v == number))
                || value.as_ints().is_some_and(|all| all.iter().all(|&v| v as f64 == number))
        })
    };
    let same_type = |v: ValueId| {
        let def = <treville_hlil::Hlil as treville_ir::Dialect>::op(site.op);
        let types = def.and_then(|def| builder.rw.func().infer(def, site.operands, site.attrs).ok());
        types.is_some_and(|types| types[0] == *builder.rw.func().ty(v))
    };
    let kept = match (site.op, site.operands) {
        ("add" | "sub", &[x, zero]) if filled_with(zero, 0.0) => Some(x),
        ("add", &[zero, x]) if filled_with(zero, 0.0) => Some(x),
        ("mul", &[x, one]) | ("mul", &[one, x]) if filled_with(one, 1.0) => Some(x),
        ("neg", &[y]) => builder.defined_by(y, "neg").map(|inner| inner.operands[0]),
        ("relu", &[y]) => builder.defined_by(y, "relu").map(|_| y),
        _ => None,
    };
    Ok(kept.filter(|v| same_type(*v)))
}
