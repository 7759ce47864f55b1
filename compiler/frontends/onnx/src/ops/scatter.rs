//! Elements put to constant places, and the like.

use crate::dtype::DType;
use crate::node::Node;
use crate::ops::slice::{flat_elements, flat_nd, take_flat};
use ndarray::ArrayD;
use treville_frontend_common::compose::take;
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;
use treville_ir::{ValueId, attrs};

/// `ScatterElements`: an element of the updates for each index.
pub(super) fn scatter_elements(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(3, 3)?;
    let (flat, shape) = flat_elements(node)?;
    replace(node, &flat, &shape)
}

/// `ScatterND`: the last dimension of the indices holds an index for each of the first dimensions.
pub(super) fn scatter_nd(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(3, 3)?;
    let (flat, shape) = flat_nd(node, 0)?;
    replace(node, &flat, &shape)
}

/// Input 0, whose elements at these places are those of the updates: a choice among both, one after the other.
fn replace(node: &mut Node<'_, '_>, places: &[i64], shape: &[usize]) -> Result<Val> {
    match node.text("reduction", "none")? {
        "none" => {}
        other => return Err(node.unsupported(format!("its reduction {other:?} is not supported"), "use none")),
    }
    if node.shape(2)? != shape {
        return Err(node.invalid(format!("its updates have not the shape {shape:?} of its indices")));
    }
    let (x, updates) = (node.data(0)?, node.data(2)?);
    let dims = node.dims(x);
    let n: usize = dims.iter().product();
    let mut from: Vec<i64> = (0..n as i64).collect();
    for (update, &place) in places.iter().enumerate() {
        from[place as usize] = (n + update) as i64;
    }
    let x = take::reshape(node, x, &[n])?;
    let updates = take::reshape(node, updates, &[places.len()])?;
    let all = node.emit("concat", &[x, updates], attrs! { axis: 0 })?;
    let chosen = take::take(node, all, 0, from)?;
    take::reshape(node, chosen, &dims).map(Val::Data)
}

/// `ReverseSequence`: the first elements of each batch, as many as its length says, stand the other way round.
pub(super) fn reverse_sequence(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let dims = node.shape(0)?;
    let time = node.axis(node.int("time_axis", 0)?, dims.len())?;
    let batch = node.axis(node.int("batch_axis", 1)?, dims.len())?;
    let lengths = node.ints(1, "sequence_lens")?;
    let fits = |&length: &i64| (0..=dims[time] as i64).contains(&length);
    if time == batch || lengths.len() != dims[batch] || !lengths.iter().all(fits) {
        return Err(node.invalid(format!("its lengths {lengths:?} do not fit {dims:?}")));
    }
    let places = ArrayD::<u8>::zeros(dims.clone());
    let mut flat = Vec::with_capacity(places.len());
    for (at, _) in places.indexed_iter() {
        let length = lengths[at[batch]] as usize;
        let mirrored = if at[time] < length { length - 1 - at[time] } else { at[time] };
        let place = |a: usize| if a == time { mirrored } else { at[a] };
        flat.push((0..dims.len()).fold(0, |flat, a| flat * dims[a] + place(a)) as i64);
    }
    take_flat(node, flat, &dims)
}

/// `EyeLike`: ones along a diagonal of a matrix.
pub(super) fn eye_like(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let &[rows, columns] = node.shape(0)?.as_slice() else { return Err(node.invalid("its input is no matrix")) };
    let k = node.int("k", 0)?;
    if rows.checked_mul(columns).is_none_or(|n| n > 1 << 24) {
        return Err(node.unsupported("it makes too many elements", "at most 2^24 elements are supported"));
    }
    let by_input = match node.input(0)? {
        Val::Const(c) if c.dtype.is_int() => DType::INT64,
        _ => DType::FLOAT,
    };
    let dtype = node.dtype("dtype", Some(by_input))?;
    let on = |i: usize, j: usize| j as i64 - i as i64 == k;
    let values = (0..rows * columns).map(|n| i64::from(on(n / columns, n % columns))).collect();
    let eye =
        ArrayD::from_shape_vec(vec![rows, columns], values).map_err(|_| node.invalid("its input is no matrix"))?;
    let is_float = dtype.number().is_some_and(|number| number.is_float());
    node.constant(dtype, if is_float { Tensor::F32(eye.mapv(|v: i64| v as f32)) } else { Tensor::I64(eye) })
}

/// `Hardmax`: 1 where the first greatest element along an axis stands, 0 elsewhere.
pub(super) fn hardmax(node: &mut Node<'_, '_>) -> Result<Val> {
    super::activation::over_axis(node, one_at_greatest)
}

fn one_at_greatest(node: &mut Node<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let dims = node.dims(x);
    let best = node.emit("arg_max", &[x], attrs! { axis: axis as i64, keepdims: true })?;
    let mut shape = vec![1i64; dims.len() - axis];
    shape[0] = dims[axis] as i64;
    let places: Vec<i64> = (0..dims[axis] as i64).collect();
    let places = node.emit("constant", &[], attrs! { shape: shape, values: places })?;
    let here = node.emit("equal", &[best, places], attrs! {})?;
    node.emit("cast", &[here], attrs! { to: "f32" })
}
