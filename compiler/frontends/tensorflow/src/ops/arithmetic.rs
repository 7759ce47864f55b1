//! Element by element, and the product of matrices.

use crate::node::Node;
use crate::ops::spatial::Layout;
use ndarray::ArrayD;
use treville_frontend_common::{Constant, Result, Val};
use treville_hlil::Tensor;
use treville_ir::{ValueId, attrs};

/// `Add`, `AddV2`.
pub(super) fn add(node: &mut Node<'_, '_>) -> Result<Val> {
    binary(node, "add", i64::checked_add)
}

/// `Sub`.
pub(super) fn sub(node: &mut Node<'_, '_>) -> Result<Val> {
    binary(node, "sub", i64::checked_sub)
}

/// `Mul`.
pub(super) fn mul(node: &mut Node<'_, '_>) -> Result<Val> {
    binary(node, "mul", i64::checked_mul)
}

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

/// `Relu`.
pub(super) fn relu(node: &mut Node<'_, '_>) -> Result<Val> {
    unary(node, "relu")
}

/// `Neg`.
pub(super) fn neg(node: &mut Node<'_, '_>) -> Result<Val> {
    unary(node, "neg")
}

/// `Rsqrt`.
pub(super) fn rsqrt(node: &mut Node<'_, '_>) -> Result<Val> {
    apply(node, "rsqrt")
}

/// `BiasAdd`: one value per channel.
pub(super) fn bias_add(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let layout = Layout::of(node)?;
    let (shape, channels) = (node.shape(0)?, node.shape(1)?);
    let axis = if layout == Layout::Nchw && shape.len() > 1 { 1 } else { shape.len().saturating_sub(1) };
    if shape.len() < 2 || channels.as_slice() != shape.get(axis..=axis).unwrap_or_default() {
        return Err(node.invalid(format!("{channels:?} values cannot be the biases of {shape:?}")));
    }
    let (x, mut bias) = (node.data(0)?, node.data(1)?);
    if axis + 1 < shape.len() {
        let mut dims = vec![1i64; shape.len() - axis];
        dims[0] = channels[0] as i64;
        bias = node.emit("reshape", &[bias], attrs! { shape: dims })?;
    }
    Ok(Val::Data(node.emit("add", &[x, bias], attrs! {})?))
}

/// `MatMul`: either matrix may be given transposed.
pub(super) fn mat_mul(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(2)?;
    let mut operands = [node.data(0)?, node.data(1)?];
    for (i, (operand, flag)) in operands.iter_mut().zip(["transpose_a", "transpose_b"]).enumerate() {
        if node.shape(i)?.len() != 2 {
            return Err(
                node.unsupported(format!("its input {i} is no matrix"), "only products of two matrices are supported")
            );
        }
        if node.bool(flag, false)? {
            *operand = node.emit("transpose", &[*operand], attrs! { perm: [1, 0] })?;
        }
    }
    Ok(Val::Data(node.emit("matmul", &operands, attrs! {})?))
}

/// A function of HLIL's table.
fn apply(node: &mut Node<'_, '_>, function: &str) -> Result<Val> {
    node.expect_inputs(1)?;
    let x = node.data(0)?;
    Ok(Val::Data(node.emit("apply", &[x], attrs! { function: function, parameter: 0.0 })?))
}

fn unary(node: &mut Node<'_, '_>, mnemonic: &str) -> Result<Val> {
    node.expect_inputs(1)?;
    let x = node.data(0)?;
    Ok(Val::Data(node.emit(mnemonic, &[x], attrs! {})?))
}

/// A binary op with numpy's broadcasting. On integer constants it is computed here: such are the dimensions of shapes.
fn binary(node: &mut Node<'_, '_>, mnemonic: &str, fold: fn(i64, i64) -> Option<i64>) -> Result<Val> {
    node.expect_inputs(2)?;
    if let (Some(a), Some(b)) = (node.public(0)?, node.public(1)?)
        && let (Tensor::I64(x), Tensor::I64(y)) = (a.values(), b.values())
    {
        return fold_integers(node, &a, (x, y), fold);
    }
    let operands: [ValueId; 2] = [node.data(0)?, node.data(1)?];
    Ok(Val::Data(node.emit(mnemonic, &operands, attrs! {})?))
}

fn fold_integers(
    node: &Node<'_, '_>,
    like: &Constant,
    (x, y): (&ArrayD<i64>, &ArrayD<i64>),
    fold: fn(i64, i64) -> Option<i64>,
) -> Result<Val> {
    // Shapes have few elements; larger tables of integers are not arithmetic on shapes.
    if x.len().max(y.len()) > MAX_FOLDED || x.ndim() > 1 || y.ndim() > 1 {
        return Err(node.unsupported("it computes with large integer constants", "compute them before the export"));
    }
    let n = x.len().max(y.len());
    let (Some(xs), Some(ys)) = (x.broadcast(n), y.broadcast(n)) else {
        return Err(node.invalid("the shapes of its inputs do not match"));
    };
    let values: Option<Vec<i64>> = xs.iter().zip(ys).map(|(&x, &y)| fold(x, y)).collect();
    let Some(values) = values else { return Err(node.invalid("its result does not fit 64 bits")) };
    let dims = if x.ndim().max(y.ndim()) == 0 { vec![] } else { vec![n] };
    let values =
        ArrayD::from_shape_vec(dims, values).map_err(|_| node.invalid("the shapes of its inputs do not match"))?;
    node.public_constant(like.dtype, Tensor::I64(values))
}

const MAX_FOLDED: usize = 1 << 16;
