//! Runs LLIL over a backend without generating code: the same plan, the same calls, the same streams.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use treville_codegen::{Action, Plan};
use treville_ir::{ArgKind, Func, Op, OpId, ValueDef, ValueId};
use treville_llil::schedule::{Run, Step, schedule};
use treville_llil::{Llil, RoundingMode};
use treville_net::Party;
use treville_party::{Program, Tensors};
use treville_protocol::{Exec, Prepared, Result, Rounding, ScaleDown, Value, Weight};
use treville_ring::RingTensor;

use crate::compile::role_of;
use crate::trace::Trace;

/// A function to be run as a [`Program`] of any backend.
pub struct Interpreter<'a> {
    /// The function, with liveness annotations.
    pub func: &'a Func<Llil>,
    /// Its numbers.
    pub plan: &'a Plan,
    /// The roles of the backend's parties.
    pub roles: &'a [&'a str],
    /// Where every result is opened, to find a backend's bug.
    pub trace: Option<&'a Trace>,
}

/// Shared and prepared weights by argument index.
pub struct Weights {
    plain: BTreeMap<usize, Arc<Value>>,
    prepared: BTreeMap<usize, Prepared>,
}

impl Interpreter<'_> {
    fn party(&self, role: &str) -> Party {
        let role = role_of(role, self.roles);
        Party(
            self.roles
                .iter()
                .position(|r| *r == role)
                .expect("invariant: owners were checked against the backend's roles"),
        )
    }

    async fn share(&self, x: &Exec<'_>, index: usize, source: &dyn Tensors) -> Result<Value> {
        let (_, arg) = self.func.args().nth(index).expect("invariant: the index comes from the list of arguments");
        x.input(self.plan.args[index].input, self.party(&arg.owner), &arg.ty.shape, source.get(&arg.name)).await
    }

    fn args_of(&self, kind: ArgKind) -> impl Iterator<Item = usize> + '_ {
        self.func.args().enumerate().filter(move |(_, (_, a))| a.kind == kind).map(|(i, _)| i)
    }
}

impl Program for Interpreter<'_> {
    type Weights = Weights;

    async fn setup(&self, x: &Exec<'_>, source: &dyn Tensors) -> Result<Weights> {
        let args: Vec<_> = self.func.args().map(|(_, arg)| arg).collect();
        let call = |index: usize| {
            let (arg, plan) = (args[index], &self.plan.args[index]);
            Weight {
                input: plan.input,
                owner: self.party(&arg.owner),
                shape: &arg.ty.shape,
                name: &arg.name,
                prepare: plan.prepare,
                plain: plan.plain,
            }
        };
        let indices: Vec<usize> = self.args_of(ArgKind::Weight).collect();
        let calls: Vec<Weight<'_>> = indices.iter().map(|&index| call(index)).collect();
        let shared = x.share_weights(&calls, &|name| source.get(name)).await?;
        let mut weights = Weights { plain: BTreeMap::new(), prepared: BTreeMap::new() };
        for (index, mut shared) in indices.into_iter().zip(shared) {
            if self.plan.args[index].plain {
                weights.plain.insert(index, Arc::new(shared.plain()));
            }
            if self.plan.args[index].prepare.is_some() {
                weights.prepared.insert(index, shared.prepared());
            }
        }
        Ok(weights)
    }

    async fn infer(&self, x: &Exec<'_>, weights: &Weights, source: &dyn Tensors) -> Result<Vec<Option<RingTensor>>> {
        let frame = Frame { weights, values: Mutex::default(), func: self.func };
        for index in self.args_of(ArgKind::Input) {
            let (value, _) =
                self.func.args().nth(index).expect("invariant: the index comes from the list of arguments");
            frame.set(value, self.share(x, index, source).await?);
        }
        self.strand(x, &frame, &schedule(self.func)).await?;
        let receivers: Vec<Vec<Party>> =
            self.func.results().iter().map(|r| r.owners.iter().map(|o| self.party(o)).collect()).collect();
        let values: Vec<Arc<Value>> = self.func.results().iter().map(|r| frame.get(r.value)).collect();
        let results: Vec<_> = values
            .iter()
            .zip(&self.plan.reveals)
            .zip(&receivers)
            .map(|((value, &op), to)| (op, value.as_ref(), &to[..]))
            .collect();
        x.reveal_all(&results).await
    }
}

/// The live values of one inference.
struct Frame<'a> {
    weights: &'a Weights,
    values: Mutex<BTreeMap<ValueId, Arc<Value>>>,
    func: &'a Func<Llil>,
}

const UNLOCKED: &str = "invariant: no holder of the lock panics";

impl Frame<'_> {
    fn get(&self, value: ValueId) -> Arc<Value> {
        match self.func.value(value).def {
            ValueDef::Arg(index) if self.weights.plain.contains_key(&index) => self.weights.plain[&index].clone(),
            _ => {
                let values = self.values.lock().expect(UNLOCKED);
                let value = values.get(&value).cloned();
                value.expect("invariant: operands precede their users and are freed after the last")
            }
        }
    }

    fn set(&self, value: ValueId, to: Value) {
        self.values.lock().expect(UNLOCKED).insert(value, Arc::new(to));
    }

    fn free(&self, values: &[ValueId]) {
        let mut live = self.values.lock().expect(UNLOCKED);
        values.iter().for_each(|value| drop(live.remove(value)));
    }
}

