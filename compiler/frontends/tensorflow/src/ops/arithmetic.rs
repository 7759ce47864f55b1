//! Element by element, where it is not one line of the table.

use crate::node::Node;
use treville_frontend_common::compose::{activation, elementwise, take};
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;
use treville_ir::{ValueId, attrs};

/// `AddN`: the sum of any number of values of one shape.
pub(super) fn add_n(node: &mut Node<'_, '_>) -> Result<Val> {
    let mut sum = node.data(0)?;
    for i in 1..node.n_inputs() {
        if node.shape(i)? != node.shape(0)? {
            return Err(node.invalid("its inputs differ in shape"));
        }
        let next = node.data(i)?;
        sum = node.emit("add", &[sum, next], attrs! {})?;
    }
    Ok(Val::Data(sum))
}

/// `BiasAdd`, `BiasAddV1`: one value per channel.
pub(super) fn bias_add(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let channels_first = match node.text("data_format", Some("NHWC"))? {
        "NHWC" => false,
        "NCHW" => true,
        other => {
            return Err(node.unsupported(format!("its data_format {other:?} is not supported"), "use NHWC or NCHW"));
        }
    };
    let (shape, channels) = (node.shape(0)?, node.shape(1)?);
    let axis = if channels_first && shape.len() > 1 { 1 } else { shape.len().saturating_sub(1) };
    if shape.len() < 2 || channels.as_slice() != shape.get(axis..=axis).unwrap_or_default() {
        return Err(node.invalid(format!("{channels:?} values cannot be the biases of {shape:?}")));
    }
    let (x, mut bias) = (node.data(0)?, node.data(1)?);
    if axis + 1 < shape.len() {
        let mut dims = vec![1; shape.len() - axis];
        dims[0] = channels[0];
        bias = take::reshape(node, bias, &dims)?;
    }
    Ok(Val::Data(node.emit("add", &[x, bias], attrs! {})?))
}

/// `FloorDiv`.
pub(super) fn floor_div(node: &mut Node<'_, '_>) -> Result<Val> {
    let [a, b] = divided(node)?;
    Ok(Val::Data(elementwise::floor_div(node, a, b)?))
}

/// `FloorMod`: what remains has the sign of the divisor.
pub(super) fn floor_mod(node: &mut Node<'_, '_>) -> Result<Val> {
    let [a, b] = divided(node)?;
    Ok(Val::Data(elementwise::floor_mod(node, a, b)?))
}

/// `RealDiv`, `Div`, `TruncateDiv`: the quotient; of integers it is truncated towards zero.
pub(super) fn div(node: &mut Node<'_, '_>) -> Result<Val> {
    let operands = divided(node)?;
    Ok(Val::Data(node.emit("div", &operands, attrs! {})?))
}

/// `DivNoNan`: 0 where the divisor is.
pub(super) fn div_no_nan(node: &mut Node<'_, '_>) -> Result<Val> {
    let [a, b] = node.operands()?;
    let (zero, one) = (node.number(0.0)?, node.number(1.0)?);
    let is_zero = node.emit("equal", &[b, zero], attrs! {})?;
    let divisor = node.emit("select", &[is_zero, one, b], attrs! {})?;
    let quotient = node.emit("div", &[a, divisor], attrs! {})?;
    Ok(Val::Data(node.emit("select", &[is_zero, zero, quotient], attrs! {})?))
}

/// The operands of a division; a divisor that everyone can see to be 0 is refused.
fn divided(node: &mut Node<'_, '_>) -> Result<[ValueId; 2]> {
    node.expect_inputs(2)?;
    if let Some(divisor) = node.public(1)? {
        let is_zero = match divisor.values() {
            Tensor::I64(values) => values.iter().any(|&v| v == 0),
            Tensor::F32(values) => values.iter().any(|&v| v == 0.0),
        };
        if is_zero {
            return Err(node.unsupported("it divides by zero", "TensorFlow gives no number there: use DivNoNan"));
        }
    }
    Ok([node.data(0)?, node.data(1)?])
}

