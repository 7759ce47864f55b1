//! Element by element, with numpy's broadcasting.

use crate::node::Node;
use ndarray::ArrayD;
use treville_frontend_common::compose::activation::scale;
use treville_frontend_common::compose::elementwise as compose;
use treville_frontend_common::compose::take;
use treville_frontend_common::{Constant, Result, Val};
use treville_hlil::{Scalar, Tensor};
use treville_ir::{ValueId, attrs};

/// An op of HLIL on one value.
pub(super) fn unary(node: &mut Node<'_, '_>, mnemonic: &str) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    Ok(Val::Data(node.emit(mnemonic, &[x], attrs! {})?))
}

/// A function of HLIL's table.
pub(super) fn apply(node: &mut Node<'_, '_>, function: &str) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("apply", &[x], attrs! { function: function, parameter: 0.0 })?))
}

/// An op of HLIL on two values.
pub(super) fn binary(node: &mut Node<'_, '_>, mnemonic: &str) -> Result<Val> {
    let (a, b) = two(node)?;
    Ok(Val::Data(node.emit(mnemonic, &[a, b], attrs! {})?))
}

fn two(node: &mut Node<'_, '_>) -> Result<(ValueId, ValueId)> {
    node.expect(2, 2)?;
    Ok((node.data(0)?, node.data(1)?))
}

