//! The constraints and attributes that several ops share.

use ndarray::ArrayD;
use treville_ir::{AttrDef, AttrKind, Inferred, OpView, TensorType, Violation};
use treville_ring::{ConvSpec, Window, tensor};

use crate::{Elem, Hlil, Scalar};

pub(crate) type View<'a> = OpView<'a, Hlil>;
pub(crate) type Types = Inferred<Hlil>;

/// One result of this shape and kind, secret if any operand is.
pub(crate) fn result(view: &View<'_>, shape: impl Into<Vec<usize>>, scalar: Scalar) -> Types {
    let secret = view.operands.iter().any(|t| t.elem.secret);
    Ok(vec![TensorType::new(shape, Elem { scalar, secret })])
}

/// All operands are real.
pub(crate) fn real(view: &View<'_>, constraint: &'static str) -> Result<(), Violation> {
    let odd = view.operands.iter().position(|t| t.elem.scalar != Scalar::F32);
    match odd {
        None => Ok(()),
        Some(i) => Err(Violation::new(constraint, format!("operand {i} is {}", view.operand(i)))),
    }
}

/// All operands are of the same kind.
pub(crate) fn same_kind(view: &View<'_>, constraint: &'static str) -> Result<Scalar, Violation> {
    let scalar = view.operand(0).elem.scalar;
    match view.operands.iter().find(|t| t.elem.scalar != scalar) {
        None => Ok(scalar),
        Some(other) => Err(Violation::new(constraint, format!("{} against {other}", view.operand(0)))),
    }
}

/// What [`broadcast`] and [`compare`] check.
pub(crate) const BROADCAST: &[(&str, &str)] =
    &[("C1", "both operands are of the same kind, reals or integers"), ("C2", "the shapes broadcast by numpy's rule")];

/// Both operands are of the same kind and broadcast: the result is of this kind and has the joint shape.
pub(crate) fn broadcast(view: &View<'_>) -> Types {
    let scalar = same_kind(view, "C1")?;
    result(view, joint_shape(view, "C2")?, scalar)
}

/// As [`broadcast`], but the result holds integers: 1 where the comparison holds, 0 elsewhere.
pub(crate) fn compare(view: &View<'_>) -> Types {
    same_kind(view, "C1")?;
    result(view, joint_shape(view, "C2")?, Scalar::I64)
}

/// The shape that all operands broadcast to.
pub(crate) fn joint_shape(view: &View<'_>, constraint: &'static str) -> Result<Vec<usize>, Violation> {
    view.operands.iter().try_fold(Vec::new(), |shape, t| {
        let joint = tensor::broadcast_shape(&shape, &t.shape);
        joint.ok_or_else(|| Violation::new(constraint, format!("{shape:?} against {:?}", t.shape)))
    })
}

/// C1 the operand is real; the result is of its shape.
pub(crate) fn real_elementwise(view: &View<'_>) -> Types {
    real(view, "C1")?;
    result(view, view.shape(0), Scalar::F32)
}

/// The attributes of a reduction.
pub(crate) const REDUCTION: &[AttrDef] = &[
    AttrDef::new("axes", AttrKind::Ints, "the dimensions to reduce over, ascending"),
    AttrDef::new("keepdims", AttrKind::Bool, "whether these stay as dimensions of size 1"),
];

/// What [`reduction`] checks.
pub(crate) const REDUCTION_AXES: &str = "`axes` names at least one dimension of the operand, in ascending order";

/// The axes of a reduction: at least one dimension of the operand, ascending.
fn reduction_axes(view: &View<'_>, constraint: &'static str) -> Result<Vec<usize>, Violation> {
    let (axes, rank) = (view.sizes("axes", 0, constraint)?, view.operand(0).rank());
    let ascending = axes.is_sorted_by(|a, b| a < b) && axes.last().is_some_and(|last| *last < rank);
    Violation::unless(ascending, constraint, || format!("{axes:?} of {rank} dimensions"))?;
    Ok(axes)
}

/// The result of a reduction over `axes`, of the operand's kind.
pub(crate) fn reduction(view: &View<'_>, constraint: &'static str) -> Types {
    let axes = reduction_axes(view, constraint)?;
    result(view, reduced_shape(view, &axes), view.operand(0).elem.scalar)
}

/// The first operand's shape without these axes, or with size 1 there, as `keepdims` says.
pub(crate) fn reduced_shape(view: &View<'_>, axes: &[usize]) -> Vec<usize> {
    let size = |(axis, &size): (usize, &usize)| match (axes.contains(&axis), view.bool("keepdims")) {
        (false, _) => Some(size),
        (true, true) => Some(1),
        (true, false) => None,
    };
    view.shape(0).iter().enumerate().filter_map(size).collect()
}

