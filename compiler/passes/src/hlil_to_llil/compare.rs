//! What is decided by comparison: maximum, bounds, order, choice.
//!
//! Comparisons that do not depend on each other are stacked along a new first axis, so that they take the rounds of one.

use treville_hlil::Hlil;
use treville_ir::{Attr, Attrs, Diagnostic, Op, ValueId, attrs};

use super::{Lowering, dims};
use crate::analysis::range::Range;

/// The range of a bit.
pub(super) const BIT: Range = Range { low: 0.0, high: 1.0 };

impl Lowering<'_> {
    /// max(a, b) = relu(a - b) + b.
    pub(super) fn max(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let frac = self.natural_frac(op.results[0]);
        let (a, b) = (self.at(op.operands[0], frac)?, self.at(op.operands[1], frac)?);
        let difference = self.emit("sub", &[a, b], Attrs::new(), &op.loc)?;
        let rest = self.emit("relu", &[difference], Attrs::new(), &op.loc)?;
        let max = self.emit("add", &[rest, b], Attrs::new(), &op.loc)?;
        self.define(op.results[0], max, frac);
        Ok(())
    }

    /// clip(x) = min + relu(x - min) - relu(x - max).
    pub(super) fn clip(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (x, loc) = (op.operands[0], op.loc.as_str());
        let (natural, moved) = (self.natural_frac(x), self.moved_frac(x));
        // One bit more for the difference, one for the smaller domain of comparison.
        let frac = if moved > natural && self.has_room(x, moved + 2) { moved } else { natural };
        // What cannot be compared with no value can exceed.
        let most = 2f64.powi(i32::from(self.options.ring.get()) - 4 - i32::from(frac));
        let bound = |name: &str| op.attrs[name].as_float().filter(|bound| bound.abs() < most);
        let value = self.at(x, frac)?;
        let clipped = match (bound("min"), bound("max")) {
            (None, None) => value,
            (Some(min), None) => {
                let min = self.number(min, frac, loc)?;
                let above = self.emit("sub", &[value, min], Attrs::new(), loc)?;
                let above = self.emit("relu", &[above], Attrs::new(), loc)?;
                self.emit("add", &[above, min], Attrs::new(), loc)?
            }
            (None, Some(max)) => {
                let max = self.number(max, frac, loc)?;
                let above = self.emit("sub", &[value, max], Attrs::new(), loc)?;
                let above = self.emit("relu", &[above], Attrs::new(), loc)?;
                self.emit("sub", &[value, above], Attrs::new(), loc)?
            }
            (Some(min), Some(max)) => {
                let bounds = [self.encoded(min, frac, loc)?, self.encoded(max, frac, loc)?];
                let above = self.stacked("sub", value, &bounds, frac, loc)?;
                let above = self.emit("relu", &[above], Attrs::new(), loc)?;
                let between = self.unstacked(above, &[1, -1], 0, loc)?;
                let min = self.number(min, frac, loc)?;
                self.emit("add", &[between, min], Attrs::new(), loc)?
            }
        };
        self.define(op.results[0], clipped, frac);
        Ok(())
    }

    /// a > b = 1 - (b - a >= 0).
    pub(super) fn greater(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (a, b) = self.alike(op)?;
        let difference = self.emit("sub", &[b, a], Attrs::new(), &op.loc)?;
        let reached = self.emit("drelu", &[difference], Attrs::new(), &op.loc)?;
        let greater = self.inverted(reached, &op.loc)?;
        self.define(op.results[0], greater, 0);
        self.annotate_modulus(greater, 0.0, 1.0);
        Ok(())
    }

    /// (a == b) = (a - b >= 0) + (b - a >= 0) - 1.
    pub(super) fn equal(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let loc = op.loc.as_str();
        let (a, b) = self.alike(op)?;
        let difference = self.emit("sub", &[a, b], Attrs::new(), loc)?;
        let both = self.stacked("mul", difference, &[1, -1], 0, loc)?;
        let bits = self.emit("drelu", &[both], Attrs::new(), loc)?;
        let count = self.unstacked(bits, &[1, 1], 0, loc)?;
        let one = self.elements(&[], &[1], 0, loc)?;
        let equal = self.emit_within("sub", &[count, one], Attrs::new(), BIT, loc)?;
        self.define(op.results[0], equal, 0);
        self.annotate_modulus(equal, 0.0, 1.0);
        Ok(())
    }

    /// Both operands with the same fraction bits.
    fn alike(&mut self, op: &Op<Hlil>) -> Result<(ValueId, ValueId), Diagnostic> {
        let frac = op.operands.iter().map(|v| self.natural_frac(*v)).max().unwrap_or(0);
        Ok((self.at(op.operands[0], frac)?, self.at(op.operands[1], frac)?))
    }

    /// Where c is 1, a, where it is 0, b: b + c (a - b).
    pub(super) fn select(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let frac = self.natural_frac(op.results[0]);
        let c = self.natural(op.operands[0])?;
        let (a, b) = (self.at(op.operands[1], frac)?, self.at(op.operands[2], frac)?);
        let difference = self.emit("sub", &[a, b], Attrs::new(), &op.loc)?;
        let chosen = self.emit("mul", &[c, difference], Attrs::new(), &op.loc)?;
        let value = self.emit("add", &[b, chosen], Attrs::new(), &op.loc)?;
        self.define(op.results[0], value, frac);
        Ok(())
    }

    /// 1 - bit.
    pub(super) fn inverted(&mut self, bit: ValueId, loc: &str) -> Result<ValueId, Diagnostic> {
        let one = self.elements(&[], &[1], 0, loc)?;
        self.emit_within("sub", &[one, bit], Attrs::new(), BIT, loc)
    }

    /// A value against each of several ring elements: the results lie along a new first axis.
    pub(super) fn stacked(
        &mut self,
        op: &str,
        value: ValueId,
        elements: &[i64],
        frac: u8,
        loc: &str,
    ) -> Result<ValueId, Diagnostic> {
        let shape = self.rw.func().ty(value).shape.clone();
        let one = self.emit("reshape", &[value], attrs! { shape: dims(&[&[1], shape.as_slice()].concat()) }, loc)?;
        let each = self.along_first(elements, shape.len(), frac, loc)?;
        self.emit(op, &[one, each], Attrs::new(), loc)
    }

    /// The sum along the first axis, with a weight of these fraction bits for each place.
    pub(super) fn unstacked(
        &mut self,
        value: ValueId,
        weights: &[i64],
        frac: u8,
        loc: &str,
    ) -> Result<ValueId, Diagnostic> {
        let mut weighted = value;
        if weights.iter().any(|&weight| weight != 1) || frac > 0 {
            let rank = self.rw.func().ty(value).rank() - 1;
            let weights = self.along_first(weights, rank, frac, loc)?;
            weighted = self.emit("mul", &[value, weights], Attrs::new(), loc)?;
        }
        self.emit("reduce_sum", &[weighted], attrs! { axes: [0], keepdims: false }, loc)
    }

    /// A constant along the first of `rank` + 1 axes.
    fn along_first(&mut self, elements: &[i64], rank: usize, frac: u8, loc: &str) -> Result<ValueId, Diagnostic> {
        self.elements(&[&[elements.len()], vec![1; rank].as_slice()].concat(), elements, frac, loc)
    }

    /// Says how far a result is off where what was compared for it is off.
    pub(super) fn annotate_modulus(&mut self, value: ValueId, slope: f64, offset: f64) {
        self.rw.func_mut().annotate(value, "modulus", Attr::from([slope, offset]));
    }
}
