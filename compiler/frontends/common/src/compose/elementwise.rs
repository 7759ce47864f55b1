//! Element by element, with numpy's broadcasting: what HLIL's comparisons, maximum and relu make up.

use crate::{Node, Result};
use treville_hlil::Scalar;
use treville_ir::{ValueId, attrs};

/// The smaller of two values.
///
/// # Source
/// ONNX Min-13, TensorFlow Minimum.
pub fn min(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    let [a, b] = [neg(node, a)?, neg(node, b)?];
    let max = node.emit("max", &[a, b], attrs! {})?;
    neg(node, max)
}

/// The value without its sign.
///
/// # Source
/// ONNX Abs-13, TensorFlow Abs.
pub fn abs(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let negated = neg(node, x)?;
    node.emit("max", &[x, negated], attrs! {})
}

/// 1 for positive values, -1 for negative ones, 0 for 0.
///
/// # Source
/// ONNX Sign-13, TensorFlow Sign.
pub fn sign(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let zero = constant_like(node, x, 0)?;
    let positive = node.emit("greater", &[x, zero], attrs! {})?;
    let negative = node.emit("greater", &[zero, x], attrs! {})?;
    let sign = node.emit("sub", &[positive, negative], attrs! {})?;
    match node.ty(x).elem.scalar {
        Scalar::F32 => node.emit("cast", &[sign], attrs! { to: "f32" }),
        Scalar::I64 => Ok(sign),
    }
}

/// The value times itself.
///
/// # Source
/// TensorFlow Square.
pub fn square(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    node.emit("mul", &[x, x], attrs! {})
}

/// The value to the power of a number. Other exponents than whole numbers and halves are for positive values only.
///
/// # Source
/// ONNX Pow-15, TensorFlow Pow.
pub fn pow(node: &mut Node<'_, '_>, x: ValueId, exponent: f64) -> Result<ValueId> {
    let apply = |node: &mut Node<'_, '_>, function: &str, parameter: f64| {
        node.emit("apply", &[x], attrs! { function: function, parameter: parameter })
    };
    if exponent == 0.5 {
        apply(node, "sqrt", 0.0)
    } else if exponent == -0.5 {
        apply(node, "rsqrt", 0.0)
    } else if exponent.fract() == 0.0 && exponent.abs() <= MAX_PRODUCTS {
        let power = whole_power(node, x, exponent.abs() as u32)?;
        if exponent >= 0.0 {
            return Ok(power);
        }
        let one = constant_like(node, x, 1)?;
        node.emit("div", &[one, power], attrs! {})
    } else {
        apply(node, "pow", exponent)
    }
}

/// Higher powers than this are taken by a function.
const MAX_PRODUCTS: f64 = 16.0;

/// Squares and products, as few as the exponent's bits ask for. To the power of 0 it is 1, for 0 too.
fn whole_power(node: &mut Node<'_, '_>, x: ValueId, exponent: u32) -> Result<ValueId> {
    let mut power = None;
    for bit in (0..u32::BITS - exponent.leading_zeros()).rev() {
        power = match power {
            None => Some(x),
            Some(power) => {
                let squared = square(node, power)?;
                let odd = exponent >> bit & 1 == 1;
                Some(if odd { node.emit("mul", &[squared, x], attrs! {})? } else { squared })
            }
        };
    }
    match power {
        Some(power) => Ok(power),
        None => {
            let [zero, one] = [constant_like(node, x, 0)?, constant_like(node, x, 1)?];
            let zeros = node.emit("mul", &[x, zero], attrs! {})?;
            node.emit("add", &[zeros, one], attrs! {})
        }
    }
}

/// The smallest whole number that is not less.
///
/// # Source
/// ONNX Ceil-13, TensorFlow Ceil.
pub fn ceil(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    let negated = neg(node, x)?;
    let floor = node.emit("floor", &[negated], attrs! {})?;
    neg(node, floor)
}

/// 1 where a truth value is 0.
///
/// # Source
/// ONNX Not-1, TensorFlow LogicalNot.
pub fn not(node: &mut Node<'_, '_>, condition: ValueId) -> Result<ValueId> {
    let one = node.integer(1)?;
    node.emit("sub", &[one, condition], attrs! {})
}

/// 1 where both truth values are 1.
///
/// # Source
/// ONNX And-7, TensorFlow LogicalAnd.
pub fn and(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    node.emit("mul", &[a, b], attrs! {})
}

/// 1 where a truth value is 1.
///
/// # Source
/// ONNX Or-7, TensorFlow LogicalOr.
pub fn or(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    let both = and(node, a, b)?;
    let sum = node.emit("add", &[a, b], attrs! {})?;
    node.emit("sub", &[sum, both], attrs! {})
}

/// 1 where the values differ.
///
/// # Source
/// TensorFlow NotEqual; ONNX Xor-7 on truth values.
pub fn not_equal(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    let equal = node.emit("equal", &[a, b], attrs! {})?;
    not(node, equal)
}

/// 1 where a is less than b.
///
/// # Source
/// ONNX Less-13, TensorFlow Less.
pub fn less(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    node.emit("greater", &[b, a], attrs! {})
}

/// 1 where a is not less than b.
///
/// # Source
/// ONNX GreaterOrEqual-16, TensorFlow GreaterEqual.
pub fn greater_or_equal(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    let less = less(node, a, b)?;
    not(node, less)
}

/// 1 where a is not greater than b.
///
/// # Source
/// ONNX LessOrEqual-16, TensorFlow LessEqual.
pub fn less_or_equal(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    greater_or_equal(node, b, a)
}

/// The quotient, rounded down.
///
/// # Source
/// TensorFlow FloorDiv.
pub fn floor_div(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    match node.ty(a).elem.scalar {
        Scalar::F32 => {
            let quotient = node.emit("div", &[a, b], attrs! {})?;
            node.emit("floor", &[quotient], attrs! {})
        }
        Scalar::I64 => {
            let rest = floor_mod(node, a, b)?;
            let whole = node.emit("sub", &[a, rest], attrs! {})?;
            node.emit("div", &[whole, b], attrs! {})
        }
    }
}

/// What remains of a when as many b as fit are taken off; it has the sign of b.
///
/// # Source
/// ONNX Mod-13 with fmod = 0, TensorFlow FloorMod.
pub fn floor_mod(node: &mut Node<'_, '_>, a: ValueId, b: ValueId) -> Result<ValueId> {
    let quotient = match node.ty(a).elem.scalar {
        Scalar::F32 => floor_div(node, a, b)?,
        Scalar::I64 => node.emit("div", &[a, b], attrs! {})?,
    };
    let product = node.emit("mul", &[quotient, b], attrs! {})?;
    let rest = node.emit("sub", &[a, product], attrs! {})?;
    if node.ty(a).elem.scalar == Scalar::F32 {
        return Ok(rest);
    }
    // The quotient is truncated: where the rest has the other sign, one b more is due.
    let signs = node.emit("mul", &[rest, b], attrs! {})?;
    let zero = node.integer(0)?;
    let other_sign = less(node, signs, zero)?;
    let due = node.emit("mul", &[other_sign, b], attrs! {})?;
    node.emit("add", &[rest, due], attrs! {})
}

/// A number of the kind of a value.
fn constant_like(node: &mut Node<'_, '_>, x: ValueId, number: i32) -> Result<ValueId> {
    match node.ty(x).elem.scalar {
        Scalar::F32 => node.number(number.into()),
        Scalar::I64 => node.integer(number.into()),
    }
}

fn neg(node: &mut Node<'_, '_>, x: ValueId) -> Result<ValueId> {
    node.emit("neg", &[x], attrs! {})
}