/// `f` of the elements over `axes`, for each position of the other dimensions, in the result's shape.
pub(crate) fn reduce<T: Copy + Send + Sync>(view: &View<'_>, x: &ArrayD<T>, f: impl Fn(&[T]) -> T + Sync) -> ArrayD<T> {
    let axes = view.sizes("axes", 0, "").expect("invariant: the axes were checked");
    tensor::reshape_owned(treville_ring::reduce(x, &axes, f), &view.results[0].shape)
}

/// An axis attribute within the rank of the first operand.
pub(crate) fn axis(view: &View<'_>, constraint: &'static str) -> Result<usize, Violation> {
    let (axis, rank) = (view.int("axis"), view.operand(0).rank());
    let found = usize::try_from(axis).ok().filter(|a| *a < rank);
    found.ok_or_else(|| Violation::new(constraint, format!("axis {axis} of {rank} dimensions")))
}

/// A list of sizes with one entry for each dimension of the first operand.
pub(crate) fn per_axis(
    view: &View<'_>,
    name: &str,
    min: usize,
    constraint: &'static str,
) -> Result<Vec<usize>, Violation> {
    let sizes = view.sizes(name, min, constraint)?;
    let rank = view.operand(0).rank();
    let message = || format!("`{name}` has {} entries for {rank} dimensions", sizes.len());
    Violation::unless(sizes.len() == rank, constraint, message)?;
    Ok(sizes)
}

/// The window that `strides`, `pads` and `dilations` describe.
fn window(view: &View<'_>, kernel: Vec<usize>, constraint: &'static str) -> Result<Window, Violation> {
    let pads = view.sizes("pads", 0, constraint)?;
    let message = || format!("`pads` has {} entries for {} spatial dimensions", pads.len(), kernel.len());
    Violation::unless(pads.len() == 2 * kernel.len(), constraint, message)?;
    let (begin, end) = pads.split_at(kernel.len());
    let taps = TensorType::new(kernel.clone(), Elem::F32).check();
    taps.map_err(|e| Violation::new(constraint, format!("the window's {e}")))?;
    Ok(Window {
        strides: view.sizes("strides", 1, constraint)?,
        dilations: view.sizes("dilations", 1, constraint)?,
        pads_begin: begin.to_vec(),
        pads_end: end.to_vec(),
        kernel,
    })
}

/// The window of a `max_pool` or `avg_pool`.
///
/// # Errors
/// A violation of C2 where the attributes make no window.
pub fn pool_window(view: &OpView<'_, Hlil>) -> Result<Window, Violation> {
    window(view, view.sizes("kernel", 1, "C2")?, "C2")
}

/// The window and groups of a `conv`; of a `conv_transpose`, those of the `conv` that takes its result to its operand.
///
/// # Errors
/// A violation of C2 where the attributes make no window.
pub fn conv_spec(view: &OpView<'_, Hlil>) -> Result<ConvSpec, Violation> {
    let kernel = view.shape(1).get(2..).unwrap_or_default().to_vec();
    let groups = usize::try_from(view.int("groups")).ok().filter(|g| *g > 0);
    let groups = groups.ok_or_else(|| Violation::new("C2", format!("`groups` is {}", view.int("groups"))))?;
    Ok(ConvSpec { window: window(view, kernel, "C2")?, groups })
}

/// The result of a pool: C1 the operand is real and has spatial dimensions, C2 the window fits it, C3 no window lies in the padding.
pub(crate) fn pool(view: &View<'_>) -> Types {
    real(view, "C1")?;
    Violation::unless(view.operand(0).rank() > 2, "C1", || format!("the operand is {}", view.operand(0)))?;
    let window = pool_window(view)?;
    let (batch, dims) = view.shape(0).split_at(2);
    let out = window.output_dims(dims).map_err(|e| Violation::new("C2", e.to_string()))?;
    for axis in 0..dims.len() {
        // The first window must reach the first element, the last one start before the end, and taps must not step over all elements.
        let reach = (window.kernel[axis] - 1) * window.dilations[axis];
        let last = (out[axis] - 1) * window.strides[axis];
        let covered = window.pads_begin[axis] <= reach
            && last < window.pads_begin[axis] + dims[axis]
            && (window.kernel[axis] == 1 || window.dilations[axis] <= dims[axis]);
        Violation::unless(covered, "C3", || format!("one does along spatial dimension {axis}"))?;
    }
    result(view, [batch, &out].concat(), Scalar::F32)
}

/// The greater of two reals; NaN where one of them is, as in numpy.
pub(crate) fn greater_of(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}
