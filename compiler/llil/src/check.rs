//! Checks that several ops share; each op passes the number of its own constraint.

use treville_ir::{OpView, TensorType, Violation};
use treville_ring::{ConvSpec, ConvTransposeSpec, Window, tensor::broadcast_shape};

use crate::{Elem, Fixed, FixedError, Llil, Secrecy};

type View<'a> = OpView<'a, Llil>;
type Checked<T> = Result<T, Violation>;

/// The fixed-point type of operand `index`.
pub(crate) fn fixed(view: &View, index: usize, constraint: &'static str) -> Checked<Fixed> {
    let elem = &view.operand(index).elem;
    elem.fixed().ok_or_else(|| Violation::new(constraint, format!("operand {index} has elements {elem}")))
}

/// The fixed-point types of two operands in one ring, the secrecy of both joined into each.
pub(crate) fn one_ring(view: &View, is_fixed: &'static str, same_ring: &'static str) -> Checked<(Fixed, Fixed)> {
    let (a, b) = (fixed(view, 0, is_fixed)?, fixed(view, 1, is_fixed)?);
    Violation::unless(a.ring == b.ring, same_ring, || format!("the rings have {} and {} bits", a.ring, b.ring))?;
    let secrecy = a.secrecy.join(b.secrecy);
    Ok((Fixed { secrecy, ..a }, Fixed { secrecy, ..b }))
}

/// The type of a sum of the two operands: one ring and scale, shapes broadcast.
pub(crate) fn sum(
    view: &View,
    is_fixed: &'static str,
    same_scale: &'static str,
    broadcasts: &'static str,
) -> Checked<Vec<TensorType<Elem>>> {
    let (a, b) = one_ring(view, is_fixed, same_scale)?;
    Violation::unless(a.frac == b.frac, same_scale, || {
        format!("the operands have {} and {} fraction bits", a.frac, b.frac)
    })?;
    Ok(vec![TensorType::new(broadcast(view, broadcasts)?, Elem::Fixed(a))])
}

/// The shape that both operands broadcast to.
pub(crate) fn broadcast(view: &View, constraint: &'static str) -> Checked<Vec<usize>> {
    let (a, b) = (view.shape(0), view.shape(1));
    broadcast_shape(a, b).ok_or_else(|| Violation::new(constraint, format!("{a:?} and {b:?} do not broadcast")))
}

/// The type of a product: fraction bits add.
pub(crate) fn product((a, b): (Fixed, Fixed), constraint: &'static str) -> Checked<Elem> {
    grown(a, b.frac.into(), constraint)
}

/// `fixed` with `more` fraction bits.
pub(crate) fn grown(fixed: Fixed, more: i64, constraint: &'static str) -> Checked<Elem> {
    let frac = more.saturating_add(fixed.frac.into());
    fixed.with_frac(frac).map(Elem::Fixed).map_err(|error: FixedError| Violation::new(constraint, error.to_string()))
}

/// The type of operand 0 under another shape.
pub(crate) fn reshaped(view: &View, shape: Vec<usize>) -> Vec<TensorType<Elem>> {
    vec![TensorType::new(shape, view.operand(0).elem)]
}

/// The secrecy of what depends on all operands.
pub(crate) fn secrecy(view: &View) -> Secrecy {
    view.operands.iter().fold(Secrecy::Public, |secrecy, ty| secrecy.join(ty.elem.secrecy()))
}

/// The window in the attributes `strides`, `pads` (all begins, then all ends) and `dilations`, over `kernel`.
pub(crate) fn window(view: &View, kernel: Vec<usize>, constraint: &'static str) -> Checked<Window> {
    let mut pads_begin = view.sizes("pads", 0, constraint)?;
    let rank = kernel.len();
    Violation::unless(pads_begin.len() == 2 * rank, constraint, || {
        format!("`pads` has {} entries for {rank} spatial axes, not two an axis", pads_begin.len())
    })?;
    let pads_end = pads_begin.split_off(rank);
    let (strides, dilations) = (view.sizes("strides", 1, constraint)?, view.sizes("dilations", 1, constraint)?);
    Ok(Window { kernel, strides, pads_begin, pads_end, dilations })
}

