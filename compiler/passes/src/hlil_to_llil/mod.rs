//! `hlil-to-llil`: reals become fixed-point ring elements, with a ScaleDown after each product.
//!
//! Inputs and weights are encoded with `scale` fraction bits, or with those that [`hlil_infer_scales`](crate::hlil_infer_scales) has found
//! for them. Products have those of both factors and are scaled down where they are used,
//! except by the addition of a weight or constant (a bias): that one is encoded with the product's fraction bits, so nothing of it is lost,
//! and the sum is scaled down. A mean is a sum times the rounded reciprocal of the count; where the count is a power of two it is exact.
//!
//! Everything that cannot be lowered is reported at once, by node. Ranges are carried over: an LLIL value has the range of the HLIL value
//! that it stands for.

mod apply;
mod compare;
mod integer;
mod ops;
mod product;
mod reduce;

use std::collections::BTreeMap;

use treville_hlil::{Hlil, Scalar, Weights};
use treville_ir::{Arg, ArgKind, Attrs, Diagnostic, Func, Op, Rewriter, Uses, ValueId, attrs};
use treville_llil::{Fixed, Llil, RoundingMode, Secrecy};
use treville_ring::encode_value;

use crate::analysis::proven;
use crate::analysis::range::{self, Range};
use crate::hlil_infer_scales::frac_of;
use crate::{Domain, Example, Level, Module, Options, Pass};

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-to-llil",
    summary: "lowers reals to fixed point at one scale, with a ScaleDown after each product",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

/// The code of the diagnostic for an op without a fixed-point form.
pub const UNSUPPORTED: &str = "E0301";

fn run(module: Module, options: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, mut weights) = module else { return Ok(module) };
    let func = Lowering::new(&func, &mut weights, options).run()?;
    Ok(Module::Llil(func, weights))
}

/// What stands for an HLIL value: LLIL values with different fraction bits, made as they are needed.
#[derive(Clone, Debug, Default)]
struct Forms {
    by_frac: BTreeMap<u8, ValueId>,
    source: Source,
}

/// Where the forms of a value come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    /// The op could not be lowered; its users say nothing more.
    #[default]
    Faulty,
    /// A weight or constant, which can be encoded at any scale.
    Encoded,
    /// A value computed with these fraction bits.
    Computed(u8),
}

struct Lowering<'a> {
    rw: Rewriter<'a, Hlil, Llil>,
    weights: &'a mut Weights,
    options: &'a Options,
    uses: Uses,
    forms: Vec<Forms>,
    /// What each value cannot leave, whatever the data.
    proven: Vec<Range>,
}

impl<'a> Lowering<'a> {
    fn new(func: &'a Func<Hlil>, weights: &'a mut Weights, options: &'a Options) -> Self {
        let forms = vec![Forms::default(); func.values().len()];
        Self { rw: Rewriter::new(func), weights, options, uses: func.uses(), forms, proven: proven::ranges(func) }
    }

