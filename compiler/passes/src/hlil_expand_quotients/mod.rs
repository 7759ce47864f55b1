//! `hlil-expand-quotients`: divisions and softmaxes become products with reciprocals.
//!
//! | op | becomes |
//! |---|---|
//! | real a / b | a * reciprocal(b) |
//! | softmax(x) | e * reciprocal(sum of e) with e = exp(x - max of x) |
//!
//! The parts are ops of their own, so that calibration sees the range of each, and a divisor that needs no input is folded into a weight
//! or constant. The greatest element is taken out first: no exponential is above 1 then, and the sum of n of them lies between 1 and n.

use treville_hlil::{Hlil, Scalar};
use treville_ir::{Attrs, Diagnostic, Op, Rewriter, ValueId, attrs};

use crate::analysis::range;
use crate::{Domain, Example, Level, Module, Options, Pass};

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-expand-quotients",
    summary: "writes divisions and softmaxes as products with reciprocals",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, weights) = module else { return Ok(module) };
    let expanded = func.rewrite(|rw, _, op| {
        let value = match op.def.mnemonic {
            "div" if func.ty(op.results[0]).elem.scalar == Scalar::F32 => quotient(rw, op)?,
            "softmax" => softmax(rw, op)?,
            _ => return Ok(None),
        };
        range::copy(&func, op.results[0], rw.func_mut(), value);
        Ok(Some(vec![value]))
    });
    Ok(Module::Hlil(expanded.map_err(|e| vec![e])?, weights))
}

fn quotient(rw: &mut Rewriter<'_, Hlil>, op: &Op<Hlil>) -> Result<ValueId, Diagnostic> {
    let (a, b) = (rw.get(op.operands[0])?, rw.get(op.operands[1])?);
    let reciprocal = apply(rw, "reciprocal", b, &op.loc)?;
    rw.push("mul", &[a, reciprocal], Attrs::new(), &op.loc)
}

fn softmax(rw: &mut Rewriter<'_, Hlil>, op: &Op<Hlil>) -> Result<ValueId, Diagnostic> {
    let (x, loc) = (rw.get(op.operands[0])?, op.loc.as_str());
    let over = attrs! { axes: [op.attrs["axis"].as_int().unwrap_or(0)], keepdims: true };
    let max = rw.push("reduce_max", &[x], over.clone(), loc)?;
    let below = rw.push("sub", &[x, max], Attrs::new(), loc)?;
    let exponentials = apply(rw, "exp", below, loc)?;
    let sum = rw.push("reduce_sum", &[exponentials], over, loc)?;
    let reciprocal = apply(rw, "reciprocal", sum, loc)?;
    rw.push("mul", &[exponentials, reciprocal], Attrs::new(), loc)
}

fn apply(rw: &mut Rewriter<'_, Hlil>, function: &str, x: ValueId, loc: &str) -> Result<ValueId, Diagnostic> {
    rw.push("apply", &[x], attrs! { function: function, parameter: 0.0 }, loc)
}
