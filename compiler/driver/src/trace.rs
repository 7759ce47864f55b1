//! What each operation of a simulated inference gave: how a backend that computes one of them wrongly is found out.
//!
//! # Security
//! Every value is opened, so nothing stays secret. Only the interpreter can do it, with all parties in one process;
//! no party program holds it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use serde::Serialize;
use treville_hlil::Tensor;
use treville_ir::{Func, ValueId};
use treville_llil::Llil;
use treville_net::Party;
use treville_protocol::{Exec, Recorder, Result, Value};
use treville_ring::RingTensor;

use crate::compile::Compiled;
use crate::failure::Failure;
use crate::fixed::{FixedEvaluator, replay};
use crate::simulate::Simulation;
use crate::verify::{shift_of, stack};

/// The results of the operations of one inference, opened.
#[derive(Default)]
pub struct Trace {
    by_value: Mutex<BTreeMap<usize, RingTensor>>,
}

impl Trace {
    /// Opens a value to the first party, who notes it. `number` is that of no operation of the program.
    pub(crate) async fn open(&self, x: &Exec<'_>, number: u32, value: ValueId, shared: &Value) -> Result<()> {
        if let Some(opened) = x.reveal(number, shared, &[Party(0)]).await? {
            let mut by_value = self.by_value.lock().expect("invariant: no holder of the lock panics");
            by_value.insert(value.index(), opened);
        }
        Ok(())
    }
}

/// What the backend made of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpTrace {
    /// The model's node.
    pub node: String,
    /// The operation's mnemonic.
    pub op: String,
    /// Elements of its result.
    pub elements: usize,
    /// Elements that are not what the evaluator gives when the recorded roundings are replayed.
    pub different: usize,
    /// Elements of a ScaleDown that are neither the floor nor one more.
    pub not_rounded: usize,
}

impl OpTrace {
    /// Whether the backend did what the program says.
    pub fn is_right(&self) -> bool {
        self.different == 0 && self.not_rounded == 0
    }
}

/// Runs one inference of `func` on the backend and compares the result of each operation with the evaluator's, in program order.
/// `func` is the compiled program; a test gives one in which an operation is another, as a backend with a bug has it.
///
/// # Errors
/// As [`Simulation::run`] and [`FixedEvaluator::run`].
pub fn trace_ops(
    compiled: &Compiled,
    func: &Func<Llil>,
    sample: &IndexMap<String, Tensor>,
) -> std::result::Result<Vec<OpTrace>, Failure> {
    let recorder = Arc::new(Recorder::default());
    let trace = Trace::default();
    Simulation {
        func,
        plan: &compiled.plan,
        manifest: &compiled.manifest,
        weights: &compiled.weights,
        inputs: stack(std::slice::from_ref(sample), compiled),
        recorder: Some(recorder.clone()),
    }
    .run_traced(compiled.backend, &trace)?;
    let offsets = recorder.take_offsets(0, compiled.manifest.ring()?, |op| shift_of(compiled, op));
    let not_rounded: BTreeMap<u32, usize> =
        offsets.iter().map(|(&op, o)| (op, o.iter().filter(|offset| !matches!(offset, 0 | 1)).count())).collect();
    let opened = trace.by_value.into_inner().expect("invariant: no holder of the lock panics");
    let mut different: BTreeMap<usize, usize> = BTreeMap::new();
    let mut compare = |value: ValueId, expected: &RingTensor| {
        let Some(found) = opened.get(&value.index()) else { return };
        let ring = compiled.llil.ty(value).elem.ring();
        let differs = |(a, b): (&u64, &u64)| ring.wrap(*a) != ring.wrap(*b);
        different.insert(value.index(), found.iter().zip(expected).filter(|pair| differs(*pair)).count());
    };
    FixedEvaluator::new(compiled)?.run(sample, &mut replay(&compiled.plan, offsets), &mut compare)?;
    let of_op = |(numbers, (_, op)): (&treville_codegen::OpPlan, (_, &treville_ir::Op<Llil>))| OpTrace {
        node: op.loc.clone(),
        op: op.def.mnemonic.to_string(),
        elements: compiled.llil.ty(op.results[0]).elements(),
        different: different.get(&op.results[0].index()).copied().unwrap_or(0),
        not_rounded: not_rounded.get(&numbers.op).copied().unwrap_or(0),
    };
    Ok(compiled.plan.ops.iter().zip(compiled.llil.ops()).map(of_op).collect())
}
