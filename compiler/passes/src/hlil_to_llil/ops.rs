//! The lowering of each op: one arm an op.

use treville_hlil::Hlil;
use treville_ir::{Attrs, Diagnostic, Op, ValueId, attrs};

use super::{Lowering, Source};

impl Lowering<'_> {
    /// Lowers one op whose operands are lowered.
    pub(super) fn lower(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (result, loc) = (op.results[0], op.loc.as_str());
        match op.def.mnemonic {
            "constant" => self.forms[result.index()].source = Source::Encoded,
            "apply" => self.apply(op)?,
            "add" | "sub" => {
                let frac = self.sum_frac(&op.operands, result);
                self.same(op, frac, Attrs::new())?;
            }
            "neg" | "reshape" | "transpose" | "slice" | "gather" => {
                let frac = self.moved_frac(op.operands[0]);
                self.same(op, frac, op.attrs.clone())?;
            }
            "relu" | "max_pool" | "concat" => self.same(op, self.natural_frac(result), op.attrs.clone())?,
            "arg_max" => {
                let x = self.natural(op.operands[0])?;
                let index = self.emit("arg_max", &[x], op.attrs.clone(), loc)?;
                self.define(result, index, 0);
            }
            "mul" | "matmul" | "conv" | "conv_transpose" => self.product(op)?,
            "pad" => self.pad(op)?,
            "max" => self.max(op)?,
            "clip" => self.clip(op)?,
            "greater" => self.greater(op)?,
            "equal" => self.equal(op)?,
            "select" => self.select(op)?,
            "floor" => self.floor(op)?,
            "round" => self.round(op)?,
            "cast" => self.cast(op)?,
            "avg_pool" => self.avg_pool(op)?,
            "reduce_mean" => self.reduce_mean(op)?,
            "reduce_max" => self.reduce_max(op)?,
            "reduce_sum" => self.reduce_sum(op)?,
            other => return Err(unsupported(other, loc)),
        }
        Ok(())
    }

    /// Lowers to the same op, operands and result with these fraction bits.
    fn same(&mut self, op: &Op<Hlil>, frac: u8, attrs: Attrs) -> Result<(), Diagnostic> {
        let operands = op.operands.iter().map(|v| self.at(*v, frac)).collect::<Result<Vec<_>, _>>()?;
        let value = self.emit(op.def.mnemonic, &operands, attrs, &op.loc)?;
        self.define(op.results[0], value, frac);
        Ok(())
    }

    /// A product that only this sum uses meets a weight or constant at the product's scale; all other sums are at the natural one.
    fn sum_frac(&self, operands: &[ValueId], result: ValueId) -> u8 {
        let source = |v: ValueId| self.forms[v.index()].source;
        let natural = self.natural_frac(result);
        match *operands {
            [a, b] if source(b) == Source::Encoded && source(a) != Source::Encoded => self.moved_frac(a).max(natural),
            [a, b] if source(a) == Source::Encoded && source(b) != Source::Encoded => self.moved_frac(b).max(natural),
            _ => natural,
        }
    }

    /// The fraction bits that a value was computed with, where moving it as it is does not make for a second ScaleDown.
    pub(super) fn moved_frac(&self, operand: ValueId) -> u8 {
        match self.forms[operand.index()].source {
            Source::Computed(frac) if self.uses.of(operand).len() == 1 => frac,
            _ => self.natural_frac(operand),
        }
    }

    /// LLIL pads with zeros; another value is subtracted before and added after.
    fn pad(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (x, loc) = (op.operands[0], op.loc.as_str());
        let frac = self.natural_frac(x);
        let begin_end = attrs! { begin: op.attrs["begin"].clone(), end: op.attrs["end"].clone() };
        let mut value = self.at(x, frac)?;
        let around = op.attrs["value"].as_float().unwrap_or(0.0);
        if around == 0.0 {
            value = self.emit("pad", &[value], begin_end, loc)?;
        } else {
            let around = self.number(around, frac, loc)?;
            value = self.emit("sub", &[value, around], Attrs::new(), loc)?;
            value = self.emit("pad", &[value], begin_end, loc)?;
            value = self.emit("add", &[value, around], Attrs::new(), loc)?;
        }
        self.define(op.results[0], value, frac);
        Ok(())
    }
}

fn unsupported(mnemonic: &str, loc: &str) -> Diagnostic {
    let help = match mnemonic {
        "batch_norm" => {
            "its scale, offset, mean and variance must be weights or constants; then `hlil-fold-batch-norm` removes it"
        }
        "softmax" => "`hlil-expand-quotients` writes it with exponentials; run it before",
        "div" => {
            "`hlil-expand-quotients` writes a division of reals with reciprocals; integers are divided where they are public only"
        }
        _ => "this op has no fixed-point form yet",
    };
    Diagnostic::error(super::UNSUPPORTED, format!("`hlil.{mnemonic}` on a secret value is not supported"))
        .at_node(loc, "used here")
        .with_help(help)
}
