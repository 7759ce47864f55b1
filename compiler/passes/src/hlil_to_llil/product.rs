//! Products, and with how many fraction bits their factors are taken.
//!
//! A factor that is off by a unit makes the product off by as many units as the other factor is large. So a factor has more fraction bits
//! than the scale where the other one is large, if these are to be had: a weight or constant is encoded with more, and a computed value
//! that nothing else uses is scaled down by less. A constant that has few fraction bits in itself, such as 3 or 0.5, is encoded with these.

use treville_hlil::{Hlil, Scalar};
use treville_ir::{Diagnostic, Op, ValueId};

use super::{Lowering, Source, numbers};
use crate::analysis::range;

/// The most bits that a factor has beyond the scale.
const MAX_EXTRA: u8 = 16;

impl Lowering<'_> {
    pub(super) fn product(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let mut fracs = [self.factor_frac(op, 0), self.factor_frac(op, 1)];
        let least = [0, 1].map(|i| self.natural_frac(op.operands[i]).min(fracs[i]));
        while fracs != least && !self.has_room(op.results[0], fracs[0] + fracs[1]) {
            let i = usize::from(fracs[1] - least[1] > fracs[0] - least[0]);
            fracs[i] -= 1;
        }
        let (a, b) = (self.at(op.operands[0], fracs[0])?, self.at(op.operands[1], fracs[1])?);
        let product = self.emit(op.def.mnemonic, &[a, b], op.attrs.clone(), &op.loc)?;
        self.define(op.results[0], product, fracs[0] + fracs[1]);
        Ok(())
    }

    /// Bits beyond the scale that a factor of this one should have.
    pub(super) fn extra_beside(&self, other: ValueId) -> u8 {
        // Two units more or less are the error of a product anyway.
        self.magnitude(other).map_or(0, |magnitude| bits_above(magnitude / 4.0).clamp(0, MAX_EXTRA.into()) as u8)
    }

    /// The fraction bits that a factor is taken with.
    fn factor_frac(&self, op: &Op<Hlil>, index: usize) -> u8 {
        let (factor, other) = (op.operands[index], op.operands[1 - index]);
        let func = self.rw.old();
        let natural = self.natural_frac(factor);
        if func.ty(factor).elem.scalar == Scalar::I64 {
            return natural;
        }
        let elementwise = op.def.mnemonic == "mul";
        let result = self.natural_frac(op.results[0]);
        let wanted = if elementwise { natural.max(result + self.extra_beside(other)) } else { natural };
        match (self.forms[factor.index()].source, func.defining_op(factor)) {
            (Source::Encoded, Some((_, constant))) => {
                let numbers = numbers(constant);
                let greatest = numbers.iter().fold(0.0f64, |max, v| max.max(v.abs()));
                let small = (1 - bits_above(greatest)).clamp(0, MAX_EXTRA.into()) as u8;
                exact_frac(&numbers).min(wanted.max(natural + small))
            }
            (Source::Encoded, None) => wanted,
            // A bit or a whole number.
            (Source::Computed(has), _) if has < natural => has,
            (Source::Computed(has), _) if elementwise && self.uses.ops(factor).all(|user| func.op(user) == op) => {
                has.clamp(natural, wanted)
            }
            _ => natural,
        }
    }

    /// The greatest magnitude of a value, where it may be known.
    fn magnitude(&self, value: ValueId) -> Option<f64> {
        let func = self.rw.old();
        match func.defining_op(value).filter(|(_, op)| op.def.mnemonic == "constant") {
            Some((_, constant)) => Some(numbers(constant).iter().fold(0.0, |max, v| max.max(v.abs()))),
            None => range::of(func, value).map(range::Range::magnitude),
        }
    }
}

/// The least number of fraction bits with which all numbers are exact.
fn exact_frac(numbers: &[f64]) -> u8 {
    let exact = |frac: &u8| {
        let scale = 2f64.powi(i32::from(*frac));
        numbers.iter().all(|v| (v * scale).fract() == 0.0)
    };
    (0..u8::MAX).find(exact).unwrap_or(u8::MAX)
}

/// The least n such that x <= 2^n.
fn bits_above(x: f64) -> i32 {
    x.log2().ceil().clamp(-64.0, 64.0) as i32
}