    fn run(mut self) -> Result<Func<Llil>, Vec<Diagnostic>> {
        if self.options.scale == 0 {
            let fault = Diagnostic::error("E0302", "a scale of 0 leaves no fraction bits");
            return Err(vec![fault.with_help("use a scale of at least 1; 8 to 16 are usual")]);
        }
        let mut faults = Vec::new();
        let func = self.rw.old();
        for (value, arg) in func.args() {
            if arg.kind == ArgKind::Weight {
                self.forms[value.index()].source = Source::Encoded;
            } else if let Err(fault) = self.input(value, arg.name.clone()) {
                faults.push(fault);
            }
        }
        for (_, op) in func.ops() {
            let ready = op.operands.iter().all(|v| self.forms[v.index()].source != Source::Faulty);
            if let Err(fault) = if ready { self.lower(op) } else { Ok(()) } {
                faults.push(fault);
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        for result in func.results() {
            let value = self.natural(result.value).map_err(|e| vec![e])?;
            self.rw.replace(result.value, value);
        }
        self.rw.finish().map_err(|e| vec![e])
    }

    /// The fraction bits that a value has between ops: those that it is annotated with, else the scale, and none for indices.
    fn natural_frac(&self, old: ValueId) -> u8 {
        match self.rw.old().ty(old).elem.scalar {
            Scalar::F32 => frac_of(self.rw.old(), old).unwrap_or(self.options.scale),
            Scalar::I64 => 0,
        }
    }

    /// The form of a value that ops other than sums take.
    fn natural(&mut self, old: ValueId) -> Result<ValueId, Diagnostic> {
        self.at(old, self.natural_frac(old))
    }

    /// The form of a value with these fraction bits.
    fn at(&mut self, old: ValueId, frac: u8) -> Result<ValueId, Diagnostic> {
        let forms = &self.forms[old.index()];
        if let Some(&value) = forms.by_frac.get(&frac) {
            return Ok(value);
        }
        let func = self.rw.old();
        let loc = func.loc(old);
        let value = match forms.source {
            Source::Faulty => {
                return Err(Diagnostic::error("E0399", "internal: the value was not lowered").at_node(loc, "here"));
            }
            Source::Encoded => match func.defining_op(old) {
                Some((_, op)) => self.constant(op, frac)?,
                None => self.weight(old, frac)?,
            },
            Source::Computed(has) => {
                let value = forms.by_frac[&has];
                if has > frac {
                    self.scale_down(value, has - frac, loc)?
                } else {
                    self.rw.push("scale_up", &[value], attrs! { shift: i64::from(frac - has) }, loc)?
                }
            }
        };
        range::copy(func, old, self.rw.func_mut(), value);
        self.forms[old.index()].by_frac.insert(frac, value);
        Ok(value)
    }

    /// Says that `value`, with these fraction bits, stands for an old one.
    fn define(&mut self, old: ValueId, value: ValueId, frac: u8) {
        range::copy(self.rw.old(), old, self.rw.func_mut(), value);
        self.forms[old.index()] = Forms { by_frac: BTreeMap::from([(frac, value)]), source: Source::Computed(frac) };
    }

    fn fixed(&self, old: ValueId, frac: u8) -> Result<Fixed, Diagnostic> {
        let secrecy = if self.rw.old().ty(old).elem.secret { Secrecy::Secret } else { Secrecy::Public };
        Fixed::new(self.options.ring.get().into(), frac.into(), secrecy).map_err(|e| {
            let node = self.rw.old().loc(old);
            Diagnostic::error("E0302", format!("no fixed-point type for the scale: {e}"))
                .at_node(node, "here")
                .with_help("use a smaller scale")
        })
    }

    fn input(&mut self, old: ValueId, name: String) -> Result<(), Diagnostic> {
        let frac = self.natural_frac(old);
        let value = self.arg(old, name, frac)?;
        self.define(old, value, frac);
        Ok(())
    }

    /// A weight under its own name, or under a second name where another use has it with other fraction bits already.
    fn weight(&mut self, old: ValueId, frac: u8) -> Result<ValueId, Diagnostic> {
        let name = &self.rw.old().as_arg(old).expect("invariant: what no op defines is an argument").name;
        if self.forms[old.index()].by_frac.is_empty() {
            return self.arg(old, name.clone(), frac);
        }
        let alias = crate::recipe::unused_name(self.weights, &format!("{name}@{frac}"));
        crate::recipe::add_alias(self.weights, &alias, name, self.rw.old().as_arg(old).expect("invariant: as above"))?;
        self.arg(old, alias, frac)
    }

    fn arg(&mut self, old: ValueId, name: String, frac: u8) -> Result<ValueId, Diagnostic> {
        let ty = self.rw.old().ty(old).with_elem(self.fixed(old, frac)?.into());
        let arg = self.rw.old().as_arg(old).expect("invariant: only arguments become arguments");
        Ok(self.rw.add_arg(Arg::new(name, ty, &arg.owner, arg.kind)))
    }

    fn constant(&mut self, op: &Op<Hlil>, frac: u8) -> Result<ValueId, Diagnostic> {
        let numbers = numbers(op);
        let values = numbers.iter().map(|&v| self.encoded(v, frac, &op.loc)).collect::<Result<Vec<i64>, _>>()?;
        let attrs = attrs! {
            shape: op.attrs["shape"].clone(), value: values, ring: i64::from(self.options.ring.get()), frac: i64::from(frac)
        };
        self.rw.push("constant", &[], attrs, &op.loc)
    }

    /// Appends an op; its range follows from those of its operands.
    fn emit(&mut self, op: &str, operands: &[ValueId], attrs: Attrs, loc: &str) -> Result<ValueId, Diagnostic> {
        let value = self.rw.push(op, operands, attrs, loc)?;
        range::derive(self.rw.func_mut(), value);
        Ok(value)
    }

    /// Appends an op whose result cannot leave a range.
    fn emit_within(
        &mut self,
        op: &str,
        operands: &[ValueId],
        attrs: Attrs,
        within: Range,
        loc: &str,
    ) -> Result<ValueId, Diagnostic> {
        let value = self.rw.push(op, operands, attrs, loc)?;
        range::annotate_proven(self.rw.func_mut(), value, within);
        Ok(value)
    }

    /// A public constant of ring elements with these fraction bits.
    fn elements(&mut self, shape: &[usize], values: &[i64], frac: u8, loc: &str) -> Result<ValueId, Diagnostic> {
        let ring = self.options.ring;
        let values: Vec<i64> = values.iter().map(|v| ring.to_signed(ring.wrap(*v as u64))).collect();
        let attrs = attrs! { shape: dims(shape), value: values, ring: i64::from(ring.get()), frac: i64::from(frac) };
        self.rw.push("constant", &[], attrs, loc)
    }

    /// A public number, rounded to these fraction bits.
    fn number(&mut self, value: f64, frac: u8, loc: &str) -> Result<ValueId, Diagnostic> {
        let element = self.encoded(value, frac, loc)?;
        self.elements(&[], &[element], frac, loc)
    }

    fn encoded(&self, value: f64, frac: u8, loc: &str) -> Result<i64, Diagnostic> {
        let ring = self.options.ring;
        let element = encode_value(value, frac, ring).map_err(|e| {
            Diagnostic::error("E0303", format!("a constant has no place in the ring with {frac} fraction bits: {e}"))
                .at_node(loc, "here")
                .with_help("use a smaller scale")
        })?;
        Ok(ring.to_signed(element))
    }

    /// The same ring elements, standing for reals that are 2^frac times smaller.
    fn with_more_frac(&mut self, value: ValueId, frac: u8, loc: &str) -> Result<ValueId, Diagnostic> {
        let unit = self.elements(&[], &[1], frac, loc)?;
        self.emit("mul", &[value, unit], Attrs::new(), loc)
    }

    /// A ScaleDown of a new value, with the rounding that is asked for.
    fn scale_down(&mut self, value: ValueId, shift: u8, loc: &str) -> Result<ValueId, Diagnostic> {
        let attrs = attrs! { shift: i64::from(shift), rounding: self.options.rounding.name() };
        self.emit("scale_down", &[value], attrs, loc)
    }

    /// Whether a result with these fraction bits has room in the ring: by its range, or without one by `headroom_bits`.
    fn has_room(&self, old: ValueId, frac: u8) -> bool {
        let bits = self.options.ring.get() - 1;
        let Some(range) = range::of(self.rw.old(), old) else {
            return frac.saturating_add(self.options.headroom_bits) <= bits;
        };
        range.magnitude() * range::MARGIN * 2f64.powi(frac.into()) <= 2f64.powi(bits.into())
            && self.failures(old, frac) <= RARE
    }

    /// The probability that a ScaleDown of a value with these fraction bits fails.
    fn failures(&self, old: ValueId, frac: u8) -> f64 {
        match self.options.rounding {
            RoundingMode::Local => range::mass(self.rw.old(), old)
                .map_or(0.0, |mass| mass * 2f64.powi(i32::from(frac) - i32::from(self.options.ring.get()))),
            RoundingMode::Exact | RoundingMode::Probabilistic => 0.0,
        }
    }
}

/// The probability of failure up to which a ScaleDown may be given more bits than it needs.
const RARE: f64 = 1.0 / (1u64 << 20) as f64;

/// The numbers of a constant; reals are rounded to f32, as the evaluator has them.
fn numbers(constant: &Op<Hlil>) -> Vec<f64> {
    match &constant.attrs["values"] {
        treville_ir::Attr::Ints(values) => values.iter().map(|&v| v as f64).collect(),
        other => other.as_floats().unwrap_or_default().iter().map(|&v| f64::from(v as f32)).collect(),
    }
}

fn dims(shape: &[usize]) -> Vec<i64> {
    shape.iter().map(|&size| size as i64).collect()
}
