//! Convolutions.

use crate::node::Node;
use crate::ops::spatial::{Window, sizes_of, space};
use treville_frontend_common::compose::take;
use treville_frontend_common::{Result, Val};
use treville_ir::{ValueId, attrs};

/// `Conv`.
pub(super) fn conv(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 3)?;
    let space = space(node, &node.shape(0)?)?;
    let kernel = kernel(node, &node.shape(1)?)?;
    let window = Window::of(node, kernel, &space, false)?;
    let groups = node.int("group", 1)?;
    let operands = [node.data(0)?, node.data(1)?];
    let conv_attrs = attrs! { strides: window.strides, pads: window.pads, dilations: window.dilations, groups: groups };
    let y = node.emit("conv", &operands, conv_attrs)?;
    add_bias(node, y).map(Val::Data)
}

/// `ConvTranspose`: the pads follow from `output_shape` where that is given.
pub(super) fn conv_transpose(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 3)?;
    let sizes = space(node, &node.shape(0)?)?;
    let n = sizes.len();
    let kernel = kernel(node, &node.shape(1)?)?;
    let strides = sizes_of(node, "strides", n, 1, 1)?;
    let dilations = sizes_of(node, "dilations", n, 1, 1)?;
    let mut extra = sizes_of(node, "output_padding", n, 0, 0)?;
    let groups = node.int("group", 1)?;
    let auto_pad = node.text("auto_pad", "NOTSET")?;
    if kernel.len() != n {
        return Err(node.invalid(format!("its filter has {} spatial dimensions instead of {n}", kernel.len())));
    }
    let full = |axis: usize| {
        let reach = (kernel[axis] - 1).saturating_mul(dilations[axis]) + 1;
        (sizes[axis] as i64 - 1).saturating_mul(strides[axis]).saturating_add(reach)
    };
    let given = node.list("output_shape")?.filter(|list| !list.is_empty());
    // Early files list batch and channels too.
    let wanted: Option<Vec<i64>> = match (given, auto_pad) {
        (Some(list), _) if list.len() == n || list.len() == n + 2 => Some(list[list.len() - n..].to_vec()),
        (Some(list), _) => {
            return Err(node.invalid(format!("its output_shape {list:?} is none of {n} spatial dimensions")));
        }
        (None, "SAME_UPPER" | "SAME_LOWER") => Some((0..n).map(|a| sizes[a] as i64 * strides[a]).collect()),
        (None, _) => None,
    };
    let mut pads = match auto_pad {
        "NOTSET" if wanted.is_none() => sizes_of(node, "pads", 2 * n, 0, 0)?,
        "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER" => vec![0; 2 * n],
        other => return Err(node.invalid(format!("its auto_pad {other:?} is unknown"))),
    };
    for (axis, &size) in wanted.iter().flatten().enumerate() {
        let total = full(axis).saturating_add(extra[axis]).saturating_sub(size);
        if size < 1 || total < 0 {
            // What the filters do not reach is zero.
            if size < 1 || size > full(axis).saturating_add(strides[axis] - 1).saturating_add(extra[axis]) {
                return Err(node.unsupported(
                    format!("its output of size {size} is none that the filter reaches"),
                    "choose an output_shape that input, strides and filter give",
                ));
            }
            extra[axis] -= total;
            continue;
        }
        let half = total / 2;
        let (before, after) = if auto_pad == "SAME_UPPER" { (half, total - half) } else { (total - half, half) };
        (pads[axis], pads[axis + n]) = (before, after);
    }
    let operands = [node.data(0)?, node.data(1)?];
    let y = node.emit(
        "conv_transpose",
        &operands,
        attrs! { strides: strides, pads: pads, dilations: dilations, groups: groups, output_padding: extra },
    )?;
    add_bias(node, y).map(Val::Data)
}

/// The filter's spatial sizes, which `kernel_shape` must agree with.
fn kernel(node: &Node<'_, '_>, filter: &[usize]) -> Result<Vec<i64>> {
    let kernel: Vec<i64> = filter.iter().skip(2).map(|&d| d as i64).collect();
    match node.list("kernel_shape")? {
        Some(declared) if !declared.is_empty() && declared != kernel => {
            Err(node.invalid(format!("its kernel_shape {declared:?} is not that of its filter, {kernel:?}")))
        }
        _ => Ok(kernel),
    }
}

/// Adds input 2, one value for each channel, if it is there.
fn add_bias(node: &mut Node<'_, '_>, y: ValueId) -> Result<ValueId> {
    let Some(bias) = node.optional(2)? else { return Ok(y) };
    let dims = node.dims(y);
    if node.dims(bias) != dims[1..2] {
        return Err(node.invalid(format!("its bias of shape {:?} is not one for each channel", node.dims(bias))));
    }
    let mut shape = vec![1; dims.len() - 1];
    shape[0] = dims[1];
    let bias = take::reshape(node, bias, &shape)?;
    node.emit("add", &[y, bias], attrs! {})
}
