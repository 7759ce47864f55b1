//! `Pad`: with a constant, or with what stands inside.

use crate::node::Node;
use crate::ops::slice::{Range, cut};
use treville_frontend_common::compose::take::{Border, extend};
use treville_frontend_common::{Result, Val};
use treville_hlil::Scalar;
use treville_ir::attrs;

/// Larger paddings are no image's.
const MAX_PAD: i64 = 1 << 30;

/// `Pad`: pads and value were attributes before version 11. Negative pads cut off.
pub(super) fn pad(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 4)?;
    let mut x = node.data(0)?;
    let dims = node.dims(x);
    let (given, axes) = if node.opset() < 11 {
        (node.list("pads")?.ok_or_else(|| node.invalid("its attribute `pads` is missing"))?, None)
    } else {
        let axes = if node.has(3) { Some(node.ints(3, "axes")?) } else { None };
        (node.ints(1, "pads")?, axes)
    };
    let axes = match axes {
        None => (0..dims.len()).collect(),
        Some(axes) => {
            node.axes(&axes, dims.len())?;
            axes.iter().map(|&a| node.axis(a, dims.len())).collect::<Result<Vec<_>>>()?
        }
    };
    if given.len() != 2 * axes.len() || given.iter().any(|p| !(-MAX_PAD..=MAX_PAD).contains(p)) {
        return Err(node.invalid(format!("{given:?} is no padding of {} dimensions", axes.len())));
    }
    let mut pads = vec![(0, 0); dims.len()];
    for (i, &axis) in axes.iter().enumerate() {
        pads[axis] = (given[i], given[i + axes.len()]);
    }
    if pads.iter().any(|&(before, after)| before < 0 || after < 0) {
        let kept = |(&(before, after), &size): (&(i64, i64), &usize)| {
            let (start, end) = ((-before).max(0), size as i64 - (-after).max(0));
            Range { start, step: 1, len: (end - start).max(0) as usize }
        };
        let ranges: Vec<Range> = pads.iter().zip(&dims).map(kept).collect();
        if ranges.iter().any(|r| r.len == 0) {
            return Err(node.unsupported("it cuts everything off", "empty tensors are not supported"));
        }
        x = cut(node, x, &ranges)?;
    }
    let pads: Vec<(usize, usize)> = pads.iter().map(|&(b, a)| (b.max(0) as usize, a.max(0) as usize)).collect();
    let border = match node.text("mode", "constant")? {
        "constant" => {
            let value = value(node, node.ty(x).elem.scalar)?;
            let begin: Vec<i64> = pads.iter().map(|p| p.0 as i64).collect();
            let end: Vec<i64> = pads.iter().map(|p| p.1 as i64).collect();
            return Ok(Val::Data(node.emit("pad", &[x], attrs! { begin: begin, end: end, value: value })?));
        }
        "reflect" => Border::Reflect,
        "edge" => Border::Edge,
        "wrap" => Border::Wrap,
        other => return Err(node.invalid(format!("its mode {other:?} is unknown"))),
    };
    extend(node, x, &pads, border).map(Val::Data)
}

/// What stands in the padding.
fn value(node: &mut Node<'_, '_>, scalar: Scalar) -> Result<f64> {
    if node.opset() < 11 {
        return node.float("value", 0.0);
    }
    match scalar {
        _ if !node.has(2) => Ok(0.0),
        Scalar::F32 => node.one_real(2, "value"),
        Scalar::I64 => node.one_int(2, "value").map(|v| v as f64),
    }
}
