//! One op on public operands.
#![allow(dead_code, reason = "each test file uses some of it")]

use indexmap::IndexMap;
use ndarray::ArrayD;
use treville_hlil::{Elem, Func, Tensor, TensorType, evaluate};
use treville_ir::{Arg, ArgKind, Attrs, FuncResult, ValueId};

pub(crate) fn reals(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::F32(ArrayD::from_shape_vec(shape, values.to_vec()).unwrap())
}

pub(crate) fn integers(shape: &[usize], values: &[i64]) -> Tensor {
    Tensor::I64(ArrayD::from_shape_vec(shape, values.to_vec()).unwrap())
}

/// Evaluates the op, and checks that its type says what comes.
pub(crate) fn eval(mnemonic: &str, attrs: Attrs, operands: &[&Tensor]) -> Tensor {
    let (mut func, values, args) = function(operands);
    let y = func.push1(mnemonic, &values, attrs, mnemonic).unwrap();
    func.set_results(vec![FuncResult::new(y, "y", "client")]);
    let result = evaluate(&func, &args).unwrap().remove(0);
    assert_eq!(result.shape(), func.ty(y).shape, "the type says what comes");
    assert_eq!(result.scalar(), func.ty(y).elem.scalar);
    result
}

/// The shape of the op's result, if it takes this operand.
pub(crate) fn try_type(mnemonic: &str, attrs: Attrs, operand: &Tensor) -> Option<Vec<usize>> {
    let (mut func, values, _) = function(&[operand]);
    let y = func.push1(mnemonic, &values, attrs, mnemonic).ok()?;
    Some(func.ty(y).shape.clone())
}

fn function(operands: &[&Tensor]) -> (Func, Vec<ValueId>, IndexMap<String, Tensor>) {
    let mut func = Func::new("f");
    let mut args = IndexMap::new();
    for (i, operand) in operands.iter().enumerate() {
        let ty = TensorType::new(operand.shape(), Elem { scalar: operand.scalar(), secret: false });
        func.add_arg(Arg::new(format!("x{i}"), ty, "client", ArgKind::Input));
        args.insert(format!("x{i}"), Tensor::clone(operand));
    }
    let values = func.args().map(|(v, _)| v).collect();
    (func, values, args)
}
