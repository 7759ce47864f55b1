//! `hlil-fold-batch-norm`: batch normalisation, and any channel-wise factor, becomes part of the linear op before it.
//!
//! With a = scale / sqrt(variance + epsilon), batch_norm(x) = x * a + (offset - mean * a), channel by channel. After a conv or matmul with
//! filter w, and a bias b if there is one, this is the conv with filter w * a, and bias (b - mean) * a + offset. Where the conv's or the
//! bias's value has other users, or where there is no linear op above, the two channel-wise ops are left in the program.
//!
//! A product with a channel-wise weight c below a linear op is the case a = c without mean and offset: frameworks that write a batch norm as
//! x * c + d fold likewise. Below anything else it is left alone.
//!
//! All of a and the new weights are HLIL ops on weights; `hlil-fold-constants` turns them into recipes. A batch norm whose parameters
//! depend on an input is left alone.

use treville_hlil::Hlil;
use treville_ir::{Attr, Attrs, Diagnostic, Func, Op, Rewriter, Uses, ValueId, attrs};

use crate::analysis::range;
use crate::{Domain, Example, Level, Module, Options, Pass, dce, origin::Origin};

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-fold-batch-norm",
    summary: "folds batch normalisation and channel-wise factors into the weights of the linear op before them",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, _: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, weights) = module else { return Ok(module) };
    let folder = Folder { func: &func, uses: func.uses(), origins: Origin::of_values(&func) };
    let func = func.rewrite(|rw, _, op| folder.fold(rw, op)).map_err(|e| vec![e])?;
    Ok(Module::Hlil(dce::without_dead_code(&func), weights))
}

struct Folder<'a> {
    func: &'a Func<Hlil>,
    uses: Uses,
    origins: Vec<Origin>,
}

/// The linear op, and the bias between it and the batch norm.
struct Linear<'a> {
    op: &'a Op<Hlil>,
    /// The axis of the filter that is the output channel.
    filter_axis: usize,
    /// The axis of the result that is the output channel.
    channel_axis: usize,
    bias: Option<ValueId>,
}

