//! From one kind of number to another.

use crate::dtype::DType;
use crate::node::Node;
use treville_frontend_common::compose::elementwise::not_equal;
use treville_frontend_common::{NumType, Result, Val};
use treville_hlil::{Scalar, Tensor};
use treville_ir::attrs;

/// `Cast`: between kinds of numbers; of floats all widths are one type to us.
pub(super) fn cast(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    let to = node.dtype("to", None)?;
    let Some(number) = to.number() else {
        return Err(node.unsupported(format!("it casts to {to}"), "cast to floats, integers or booleans"));
    };
    cast_to(node, number)
}

/// `CastLike`: to the type of input 1. Of computed values the width is not known, which matters for integers only.
pub(super) fn cast_like(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(2, 2)?;
    if let Val::Const(like) = node.input(1)?.clone() {
        return cast_to(node, like.dtype);
    }
    let like = node.data(1)?;
    match node.ty(like).elem.scalar {
        Scalar::F32 => cast_to(node, NumType::F32),
        Scalar::I64 => {
            Err(node.unsupported("the type that it casts to is that of computed integers", "use Cast instead"))
        }
    }
}

fn cast_to(node: &mut Node<'_, '_>, to: NumType) -> Result<Val> {
    let is = |dtype: DType| dtype.number() == Some(to);
    if is(DType::BFLOAT16) {
        return Err(node.unsupported("it rounds to bfloat16", "leave values as wider floats"));
    }
    if let Val::Const(constant) = node.input(0)?.clone() {
        // Integers are public. What floats become integers is no weight but a shape, unless the user says otherwise.
        let may_be_public = constant.public || to.is_int() && node.may_disclose(&constant.name);
        if constant.dtype == to || to.is_float() && constant.dtype.is_float() && !constant.public {
            return Ok(Val::Const(constant));
        }
        if may_be_public {
            if constant.dtype.is_float() && !constant.public {
                node.disclose(&constant.name);
            }
            let values = match constant.values() {
                Tensor::F32(a) if to.is_float() => Tensor::F32(a.clone()),
                Tensor::I64(a) if to.is_float() => Tensor::F32(a.mapv(|v| v as f32)),
                Tensor::I64(a) if is(DType::BOOL) => Tensor::I64(a.mapv(|v| i64::from(v != 0))),
                Tensor::F32(a) if is(DType::BOOL) => Tensor::I64(a.mapv(|v| i64::from(v != 0.0))),
                Tensor::I64(a) => Tensor::I64(a.clone()),
                // `as` rounds towards zero, as ONNX does; what does not fit is refused with the constant.
                Tensor::F32(a) if a.iter().all(|v| v.is_finite()) => Tensor::I64(a.mapv(|v| v as i64)),
                Tensor::F32(_) => return Err(node.unsupported("it casts infinities to integers", "cast finite values")),
            };
            return node.public_constant(to, values);
        }
    }
    let x = node.data(0)?;
    let from = node.ty(x).elem.scalar;
    Ok(Val::Data(match (from, to.is_float()) {
        (Scalar::F32, true) => x,
        (Scalar::I64, true) => node.emit("cast", &[x], attrs! { to: "f32" })?,
        _ if is(DType::BOOL) => {
            let zero = if from == Scalar::F32 { node.number(0.0)? } else { node.integer(0)? };
            not_equal(node, x, zero)?
        }
        _ if !is(DType::INT64) && !is(DType::INT32) => {
            let why = format!("it casts a computed value to {to}, which might wrap");
            return Err(node.unsupported(why, "cast to int32 or int64"));
        }
        (Scalar::F32, false) => node.emit("cast", &[x], attrs! { to: "i64" })?,
        (Scalar::I64, false) => x,
    }))
}
