//! Activations.

use crate::node::Node;
use crate::ops::elementwise;
use treville_frontend_common::compose::{activation as compose, take};
use treville_frontend_common::{Result, Val};
use treville_hlil::Scalar;
use treville_ir::{ValueId, attrs};

fn single(node: &mut Node<'_, '_>) -> Result<ValueId> {
    node.expect(1, 1)?;
    node.data(0)
}

/// `Relu`: of reals or of integers.
pub(super) fn relu(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    Ok(Val::Data(match node.ty(x).elem.scalar {
        Scalar::F32 => node.emit("relu", &[x], attrs! {})?,
        Scalar::I64 => {
            let zero = node.integer(0)?;
            node.emit("max", &[x, zero], attrs! {})?
        }
    }))
}

/// `LeakyRelu`.
pub(super) fn leaky_relu(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    let alpha = node.float("alpha", 0.01)?;
    Ok(Val::Data(compose::leaky_relu(node, x, alpha)?))
}

/// `PRelu`: the slopes broadcast to the input.
pub(super) fn prelu(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    let (x, slope) = (node.data(0)?, node.data(1)?);
    let y = compose::prelu(node, x, slope)?;
    if node.dims(y) != node.dims(x) {
        return Err(node.invalid("its slopes do not broadcast to its input"));
    }
    Ok(Val::Data(y))
}

/// `Elu`.
pub(super) fn elu(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    let alpha = node.float("alpha", 1.0)?;
    Ok(Val::Data(compose::elu(node, x, alpha)?))
}

/// `Celu`: an ELU whose slope is 1 where it begins.
pub(super) fn celu(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    let alpha = node.float("alpha", 1.0)?;
    if alpha <= 0.0 {
        return Err(node.unsupported(format!("its alpha is {alpha}"), "use a positive alpha"));
    }
    let scaled = compose::scale(node, x, 1.0 / alpha)?;
    let y = compose::elu(node, scaled, 1.0)?;
    Ok(Val::Data(compose::scale(node, y, alpha)?))
}

/// `Selu`.
pub(super) fn selu(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    let (alpha, gamma) = (node.float("alpha", 1.673_263_2)?, node.float("gamma", 1.050_701)?);
    Ok(Val::Data(compose::selu(node, x, alpha, gamma)?))
}

/// `HardSigmoid`.
pub(super) fn hard_sigmoid(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    let (alpha, beta) = (node.float("alpha", 0.2)?, node.float("beta", 0.5)?);
    Ok(Val::Data(compose::hard_sigmoid(node, x, alpha, beta)?))
}

/// `HardSwish`.
pub(super) fn hard_swish(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    Ok(Val::Data(compose::hard_swish(node, x)?))
}

/// `ThresholdedRelu`.
pub(super) fn thresholded_relu(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    let alpha = node.float("alpha", 1.0)?;
    Ok(Val::Data(compose::thresholded_relu(node, x, alpha)?))
}

/// `Shrink`: x + bias below -lambd, x - bias above lambd, 0 between.
pub(super) fn shrink(node: &mut Node<'_, '_>) -> Result<Val> {
    let x = single(node)?;
    let (bias, lambd) = (node.float("bias", 0.0)?, node.float("lambd", 0.5)?);
    let [bias, above, below, zero] = [node.number(bias)?, node.number(lambd)?, node.number(-lambd)?, node.number(0.0)?];
    let is_above = node.emit("greater", &[x, above], attrs! {})?;
    let is_below = node.emit("greater", &[below, x], attrs! {})?;
    let lowered = node.emit("sub", &[x, bias], attrs! {})?;
    let raised = node.emit("add", &[x, bias], attrs! {})?;
    let otherwise = node.emit("select", &[is_above, lowered, zero], attrs! {})?;
    Ok(Val::Data(node.emit("select", &[is_below, raised, otherwise], attrs! {})?))
}

/// `Gelu`: by the error function, or its approximation by tanh.
pub(super) fn gelu(node: &mut Node<'_, '_>) -> Result<Val> {
    match node.text("approximate", "none")? {
        "none" => elementwise::apply(node, "gelu"),
        "tanh" => elementwise::apply(node, "gelu_tanh"),
        other => Err(node.invalid(format!("its approximation {other:?} is unknown"))),
    }
}

/// `Softmax`.
pub(super) fn softmax(node: &mut Node<'_, '_>) -> Result<Val> {
    over_axis(node, |node, x, axis| node.emit("softmax", &[x], attrs! { axis: axis as i64 }))
}

/// `LogSoftmax`.
pub(super) fn log_softmax(node: &mut Node<'_, '_>) -> Result<Val> {
    over_axis(node, |node, x, axis| compose::log_softmax(node, x, axis))
}

/// Something along an axis. Before version 13 the input is a matrix first, whose rows are the dimensions from the axis on.
pub(super) fn over_axis(
    node: &mut Node<'_, '_>,
    f: impl FnOnce(&mut Node<'_, '_>, ValueId, usize) -> Result<ValueId>,
) -> Result<Val> {
    let x = single(node)?;
    let dims = node.dims(x);
    if node.opset() >= 13 {
        let axis = node.axis(node.int("axis", -1)?, dims.len())?;
        return f(node, x, axis).map(Val::Data);
    }
    let axis = node.axis(node.int("axis", 1)?, dims.len())?;
    if dims[axis + 1..].iter().all(|&d| d == 1) {
        return f(node, x, axis).map(Val::Data);
    }
    let (rows, columns) = (dims[..axis].iter().product(), dims[axis..].iter().product());
    let matrix = take::reshape(node, x, &[rows, columns])?;
    let y = f(node, matrix, 1)?;
    take::reshape(node, y, &dims).map(Val::Data)
}
