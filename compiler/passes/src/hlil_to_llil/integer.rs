//! Reals to whole numbers: floor, round, cast. All are exact, whatever the rounding of a ScaleDown.

use treville_hlil::{Hlil, Scalar};
use treville_ir::{Attrs, Diagnostic, Op, ValueId, attrs};
use treville_llil::RoundingMode;

use super::{Lowering, Source, compare::BIT};
use crate::analysis::range::{self, Range};

impl Lowering<'_> {
    pub(super) fn floor(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (x, frac) = self.fractional(op.operands[0])?;
        let floor = self.floor_of(x, frac, &op.loc)?;
        self.define(op.results[0], floor, 0);
        Ok(())
    }

    /// floor(x + 1/2), and one less where x lies halfway between two integers and this one is odd.
    pub(super) fn round(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let loc = op.loc.as_str();
        let (x, frac) = self.fractional(op.operands[0])?;
        let half = self.number(0.5, frac, loc)?;
        let moved = self.emit("add", &[x, half], Attrs::new(), loc)?;
        let nearest = self.floor_of(moved, frac, loc)?;
        // The floor is never above, so it is equal where it is not below.
        let back = self.emit("scale_up", &[nearest], attrs! { shift: i64::from(frac) }, loc)?;
        let rest = self.emit_within("sub", &[back, moved], Attrs::new(), Range { low: -1.0, high: 0.0 }, loc)?;
        let tie = self.emit("drelu", &[rest], Attrs::new(), loc)?;
        let halved = self.with_more_frac(nearest, 1, loc)?;
        let pairs = self.floor_of(halved, 1, loc)?;
        let even = self.emit("add", &[pairs, pairs], Attrs::new(), loc)?;
        let odd = self.emit_within("sub", &[nearest, even], Attrs::new(), BIT, loc)?;
        let excess = self.emit("mul", &[tie, odd], Attrs::new(), loc)?;
        let rounded = self.emit("sub", &[nearest, excess], Attrs::new(), loc)?;
        self.define(op.results[0], rounded, 0);
        self.annotate_modulus(rounded, 2f64.powi(-i32::from(frac)), 1.0);
        Ok(())
    }

    /// To integers: the floor, one unit less than 1 further up where x is negative.
    pub(super) fn cast(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (old, result, loc) = (op.operands[0], op.results[0], op.loc.as_str());
        let scalars = [old, result].map(|v| self.rw.old().ty(v).elem.scalar);
        if scalars != [Scalar::F32, Scalar::I64] {
            let frac = self.moved_frac(old);
            let same = self.at(old, frac)?;
            self.define(result, same, frac);
            return Ok(());
        }
        let (x, frac) = self.fractional(old)?;
        let positive = self.emit("drelu", &[x], Attrs::new(), loc)?;
        let negative = self.inverted(positive, loc)?;
        let most = self.elements(&[], &[(1i64 << frac) - 1], frac, loc)?;
        let lift = self.emit_within("mul", &[negative, most], Attrs::new(), BIT, loc)?;
        let lifted = self.emit("add", &[x, lift], Attrs::new(), loc)?;
        let whole = self.floor_of(lifted, frac, loc)?;
        self.define(result, whole, 0);
        self.annotate_modulus(whole, 2f64.powi(-i32::from(frac)), 2.0);
        Ok(())
    }

    /// A value as it was computed if it has fraction bits then, and those.
    fn fractional(&mut self, old: ValueId) -> Result<(ValueId, u8), Diagnostic> {
        let frac = match self.forms[old.index()].source {
            Source::Computed(0) => self.natural_frac(old),
            _ => self.moved_frac(old),
        };
        Ok((self.at(old, frac)?, frac))
    }

    /// The floor of a new value, without fraction bits: a ScaleDown, and one less where it has rounded up.
    fn floor_of(&mut self, x: ValueId, frac: u8, loc: &str) -> Result<ValueId, Diagnostic> {
        let quotient = self.scale_down(x, frac, loc)?;
        if self.options.rounding == RoundingMode::Exact {
            return Ok(quotient);
        }
        let back = self.emit("scale_up", &[quotient], attrs! { shift: i64::from(frac) }, loc)?;
        let rest = self.emit_within("sub", &[x, back], Attrs::new(), Range { low: -1.0, high: 1.0 }, loc)?;
        let below = self.emit("drelu", &[rest], Attrs::new(), loc)?;
        let above = self.inverted(below, loc)?;
        let floor = self.emit("sub", &[quotient, above], Attrs::new(), loc)?;
        for key in range::KEYS {
            // What is known of the ScaleDown holds of the floor.
            if let Some(attr) = self.rw.func().annotation(quotient, key).cloned() {
                self.rw.func_mut().annotate(floor, key, attr);
            }
        }
        self.annotate_modulus(floor, 2f64.powi(-i32::from(frac)), 1.0);
        Ok(floor)
    }
}
