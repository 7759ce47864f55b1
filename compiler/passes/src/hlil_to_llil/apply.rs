//! `apply`: a piecewise polynomial, as [`approximate`](crate::approximate) fits it, in LLIL.
//!
//! All breakpoints are compared in one op. What belongs to a piece (its centre, scale and coefficients) is a sum over the bits, and costs
//! nothing; then come one product for v and one for each power, with a ScaleDown each. Every value in between is annotated with the range
//! that it cannot leave, and the result with how far it is off where the operand is.

use treville_hlil::{Function, Hlil};
use treville_ir::{Attrs, Diagnostic, Op, Use, ValueId};

use super::{Lowering, Source};
use crate::analysis::range::{self, Range};
use crate::approximate::{Approximation, Request, approximate};

impl Lowering<'_> {
    pub(super) fn apply(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (old, loc) = (op.operands[0], op.loc.as_str());
        let (operand_frac, approximation) = self.approximation(op)?;
        let x = self.at(old, operand_frac)?;
        let value = self.piecewise(x, operand_frac, &approximation, loc)?;
        let frac = approximation.partial_frac + approximation.v_frac;
        self.define(op.results[0], value, frac);
        Ok(())
    }

    /// The approximation of an op, and the fraction bits that it takes the operand with: more than the scale where the function is steep
    /// and the operand was computed with more.
    fn approximation(&self, op: &Op<Hlil>) -> Result<(u8, Approximation), Diagnostic> {
        let x = op.operands[0];
        let natural = self.natural_frac(x);
        let approximation = self.fit(op, natural)?;
        let steepness = approximation.slope.log2().ceil().clamp(0.0, 32.0) as u8;
        let frac = match self.forms[x.index()].source {
            Source::Computed(has) if has > natural && self.uses.of(x).len() == 1 => has.min(natural + steepness),
            _ => natural,
        };
        if frac > natural && self.has_room(x, frac + 2) {
            // Where the finer grid asks for more than the ring has, the coarser one will do.
            if let Ok(finer) = self.fit(op, frac) {
                return Ok((frac, finer));
            }
        }
        Ok((natural, approximation))
    }

    fn fit(&self, op: &Op<Hlil>, operand_frac: u8) -> Result<Approximation, Diagnostic> {
        let func = self.rw.old();
        let name = op.attrs["function"].as_str().unwrap_or_default();
        let parameter = op.attrs["parameter"].as_float().unwrap_or(0.0);
        let function = Function::of(name).expect("invariant: inference has accepted the function");
        let unknown = 2f64.powi(self.options.headroom_bits.into());
        let operand = range::of(func, op.operands[0]).unwrap_or(Range { low: -unknown, high: unknown });
        let request = Request {
            f: &|x| (function.eval)(x, parameter),
            defined: Range { low: function.domain.0, high: function.domain.1 },
            pole: function.pole,
            operand,
            possible: self.proven[op.operands[0].index()],
            magnitude: range::of(func, op.results[0]).map_or(unknown, Range::magnitude),
            operand_frac,
            frac: self.natural_frac(op.results[0]) + self.extra_of_user(op.results[0]),
            ring: self.options.ring,
        };
        approximate(&request).map_err(|e| {
            Diagnostic::error("E0305", format!("`{name}` cannot be approximated here: {e}"))
                .at_node(&op.loc, "here")
                .with_note(format!("its operand attains {} to {}", operand.low, operand.high))
                .with_help("use a smaller scale (--scale), or inputs of a smaller range")
        })
    }

    /// Bits beyond the scale that the only user of a value has use for: a product with something large.
    fn extra_of_user(&self, value: ValueId) -> u8 {
        let &[Use::Operand(user, index)] = self.uses.of(value) else { return 0 };
        let user = self.rw.old().op(user);
        if user.def.mnemonic == "mul" { self.extra_beside(user.operands[1 - index]) } else { 0 }
    }

    fn piecewise(
        &mut self,
        x: ValueId,
        operand_frac: u8,
        table: &Approximation,
        loc: &str,
    ) -> Result<ValueId, Diagnostic> {
        let beyond = self.stacked("sub", x, &table.breakpoints, operand_frac, loc)?;
        let bits = self.emit("drelu", &[beyond], Attrs::new(), loc)?;
        let centre = self.of_piece(bits, &table.centres, operand_frac, loc)?;
        let scale = self.of_piece(bits, &table.scales, table.scale_frac, loc)?;
        let moved = self.emit("sub", &[x, centre], Attrs::new(), loc)?;
        let within = Range { low: -1.0, high: 1.0 };
        let mut v = self.emit_within("mul", &[moved, scale], Attrs::new(), within, loc)?;
        if operand_frac + table.scale_frac > table.v_frac {
            v = self.scale_down(v, operand_frac + table.scale_frac - table.v_frac, loc)?;
        }
        let degree = table.coefficients.len() - 1;
        let mut sum = self.of_piece(bits, &table.coefficients[degree], table.partial_frac, loc)?;
        for power in (0..degree).rev() {
            let [product_bound, bound] = [power + 1, power].map(|power| table.magnitude(power));
            let within = |bound: f64| Range { low: -bound, high: bound };
            sum = self.emit_within("mul", &[sum, v], Attrs::new(), within(product_bound), loc)?;
            let frac = if power == 0 {
                table.partial_frac + table.v_frac
            } else {
                sum = self.scale_down(sum, table.v_frac, loc)?;
                table.partial_frac
            };
            let coefficient = self.of_piece(bits, &table.coefficients[power], frac, loc)?;
            sum = self.emit_within("add", &[sum, coefficient], Attrs::new(), within(bound), loc)?;
        }
        let (slope, offset) = table.modulus();
        self.annotate_modulus(sum, slope, offset);
        Ok(sum)
    }

    /// What belongs to the piece that the bits say: the first entry, and the differences to the next ones as far as bits are 1.
    fn of_piece(&mut self, bits: ValueId, entries: &[i64], frac: u8, loc: &str) -> Result<ValueId, Diagnostic> {
        let first = self.elements(&[], &entries[..1], frac, loc)?;
        let steps: Vec<i64> = entries.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
        if steps.iter().all(|&step| step == 0) {
            return Ok(first);
        }
        let unit = 2f64.powi(-i32::from(frac));
        let within = Range::over(entries.iter().map(|&entry| entry as f64 * unit));
        let moved = self.unstacked(bits, &steps, frac, loc)?;
        let back = within.plus(Range { low: -entries[0] as f64 * unit, high: -entries[0] as f64 * unit });
        range::annotate_proven(self.rw.func_mut(), moved, back);
        self.emit_within("add", &[moved, first], Attrs::new(), within, loc)
    }
}
