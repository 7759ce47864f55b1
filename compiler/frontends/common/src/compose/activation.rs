//! Activations, each with one relu or comparison at most.

use crate::{Node, Result};
use treville_ir::{ValueId, attrs};

/// `x` where it is positive, `slope * x` elsewhere.
///
/// # Source
/// ONNX LeakyRelu-16, TensorFlow LeakyRelu.
pub fn leaky_relu(node: &mut Node<'_, '_>, x: ValueId, slope: f64) -> Result<ValueId> {
    let slope = node.number(slope)?;
    prelu(node, x, slope)
}

/// `x` where it is positive, `slope * x` elsewhere; the slopes may be secret.
///
/// # Source
/// ONNX PRelu-16.
pub fn prelu(node: &mut Node<'_, '_>, x: ValueId, slope: ValueId) -> Result<ValueId> {
    let (positive, negative) = halves(node, x)?;
    let scaled = node.emit("mul", &[negative, slope], attrs! {})?;
    node.emit("add", &[positive, scaled], attrs! {})
}

/// `x` where it is positive, `alpha * (e^x - 1)` elsewhere.
///
/// # Source
/// ONNX Elu-22, TensorFlow Elu.
pub fn elu(node: &mut Node<'_, '_>, x: ValueId, alpha: f64) -> Result<ValueId> {
    selu(node, x, alpha, 1.0)
}

/// `gamma * x` where it is positive, `gamma * alpha * (e^x - 1)` elsewhere.
///
/// # Source
/// ONNX Selu-22, TensorFlow Selu.
pub fn selu(node: &mut Node<'_, '_>, x: ValueId, alpha: f64, gamma: f64) -> Result<ValueId> {
    let (positive, negative) = halves(node, x)?;
    let one = node.number(1.0)?;
    let exp = apply(node, negative, "exp")?;
    let below = node.emit("sub", &[exp, one], attrs! {})?;
    let below = scale(node, below, gamma * alpha)?;
    let positive = scale(node, positive, gamma)?;
    node.emit("add", &[positive, below], attrs! {})
}

/// `alpha * x + beta`, held between 0 and 1.
///
/// # Source
/// ONNX HardSigmoid-22.
pub fn hard_sigmoid(node: &mut Node<'_, '_>, x: ValueId, alpha: f64, beta: f64) -> Result<ValueId> {
    let scaled = scale(node, x, alpha)?;
    let beta = node.number(beta)?;
    let shifted = node.emit("add", &[scaled, beta], attrs! {})?;
    node.emit("clip", &[shifted], attrs! { min: 0.0, max: 1.0 })
}

/// `x * hard_sigmoid(x)` with 1/6 and 1/2.
///
/// # Source
/// ONNX HardSwish-22.
pub fn hard_swish(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let gate = hard_sigmoid(node, x, 1.0 / 6.0, 0.5)?;
    node.emit("mul", &[x, gate], attrs! {})
}

/// `x` where it is greater than `alpha`, 0 elsewhere.
///
/// # Source
/// ONNX ThresholdedRelu-22.
pub fn thresholded_relu(node: &mut Node<'_, '_>, x: ValueId, alpha: f64) -> Result<ValueId> {
    let [threshold, zero] = [node.number(alpha)?, node.number(0.0)?];
    let above = node.emit("greater", &[x, threshold], attrs! {})?;
    node.emit("select", &[above, x, zero], attrs! {})
}

/// The logarithm of the softmax along an axis.
///
/// # Source
/// ONNX LogSoftmax-13, TensorFlow LogSoftmax.
pub fn log_softmax(node: &mut Node<'_, '_>, x: ValueId, axis: usize) -> Result<ValueId> {
    let over = || attrs! { axes: [axis as i64], keepdims: true };
    let max = node.emit("reduce_max", &[x], over())?;
    let below = node.emit("sub", &[x, max], attrs! {})?;
    let exp = apply(node, below, "exp")?;
    let sum = node.emit("reduce_sum", &[exp], over())?;
    let log = apply(node, sum, "log")?;
    node.emit("sub", &[below, log], attrs! {})
}

/// `e^x - 1`.
pub fn expm1(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let exp = apply(node, x, "exp")?;
    let one = node.number(1.0)?;
    node.emit("sub", &[exp, one], attrs! {})
}

/// The logarithm of `1 + x`.
pub fn log1p(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let one = node.number(1.0)?;
    let above = node.emit("add", &[x, one], attrs! {})?;
    apply(node, above, "log")
}

/// 1 less the error function.
pub fn erfc(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let erf = apply(node, x, "erf")?;
    let one = node.number(1.0)?;
    node.emit("sub", &[one, erf], attrs! {})
}

/// A function of HLIL's table that takes no parameter.
pub fn apply(node: &mut Node<'_, '_>, x: ValueId, function: &str) -> Result<ValueId> {
    node.emit("apply", &[x], attrs! { function: function, parameter: 0.0 })
}

/// A value times a number.
pub fn scale(node: &mut Node<'_, '_>, x: ValueId, factor: f64) -> Result<ValueId> {
    if factor == 1.0 {
        return Ok(x);
    }
    let factor = node.number(factor)?;
    node.emit("mul", &[x, factor], attrs! {})
}

/// The positive part and the negative part of a value, which sum to it.
fn halves(node: &mut Node<'_, '_>, x: ValueId) -> Result<(ValueId, ValueId)> {
    let positive = node.emit("relu", &[x], attrs! {})?;
    let negative = node.emit("sub", &[x, positive], attrs! {})?;
    Ok((positive, negative))
}