/// The window of a pool, from its attributes, and the shape of its result.
pub(crate) fn pool(view: &View, constraint: &'static str) -> Checked<(Window, Vec<usize>)> {
    let window = window(view, view.sizes("kernel", 1, constraint)?, constraint)?;
    let x = view.shape(0);
    Violation::unless(x.len() >= 3, constraint, || format!("{x:?} has no spatial axes after N, C"))?;
    let spatial = window.output_dims(&x[2..]).map_err(|error| Violation::new(constraint, error.to_string()))?;
    Ok((window, [&x[..2], &spatial].concat()))
}

/// What a convolution does, from its attributes and its filter, and the shape of its result.
pub(crate) fn conv(view: &View, constraint: &'static str) -> Checked<(ConvSpec, Vec<usize>)> {
    let (x, filter) = (view.shape(0), view.shape(1));
    Violation::unless(x.len() >= 3 && filter.len() == x.len(), constraint, || {
        format!("{x:?} and {filter:?} are no N, C, spatial and O, C, kernel")
    })?;
    let window = window(view, filter[2..].to_vec(), constraint)?;
    let groups = usize::try_from(view.int("groups")).unwrap_or(0);
    let spec = ConvSpec { window, groups };
    let shape = spec.output_shape(x, filter).map_err(|error| Violation::new(constraint, error.to_string()))?;
    Ok((spec, shape))
}

/// What a transposed convolution does, from its attributes and its filter, and the shape of its result.
pub(crate) fn conv_transpose(view: &View, constraint: &'static str) -> Checked<(ConvTransposeSpec, Vec<usize>)> {
    let (x, filter) = (view.shape(0), view.shape(1));
    Violation::unless(x.len() >= 3 && filter.len() == x.len(), constraint, || {
        format!("{x:?} and {filter:?} are no N, C, spatial and C, O, kernel")
    })?;
    let spec = ConvTransposeSpec {
        window: window(view, filter[2..].to_vec(), constraint)?,
        groups: usize::try_from(view.int("groups")).unwrap_or(0),
        output_padding: view.sizes("output_padding", 0, constraint)?,
    };
    let shape = spec.output_shape(x, filter).map_err(|error| Violation::new(constraint, error.to_string()))?;
    Ok((spec, shape))
}

/// The attributes `axis`, where operand 0 has such an axis, and `indices`.
pub(crate) fn gather(view: &View, has_axis: &'static str, inside: &'static str) -> Checked<(usize, Vec<usize>)> {
    Ok((axis(view, has_axis)?, view.sizes("indices", 0, inside)?))
}

/// The attribute `axes`, where operand 0 has them and they are ascending.
pub(crate) fn axes(view: &View, constraint: &'static str) -> Checked<Vec<usize>> {
    let (axes, rank) = (view.sizes("axes", 0, constraint)?, view.operand(0).rank());
    let holds = axes.is_sorted_by(|a, b| a < b) && axes.last().is_none_or(|&axis| axis < rank);
    Violation::unless(holds, constraint, || format!("axes {axes:?} of {rank}"))?;
    Ok(axes)
}

/// The attribute `axis`, where operand 0 has such an axis.
pub(crate) fn axis(view: &View, constraint: &'static str) -> Checked<usize> {
    let (axis, rank) = (view.int("axis"), view.operand(0).rank());
    let found = usize::try_from(axis).ok().filter(|&axis| axis < rank);
    found.ok_or_else(|| Violation::new(constraint, format!("axis {axis} of {rank}")))
}

/// Lists of sizes with one entry for each axis of operand 0.
pub(crate) fn per_axis<const N: usize>(
    view: &View,
    names: [&str; N],
    constraint: &'static str,
) -> Checked<[Vec<usize>; N]> {
    let rank = view.operand(0).rank();
    let mut lists = [const { Vec::new() }; N];
    for (list, name) in lists.iter_mut().zip(names) {
        *list = view.sizes(name, 0, constraint)?;
        Violation::unless(list.len() == rank, constraint, || {
            format!("`{name}` has {} entries for {rank} axes", list.len())
        })?;
    }
    Ok(lists)
}
