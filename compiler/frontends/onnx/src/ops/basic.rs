//! Constants, and nodes that change nothing.

use crate::dtype::DType;
use crate::node::{Node, kind};
use crate::proto::{NodeProto, TensorProto};
use ndarray::ArrayD;
use treville_frontend_common::{Result, Val};
use treville_hlil::Tensor;

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
        let ones = ArrayD::from_elem(node.shape(0)?, 1);
        outputs.push(node.public_output(1, bool, Tensor::I64(ones))?);
    }
    Ok(outputs)
}
