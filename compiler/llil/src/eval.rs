//! The reference evaluator: what every backend must compute, bit for bit where rounding is exact.

use indexmap::IndexMap;
use treville_ir::{Diagnostic, Func, OpId, OpView, ValueId};
use treville_ring::{RingBits, RingTensor};

use crate::{Llil, Rounding, comparison_bits};

/// Encoded arguments by name.
pub type Args = IndexMap<String, RingTensor>;

/// How an op of the table is evaluated.
pub type Eval = fn(&OpView<'_, Llil>, &[&RingTensor], &mut Step<'_>) -> Result<RingTensor, Fault>;

/// What an op's evaluation knows beside its operands.
pub struct Step<'a> {
    /// The op's index in the function.
    pub op: usize,
    /// What a ScaleDown that is not exact asks.
    pub rounding: &'a mut dyn Rounding,
}

/// Why an op has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A comparison that a protocol would get wrong.
    #[error("{what} at element {index} is {value}; comparison needs less than 2^{bits} in magnitude")]
    Domain {
        /// What is too large: a value or a difference of two.
        what: &'static str,
        /// Flat index of the value, in standard layout.
        index: usize,
        /// The value as a signed integer (of a difference: both ends can be 2^63 apart).
        value: i128,
        /// The exponent of the bound.
        bits: u8,
    },
    /// A replay without an entry for the op.
    #[error("no rounding was recorded for this op")]
    NotRecorded,
    /// A replay's entry for another shape.
    #[error("the recorded roundings have shape {recorded:?}")]
    RecordShape {
        /// The shape of the record.
        recorded: Vec<usize>,
    },
}

/// Why a function has no value on these arguments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An argument that was not given.
    #[error("argument `{name}` is missing")]
    MissingArg {
        /// Its name.
        name: String,
    },
    /// An argument of another shape than its type says.
    #[error("argument `{name}` has shape {actual:?}, not {expected:?}")]
    ArgShape {
        /// Its name.
        name: String,
        /// The type's shape.
        expected: Vec<usize>,
        /// The shape that was given.
        actual: Vec<usize>,
    },
    /// An argument with elements outside its ring.
    #[error("element {index} of argument `{name}` is {value}, outside a ring of {ring} bits")]
    ArgRange {
        /// Its name.
        name: String,
        /// Flat index in standard layout.
        index: usize,
        /// The element.
        value: u64,
        /// The ring's width.
        ring: RingBits,
    },
    /// An op that cannot be evaluated on these values.
    #[error("{op} of node `{loc}`: {fault}")]
    Op {
        /// The op's full name.
        op: String,
        /// The op's index in the function.
        index: usize,
        /// The model's node that it came from.
        loc: String,
        /// Why.
        fault: Fault,
    },
}

impl From<EvalError> for Diagnostic {
    fn from(error: EvalError) -> Self {
        let diagnostic = |code| Diagnostic::error(code, error.to_string());
        match &error {
            EvalError::Op { loc, fault: Fault::Domain { .. }, .. } => {
                diagnostic("E0402").at_node(loc, "compared here").with_help("use a smaller scale or a wider ring")
            }
            EvalError::Op { loc, .. } => diagnostic("E0403").at_node(loc, "here"),
            _ => diagnostic("E0401"),
        }
    }
}

