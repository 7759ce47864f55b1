//! What moves or repeats elements: gathers, tiles, reversals, and blocks that go from one axis to another.

use crate::node::Node;
use crate::ops::array::{axis, sizes};
use crate::ops::concat::scalar;
use treville_frontend_common::compose::take::{self, reshape, take};
use treville_frontend_common::{Result, Val};
use treville_ir::{ValueId, attrs};

/// `Gather`, `ResourceGather`: along the first axis.
pub(super) fn gather(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    gather_along(node, 0)
}

/// `GatherV2`: along any axis.
pub(super) fn gather_v2(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(3)?;
    let along = scalar(node, 2, "axis")?;
    let along = axis(node, along, node.shape(0)?.len())?;
    gather_along(node, along)
}

fn gather_along(node: &mut Node<'_, '_>, axis: usize) -> Result<Val> {
    if node.int("batch_dims", 0)? != 0 {
        return Err(node.unsupported("it has batch dimensions (batch_dims)", "gather without them"));
    }
    let (mut dims, places) = (node.shape(0)?, node.shape(1)?);
    let indices = node.ints(1, "indices")?;
    let Some(&size) = dims.get(axis) else { return Err(node.invalid("its input has no axis")) };
    if let Some(outside) = indices.iter().find(|&&i| usize::try_from(i).map_or(true, |i| i >= size)) {
        return Err(node.invalid(format!("there is no index {outside} in a dimension of {size}")));
    }
    node.reserve(indices.len())?;
    let x = node.data(0)?;
    let taken = take(node, x, axis, indices)?;
    dims.splice(axis..=axis, places);
    Ok(Val::Data(if node.dims(taken) == dims { taken } else { reshape(node, taken, &dims)? }))
}

/// `Tile`.
pub(super) fn tile(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let times = sizes(node, 1, "multiples")?;
    if times.len() != node.shape(0)?.len() {
        return Err(node.invalid("its multiples are not one for each dimension"));
    }
    let x = node.data(0)?;
    Ok(Val::Data(take::tile(node, x, &times)?))
}

/// `ReverseV2`.
pub(super) fn reverse(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let rank = node.shape(0)?.len();
    let mut x = node.data(0)?;
    for along in node.ints(1, "axis")? {
        let along = axis(node, along, rank)?;
        x = take::reverse(node, x, along)?;
    }
    Ok(Val::Data(x))
}

/// `SpaceToBatchND`: pads, then moves blocks of the axes behind the batch into the batch.
pub(super) fn space_to_batch(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(3)?;
    let Blocks { sizes: blocks, pads, dims } = Blocks::of(node, "paddings")?;
    let (mut begin, mut end) = (vec![0; dims.len()], vec![0; dims.len()]);
    for (axis, &(before, after)) in pads.iter().enumerate() {
        (begin[axis + 1], end[axis + 1]) = (before, after);
    }
    let x = node.data(0)?;
    let padded = node.emit("pad", &[x], attrs! { begin: begin, end: end, value: 0.0 })?;
    let dims = node.dims(padded);
    let mut split = vec![dims[0]];
    for (&size, &block) in dims[1..].iter().zip(&blocks) {
        if size % block != 0 {
            return Err(node.invalid(format!("blocks of {block} do not fill {size} elements")));
        }
        split.extend([size / block, block]);
    }
    split.extend(&dims[blocks.len() + 1..]);
    let n = blocks.len();
    let inner = (0..n).map(|axis| 2 * axis + 2);
    let outer = (0..n).map(|axis| 2 * axis + 1);
    let order: Vec<usize> = inner.chain([0]).chain(outer).chain(2 * n + 1..split.len()).collect();
    let mut joined: Vec<usize> = vec![dims[0] * blocks.iter().product::<usize>()];
    joined.extend(dims[1..].iter().enumerate().map(|(axis, &size)| size / blocks.get(axis).unwrap_or(&1)));
    Ok(Val::Data(rearrange(node, padded, &split, &order, &joined)?))
}

/// `BatchToSpaceND`: the other way round, then crops.
pub(super) fn batch_to_space(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(3)?;
    let Blocks { sizes: blocks, pads: crops, dims } = Blocks::of(node, "crops")?;
    let n = blocks.len();
    let product: usize = blocks.iter().product();
    if dims[0] % product != 0 {
        return Err(node.invalid(format!("a batch of {} does not hold blocks of {blocks:?}", dims[0])));
    }
    let mut split = blocks.clone();
    split.push(dims[0] / product);
    split.extend(&dims[1..]);
    let interleaved = (0..n).flat_map(|axis| [n + 1 + axis, axis]);
    let order: Vec<usize> = [n].into_iter().chain(interleaved).chain(2 * n + 1..split.len()).collect();
    let mut joined = vec![dims[0] / product];
    joined.extend(dims[1..].iter().enumerate().map(|(axis, &size)| size * blocks.get(axis).unwrap_or(&1)));
    let x = node.data(0)?;
    let spread = rearrange(node, x, &split, &order, &joined)?;
    let (mut starts, mut ends) = (vec![0; joined.len()], joined.iter().map(|&d| d as i64).collect::<Vec<_>>());
    for (axis, &(before, after)) in crops.iter().enumerate() {
        starts[axis + 1] = before;
        ends[axis + 1] -= after;
    }
    let steps = vec![1i64; joined.len()];
    Ok(Val::Data(node.emit("slice", &[spread], attrs! { starts: starts, ends: ends, steps: steps })?))
}

