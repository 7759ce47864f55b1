//! `sink-transpose`: a transpose under an op moves behind it.

use treville_ir::{Attr, Attrs, Diagnostic, ValueId, attrs};

use super::{Builder, Site, ints, keeps_order, usizes};

/// The op on untransposed operands, and the permutation that is left to do.
struct Sunk {
    operands: Vec<ValueId>,
    attrs: Attrs,
    perm: Vec<usize>,
}

pub(super) fn sink_transpose(builder: &mut Builder<'_>, site: &Site<'_>) -> Result<Option<ValueId>, Diagnostic> {
    let transposed = |v: &ValueId| builder.as_transpose(*v).filter(|(x, _)| !builder.is_fixed(*x));
    let Some((x, perm)) = site.operands.iter().find_map(transposed) else { return Ok(None) };
    let Some(sunk) = sink(builder, site, x, perm)? else { return Ok(None) };
    let inner = builder.emit(site.op, &sunk.operands, sunk.attrs, site.loc)?;
    builder.emit("transpose", &[inner], attrs! { perm: ints(&sunk.perm) }, site.loc).map(Some)
}

fn sink(builder: &mut Builder<'_>, site: &Site<'_>, x: ValueId, perm: Vec<usize>) -> Result<Option<Sunk>, Diagnostic> {
    let rank = perm.len();
    let attrs = site.attrs.clone();
    let list = |name: &str| usizes(site.attrs[name].as_ints().unwrap_or_default());
    let axis = || site.attrs["axis"].as_int().unwrap_or(0) as usize;
    let with = |changes: &[(&str, Attr)]| {
        let mut attrs = attrs.clone();
        changes.iter().for_each(|(name, value)| drop(attrs.insert(name.to_string(), value.clone())));
        attrs
    };
    let one = |attrs: Attrs, perm: Vec<usize>| Some(Sunk { operands: vec![x], attrs, perm });
    Ok(match site.op {
        "relu" | "neg" | "apply" | "clip" | "floor" | "round" | "cast" => one(attrs.clone(), perm),
        "add" | "sub" | "mul" | "div" | "max" | "greater" | "equal" | "select" => {
            let operands = untransposed(builder, site, &perm)?;
            operands.map(|operands| Sunk { operands, attrs: attrs.clone(), perm })
        }
        "concat" => {
            let axis = perm[axis()] as i64;
            let operands = untransposed(builder, site, &perm)?;
            operands.map(|operands| Sunk { operands, attrs: with(&[("axis", axis.into())]), perm })
        }
        "pad" => {
            let moved = |name| Attr::from(ints(&scatter(&perm, &list(name))));
            one(with(&[("begin", moved("begin")), ("end", moved("end"))]), perm)
        }
        "slice" => {
            let moved = |name| Attr::from(ints(&scatter(&perm, &list(name))));
            one(with(&["starts", "ends", "steps"].map(|name| (name, moved(name)))), perm)
        }
        // The channel axis must stay where it is.
        "batch_norm" if perm.get(1) == Some(&1) => {
            let operands = [&[x], &site.operands[1..]].concat();
            Some(Sunk { operands, attrs: attrs.clone(), perm })
        }
        "max_pool" | "avg_pool" if rank > 2 && perm[..2].iter().all(|&axis| axis < 2) => {
            let spatial: Vec<usize> = perm[2..].iter().map(|axis| axis - 2).collect();
            let moved = |name| {
                let halves = list(name);
                Attr::from(ints(&halves.chunks(rank - 2).flat_map(|half| scatter(&spatial, half)).collect::<Vec<_>>()))
            };
            one(with(&["kernel", "strides", "pads", "dilations"].map(|name| (name, moved(name)))), perm)
        }
        "softmax" | "gather" => one(with(&[("axis", (perm[axis()] as i64).into())]), perm),
        "arg_max" => {
            let kept = keeps(&perm, &[axis()], site.attrs["keepdims"].as_bool() == Some(true));
            one(with(&[("axis", (perm[axis()] as i64).into())]), kept)
        }
        "reduce_mean" | "reduce_sum" | "reduce_max" => {
            let axes = list("axes");
            let mut moved: Vec<usize> = axes.iter().map(|&axis| perm[axis]).collect();
            moved.sort_unstable();
            let kept = keeps(&perm, &axes, site.attrs["keepdims"].as_bool() == Some(true));
            one(with(&[("axes", Attr::from(ints(&moved)))]), kept)
        }
        _ => None,
    })
}

/// All operands with the permutation undone, where each is transposed by it, needs no input, or has its elements in the same order then.
fn untransposed(
    builder: &mut Builder<'_>,
    site: &Site<'_>,
    perm: &[usize],
) -> Result<Option<Vec<ValueId>>, Diagnostic> {
    let by_perm =
        |v: ValueId, builder: &Builder<'_>| builder.as_transpose(v).filter(|(_, p)| p == perm).map(|(x, _)| x);
    let undo: Vec<usize> = scatter(perm, &(0..perm.len()).collect::<Vec<_>>());
    let possible = |v: &ValueId| {
        let shape = builder.shape(*v);
        let full = || [vec![1; perm.len() - shape.len()], shape.to_vec()].concat();
        by_perm(*v, builder).is_some()
            || shape.len() <= perm.len() && (builder.is_fixed(*v) || keeps_order(&full(), &undo))
    };
    if !site.operands.iter().all(possible) {
        return Ok(None);
    }
    let mut operands = Vec::with_capacity(site.operands.len());
    for &operand in site.operands {
        operands.push(match by_perm(operand, builder) {
            Some(x) => x,
            None if builder.shape(operand).iter().all(|&size| size == 1) && site.op != "concat" => operand,
            None => {
                let missing = perm.len() - builder.shape(operand).len();
                let shape = [vec![1; missing], builder.shape(operand).to_vec()].concat();
                let full = builder.emit("reshape", &[operand], attrs! { shape: ints(&shape) }, site.loc)?;
                builder.emit("transpose", &[full], attrs! { perm: ints(&undo) }, site.loc)?
            }
        });
    }
    Ok(Some(operands))
}

/// The list, one entry an axis of a transposed tensor, for the tensor before the transpose.
fn scatter(perm: &[usize], list: &[usize]) -> Vec<usize> {
    let mut moved = vec![0; list.len()];
    for (&to, &entry) in perm.iter().zip(list) {
        moved[to] = entry;
    }
    moved
}

/// The permutation that is left after a reduction over `axes` of the transposed tensor.
fn keeps(perm: &[usize], axes: &[usize], keepdims: bool) -> Vec<usize> {
    if keepdims {
        return perm.to_vec();
    }
    let left: Vec<usize> = (0..perm.len()).filter(|axis| !axes.contains(axis)).map(|axis| perm[axis]).collect();
    left.iter().map(|axis| left.iter().filter(|other| *other < axis).count()).collect()
}