impl Interpreter<'_> {
    /// Runs the steps of a strand.
    fn strand<'a>(
        &'a self,
        x: &'a Exec<'_>,
        frame: &'a Frame<'_>,
        steps: &'a [Step],
    ) -> Pin<Box<dyn Future<Output = Result<()>> + 'a>> {
        Box::pin(async move {
            for step in steps {
                match &step.run {
                    Run::Op(id) => self.op(x, frame, *id).await?,
                    Run::Join(branches) => {
                        let branch = |steps: &'a Vec<Step>| {
                            x.branch(async |x| self.strand(x, frame, steps).await.map(|()| Vec::new()))
                        };
                        let [] = x.join(branches.iter().map(branch)).await?;
                    }
                }
                frame.free(&step.frees);
            }
            Ok(())
        })
    }

    async fn op(&self, x: &Exec<'_>, frame: &Frame<'_>, id: OpId) -> Result<()> {
        let op = self.func.op(id);
        let result = self.call(x, frame, id, op).await?;
        if let Some(trace) = self.trace {
            let number = self.plan.rows.len() + id.index();
            trace.open(x, number as u32, op.results[0], &result).await?;
        }
        frame.set(op.results[0], result);
        Ok(())
    }

    async fn call(&self, x: &Exec<'_>, frame: &Frame<'_>, id: OpId, op: &Op<Llil>) -> Result<Value> {
        let numbers = self.plan.ops[id.index()];
        let n = numbers.op;
        let shape = &self.func.ty(op.results[0]).shape[..];
        let operand = |i: usize| frame.get(op.operands[i]);
        let fresh = match numbers.prepare {
            Some(prepare) => Some(x.prepare(prepare, &operand(1)).await?),
            None => None,
        };
        let prepared = || match (&fresh, self.func.value(op.operands[1]).def) {
            (Some(fresh), _) => fresh,
            (None, ValueDef::Arg(index)) => &frame.weights.prepared[&index],
            (None, ValueDef::Op(..)) => unreachable!("invariant: the plan prepares results of ops at run time"),
        };
        match Action::decode(self.func, id) {
            Action::Constant(values) => {
                let filled = values.iter().map(|&v| v as u64).cycle().take(shape.iter().product()).collect();
                Ok(x.constant(treville_ring::tensor::from_vec(shape, filled)))
            }
            Action::MatMul => x.matmul(n, &operand(0), prepared()).await,
            Action::Conv(spec) => x.conv(n, &operand(0), prepared(), &spec).await,
            Action::ConvTranspose(spec) => x.conv_transpose(n, &operand(0), prepared(), &spec).await,
            Action::Add => x.add(n, &operand(0), &operand(1), shape).await,
            Action::Sub => x.sub(n, &operand(0), &operand(1), shape).await,
            Action::Mul => x.mul(n, &operand(0), &operand(1), shape).await,
            Action::Neg => x.neg(n, &operand(0), shape).await,
            Action::Relu => x.relu(n, &operand(0)).await,
            Action::DRelu => x.drelu(n, &operand(0)).await,
            Action::MaxPool(window) => x.max_pool(n, &operand(0), &window).await,
            Action::AvgPool { window, count_include_pad, divisor_frac } => {
                x.avg_pool(n, &operand(0), &window, count_include_pad, divisor_frac, shape).await
            }
            Action::ArgMax { axis, keepdims } => x.arg_max(n, &operand(0), axis, keepdims).await,
            Action::ReduceSum { axes, keepdims } => x.reduce_sum(n, &operand(0), &axes, keepdims, shape).await,
            Action::ScaleDown { shift, rounding } => {
                x.scale_down(n, &operand(0), ScaleDown { shift: shift.into(), rounding: rounding_of(rounding) }).await
            }
            Action::ScaleUp { shift } => x.scale_up(n, &operand(0), shift.into(), shape).await,
            Action::Reshape => x.reshape(n, &operand(0), shape).await,
            Action::Transpose { perm } => x.transpose(n, &operand(0), &perm, shape).await,
            Action::Pad { begin, end } => x.pad(n, &operand(0), &begin, &end, shape).await,
            Action::Slice { starts, ends, steps } => x.slice(n, &operand(0), &starts, &ends, &steps, shape).await,
            Action::Gather { axis, indices } => x.gather(n, &operand(0), axis, &indices, shape).await,
            Action::Concat { axis } => {
                let parts: Vec<Arc<Value>> = (0..op.operands.len()).map(operand).collect();
                x.concat(n, &parts.iter().map(Arc::as_ref).collect::<Vec<_>>(), axis, shape).await
            }
        }
    }
}

/// The runtime's rounding.
fn rounding_of(mode: RoundingMode) -> Rounding {
    match mode {
        RoundingMode::Exact => Rounding::Exact,
        RoundingMode::Probabilistic => Rounding::Probabilistic,
        RoundingMode::Local => Rounding::Local,
    }
}
