//! `hlil-fold-constants`: what needs no input is computed once.
//!
//! Ops on public constants become constants, up to a size that belongs into a program. Ops on the weights of one party become a new
//! weight with a recipe; the old weights stay in the store as its sources, and nothing is computed yet. Ops that join weights of several
//! parties, and indices of weights, stay in the program.

use treville_hlil::{Hlil, Scalar, Tensor, Weights, evaluate};
use treville_ir::{Arg, ArgKind, Attr, Diagnostic, Func, OpId, Rewriter, ValueId, attrs};

use crate::{Domain, Example, Level, Module, Options, Pass, origin::Origin, recipe};

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-fold-constants",
    summary: "computes constants now, and turns ops on weights into recipes of new weights",
    takes: &[Level::Hlil],
    domain: Domain::RingExact,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

/// Larger constants stay ops: the program's text would hold every element.
const MAX_CONSTANT: usize = 4096;

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, mut weights) = module else { return Ok(module) };
    let func = fold(&func, &mut weights).map_err(|e| vec![e])?;
    Ok(Module::Hlil(func, weights))
}

fn fold(func: &Func<Hlil>, weights: &mut Weights) -> Result<Func<Hlil>, Diagnostic> {
    let mut folder = Folder {
        rw: Rewriter::new(func),
        origins: Origin::of_values(func),
        done: vec![false; func.values().len()],
        weights,
    };
    for (value, _) in func.args().filter(|(_, arg)| arg.kind == ArgKind::Input) {
        folder.rw.copy_arg(value);
        folder.done[value.index()] = true;
    }
    for (id, op) in func.ops() {
        if !folder.origins[op.results[0].index()].is_fixed() {
            folder.copy(id)?;
        }
    }
    for result in func.results() {
        folder.need(result.value)?;
    }
    folder.rw.finish()
}

struct Folder<'a> {
    rw: Rewriter<'a, Hlil>,
    origins: Vec<Origin>,
    done: Vec<bool>,
    weights: &'a mut Weights,
}

impl Folder<'_> {
    fn copy(&mut self, id: OpId) -> Result<(), Diagnostic> {
        let op = self.rw.old().op(id);
        op.operands.iter().try_for_each(|v| self.need(*v))?;
        self.rw.copy(id)?;
        op.results.iter().for_each(|v| self.done[v.index()] = true);
        Ok(())
    }

    /// Makes a value available to the new function.
    fn need(&mut self, value: ValueId) -> Result<(), Diagnostic> {
        if std::mem::replace(&mut self.done[value.index()], true) {
            return Ok(());
        }
        let func = self.rw.old();
        let Some((id, op)) = func.defining_op(value) else {
            self.rw.copy_arg(value);
            return Ok(());
        };
        let ty = func.ty(value);
        let new = match &self.origins[value.index()] {
            Origin::Weights(owner) if ty.elem.scalar == Scalar::F32 => {
                let owner = owner.clone();
                let (name, ty) = recipe::add_value(self.weights, func, value, &owner)?;
                self.rw.add_arg(Arg::new(name, ty, owner, ArgKind::Weight))
            }
            Origin::Public if !op.operands.is_empty() && ty.elements() <= MAX_CONSTANT => self.constant(value)?,
            _ => return self.copy(id),
        };
        self.rw.replace(value, new);
        Ok(())
    }

    fn constant(&mut self, value: ValueId) -> Result<ValueId, Diagnostic> {
        let func = self.rw.old();
        let loc = func.loc(value);
        let results = evaluate(&recipe::cone(func, value, "public")?, &Default::default());
        let mut results = results.map_err(|e| {
            Diagnostic::error("E0304", format!("a constant cannot be computed: {e}")).at_node(loc, "here")
        })?;
        let values = match results.swap_remove(0) {
            Tensor::F32(x) => Attr::Floats(x.iter().map(|&v| v.into()).collect()),
            Tensor::I64(x) => Attr::Ints(x.iter().copied().collect()),
        };
        let shape: Vec<i64> = func.ty(value).shape.iter().map(|&size| size as i64).collect();
        self.rw.push("constant", &[], attrs! { shape: shape, values: values }, loc)
    }
}
