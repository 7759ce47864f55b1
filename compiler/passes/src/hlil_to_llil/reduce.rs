//! Pools and reductions.

use treville_hlil::{Hlil, pool_window};
use treville_ir::{Attr, Attrs, Diagnostic, Op, ValueDef, ValueId, attrs};
use treville_ring::window_indices;

use super::{Lowering, dims};

impl Lowering<'_> {
    pub(super) fn avg_pool(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let divisor_frac = self.divisor_frac(op);
        let frac = self.summed_frac(op, divisor_frac);
        let x = self.at(op.operands[0], frac)?;
        let mut attrs = op.attrs.clone();
        attrs.insert("divisor_frac".into(), Attr::Int(divisor_frac.into()));
        let mean = self.emit("avg_pool", &[x], attrs, &op.loc)?;
        self.define(op.results[0], mean, frac + divisor_frac);
        Ok(())
    }

    pub(super) fn reduce_mean(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let count = axes(op).iter().map(|&axis| self.rw.old().ty(op.operands[0]).shape[axis]).product();
        let divisor_frac = self.power_or_scale(count, true);
        let frac = self.summed_frac(op, divisor_frac);
        let more = attrs! { count_include_pad: false, divisor_frac: i64::from(divisor_frac) };
        let mean = self.pooled(op, "avg_pool", frac, more)?;
        self.define(op.results[0], mean, frac + divisor_frac);
        Ok(())
    }

    pub(super) fn reduce_max(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let frac = self.natural_frac(op.operands[0]);
        let max = self.pooled(op, "max_pool", frac, Attrs::new())?;
        self.define(op.results[0], max, frac);
        Ok(())
    }

    pub(super) fn reduce_sum(&mut self, op: &Op<Hlil>) -> Result<(), Diagnostic> {
        let frac = self.summed_frac(op, 0);
        let x = self.at(op.operands[0], frac)?;
        let sum = self.emit("reduce_sum", &[x], op.attrs.clone(), &op.loc)?;
        self.define(op.results[0], sum, frac);
        Ok(())
    }

    /// The fraction bits in which the terms of a sum are added: those that they were computed with, where the sum has room for them. What
    /// scaling down would cost each term is lost once.
    fn summed_frac(&self, op: &Op<Hlil>, more: u8) -> u8 {
        let (x, result) = (op.operands[0], op.results[0]);
        let func = self.rw.old();
        let smaller = func.ty(result).elements() < func.ty(x).elements();
        match self.forms[x.index()].source {
            super::Source::Computed(frac) if smaller && self.has_room(result, frac + more) => frac,
            _ => self.natural_frac(x),
        }
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

    /// A reduction over axes is a pool whose window is as large as these axes, after they were moved to the end.
    fn pooled(&mut self, op: &Op<Hlil>, pool: &str, frac: u8, more: Attrs) -> Result<ValueId, Diagnostic> {
        let (x, loc) = (op.operands[0], op.loc.as_str());
        let shape = self.rw.old().ty(x).shape.clone();
        let axes = axes(op);
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let sizes = |axes: &[usize]| axes.iter().map(|&axis| shape[axis] as i64).collect::<Vec<i64>>();
        let kernel = sizes(&axes);

        let mut value = self.at(x, frac)?;
        let perm: Vec<usize> = kept.iter().chain(&axes).copied().collect();
        if !perm.is_sorted() {
            value = self.emit("transpose", &[value], attrs! { perm: dims(&perm) }, loc)?;
        }
        if kept.len() != 2 {
            let channels: i64 = sizes(&kept).iter().product();
            value =
                self.emit("reshape", &[value], attrs! { shape: [&[1, channels], kernel.as_slice()].concat() }, loc)?;
        }
        let (ones, zeros) = (vec![1i64; axes.len()], vec![0i64; 2 * axes.len()]);
        let mut attrs = attrs! { kernel: kernel, strides: ones.clone(), pads: zeros, dilations: ones };
        attrs.extend(more);
        value = self.emit(pool, &[value], attrs, loc)?;
        let result = &self.rw.old().ty(op.results[0]).shape;
        if self.rw.func().ty(value).shape != *result {
            value = self.emit("reshape", &[value], attrs! { shape: dims(result) }, loc)?;
        }
        Ok(value)
    }
}

fn axes(op: &Op<Hlil>) -> Vec<usize> {
    op.attrs["axes"].as_ints().unwrap_or_default().iter().map(|&axis| axis as usize).collect()
}