impl Folder<'_> {
    fn fold(&self, rw: &mut Rewriter<'_, Hlil>, op: &Op<Hlil>) -> Result<Option<Vec<ValueId>>, Diagnostic> {
        match op.def.mnemonic {
            "batch_norm" if op.operands[1..].iter().all(|v| self.is_fixed(*v)) => {
                self.fold_batch_norm(rw, op).map(Some)
            }
            "mul" => self.fold_factor(rw, op),
            _ => Ok(None),
        }
    }

    fn fold_batch_norm(&self, rw: &mut Rewriter<'_, Hlil>, op: &Op<Hlil>) -> Result<Vec<ValueId>, Diagnostic> {
        let mut emit = Emit { rw, loc: &op.loc };
        let [scale, offset, mean, variance] = [1, 2, 3, 4].map(|i| emit.rw.get(op.operands[i]));
        let (scale, offset, mean, variance) = (scale?, offset?, mean?, variance?);
        let epsilon = emit.scalar(op.attrs["epsilon"].as_float().unwrap_or(0.0))?;
        let shifted = emit.op("add", &[variance, epsilon])?;
        let deviation = emit.rw.push("apply", &[shifted], attrs! { function: "rsqrt", parameter: 0.0 }, emit.loc)?;
        let factor = emit.op("mul", &[scale, deviation])?;

        let (x, mean) = match self.linear_above(op.operands[0]).filter(|linear| linear.channel_axis == 1) {
            Some(linear) => {
                let mean = match linear.bias {
                    None => mean,
                    Some(bias) => {
                        let bias = emit.flat(bias, self.func)?;
                        emit.op("sub", &[mean, bias])?
                    }
                };
                (self.scaled(&mut emit, &linear, factor)?, mean)
            }
            None => {
                let x = emit.rw.get(op.operands[0])?;
                let spread = emit.along(factor, 1, self.func.ty(op.operands[0]).rank())?;
                (emit.op("mul", &[x, spread])?, mean)
            }
        };
        let moved = emit.op("mul", &[mean, factor])?;
        let bias = emit.op("sub", &[offset, moved])?;
        self.with_bias(&mut emit, x, bias, 1, op).map(|result| vec![result])
    }

    /// A product of a linear op and a channel-wise weight.
    fn fold_factor(&self, rw: &mut Rewriter<'_, Hlil>, op: &Op<Hlil>) -> Result<Option<Vec<ValueId>>, Diagnostic> {
        let &[a, b] = op.operands.as_slice() else { return Ok(None) };
        let (x, factor) = if self.is_fixed(b) { (a, b) } else { (b, a) };
        let kept = self.is_fixed(factor) && self.func.ty(x) == self.func.ty(op.results[0]);
        let linear = self.linear_above(x).filter(|linear| kept && self.is_along(factor, x, linear.channel_axis));
        let Some(linear) = linear else { return Ok(None) };
        let mut emit = Emit { rw, loc: &op.loc };
        let factor = emit.flat(factor, self.func)?;
        let product = self.scaled(&mut emit, &linear, factor)?;
        let result = match linear.bias {
            None => product,
            Some(bias) => {
                let bias = emit.flat(bias, self.func)?;
                let bias = emit.op("mul", &[bias, factor])?;
                self.with_bias(&mut emit, product, bias, linear.channel_axis, op)?
            }
        };
        range::copy(self.func, op.results[0], emit.rw.func_mut(), result);
        Ok(Some(vec![result]))
    }

    /// The linear op with its filter times a factor for each output channel.
    fn scaled(&self, emit: &mut Emit<'_, '_, '_>, linear: &Linear<'_>, factor: ValueId) -> Result<ValueId, Diagnostic> {
        let above = linear.op;
        let (x, filter) = (emit.rw.get(above.operands[0])?, emit.rw.get(above.operands[1])?);
        let spread = emit.along(factor, linear.filter_axis, self.func.ty(above.operands[1]).rank())?;
        let filter = emit.op("mul", &[filter, spread])?;
        emit.rw.push(above.def, &[x, filter], above.attrs.clone(), &above.loc)
    }

    /// A value and a bias for each channel, in the place of `op`.
    fn with_bias(
        &self,
        emit: &mut Emit<'_, '_, '_>,
        x: ValueId,
        bias: ValueId,
        axis: usize,
        op: &Op<Hlil>,
    ) -> Result<ValueId, Diagnostic> {
        let bias = emit.along(bias, axis, self.func.ty(op.results[0]).rank())?;
        let result = emit.op("add", &[x, bias])?;
        range::copy(self.func, op.results[0], emit.rw.func_mut(), result);
        Ok(result)
    }

    /// The linear op that nothing but the op below uses, through a channel-wise bias that nothing else uses.
    fn linear_above(&self, x: ValueId) -> Option<Linear<'_>> {
        let (_, op) = self.func.defining_op(x).filter(|_| self.uses.of(x).len() == 1)?;
        let rank = |v: ValueId| self.func.ty(v).rank();
        let (filter_axis, channel_axis) = match op.def.mnemonic {
            "conv" => (0, 1),
            // With groups the output channels lie along two axes of the filter.
            "conv_transpose" if op.attrs["groups"] == Attr::Int(1) => (1, 1),
            "matmul" => (rank(op.operands[1]) - 1, rank(x) - 1),
            "add" => {
                let &[a, b] = op.operands.as_slice() else { return None };
                let (y, bias) = if self.is_fixed(b) { (a, b) } else { (b, a) };
                let linear = self.linear_above(y).filter(|linear| linear.bias.is_none())?;
                let channel_wise = self.is_fixed(bias)
                    && self.func.ty(y) == self.func.ty(x)
                    && self.is_along(bias, x, linear.channel_axis);
                return channel_wise.then_some(Linear { bias: Some(bias), ..linear });
            }
            _ => return None,
        };
        self.is_fixed(op.operands[1]).then_some(Linear { op, filter_axis, channel_axis, bias: None })
    }

    /// Whether a value broadcasts to another one along this axis and no other.
    fn is_along(&self, vector: ValueId, to: ValueId, channel_axis: usize) -> bool {
        let (shape, rank) = (&self.func.ty(vector).shape, self.func.ty(to).rank());
        let axis = |i: usize| i + rank - shape.len();
        shape.len() <= rank && (0..shape.len()).all(|i| shape[i] == 1 || axis(i) == channel_axis)
    }

    fn is_fixed(&self, value: ValueId) -> bool {
        self.origins[value.index()].is_fixed()
    }
}

/// Appends ops of one node.
struct Emit<'r, 'a, 'l> {
    rw: &'r mut Rewriter<'a, Hlil>,
    loc: &'l str,
}

impl Emit<'_, '_, '_> {
    fn op(&mut self, op: &str, operands: &[ValueId]) -> Result<ValueId, Diagnostic> {
        self.rw.push(op, operands, Attrs::new(), self.loc)
    }

    fn scalar(&mut self, value: f64) -> Result<ValueId, Diagnostic> {
        self.rw.push("constant", &[], attrs! { shape: Vec::<i64>::new(), values: [value] }, self.loc)
    }

    fn reshape(&mut self, x: ValueId, shape: Vec<i64>) -> Result<ValueId, Diagnostic> {
        self.rw.push("reshape", &[x], attrs! { shape: shape }, self.loc)
    }

    /// A vector along one axis of a tensor of this rank.
    fn along(&mut self, vector: ValueId, axis: usize, rank: usize) -> Result<ValueId, Diagnostic> {
        let mut shape = vec![1; rank];
        shape[axis] = self.rw.func().ty(vector).elements() as i64;
        self.reshape(vector, shape)
    }

    /// A channel-wise bias as a vector.
    fn flat(&mut self, bias: ValueId, old: &Func<Hlil>) -> Result<ValueId, Diagnostic> {
        let value = self.rw.get(bias)?;
        self.reshape(value, vec![old.ty(bias).elements() as i64])
    }
}
