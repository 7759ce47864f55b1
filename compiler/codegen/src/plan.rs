//! The numbers of a program's operations.

use treville_ir::{ArgKind, Func, OpId, Use, ValueDef, ValueId};
use treville_llil::Llil;

/// Numbers for everything that communicates or takes time: frames, random streams and reports are keyed by them.
/// No two calls of a program share a number, so no two calls share a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By argument.
    pub args: Vec<ArgPlan>,
    /// By op.
    pub ops: Vec<OpPlan>,
    /// By result: the number of its reveal.
    pub reveals: Vec<u32>,
    /// What each number stands for, in the order of execution.
    pub rows: Vec<Row>,
}

/// The numbers of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgPlan {
    /// Sharing it.
    pub input: u32,
    /// Making it ready to be the second operand of products, once a session.
    pub prepare: Option<u32>,
    /// Whether it is also used as it is.
    pub plain: bool,
}

/// The numbers of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpPlan {
    /// The op itself.
    pub op: u32,
    /// Making its second operand ready, in each inference.
    pub prepare: Option<u32>,
}

/// What a number stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number.
    pub op: u32,
    /// The model's node.
    pub node: String,
    /// The op's mnemonic, or `input`, `prepare`, `reveal`.
    pub kind: &'static str,
}

/// Whether an op is a product whose second operand is prepared.
fn is_bilinear(mnemonic: &str) -> bool {
    matches!(mnemonic, "matmul" | "conv" | "conv_transpose")
}

impl Plan {
    /// Numbers a function: arguments, ops, results.
    pub fn new(func: &Func<Llil>) -> Plan {
        let mut plan = Plan { args: Vec::new(), ops: Vec::new(), reveals: Vec::new(), rows: Vec::new() };
        let uses = func.uses();
        let prepared_at = |value: ValueId| {
            uses.of(value).iter().find_map(|u| match *u {
                Use::Operand(op, 1) if is_bilinear(func.op(op).def.mnemonic) => Some(op),
                _ => None,
            })
        };
        for (value, arg) in func.args() {
            let first_user = uses.ops(value).next().map_or(arg.name.as_str(), |op| &func.op(op).loc);
            let input = plan.number(first_user, "input");
            let at = prepared_at(value).filter(|_| arg.kind == ArgKind::Weight);
            let prepare = at.map(|op: OpId| plan.number(&func.op(op).loc, "prepare"));
            let plain = uses
                .of(value)
                .iter()
                .any(|u| !matches!(*u, Use::Operand(op, 1) if is_bilinear(func.op(op).def.mnemonic)))
                || at.is_none();
            plan.args.push(ArgPlan { input, prepare, plain });
        }
        for (_, op) in func.ops() {
            let at_run_time =
                is_bilinear(op.def.mnemonic) && !func.as_arg(op.operands[1]).is_some_and(|a| a.kind == ArgKind::Weight);
            let prepare = at_run_time.then(|| plan.number(&op.loc, "prepare"));
            let number = plan.number(&op.loc, op.def.mnemonic);
            plan.ops.push(OpPlan { op: number, prepare });
        }
        for result in func.results() {
            let number = plan.number(&result.name, "reveal");
            plan.reveals.push(number);
        }
        plan
    }

    /// The plan of an argument value.
    pub fn arg(&self, func: &Func<Llil>, value: ValueId) -> Option<&ArgPlan> {
        match func.value(value).def {
            ValueDef::Arg(index) => Some(&self.args[index]),
            ValueDef::Op(..) => None,
        }
    }

    fn number(&mut self, node: &str, kind: &'static str) -> u32 {
        let op = self.rows.len() as u32;
        self.rows.push(Row { op, node: node.to_string(), kind });
        op
    }
}