/// `Pow` with a constant exponent.
pub(super) fn pow(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let exponent = match node.public(1)? {
        Some(constant) => match constant.values() {
            Tensor::F32(a) => a.iter().map(|&v| f64::from(v)).collect(),
            Tensor::I64(a) => a.iter().map(|&v| v as f64).collect::<Vec<f64>>(),
        },
        None => Vec::new(),
    };
    let [exponent] = exponent.as_slice() else {
        let why = "its exponent is not one number that everyone may know";
        return Err(node.unsupported(why, "only powers with one constant exponent are supported"));
    };
    let x = node.data(0)?;
    Ok(Val::Data(elementwise::pow(node, x, *exponent)?))
}

/// `SquaredDifference`.
pub(super) fn squared_difference(node: &mut Node<'_, '_>) -> Result<Val> {
    let operands: [ValueId; 2] = node.operands()?;
    let difference = node.emit("sub", &operands, attrs! {})?;
    Ok(Val::Data(elementwise::square(node, difference)?))
}

/// `LeakyRelu`.
pub(super) fn leaky_relu(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    let slope = f64::from(node.float("alpha", 0.2)?);
    let x = node.data(0)?;
    Ok(Val::Data(activation::leaky_relu(node, x, slope)?))
}

/// `Relu6`.
pub(super) fn relu6(node: &mut Node<'_, '_>) -> Result<Val> {
    let [x] = node.operands()?;
    Ok(Val::Data(node.emit("clip", &[x], attrs! { min: 0.0, max: 6.0 })?))
}

/// `Elu`.
pub(super) fn elu(node: &mut Node<'_, '_>) -> Result<Val> {
    let [x] = node.operands()?;
    Ok(Val::Data(activation::elu(node, x, 1.0)?))
}

/// `Selu`.
///
/// # Source
/// TensorFlow's `functor::Selu`: the constants of Klambauer et al., 2017.
pub(super) fn selu(node: &mut Node<'_, '_>) -> Result<Val> {
    const ALPHA: f64 = 1.673_263_242_354_377_3;
    const SCALE: f64 = 1.050_700_987_355_480_5;
    let [x] = node.operands()?;
    Ok(Val::Data(activation::selu(node, x, ALPHA, SCALE)?))
}

/// `ClipByValue`: the upper bound is held first.
pub(super) fn clip_by_value(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(3)?;
    let bound = |node: &Node<'_, '_>, i: usize| -> Result<Option<f64>> {
        let constant = node.public(i)?;
        Ok(constant.and_then(|c| match c.values() {
            Tensor::F32(a) if a.len() == 1 => a.first().map(|&v| f64::from(v)),
            _ => None,
        }))
    };
    let x = node.data(0)?;
    if let (Some(min), Some(max)) = (bound(node, 1)?, bound(node, 2)?) {
        return Ok(Val::Data(node.emit("clip", &[x], attrs! { min: min, max: max.max(min) })?));
    }
    let (min, max) = (node.data(1)?, node.data(2)?);
    let below = elementwise::min(node, x, max)?;
    Ok(Val::Data(node.emit("max", &[below, min], attrs! {})?))
}

/// `Select`: a condition of one axis picks rows.
pub(super) fn select_v1(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(3)?;
    let (condition, rank) = (node.shape(0)?, node.shape(1)?.len());
    let mut operands = [node.data(0)?, node.data(1)?, node.data(2)?];
    if let &[rows] = condition.as_slice()
        && rank > 1
    {
        let mut dims = vec![1; rank];
        dims[0] = rows;
        operands[0] = take::reshape(node, operands[0], &dims)?;
    }
    Ok(Val::Data(node.emit("select", &operands, attrs! {})?))
}

/// `SelectV2`.
pub(super) fn select_v2(node: &mut Node<'_, '_>) -> Result<Val> {
    let operands: [ValueId; 3] = node.operands()?;
    Ok(Val::Data(node.emit("select", &operands, attrs! {})?))
}
