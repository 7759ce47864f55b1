//! `hlil-defer-softmax`: a softmax that only a result uses is left to those who learn the result.
//!
//! They compute it in the clear, as the result's `post` says: it costs nothing there, and as much as many layers under a protocol. Fires
//! through transposes and reshapes between the softmax and the result, where its axis is the last one of the result.
//!
//! # Security
//! The receivers learn the operand of the softmax. That is the result up to a number that is added to all elements of a row.

use std::collections::BTreeMap;

use treville_hlil::Hlil;
use treville_ir::{Diagnostic, Func, FuncResult, OpId, Post, Use, Uses, ValueId};

use crate::analysis::range;
use crate::{Domain, Example, Level, Module, Options, Pass};

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-defer-softmax",
    summary: "leaves a softmax that ends the program to the receivers of the result",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, weights) = module else { return Ok(module) };
    let uses = func.uses();
    let last: BTreeMap<usize, Tail> = func
        .results()
        .iter()
        .enumerate()
        .filter(|(_, result)| result.post == Post::None)
        .filter_map(|(i, result)| Some((i, Tail::of(&func, &uses, result)?)))
        .collect();
    let deferred = func.rewrite(|rw, id, op| {
        let Some(tail) = last.values().find(|tail| tail.ops.contains(&id)) else { return Ok(None) };
        let operands = rw.get_all(&op.operands)?;
        let value = match op.def.mnemonic {
            "softmax" => operands[0],
            _ => {
                let moved = rw.push(op.def, &operands, op.attrs.clone(), &op.loc)?;
                range::copy(&func, tail.operand, rw.func_mut(), moved);
                moved
            }
        };
        Ok(Some(vec![value]))
    });
    let mut deferred = deferred.map_err(|e| vec![e])?;
    let post = |i: usize, post: Post| if last.contains_key(&i) { Post::Softmax } else { post };
    let results = deferred.results().iter().cloned().enumerate();
    let results = results.map(|(i, result)| FuncResult { post: post(i, result.post), ..result }).collect();
    deferred.set_results(results);
    Ok(Module::Hlil(deferred, weights))
}

/// A softmax over what becomes the last axis of a result, and the moves below it.
struct Tail {
    /// The softmax and the moves.
    ops: Vec<OpId>,
    /// The operand of the softmax.
    operand: ValueId,
}

impl Tail {
    /// The tail above a result, if it has one that nothing else uses.
    fn of(func: &Func<Hlil>, uses: &Uses, result: &FuncResult) -> Option<Self> {
        let mut ops = Vec::new();
        let mut value = result.value;
        let mut axis = func.ty(value).rank().checked_sub(1)?;
        let mut only = matches!(uses.of(value), [Use::Result(_)]);
        while only {
            let (id, op) = func.defining_op(value)?;
            ops.push(id);
            value = op.operands[0];
            match op.def.mnemonic {
                "softmax" => {
                    let found = op.attrs["axis"].as_int() == Some(axis as i64);
                    return found.then_some(Self { ops, operand: value });
                }
                "transpose" => axis = *op.attrs["perm"].as_ints()?.get(axis)? as usize,
                "reshape" => axis = same_axis(&func.ty(op.results[0]).shape, axis, &func.ty(value).shape)?,
                _ => return None,
            }
            only = uses.of(value) == [Use::Operand(id, 0)];
        }
        None
    }
}

/// The axis of another shape of as many elements that runs over the same elements.
fn same_axis(shape: &[usize], axis: usize, other: &[usize]) -> Option<usize> {
    let before = |shape: &[usize], axis: usize| shape[..axis].iter().product::<usize>();
    (0..other.len()).find(|&i| other[i] == shape[axis] && before(other, i) == before(shape, axis))
}
