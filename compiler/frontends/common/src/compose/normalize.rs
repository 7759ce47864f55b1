//! Normalisations that take mean and variance from the values themselves.

use super::reduce::{Axes, apply, reduce};
use crate::{Node, Result};
use treville_ir::{ValueId, attrs};

/// What normalising yields.
pub struct Normalized {
    /// The values, with mean 0 and variance 1.
    pub values: ValueId,
    /// Their mean before, with the dimensions that it is over as 1.
    pub mean: ValueId,
    /// The inverse of their standard deviation before.
    pub inverse_deviation: ValueId,
}

/// `(x - mean) / sqrt(variance + epsilon)`, with mean and variance over `axes`, in ascending order.
///
/// # Errors
/// Where an op does not take `x`.
pub fn normalize(node: &mut Node<'_, '_>, x: ValueId, axes: Vec<usize>, epsilon: f64) -> Result<Normalized> {
    let over = Axes { axes, keepdims: true };
    let mean = reduce(node, "reduce_mean", x, &over)?;
    let centred = node.emit("sub", &[x, mean], attrs! {})?;
    let square = node.emit("mul", &[centred, centred], attrs! {})?;
    let variance = reduce(node, "reduce_mean", square, &over)?;
    let epsilon = node.number(epsilon)?;
    let shifted = node.emit("add", &[variance, epsilon], attrs! {})?;
    let inverse_deviation = apply(node, "rsqrt", shifted)?;
    let values = node.emit("mul", &[centred, inverse_deviation], attrs! {})?;
    Ok(Normalized { values, mean, inverse_deviation })
}

/// Over all dimensions from `axis` on, then scaled and shifted (ONNX LayerNormalization-17).
///
/// # Errors
/// As [`normalize`].
pub fn layer_norm(
    node: &mut Node<'_, '_>,
    x: ValueId,
    axis: usize,
    epsilon: f64,
    scale: ValueId,
    bias: Option<ValueId>,
) -> Result<Normalized> {
    let axes = (axis..node.dims(x).len()).collect();
    let mut normalized = normalize(node, x, axes, epsilon)?;
    normalized.values = node.emit("mul", &[normalized.values, scale], attrs! {})?;
    if let Some(bias) = bias {
        normalized.values = node.emit("add", &[normalized.values, bias], attrs! {})?;
    }
    Ok(normalized)
}

/// Over the spatial dimensions of each channel, which has its scale and shift (ONNX InstanceNormalization-6).
///
/// # Errors
/// As [`normalize`].
pub fn instance_norm(
    node: &mut Node<'_, '_>,
    x: ValueId,
    epsilon: f64,
    scale: ValueId,
    bias: ValueId,
) -> Result<ValueId> {
    let axes = (2..node.dims(x).len()).collect();
    let normalized = normalize(node, x, axes, epsilon)?;
    scale_channels(node, normalized.values, scale, bias)
}

/// Over groups of channels; each channel has its scale and shift (ONNX GroupNormalization-21).
///
/// # Errors
/// As [`normalize`], and where the channels do not make up so many groups.
pub fn group_norm(
    node: &mut Node<'_, '_>,
    x: ValueId,
    groups: usize,
    epsilon: f64,
    scale: ValueId,
    bias: ValueId,
) -> Result<ValueId> {
    let dims: Vec<i64> = node.dims(x).iter().map(|&d| d as i64).collect();
    if dims.len() < 2 || groups == 0 || dims[1] % groups as i64 != 0 {
        return Err(node.invalid(format!("the channels of {dims:?} are no {groups} groups")));
    }
    let grouped = vec![dims[0], groups as i64, dims[1..].iter().product::<i64>() / groups as i64];
    let x = node.emit("reshape", &[x], attrs! { shape: grouped })?;
    let normalized = normalize(node, x, vec![2], epsilon)?;
    let values = node.emit("reshape", &[normalized.values], attrs! { shape: dims })?;
    scale_channels(node, values, scale, bias)
}

/// Each channel times its scale plus its shift.
fn scale_channels(node: &mut Node<'_, '_>, x: ValueId, scale: ValueId, bias: ValueId) -> Result<ValueId> {
    let rank = node.dims(x).len();
    let per_channel = |node: &mut Node<'_, '_>, value: ValueId| {
        let mut shape = vec![1_i64; rank.saturating_sub(1)];
        shape[0] = node.dims(value).iter().product::<usize>() as i64;
        node.emit("reshape", &[value], attrs! { shape: shape })
    };
    let (scale, bias) = (per_channel(node, scale)?, per_channel(node, bias)?);
    let scaled = node.emit("mul", &[x, scale], attrs! {})?;
    node.emit("add", &[scaled, bias], attrs! {})
}

/// The window of a local response normalisation.
#[derive(Clone, Copy, Debug)]
pub struct Lrn {
    /// Channels before.
    pub before: usize,
    /// Channels after.
    pub after: usize,
    /// What the mean over the window is multiplied with.
    pub alpha: f64,
    /// The exponent.
    pub beta: f64,
    /// What is added.
    pub bias: f64,
}

/// `x / (bias + alpha * m)^beta`, where `m` is the mean of the squares of the channels around, those beyond counting as zeros
/// (ONNX LRN-13; TensorFlow's LRN has a sum for the mean).
///
/// # Errors
/// Where an op does not take `x`.
pub fn lrn(node: &mut Node<'_, '_>, x: ValueId, window: Lrn) -> Result<ValueId> {
    let dims: Vec<i64> = node.dims(x).iter().map(|&d| d as i64).collect();
    if dims.len() < 2 {
        return Err(node.invalid(format!("{dims:?} has no channels")));
    }
    let square = node.emit("mul", &[x, x], attrs! {})?;
    // The channels become a spatial dimension.
    let lanes: i64 = dims[2..].iter().product();
    let square = node.emit("reshape", &[square], attrs! { shape: vec![dims[0], 1, dims[1], lanes] })?;
    let attrs = attrs! {
        kernel: vec![(window.before + window.after + 1) as i64, 1],
        strides: vec![1_i64, 1],
        pads: vec![window.before as i64, 0, window.after as i64, 0],
        dilations: vec![1_i64, 1],
        count_include_pad: true,
    };
    let mean = node.emit("avg_pool", &[square], attrs)?;
    let mean = node.emit("reshape", &[mean], attrs! { shape: dims })?;
    let (alpha, bias) = (node.number(window.alpha)?, node.number(window.bias)?);
    let scaled = node.emit("mul", &[mean, alpha], attrs! {})?;
    let base = node.emit("add", &[scaled, bias], attrs! {})?;
    let power = node.emit("apply", &[base], attrs! { function: "pow", parameter: -window.beta })?;
    node.emit("mul", &[x, power], attrs! {})
}
