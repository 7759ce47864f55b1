//! Elements put to constant places.

use crate::node::Node;
use crate::ops::slice::{flat_elements, flat_nd, take_flat};
use treville_frontend_common::compose::take;
use treville_frontend_common::{Result, Val};
use treville_ir::attrs;

/// `ScatterElements`, once called `Scatter`: an element of the updates for each index.
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
    node.reserve(n)?;
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
    node.reserve(dims.iter().product())?;
    let mut flat = Vec::new();
    for at in ndarray::indices(dims.clone()) {
        let length = lengths[at[batch]] as usize;
        let mirrored = if at[time] < length { length - 1 - at[time] } else { at[time] };
        let place = |a: usize| if a == time { mirrored } else { at[a] };
        flat.push((0..dims.len()).fold(0, |flat, a| flat * dims[a] + place(a)) as i64);
    }
    take_flat(node, flat, &dims)
}