/// Computes the function's results; `observer` sees every value, arguments included, in order of execution.
///
/// Values are dropped after their last use, so memory is bounded by the live set.
///
/// # Errors
/// Arguments that do not fit their types, comparisons outside their domain, and roundings that a replay does not hold.
pub fn evaluate(
    func: &Func<Llil>,
    args: &Args,
    rounding: &mut dyn Rounding,
    observer: &mut dyn FnMut(ValueId, &RingTensor),
) -> Result<Vec<RingTensor>, EvalError> {
    let mut remaining: Vec<usize> = func.values().map(|(id, _)| id.index()).map(|_| 0).collect();
    let operands = func.ops().flat_map(|(_, op)| &op.operands);
    operands.chain(func.results().iter().map(|r| &r.value)).for_each(|v| remaining[v.index()] += 1);

    let mut owned: Vec<Option<RingTensor>> = vec![None; remaining.len()];
    let mut given: Vec<Option<&RingTensor>> = vec![None; remaining.len()];
    for (value, arg) in func.args() {
        let tensor = checked_arg(func, value, &arg.name, args)?;
        observer(value, tensor);
        given[value.index()] = Some(tensor);
    }
    for (id, op) in func.ops() {
        let result = {
            let operand = |v: &ValueId| owned[v.index()].as_ref().or(given[v.index()]).expect(ORDER);
            let operands: Vec<&RingTensor> = op.operands.iter().map(operand).collect();
            eval_op(func, id, &operands, rounding)?
        };
        observer(op.results[0], &result);
        owned[op.results[0].index()] = Some(result);
        for value in &op.operands {
            remaining[value.index()] -= 1;
            if remaining[value.index()] == 0 {
                owned[value.index()] = None;
            }
        }
    }
    let value = |v: ValueId| owned[v.index()].as_ref().or(given[v.index()]).expect(ORDER).clone();
    Ok(func.results().iter().map(|r| value(r.value)).collect())
}

const ORDER: &str = "invariant: operands precede their users and live until the last one";

fn eval_op(
    func: &Func<Llil>,
    id: OpId,
    operands: &[&RingTensor],
    rounding: &mut dyn Rounding,
) -> Result<RingTensor, EvalError> {
    let op = func.op(id);
    let view = func.view(id);
    let mut step = Step { op: id.index(), rounding };
    let result = (op.def.eval)(&view, operands, &mut step).map_err(|fault| EvalError::Op {
        op: op.def.full_name(),
        index: id.index(),
        loc: op.loc.clone(),
        fault,
    })?;
    debug_assert_eq!(
        result.shape(),
        view.results[0].shape,
        "shape inference and evaluation of {} differ",
        op.def.full_name()
    );
    Ok(treville_ring::wrap(result, view.results[0].elem.ring()))
}

fn checked_arg<'a>(func: &Func<Llil>, value: ValueId, name: &str, args: &'a Args) -> Result<&'a RingTensor, EvalError> {
    let tensor = args.get(name).ok_or_else(|| EvalError::MissingArg { name: name.into() })?;
    let ty = func.ty(value);
    if tensor.shape() != ty.shape {
        return Err(EvalError::ArgShape {
            name: name.into(),
            expected: ty.shape.clone(),
            actual: tensor.shape().to_vec(),
        });
    }
    let ring = ty.elem.ring();
    match tensor.iter().enumerate().find(|(_, element)| ring.wrap(**element) != **element) {
        Some((index, &value)) => Err(EvalError::ArgRange { name: name.into(), index, value, ring }),
        None => Ok(tensor),
    }
}

/// Refuses values that a comparison with zero cannot decide.
pub(crate) fn check_values(x: &RingTensor, ring: RingBits) -> Result<(), Fault> {
    let bits = comparison_bits(ring);
    let bound = 1u64 << bits;
    let outside = |value: u64| ring.to_signed(value).unsigned_abs() >= bound;
    match x.iter().enumerate().find(|(_, value)| outside(**value)) {
        Some((index, &value)) => {
            Err(Fault::Domain { what: "the value", index, value: ring.to_signed(value).into(), bits })
        }
        None => Ok(()),
    }
}

/// Refuses segments whose largest and smallest members differ by more than a comparison can decide.
pub(crate) fn check_spread(
    low: &ndarray::ArrayD<i64>,
    high: &ndarray::ArrayD<i64>,
    ring: RingBits,
) -> Result<(), Fault> {
    let bits = comparison_bits(ring);
    for (index, (&low, &high)) in low.iter().zip(high).enumerate() {
        let value = i128::from(high) - i128::from(low);
        if value >= 1 << bits {
            return Err(Fault::Domain { what: "the largest difference under the maximum", index, value, bits });
        }
    }
    Ok(())
}
