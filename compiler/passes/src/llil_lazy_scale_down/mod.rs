//! `llil-lazy-scale-down`: each ScaleDown moves as far down as it may, so that it is done once and on the smallest tensor.
//!
//! The rules, for a value that nothing but the named op uses:
//!
//! | rule | identity |
//! |---|---|
//! | `sink-past-move` | reshape, transpose, slice, gather, concat of ScaleDowns of one shift = ScaleDown of the move; exact |
//! | `sink-past-relu`, `sink-past-max-pool` | f(floor(x / 2^s)) = floor(f(x) / 2^s) for monotone f with f(0) = 0; exact |
//! | `merge-at-sum` | two ScaleDowns of one shift under add or sub become one after it; nearer to the real sum by up to one unit |
//! | `merge-scale-downs` | floor(floor(x / 2^s) / 2^t) = floor(x / 2^(s+t)); exact |
//! | `absorb-at-drelu` | x >= 0 = floor(x / 2^s) >= 0; exact |
//! | `absorb-at-arg-max` | the index of the maximum does not depend on the scale; ties of rounded values are decided by the exact ones |
//!
//! A ScaleDown that leaves no fraction bits is a floor that the model asks for: it stays where it is.
//!
//! A rule fires only where the ScaleDown that is left has no more elements than those that it replaces, and where the wider value fits:
//! four times its range, or without a range `headroom_bits` bits left of the point, within the ring, and within the domain of the comparison
//! where the op compares.

use std::collections::BTreeMap;

use treville_ir::{Attr, Diagnostic, Func, Op, OpId, Rewriter, Use, Uses, ValueId, attrs};
use treville_llil::{Llil, comparison_bits};

use crate::analysis::range;
use crate::{Domain, Example, Level, Module, Options, Pass};

/// The pass.
pub static PASS: Pass = Pass {
    name: "llil-lazy-scale-down",
    summary: "moves each ScaleDown down to where the tensor is smallest, and merges those that meet",
    takes: &[Level::Llil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, options: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Llil(func, weights) = module else { return Ok(module) };
    let mut sinker = Sinker { rw: Rewriter::new(&func), uses: func.uses(), pending: BTreeMap::new(), options };
    sinker.rw.copy_args();
    for (id, op) in func.ops() {
        sinker.step(id, op).map_err(|e| vec![e])?;
    }
    for result in func.results() {
        sinker.settle(result.value).map_err(|e| vec![e])?;
    }
    Ok(Module::Llil(sinker.rw.finish().map_err(|e| vec![e])?, weights))
}

/// Whether an op's result has no fraction bits, whatever its operand's are.
fn forgets_scale(op: &Op<Llil>) -> bool {
    matches!(op.def.mnemonic, "arg_max" | "drelu")
}

/// A ScaleDown that has not been placed yet: the value that stands for it is `raw` scaled down.
#[derive(Clone)]
struct Pending {
    raw: ValueId,
    shift: i64,
    rounding: Attr,
}

struct Sinker<'a> {
    rw: Rewriter<'a, Llil>,
    uses: Uses,
    /// By old value. An entry is removed when its ScaleDown is placed.
    pending: BTreeMap<ValueId, Pending>,
    options: &'a Options,
}

impl Sinker<'_> {
    fn step(&mut self, id: OpId, op: &Op<Llil>) -> Result<(), Diagnostic> {
        let result = op.results[0];
        if op.def.mnemonic == "scale_down" {
            let pending = self.scale_down(id, op)?;
            self.pending.insert(result, pending);
            if self.rw.old().ty(result).elem.fixed().is_some_and(|fixed| fixed.frac == 0) {
                self.settle(result)?;
            }
            return Ok(());
        }
        let Some(operands) = self.sinkable(id, op) else {
            for operand in &op.operands {
                self.settle(*operand)?;
            }
            return self.rw.copy(id);
        };
        let raws: Vec<ValueId> = operands.iter().map(|pending| pending.raw).collect();
        let value = self.rw.push(op.def, &raws, op.attrs.clone(), &op.loc)?;
        range::copy(self.rw.old(), result, self.rw.func_mut(), value);
        if forgets_scale(op) {
            self.rw.replace(result, value);
        } else {
            self.pending.insert(result, Pending { raw: value, ..operands[0].clone() });
        }
        Ok(())
    }

    /// The pending form of a ScaleDown, together with the one above it if that has no other user.
    fn scale_down(&mut self, id: OpId, op: &Op<Llil>) -> Result<Pending, Diagnostic> {
        let (operand, shift, rounding) =
            (op.operands[0], op.attrs["shift"].as_int().unwrap_or(0), &op.attrs["rounding"]);
        match self.pending.get(&operand) {
            Some(above) if above.rounding == *rounding && self.only_user(operand, id) => {
                Ok(Pending { shift: above.shift + shift, ..above.clone() })
            }
            _ => Ok(Pending { raw: self.settle(operand)?, shift, rounding: rounding.clone() }),
        }
    }

    /// The pending forms of all operands, where the op may be done before their ScaleDown.
    fn sinkable(&self, id: OpId, op: &Op<Llil>) -> Option<Vec<Pending>> {
        let compares = match op.def.mnemonic {
            "add" | "sub" | "concat" | "reshape" | "transpose" | "slice" | "gather" => false,
            "relu" | "drelu" | "max_pool" | "arg_max" => true,
            _ => return None,
        };
        let operands: Vec<Pending> = op.operands.iter().map(|v| self.pending.get(v).cloned()).collect::<Option<_>>()?;
        let one_shift = operands.iter().all(|p| p.shift == operands[0].shift && p.rounding == operands[0].rounding);
        let unshared = op.operands.iter().all(|v| self.only_user(*v, id));
        let func = self.rw.old();
        let mut distinct = op.operands.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let replaced: usize = distinct.iter().map(|v| func.ty(*v).elements()).sum();
        let shrinks = func.ty(op.results[0]).elements() <= replaced;
        let fits = op.operands.iter().zip(&operands).all(|(old, pending)| self.fits(*old, pending, compares))
            && (forgets_scale(op) || self.fits(op.results[0], &operands[0], false));
        (one_shift && unshared && shrinks && fits).then_some(operands)
    }

    /// Whether an old value may be carried with the fraction bits of `pending.raw`.
    fn fits(&self, old: ValueId, pending: &Pending, compares: bool) -> bool {
        let Some(raw) = self.rw.func().ty(pending.raw).elem.fixed() else { return false };
        let bits = if compares { comparison_bits(raw.ring) } else { raw.ring.get() - 1 };
        match range::of(self.rw.old(), old) {
            Some(range) => range.scaled(raw.frac) * range::MARGIN <= 2f64.powi(bits.into()),
            None => raw.frac.saturating_add(self.options.headroom_bits) <= bits,
        }
    }

    /// Whether all uses of an old value are operands of one op.
    fn only_user(&self, value: ValueId, op: OpId) -> bool {
        self.uses.of(value).iter().all(|u| matches!(u, Use::Operand(user, _) if *user == op))
    }

    /// Places the ScaleDown of an old value, if it is pending, and gives its new value.
    fn settle(&mut self, old: ValueId) -> Result<ValueId, Diagnostic> {
        if let Some(Pending { raw, shift, rounding }) = self.pending.remove(&old) {
            let func: &Func<Llil> = self.rw.old();
            let value =
                self.rw.push("scale_down", &[raw], attrs! { shift: shift, rounding: rounding }, func.loc(old))?;
            range::copy(func, old, self.rw.func_mut(), value);
            self.rw.replace(old, value);
        }
        self.rw.get(old)
    }
}
