//! `hlil-exchange-pool-relu`: max_pool(relu(x)) becomes relu(max_pool(x)), and likewise with a clip.
//!
//! Both give the maximum of zero and the window, but the ReLU then runs on the pooled tensor, which is several times smaller. Zeros that
//! are padded around between the two change nothing, where zero is a value that the op leaves as it is. Fires only where nothing else
//! uses the ReLU: otherwise it would be computed twice.

use treville_hlil::Hlil;
use treville_ir::{Attr, Diagnostic, Func, Op, OpId, Rewriter, Use, Uses, ValueId};

use crate::analysis::range;
use crate::{Domain, Example, Level, Module, Options, Pass, dce};

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-exchange-pool-relu",
    summary: "pools before the ReLU instead of after it",
    takes: &[Level::Hlil],
    domain: Domain::RingExact,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, weights) = module else { return Ok(module) };
    let func = exchange(&func).map_err(|e| vec![e])?;
    Ok(Module::Hlil(dce::without_dead_code(&func), weights))
}

fn exchange(func: &Func<Hlil>) -> Result<Func<Hlil>, Diagnostic> {
    let uses = func.uses();
    func.rewrite(|rw, id, pool| {
        let Some((relu, pad)) = relu_above(rw, &uses, id, pool) else { return Ok(None) };
        let relu = rw.func().op(relu).clone();
        let above = relu.operands[0];
        let padded = match pad {
            None => above,
            Some(pad) => rw.push("pad", &[above], pad.attrs.clone(), &pad.loc)?,
        };
        let pooled = rw.push("max_pool", &[padded], pool.attrs.clone(), &pool.loc)?;
        let result = rw.push(relu.def, &[pooled], relu.attrs, &relu.loc)?;
        range::copy(func, pool.results[0], rw.func_mut(), result);
        Ok(Some(vec![result]))
    })
}

/// The ReLU or clip of the new function that a max pool works on, and the padding with zeros between them, where nothing else uses these.
fn relu_above<'a>(
    rw: &Rewriter<'a, Hlil>,
    uses: &Uses,
    id: OpId,
    pool: &Op<Hlil>,
) -> Option<(OpId, Option<&'a Op<Hlil>>)> {
    let only_user = |value: ValueId, user: OpId| uses.of(value) == [Use::Operand(user, 0)];
    let &x = pool.operands.first().filter(|x| pool.def.mnemonic == "max_pool" && only_user(**x, id))?;
    let zeros =
        rw.old().defining_op(x).filter(|(_, op)| op.def.mnemonic == "pad" && op.attrs["value"] == Attr::Float(0.0));
    let below_relu = match zeros {
        Some((pad, op)) if only_user(op.operands[0], pad) => op.operands[0],
        Some(_) => return None,
        None => x,
    };
    let (relu, op) = rw.func().defining_op(rw.get(below_relu).ok()?)?;
    let keeps_zero = match op.def.mnemonic {
        "relu" => true,
        "clip" => op.attrs["min"].as_float()? <= 0.0 && op.attrs["max"].as_float()? >= 0.0,
        _ => return None,
    };
    (zeros.is_none() || keeps_zero).then_some((relu, zeros.map(|(_, op)| op)))
}
