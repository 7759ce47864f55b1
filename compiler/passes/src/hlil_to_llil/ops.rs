//! The lowering of each op: one arm an op.

use treville_hlil::{Hlil, pool_window};
use treville_ir::{Attr, Attrs, Diagnostic, Op, ValueDef, ValueId, attrs};
use treville_ring::window_indices;

use super::{Lowering, Source};

impl Lowering<'_> {
    /// Lowers one op whose operands are lowered.
    pub(super) fn lower(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (result, loc) = (op.results[0], op.loc.as_str());
        match op.def.mnemonic {
            "constant" => self.forms[result.index()].source = Source::Encoded,
            "add" | "sub" => {
                let frac = self.sum_frac(&op.operands, result);
                self.same(op, frac, Attrs::new())?;
            }
            "neg" | "reshape" | "transpose" | "slice" => {
                let frac = self.moved_frac(op.operands[0]);
                self.same(op, frac, op.attrs.clone())?;
            }
            "relu" | "max_pool" | "concat" => self.same(op, self.natural_frac(result), op.attrs.clone())?,
            "arg_max" => {
                let x = self.natural(op.operands[0])?;
                let index = self.emit("arg_max", &[x], op.attrs.clone(), loc)?;
                self.define(result, index, 0);
            }
            "mul" | "matmul" | "conv" => {
                let (a, b) = (self.natural(op.operands[0])?, self.natural(op.operands[1])?);
                let product = self.emit(op.def.mnemonic, &[a, b], op.attrs.clone(), loc)?;
                let frac = self.natural_frac(op.operands[0]) + self.natural_frac(op.operands[1]);
                self.define(result, product, frac);
            }
            "pad" => self.pad(op)?,
            "avg_pool" => {
                let x = self.natural(op.operands[0])?;
                let divisor_frac = self.divisor_frac(op);
                let mut attrs = op.attrs.clone();
                attrs.insert("divisor_frac".into(), Attr::Int(divisor_frac.into()));
                let mean = self.emit("avg_pool", &[x], attrs, loc)?;
                self.define(result, mean, self.options.scale + divisor_frac);
            }
            "reduce_mean" => self.reduce_mean(op)?,
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
        match *operands {
            [a, b] if source(b) == Source::Encoded && source(a) != Source::Encoded => self.moved_frac(a),
            [a, b] if source(a) == Source::Encoded && source(b) != Source::Encoded => self.moved_frac(b),
            _ => self.natural_frac(result),
        }
    }

    /// The fraction bits that a value was computed with, where moving it as it is does not make for a second ScaleDown.
    fn moved_frac(&self, operand: ValueId) -> u8 {
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
            let ring = self.options.ring;
            let encoded = treville_ring::encode_value(around, frac, ring);
            let encoded = encoded.map_err(|e| {
                Diagnostic::error("E0303", format!("the padding has no place in the ring: {e}")).at_node(loc, "here")
            })?;
            let attrs = attrs! { shape: Vec::<i64>::new(), value: [ring.to_signed(encoded)], ring: i64::from(ring.get()), frac: i64::from(frac) };
            let around = self.emit("constant", &[], attrs, loc)?;
            value = self.emit("sub", &[value, around], Attrs::new(), loc)?;
            value = self.emit("pad", &[value], begin_end, loc)?;
            value = self.emit("add", &[value, around], Attrs::new(), loc)?;
        }
        self.define(op.results[0], value, frac);
        Ok(())
    }

    /// The fraction bits of the reciprocals of a pool's counts: as many as make them exact, or else the scale.
    fn divisor_frac(&self, op: &Op<Hlil>) -> u8 {
        let func = self.rw.old();
        let ValueDef::Op(id, _) = func.value(op.results[0]).def else { return self.options.scale };
        let view = func.view(id);
        let window = pool_window(&view).expect("invariant: inference has accepted the attributes");
        let indices =
            window_indices(&view.shape(0)[2..], &window).expect("invariant: inference has accepted the window");
        let count = |inside: usize| if view.bool("count_include_pad") { window.taps() } else { inside };
        let mut counts = indices.iter().map(|inside| count(inside.len()));
        let first = counts.next().unwrap_or(1);
        self.power_or_scale(first, counts.all(|other| other == first))
    }

    fn power_or_scale(&self, count: usize, always: bool) -> u8 {
        let exact = always && count.is_power_of_two() && count.trailing_zeros() <= self.options.scale.into();
        if exact { count.trailing_zeros() as u8 } else { self.options.scale }
    }

    /// A mean over axes is an average pool whose window is as large as these axes, after they were moved to the end.
    fn reduce_mean(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let (x, loc) = (op.operands[0], op.loc.as_str());
        let shape = self.rw.old().ty(x).shape.clone();
        let axes: Vec<usize> =
            op.attrs["axes"].as_ints().unwrap_or_default().iter().map(|&axis| axis as usize).collect();
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let dims = |axes: &[usize]| axes.iter().map(|&axis| shape[axis] as i64).collect::<Vec<i64>>();
        let kernel = dims(&axes);

        let mut value = self.natural(x)?;
        let perm: Vec<usize> = kept.iter().chain(&axes).copied().collect();
        if !perm.is_sorted() {
            let perm: Vec<i64> = perm.iter().map(|&axis| axis as i64).collect();
            value = self.emit("transpose", &[value], attrs! { perm: perm }, loc)?;
        }
        if kept.len() != 2 {
            let channels: i64 = dims(&kept).iter().product();
            value =
                self.emit("reshape", &[value], attrs! { shape: [&[1, channels], kernel.as_slice()].concat() }, loc)?;
        }
        let count = axes.iter().map(|&axis| shape[axis]).product();
        let divisor_frac = self.power_or_scale(count, true);
        let (ones, zeros) = (vec![1i64; axes.len()], vec![0i64; 2 * axes.len()]);
        let attrs = attrs! {
            kernel: kernel, strides: ones.clone(), pads: zeros, dilations: ones, count_include_pad: false, divisor_frac: i64::from(divisor_frac)
        };
        value = self.emit("avg_pool", &[value], attrs, loc)?;
        let result = &self.rw.old().ty(op.results[0]).shape;
        if self.rw.func().ty(value).shape != *result {
            let shape: Vec<i64> = result.iter().map(|&size| size as i64).collect();
            value = self.emit("reshape", &[value], attrs! { shape: shape }, loc)?;
        }
        self.define(op.results[0], value, self.options.scale + divisor_frac);
        Ok(())
    }
}

fn unsupported(mnemonic: &str, loc: &str) -> Diagnostic {
    let help = match mnemonic {
        "batch_norm" => {
            "its scale, offset, mean and variance must be weights or constants; then `hlil-fold-batch-norm` removes it"
        }
        "softmax" => {
            "a softmax is supported as the last op only, where the receiver of the result computes it in the clear"
        }
        "apply" => "a function is supported on weights and constants only, where `hlil-fold-constants` computes it",
        _ => "this op has no fixed-point form yet",
    };
    Diagnostic::error(super::UNSUPPORTED, format!("`hlil.{mnemonic}` on a secret value is not supported"))
        .at_node(loc, "used here")
        .with_help(help)
}
