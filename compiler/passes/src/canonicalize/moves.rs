//! Rules for ops that move elements: one instead of two, and zeros that the op below takes over.

use treville_ir::{Attr, Attrs, Diagnostic, ValueId, attrs};

use super::{Builder, Site, ints, usizes};

type Rewrite = Result<Option<ValueId>, Diagnostic>;

pub(super) fn merge_moves(builder: &mut Builder<'_>, site: &Site<'_>) -> Rewrite {
    let Some(&operand) = site.operands.first() else { return Ok(None) };
    let list = |name: &str| site.attrs[name].as_ints().unwrap_or_default().to_vec();
    if site.op == "gather"
        && let Some(slice) = as_slice(&list("indices"))
    {
        let axis = site.attrs["axis"].as_int().unwrap_or(0) as usize;
        let shape = builder.shape(operand);
        let mut attrs = [vec![0; shape.len()], ints(shape), vec![1; shape.len()]];
        attrs.iter_mut().zip(slice).for_each(|(list, entry)| list[axis] = entry);
        let [starts, ends, steps] = attrs;
        return builder
            .emit("slice", &[operand], attrs! { starts: starts, ends: ends, steps: steps }, site.loc)
            .map(Some);
    }
    let Some(inner) = builder.defined_by(operand, site.op) else { return Ok(None) };
    let inner_list = |name: &str| inner.attrs[name].as_ints().unwrap_or_default();
    let attrs = match site.op {
        "slice" => {
            let along = |axis: usize| {
                let (start, step) = (inner_list("starts")[axis], inner_list("steps")[axis]);
                let count = builder.shape(operand)[axis] as i64;
                let [first, end, stride] = ["starts", "ends", "steps"].map(|name| list(name)[axis]);
                let last = first + (end.min(count) - 1 - first) / stride * stride;
                [start + first * step, start + last * step + 1, step * stride]
            };
            let each: Vec<[i64; 3]> = (0..builder.shape(operand).len()).map(along).collect();
            let column = |i: usize| each.iter().map(|entry| entry[i]).collect::<Vec<i64>>();
            attrs! { starts: column(0), ends: column(1), steps: column(2) }
        }
        "gather" if inner.attrs["axis"] == site.attrs["axis"] => {
            let indices: Vec<i64> = list("indices").iter().map(|&i| inner_list("indices")[i as usize]).collect();
            attrs! { axis: inner.attrs["axis"].clone(), indices: indices }
        }
        "pad" if inner.attrs["value"] == site.attrs["value"] => {
            let both = |name: &str| list(name).iter().zip(inner_list(name)).map(|(a, b)| a + b).collect::<Vec<i64>>();
            attrs! { begin: both("begin"), end: both("end"), value: inner.attrs["value"].clone() }
        }
        _ => return Ok(None),
    };
    let x = inner.operands[0];
    builder.emit(site.op, &[x], attrs, site.loc).map(Some)
}

/// Start, end and step of the slice that takes these elements, if there is one.
fn as_slice(indices: &[i64]) -> Option<[i64; 3]> {
    let first = *indices.first()?;
    let step = indices.get(1).map_or(1, |second| second - first);
    let even = step > 0 && indices.windows(2).all(|pair| pair[1] - pair[0] == step);
    even.then(|| [first, indices[indices.len() - 1] + 1, step])
}

/// A pad with zeros along spatial axes only, above an op that pads with zeros itself. A max pool does not: what it pads with is no maximum.
pub(super) fn merge_zeros(builder: &mut Builder<'_>, site: &Site<'_>) -> Rewrite {
    let average = match site.op {
        "conv" => false,
        "avg_pool" => true,
        _ => return Ok(None),
    };
    let Some(pad) = builder.defined_by(site.operands[0], "pad") else { return Ok(None) };
    let [begin, end] = ["begin", "end"].map(|name| usizes(pad.attrs[name].as_ints().unwrap_or_default()));
    let spatial = pad.attrs["value"] == Attr::Float(0.0) && [&begin, &end].iter().all(|list| list[..2] == [0, 0]);
    let own = usizes(site.attrs["pads"].as_ints().unwrap_or_default());
    // The zeros of the pad count; those of the pool must do so as well.
    let counts = site.attrs.get("count_include_pad") == Some(&Attr::Bool(true)) || own.iter().all(|&n| n == 0);
    if !spatial || average && !counts {
        return Ok(None);
    }
    let more = [&begin[2..], &end[2..]].concat();
    let pads: Vec<i64> = own.iter().zip(&more).map(|(a, b)| (a + b) as i64).collect();
    let mut attrs: Attrs = site.attrs.clone();
    attrs.insert("pads".into(), pads.into());
    if average {
        attrs.insert("count_include_pad".into(), true.into());
    }
    let operands = [&[pad.operands[0]], &site.operands[1..]].concat();
    let merged = Site { operands: &operands, attrs: &attrs, ..*site };
    // A pool refuses windows that lie in the padding altogether.
    if !builder.is_valid(&merged) {
        return Ok(None);
    }
    builder.emit(site.op, &operands, attrs.clone(), site.loc).map(Some)
}
