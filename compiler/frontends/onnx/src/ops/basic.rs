//! Constants, and nodes that change nothing.

use crate::dtype::DType;
use crate::node::{Node, kind};
use crate::proto::{NodeProto, TensorProto};
use ndarray::ArrayD;
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;
use treville_ir::attrs;

/// The value of a `Constant` node: one of its attributes; none for strings and sparse tensors.
pub(crate) fn constant_tensor(node: &NodeProto) -> Option<TensorProto> {
    let [attr] = node.attribute.as_slice() else { return None };
    let floats = |dims: Vec<i64>, data: Vec<f32>| TensorProto {
        data_type: DType::FLOAT.0,
        dims,
        float_data: data,
        ..TensorProto::default()
    };
    let ints = |dims: Vec<i64>, data: Vec<i64>| TensorProto {
        data_type: DType::INT64.0,
        dims,
        int64_data: data,
        ..TensorProto::default()
    };
    match (attr.name.as_str(), attr.r#type) {
        ("value", kind::TENSOR | 0) => attr.t.clone(),
        ("value_float", kind::FLOAT | 0) => Some(floats(vec![], vec![attr.f])),
        ("value_int", kind::INT | 0) => Some(ints(vec![], vec![attr.i])),
        ("value_floats", kind::FLOATS | 0) => Some(floats(vec![attr.floats.len() as i64], attr.floats.clone())),
        ("value_ints", kind::INTS | 0) => Some(ints(vec![attr.ints.len() as i64], attr.ints.clone())),
        _ => None,
    }
}

/// `Identity`: its input under another name; the value keeps its own.
pub(super) fn identity(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect(1, 1)?;
    Ok(node.input(0)?.clone())
}

/// `Dropout` at inference: its input, and a mask that lets everything through.
pub(super) fn dropout(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect(1, 3)?;
    if node.has(2) && node.one_int(2, "training_mode")? != 0 {
        return Err(node.unsupported("it drops elements (training_mode)", "export the model for inference"));
    }
    let mut outputs = vec![node.input(0)?.clone()];
    if node.wants(1)
        && let Some(bool) = DType::BOOL.number()
    {
        let shape = node.shape(0)?;
        node.reserve(shape.iter().fold(1, |n, &d| n.saturating_mul(d)))?;
        let ones = ArrayD::from_elem(shape, 1);
        outputs.push(node.public_output(1, bool, Tensor::I64(ones))?);
    }
    Ok(outputs)
}

/// `If`: the branch that a constant condition takes, or, of a computed condition, both with a choice of their values.
pub(super) fn branch(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    node.expect(1, 1)?;
    let n = node.n_outputs();
    // The branches' outputs stand in the order of the attributes.
    let names = ["then_branch", "else_branch"];
    let lengths = [node.n_strings(names[0])?, node.n_strings(names[1])?];
    if lengths != [Some(n); 2] {
        return Err(node.invalid(format!("its branches do not have {n} outputs")));
    }
    let then_first = node.comes_before(names[0], names[1]);
    let (then_at, else_at) = if then_first { (0, n) } else { (n, 0) };
    if node.public(0)?.is_some() {
        let from = if node.one_int(0, "condition")? != 0 { then_at } else { else_at };
        return (from..from + n).map(|i| node.branch(i)).collect();
    }
    let condition = node.data(0)?;
    let mut chosen = Vec::new();
    for i in 0..n {
        let (a, b) = (node.branch(then_at + i)?, node.branch(else_at + i)?);
        let (a, b) = (node.value(&a)?, node.value(&b)?);
        if node.ty(a).elem.scalar != node.ty(b).elem.scalar || node.dims(a) != node.dims(b) {
            let why = format!("its condition is computed, and its branches make {} and {}", node.ty(a), node.ty(b));
            return Err(node.unsupported(why, "export the model with a constant condition, or branches of one shape"));
        }
        chosen.push(Val::Data(node.emit("select", &[condition, a, b], attrs! {})?));
    }
    Ok(chosen)
}
