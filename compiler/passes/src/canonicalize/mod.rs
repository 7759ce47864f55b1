//! `canonicalize`: one form for what can be written in several.
//!
//! The function is built anew through `Builder::emit`, which tries the rules on every op before it appends it; a rule builds its
//! replacement through `emit` as well. Transposes sink towards the results until they meet their inverse, so the layout changes that
//! TensorFlow's NHWC convolutions arrive with vanish between them. Where an op joins a transposed value and a weight, the weight takes the
//! inverse transpose, which `hlil-fold-constants` computes once.
//!
//! | rule | rewrite |
//! |---|---|
//! | `drop-identity` | transpose, reshape, pad, slice, gather, clip or cast that changes nothing -> its operand |
//! | `merge-transposes` | transpose of transpose -> one transpose |
//! | `merge-reshapes` | reshape of reshape, or of a transpose that moves only axes of size 1 -> one reshape, and the other way round |
//! | `merge-moves` | slice of slice, gather of gather, pad of pad -> one; gather of evenly spaced elements -> slice |
//! | `merge-bounds` | max(x, 0) -> relu(x); relu and clip of relu and clip -> one of these |
//! | `merge-zeros` | conv or avg_pool of a pad with zeros -> the same with these zeros among its own |
//! | `drop-neutral` | x + 0, x - 0, x * 1, x / 1, -(-x); select by a constant; arg_max of softmax -> arg_max |
//! | `sink-transpose` | f(transpose(x), ..) -> transpose(f'(x, ..)) for elementwise ops, pools, batch_norm, concat, pad, slice, gather, reductions, softmax |

mod bounds;
mod moves;
mod rules;
mod sink;

use treville_hlil::Hlil;
use treville_ir::{Attr, Attrs, Diagnostic, Dialect, Func, Op, Rewriter, ValueId};

use crate::analysis::range;
use crate::{Domain, Example, Level, Module, Options, Pass, dce, origin::Origin};

/// The pass.
pub static PASS: Pass = Pass {
    name: "canonicalize",
    summary: "cancels and sinks transposes, merges reshapes, drops what changes nothing",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

/// A rewrite of one op, tried before it is appended.
pub struct Rule {
    /// Its name in the documentation.
    pub name: &'static str,
    apply: fn(&mut Builder<'_>, &Site<'_>) -> Result<Option<ValueId>, Diagnostic>,
}

/// The rules, in the order in which they are tried.
pub static RULES: &[Rule] = &[
    Rule { name: "drop-identity", apply: rules::drop_identity },
    Rule { name: "merge-transposes", apply: rules::merge_transposes },
    Rule { name: "merge-reshapes", apply: rules::merge_reshapes },
    Rule { name: "merge-moves", apply: moves::merge_moves },
    Rule { name: "merge-bounds", apply: bounds::merge_bounds },
    Rule { name: "merge-zeros", apply: moves::merge_zeros },
    Rule { name: "drop-neutral", apply: rules::drop_neutral },
    Rule { name: "sink-transpose", apply: sink::sink_transpose },
];

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, weights) = module else { return Ok(module) };
    let func = canonical(&func).map_err(|e| vec![e])?;
    Ok(Module::Hlil(dce::without_dead_code(&func), weights))
}

fn canonical(func: &Func<Hlil>) -> Result<Func<Hlil>, Diagnostic> {
    let mut builder = Builder { rw: Rewriter::new(func), origins: Vec::new() };
    builder.rw.copy_args();
    builder.note_origins();
    for (_, op) in func.ops() {
        let operands = builder.rw.get_all(&op.operands)?;
        let old = op.results[0];
        let new = builder.emit(op.def.mnemonic, &operands, op.attrs.clone(), &op.loc)?;
        if builder.rw.func().ty(new) == func.ty(old) {
            range::copy(func, old, builder.rw.func_mut(), new);
        }
        builder.rw.replace(old, new);
    }
    builder.rw.finish()
}

/// The op that is about to be appended. Operands are values of the new function.
pub(crate) struct Site<'a> {
    op: &'a str,
    operands: &'a [ValueId],
    attrs: &'a Attrs,
    loc: &'a str,
}

/// The new function, with the origin of each of its values.
pub(crate) struct Builder<'a> {
    rw: Rewriter<'a, Hlil>,
    origins: Vec<Origin>,
}

impl Builder<'_> {
    /// The value of the op in canonical form.
    fn emit(&mut self, op: &str, operands: &[ValueId], attrs: Attrs, loc: &str) -> Result<ValueId, Diagnostic> {
        let site = Site { op, operands, attrs: &attrs, loc };
        for rule in RULES {
            if let Some(value) = (rule.apply)(self, &site)? {
                return Ok(value);
            }
        }
        let value = self.rw.push(op, operands, attrs, loc)?;
        self.note_origins();
        Ok(value)
    }

    fn note_origins(&mut self) {
        let func = self.rw.func();
        for (value, _) in func.values().skip(self.origins.len()) {
            let origin = match (func.as_arg(value), func.defining_op(value)) {
                (Some(arg), _) => Origin::of_arg(arg),
                (None, Some((_, op))) => Origin::of_op(op, |v| &self.origins[v.index()]),
                (None, None) => Origin::Secret,
            };
            self.origins.push(origin);
        }
    }

    /// Whether a value needs no input.
    fn is_fixed(&self, value: ValueId) -> bool {
        self.origins[value.index()].is_fixed()
    }

    fn shape(&self, value: ValueId) -> &[usize] {
        &self.rw.func().ty(value).shape
    }

    /// The op that defines the value, if it is this one.
    fn defined_by(&self, value: ValueId, mnemonic: &str) -> Option<&Op<Hlil>> {
        self.rw.func().defining_op(value).map(|(_, op)| op).filter(|op| op.def.mnemonic == mnemonic)
    }

    /// Whether a value is a public constant of this number throughout.
    fn is_filled_with(&self, value: ValueId, number: f64) -> bool {
        self.defined_by(value, "constant").is_some_and(|op| match op.attrs.get("values") {
            Some(Attr::Ints(all)) => all.iter().all(|&v| v as f64 == number),
            Some(all) => all.as_floats().is_some_and(|all| all.iter().all(|&v| v == number)),
            None => false,
        })
    }

    /// Whether the op may be appended as it is.
    fn is_valid(&self, site: &Site<'_>) -> bool {
        Hlil::op(site.op).is_some_and(|def| self.rw.func().infer(def, site.operands, site.attrs).is_ok())
    }

    /// Whether the site's result would have the type of a value.
    fn has_type_of(&self, site: &Site<'_>, value: ValueId) -> bool {
        let types = Hlil::op(site.op).and_then(|def| self.rw.func().infer(def, site.operands, site.attrs).ok());
        types.is_some_and(|types| types[0] == *self.rw.func().ty(value))
    }

    /// The operand and permutation of a transpose.
    fn as_transpose(&self, value: ValueId) -> Option<(ValueId, Vec<usize>)> {
        let op = self.defined_by(value, "transpose")?;
        Some((op.operands[0], usizes(op.attrs.get("perm")?.as_ints()?)))
    }
}

/// Whether a transpose moves only axes of size 1, so that it is a reshape.
fn keeps_order(shape: &[usize], perm: &[usize]) -> bool {
    perm.iter().copied().filter(|&axis| shape[axis] != 1).is_sorted()
}

fn usizes(ints: &[i64]) -> Vec<usize> {
    ints.iter().map(|&v| v as usize).collect()
}

fn ints(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&v| v as i64).collect()
}
