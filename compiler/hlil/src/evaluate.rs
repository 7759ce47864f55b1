//! The reference evaluator: what a function means, in f32.

use std::borrow::Cow;

use indexmap::IndexMap;
use treville_ir::{FuncResult, Use, ValueId};

use crate::{Func, Scalar, Tensor};

/// Why a function cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An argument was not given.
    #[error("argument `{name}` is missing")]
    Missing {
        /// The argument.
        name: String,
    },
    /// An argument has another shape or kind than the function declares.
    #[error("argument `{name}` must be {expected}, but is {kind} of shape {shape:?}")]
    Mismatch {
        /// The argument.
        name: String,
        /// The declared type.
        expected: String,
        /// The kind of elements that was given.
        kind: Scalar,
        /// The shape that was given.
        shape: Vec<usize>,
    },
}

/// The results of a function for arguments by name. Arguments that it does not have are ignored.
///
/// Deterministic: sums run in a fixed order, however many threads there are.
///
/// # Errors
/// [`EvalError`] where an argument is missing or has another type.
pub fn evaluate(func: &Func, args: &IndexMap<String, Tensor>) -> Result<Vec<Tensor>, EvalError> {
    evaluate_with(func, args, &mut |_, _| {})
}

/// As [`evaluate`]; `observer` sees each value, arguments first, then in order of execution.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with(
    func: &Func,
    args: &IndexMap<String, Tensor>,
    observer: &mut dyn FnMut(ValueId, &Tensor),
) -> Result<Vec<Tensor>, EvalError> {
    let mut values: Vec<Option<Cow<'_, Tensor>>> = vec![None; func.values().len()];
    for (value, arg) in func.args() {
        let given = args.get(&arg.name).ok_or_else(|| EvalError::Missing { name: arg.name.clone() })?;
        let tensor = checked(&arg.name, func.ty(value), given)?;
        observer(value, &tensor);
        values[value.index()] = Some(tensor);
    }
    let uses = func.uses();
    for (id, op) in func.ops() {
        let operand = |v: &ValueId| values[v.index()].as_deref().expect(ORDER);
        let result = (op.def.eval)(&func.view(id), &op.operands.iter().map(operand).collect::<Vec<_>>());
        observer(op.results[0], &result);
        values[op.results[0].index()] = Some(Cow::Owned(result));
        for v in &op.operands {
            if uses.of(*v).iter().all(|u| matches!(u, Use::Operand(user, _) if *user <= id)) {
                values[v.index()] = None;
            }
        }
    }
    let results = func.results();
    let result = |(i, r): (usize, &FuncResult)| {
        let is_last = results[i + 1..].iter().all(|later| later.value != r.value);
        let value = &mut values[r.value.index()];
        if is_last { value.take() } else { value.clone() }.expect(ORDER).into_owned()
    };
    Ok(results.iter().enumerate().map(result).collect())
}

const ORDER: &str = "invariant: operands precede their users, and values live until their last use";

fn checked<'a>(name: &str, ty: &crate::TensorType, tensor: &'a Tensor) -> Result<Cow<'a, Tensor>, EvalError> {
    if tensor.shape() != ty.shape || tensor.scalar() != ty.elem.scalar {
        let (kind, shape) = (tensor.scalar(), tensor.shape().to_vec());
        return Err(EvalError::Mismatch { name: name.to_string(), expected: ty.to_string(), kind, shape });
    }
    Ok(match tensor.is_standard() {
        true => Cow::Borrowed(tensor),
        false => Cow::Owned(tensor.clone().standard()),
    })
}
