//! `hlil-to-llil`: reals become fixed-point ring elements, with a ScaleDown after each product.
//!
//! Inputs and weights are encoded with `scale` fraction bits. Products have twice as many and are scaled down where they are used,
//! except by the addition of a weight or constant (a bias): that one is encoded with the product's fraction bits, so nothing of it is lost,
//! and the sum is scaled down. A mean is a sum times the rounded reciprocal of the count; where the count is a power of two it is exact.
//!
//! Everything that cannot be lowered is reported at once, by node. Ranges are carried over: an LLIL value has the range of the HLIL value
//! that it stands for.

mod ops;

use std::collections::BTreeMap;

use treville_hlil::{Hlil, Scalar, Weights};
use treville_ir::{Arg, ArgKind, Attrs, Diagnostic, Func, Op, Rewriter, Uses, ValueId, attrs};
use treville_llil::{Fixed, Llil, Secrecy};
use treville_ring::encode_value;

use crate::analysis::range;
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
}

impl<'a> Lowering<'a> {
    fn new(func: &'a Func<Hlil>, weights: &'a mut Weights, options: &'a Options) -> Self {
        let forms = vec![Forms::default(); func.values().len()];
        Self { rw: Rewriter::new(func), weights, options, uses: func.uses(), forms }
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

    /// The fraction bits that a value has between ops: the scale, and none for indices.
    fn natural_frac(&self, old: ValueId) -> u8 {
        match self.rw.old().ty(old).elem.scalar {
            Scalar::F32 => self.options.scale,
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
                    let rounding = self.options.rounding.name();
                    self.rw.push(
                        "scale_down",
                        &[value],
                        attrs! { shift: i64::from(has - frac), rounding: rounding },
                        loc,
                    )?
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
        let numbers: Vec<f64> = match &op.attrs["values"] {
            treville_ir::Attr::Ints(values) => values.iter().map(|&v| v as f64).collect(),
            other => other.as_floats().unwrap_or_default().iter().map(|&v| f64::from(v as f32)).collect(),
        };
        let ring = self.options.ring;
        let encoded = numbers.iter().map(|&v| encode_value(v, frac, ring).map(|e| ring.to_signed(e)));
        let values = encoded.collect::<Result<Vec<i64>, _>>().map_err(|e| {
            Diagnostic::error("E0303", format!("a constant has no place in the ring with {frac} fraction bits: {e}"))
                .at_node(&op.loc, "here")
                .with_help("use a smaller scale")
        })?;
        let attrs = attrs! { shape: op.attrs["shape"].clone(), value: values, ring: i64::from(ring.get()), frac: i64::from(frac) };
        self.rw.push("constant", &[], attrs, &op.loc)
    }

    fn emit(&mut self, op: &str, operands: &[ValueId], attrs: Attrs, loc: &str) -> Result<ValueId, Diagnostic> {
        self.rw.push(op, operands, attrs, loc)
    }
}