/// The blocks of the axes behind the batch, and what is added or cut off around them.
struct Blocks {
    sizes: Vec<usize>,
    pads: Vec<(i64, i64)>,
    /// The dimensions of input 0.
    dims: Vec<usize>,
}

impl Blocks {
    fn of(node: &Node<'_, '_>, pads: &str) -> Result<Self> {
        let dims = node.shape(0)?;
        let sizes = sizes(node, 1, "block_shape")?;
        let pads = node.ints(2, pads)?;
        let in_range =
            pads.iter().chain(&sizes.iter().map(|&s| s as i64).collect::<Vec<_>>()).all(|p| (0..=1 << 20).contains(p));
        if sizes.len() >= dims.len() || sizes.len() > 3 || pads.len() != 2 * sizes.len() || !in_range {
            return Err(node.invalid(format!("its blocks {sizes:?} with {pads:?} around are not those of {dims:?}")));
        }
        Ok(Self { sizes, pads: pads.chunks(2).map(|p| (p[0], p[1])).collect(), dims })
    }
}

/// `SpaceToDepth`: blocks of height and width become channels.
pub(super) fn space_to_depth(node: &mut Node<'_, '_>) -> Result<Val> {
    let (x, [n, h, w, c], block, channels_first) = image(node)?;
    if h % block != 0 || w % block != 0 {
        return Err(node.invalid(format!("blocks of {block} do not fill an image of {h} by {w}")));
    }
    let (rows, columns) = (h / block, w / block);
    let split = [n, rows, block, columns, block, c];
    let y = rearrange(node, x, &split, &[0, 1, 3, 2, 4, 5], &[n, rows, columns, block * block * c])?;
    finish_image(node, y, channels_first)
}

/// `DepthToSpace`: channels become blocks of height and width.
pub(super) fn depth_to_space(node: &mut Node<'_, '_>) -> Result<Val> {
    let (x, [n, h, w, c], block, channels_first) = image(node)?;
    if c % (block * block) != 0 {
        return Err(node.invalid(format!("{c} channels are no blocks of {block} by {block}")));
    }
    let depth = c / (block * block);
    let split = [n, h, w, block, block, depth];
    let y = rearrange(node, x, &split, &[0, 1, 3, 2, 4, 5], &[n, h * block, w * block, depth])?;
    finish_image(node, y, channels_first)
}

/// Input 0 with channels last, its dimensions, the size of blocks, and whether the channels came first.
fn image(node: &mut Node<'_, '_>) -> Result<(ValueId, [usize; 4], usize, bool)> {
    node.expect_inputs(1)?;
    let channels_first = match node.text("data_format", Some("NHWC"))? {
        "NHWC" => false,
        "NCHW" => true,
        other => {
            return Err(node.unsupported(format!("its data_format {other:?} is not supported"), "use NHWC or NCHW"));
        }
    };
    let block = usize::try_from(node.int("block_size", 0)?).ok().filter(|b| (1..=1 << 15).contains(b));
    let Some(block) = block else { return Err(node.invalid("its block_size is out of range")) };
    let mut x = node.data(0)?;
    if node.dims(x).len() != 4 {
        return Err(node.invalid("its input does not have 4 dimensions"));
    }
    if channels_first {
        x = node.emit("transpose", &[x], attrs! { perm: [0, 2, 3, 1] })?;
    }
    let dims = node.dims(x);
    Ok((x, [dims[0], dims[1], dims[2], dims[3]], block, channels_first))
}

fn finish_image(node: &mut Node<'_, '_>, y: ValueId, channels_first: bool) -> Result<Val> {
    let y = if channels_first { node.emit("transpose", &[y], attrs! { perm: [0, 3, 1, 2] })? } else { y };
    Ok(Val::Data(y))
}

/// Dimensions taken apart, put in another order, and joined again.
fn rearrange(
    node: &mut Node<'_, '_>,
    x: ValueId,
    split: &[usize],
    order: &[usize],
    joined: &[usize],
) -> Result<ValueId> {
    let apart = reshape(node, x, split)?;
    let perm: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
    let ordered = node.emit("transpose", &[apart], attrs! { perm: perm })?;
    reshape(node, ordered, joined)
}