macro_rules! compositions {
    ($($(#[$doc:meta])* $name:ident($($operand:ident),+) = $compose:expr;)*) => {
        $($(#[$doc])*
        pub(super) fn $name(node: &mut Node<'_, '_>) -> Result<Val> {
            compositions!(@take node $($operand)+);
            Ok(Val::Data($compose(node, $($operand),+)?))
        })*
    };
    (@take $node:ident $x:ident) => {
        $node.expect(1, 1)?;
        let $x = $node.data(0)?;
    };
    (@take $node:ident $a:ident $b:ident) => {
        let ($a, $b) = two($node)?;
    };
}

compositions! {
    /// `Abs`.
    abs(x) = compose::abs;
    /// `Sign`.
    sign(x) = compose::sign;
    /// `Less`.
    less(a, b) = compose::less;
    /// `LessOrEqual`.
    less_or_equal(a, b) = compose::less_or_equal;
    /// `GreaterOrEqual`.
    greater_or_equal(a, b) = compose::greater_or_equal;
}

/// `Not`.
pub(super) fn not(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = truth(node, 0)?;
    Ok(Val::Data(compose::not(node, x)?))
}

/// `And`.
pub(super) fn and(node: &mut Node<'_, '_>) -> Result<Val> {
    logic(node, compose::and)
}

/// `Or`.
pub(super) fn or(node: &mut Node<'_, '_>) -> Result<Val> {
    logic(node, compose::or)
}

/// `Xor`.
pub(super) fn xor(node: &mut Node<'_, '_>) -> Result<Val> {
    logic(node, compose::not_equal)
}

fn logic(
    node: &mut Node<'_, '_>,
    f: fn(&mut treville_frontend_common::Node<'_, '_>, ValueId, ValueId) -> Result<ValueId>,
) -> Result<Val> {
    node.expect(2, 2)?;
    let (a, b) = (truth(node, 0)?, truth(node, 1)?);
    f(node, a, b).map(Val::Data)
}

/// Input `i`, which must hold truth values.
fn truth(node: &mut Node<'_, '_>, i: usize) -> Result<ValueId> {
    let x = node.data(i)?;
    match node.ty(x).elem.scalar {
        Scalar::I64 => Ok(x),
        Scalar::F32 => Err(node.invalid(format!("its input {i} holds no truth values"))),
    }
}

/// `Div`: of reals, or of integers towards zero.
pub(super) fn div(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    refuse_zeros(node)?;
    binary(node, "div")
}

/// `Mod`: of integers with the divisor's sign, or with the dividend's as C has it (`fmod`).
pub(super) fn modulo(node: &mut Node<'_, '_>) -> Result<Val> {
    let (a, b) = two(node)?;
    refuse_zeros(node)?;
    let real = node.ty(a).elem.scalar == Scalar::F32;
    if !node.flag("fmod", false)? {
        if real {
            return Err(node.invalid("it needs fmod = 1 for floats"));
        }
        return Ok(Val::Data(compose::floor_mod(node, a, b)?));
    }
    let mut quotient = node.emit("div", &[a, b], attrs! {})?;
    if real {
        let whole = node.emit("cast", &[quotient], attrs! { to: "i64" })?;
        quotient = node.emit("cast", &[whole], attrs! { to: "f32" })?;
    }
    let whole = node.emit("mul", &[quotient, b], attrs! {})?;
    Ok(Val::Data(node.emit("sub", &[a, whole], attrs! {})?))
}

/// A quotient by a public zero has no value that could be computed.
fn refuse_zeros(node: &Node<'_, '_>) -> Result<()> {
    let zero = |constant: &Constant| match constant.values() {
        Tensor::F32(values) => values.iter().any(|v| *v == 0.0),
        Tensor::I64(values) => values.iter().any(|v| *v == 0),
    };
    match node.public(1)? {
        Some(divisor) if zero(&divisor) => Err(node.invalid(format!("its divisor `{}` is zero", divisor.name))),
        _ => Ok(()),
    }
}

/// `Ceil`: of reals.
pub(super) fn ceil(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let x = node.data(0)?;
    Ok(Val::Data(compose::ceil(node, x)?))
}

/// `Floor`.
pub(super) fn floor(node: &mut Node<'_, '_>) -> Result<Val> {
    unary(node, "floor")
}

/// `Round`: half to even.
pub(super) fn round(node: &mut Node<'_, '_>) -> Result<Val> {
    unary(node, "round")
}

/// `Where`.
pub(super) fn select(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(3, 3)?;
    let operands = [node.data(0)?, node.data(1)?, node.data(2)?];
    Ok(Val::Data(node.emit("select", &operands, attrs! {})?))
}

/// `Sum` of any number of values.
pub(super) fn sum(node: &mut Node<'_, '_>) -> Result<Val> {
    fold(node, |node, a, b| node.emit("add", &[a, b], attrs! {})).map(Val::Data)
}

/// `Mean` of any number of values.
pub(super) fn mean(node: &mut Node<'_, '_>) -> Result<Val> {
    let n = node.n_inputs() as f64;
    let sum = fold(node, |node, a, b| node.emit("add", &[a, b], attrs! {}))?;
    Ok(Val::Data(scale(node, sum, 1.0 / n)?))
}

/// `Max` of any number of values.
pub(super) fn max(node: &mut Node<'_, '_>) -> Result<Val> {
    fold(node, |node, a, b| node.emit("max", &[a, b], attrs! {})).map(Val::Data)
}

/// `Min` of any number of values.
pub(super) fn min(node: &mut Node<'_, '_>) -> Result<Val> {
    fold(node, |node, a, b| compose::min(node, a, b)).map(Val::Data)
}

/// Pairs of values become one, then pairs of these, so that the depth grows with the logarithm of their number.
fn fold(
    node: &mut Node<'_, '_>,
    mut join: impl FnMut(&mut Node<'_, '_>, ValueId, ValueId) -> Result<ValueId>,
) -> Result<ValueId> {
    node.expect(1, usize::MAX)?;
    let mut values = node.all(0)?;
    while values.len() > 1 {
        let mut joined = Vec::new();
        for pair in values.chunks(2) {
            joined.push(if let &[a, b] = pair { join(node, a, b)? } else { pair[0] });
        }
        values = joined;
    }
    Ok(values[0])
}

/// `Clip`: bounds were attributes before version 11; later they may be computed.
pub(super) fn clip(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 3)?;
    let mut x = node.data(0)?;
    let real = node.ty(x).elem.scalar == Scalar::F32;
    if node.opset() < 11 {
        let (min, max) = (node.float("min", f32::NEG_INFINITY)?, node.float("max", f32::INFINITY)?);
        return clip_between(node, x, min, max).map(Val::Data);
    }
    let mut bounds = [f64::NEG_INFINITY, f64::INFINITY];
    let mut known = true;
    for (i, bound) in bounds.iter_mut().enumerate() {
        if !node.has(i + 1) {
            continue;
        }
        match node.public(i + 1)? {
            Some(constant) if constant.len() == 1 && real && constant.dtype.is_float() => {
                *bound = node.one_real(i + 1, "bound")?;
            }
            _ => known = false,
        }
    }
    if known && real {
        return clip_between(node, x, bounds[0], bounds[1]).map(Val::Data);
    }
    if let Some(min) = node.optional(1)? {
        x = node.emit("max", &[x, min], attrs! {})?;
    }
    if let Some(max) = node.optional(2)? {
        x = compose::min(node, x, max)?;
    }
    Ok(Val::Data(x))
}

/// Where the lower bound is above the upper one, everything is the upper one. The greatest float stands for no bound.
fn clip_between(node: &mut Node<'_, '_>, x: ValueId, min: f64, max: f64) -> Result<ValueId> {
    let min = if min <= f64::from(f32::MIN) { f64::NEG_INFINITY } else { min };
    let max = if max >= f64::from(f32::MAX) { f64::INFINITY } else { max };
    if min == f64::NEG_INFINITY && max == f64::INFINITY {
        return Ok(x);
    }
    node.emit("clip", &[x], attrs! { min: min.min(max), max: max })
}

/// `Pow`: with few constant exponents, or with a constant base; otherwise the base must be positive.
pub(super) fn pow(node: &mut Node<'_, '_>) -> Result<Val> {
    const MAX_EXPONENTS: usize = 8;
    node.expect(2, 2)?;
    if let Val::Const(exponents) = node.input(1)?.clone()
        && (exponents.public || node.may_disclose(&exponents.name))
    {
        if !exponents.public {
            node.disclose(&exponents.name);
        }
        let exponents: ArrayD<f64> = match exponents.values() {
            Tensor::F32(values) => values.mapv(f64::from),
            Tensor::I64(values) => values.mapv(|v| v as f64),
        };
        let mut distinct: Vec<f64> = exponents.iter().copied().collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        if distinct.len() <= MAX_EXPONENTS {
            let x = node.data(0)?;
            return power(node, x, &exponents, &distinct).map(Val::Data);
        }
    }
    if let Some(base) = node.public(0)?
        && let Tensor::F32(values) = base.values()
        && let (Some(&base), 1) = (values.first(), values.len())
        && base > 0.0
    {
        let exponent = node.data(1)?;
        let scaled = scale(node, exponent, f64::from(base).ln())?;
        let rank = values.ndim();
        let power = node.emit("apply", &[scaled], attrs! { function: "exp", parameter: 0.0 })?;
        return with_rank(node, power, rank).map(Val::Data);
    }
    let (base, exponent) = (node.data(0)?, node.data(1)?);
    if node.ty(exponent).elem.scalar == Scalar::I64 {
        return Err(node.unsupported("its exponent is a computed integer", "cast the exponent to floats before"));
    }
    let log = node.emit("apply", &[base], attrs! { function: "log", parameter: 0.0 })?;
    let scaled = node.emit("mul", &[exponent, log], attrs! {})?;
    Ok(Val::Data(node.emit("apply", &[scaled], attrs! { function: "exp", parameter: 0.0 })?))
}

/// The value to the power of each exponent, chosen by public masks where they differ.
fn power(node: &mut Node<'_, '_>, x: ValueId, exponents: &ArrayD<f64>, distinct: &[f64]) -> Result<ValueId> {
    let mut result = None;
    for &exponent in distinct {
        if node.ty(x).elem.scalar == Scalar::I64 && (exponent.fract() != 0.0 || exponent < 0.0) {
            let why = format!("its base holds integers and its exponent is {exponent}");
            return Err(node.unsupported(why, "cast the base to floats before"));
        }
        if !exponent.is_finite() {
            return Err(node.unsupported(format!("its exponent is {exponent}"), "use finite exponents"));
        }
        let power = compose::pow(node, x, exponent)?;
        result = Some(match result {
            None => power,
            Some(others) => {
                let mask: Vec<i64> = exponents.iter().map(|&e| i64::from(e == exponent)).collect();
                let dims: Vec<i64> = exponents.shape().iter().map(|&d| d as i64).collect();
                let mask = node.emit("constant", &[], attrs! { shape: dims, values: mask })?;
                node.emit("select", &[mask, power, others], attrs! {})?
            }
        });
    }
    let Some(result) = result else { return Err(node.invalid("it has no exponents")) };
    if exponents.len() == 1 {
        return with_rank(node, result, exponents.ndim());
    }
    if distinct.len() > 1 {
        return Ok(result);
    }
    // A mask that chooses nothing else broadcasts the base to the exponents' shape.
    let dims: Vec<i64> = exponents.shape().iter().map(|&d| d as i64).collect();
    let mask = node.emit("constant", &[], attrs! { shape: dims, values: vec![0i64; exponents.len()] })?;
    node.emit("select", &[mask, result, result], attrs! {})
}

/// The value with dimensions of 1 before its own, so that it has at least this many.
fn with_rank(node: &mut Node<'_, '_>, x: ValueId, rank: usize) -> Result<ValueId> {
    let dims = node.dims(x);
    match rank.checked_sub(dims.len()) {
        None | Some(0) => Ok(x),
        Some(n_new) => take::reshape(node, x, &[vec![1; n_new], dims].concat()),
    }
}
