//! One call of the runtime's `Exec` for each op.

use treville_ir::{Op, OpId, ValueId};
use treville_llil::{Llil, RoundingMode};
use treville_ring::{ConvSpec, ConvTransposeSpec, Window};

use crate::Action;
use crate::emit::{Emitter, name_of};
use crate::layers::Layer;

impl Emitter<'_> {
    /// The expression that computes an op inside a layer.
    pub(crate) fn call(&self, layer: &Layer, id: OpId, op: &Op<Llil>) -> String {
        let n = self.plan.ops[id.index()].op;
        let shape = format!("&{:?}", self.func.ty(op.results[0]).shape);
        let operand = |i: usize| self.reference(layer, op.operands[i]);
        let prepared = || match self.weight_of(op.operands[1]) {
            Some(arg) => format!("&w.{}", self.fields[&arg].prepared),
            None => "&prepared".to_string(),
        };
        let method = match Action::decode(self.func, id) {
            Action::Constant(values) => {
                return format!("x.constant(constant({shape}, &{values:?}))");
            }
            Action::MatMul => format!("matmul({n}, {}, {})", operand(0), prepared()),
            Action::Conv(spec) => format!("conv({n}, {}, {}, &{})", operand(0), prepared(), conv_spec(&spec)),
            Action::ConvTranspose(spec) => {
                format!("conv_transpose({n}, {}, {}, &{})", operand(0), prepared(), conv_transpose_spec(&spec))
            }
            Action::Add => format!("add({n}, {}, {}, {shape})", operand(0), operand(1)),
            Action::Sub => format!("sub({n}, {}, {}, {shape})", operand(0), operand(1)),
            Action::Mul => format!("mul({n}, {}, {}, {shape})", operand(0), operand(1)),
            Action::Neg => format!("neg({n}, {}, {shape})", operand(0)),
            Action::Relu => format!("relu({n}, {})", operand(0)),
            Action::DRelu => format!("drelu({n}, {})", operand(0)),
            Action::MaxPool(w) => format!("max_pool({n}, {}, &{})", operand(0), window(&w)),
            Action::AvgPool { window: w, count_include_pad, divisor_frac } => {
                format!("avg_pool({n}, {}, &{}, {count_include_pad}, {divisor_frac}, {shape})", operand(0), window(&w))
            }
            Action::ArgMax { axis, keepdims } => format!("arg_max({n}, {}, {axis}, {keepdims})", operand(0)),
            Action::ReduceSum { axes, keepdims } => {
                format!("reduce_sum({n}, {}, &{axes:?}, {keepdims}, {shape})", operand(0))
            }
            Action::ScaleDown { shift, rounding } => {
                format!(
                    "scale_down({n}, {}, ScaleDown {{ shift: {shift}, rounding: Rounding::{} }})",
                    operand(0),
                    variant(rounding)
                )
            }
            Action::ScaleUp { shift } => format!("scale_up({n}, {}, {shift}, {shape})", operand(0)),
            Action::Reshape => format!("reshape({n}, {}, {shape})", operand(0)),
            Action::Transpose { perm } => format!("transpose({n}, {}, &{perm:?}, {shape})", operand(0)),
            Action::Pad { begin, end } => format!("pad({n}, {}, &{begin:?}, &{end:?}, {shape})", operand(0)),
            Action::Slice { starts, ends, steps } => {
                format!("slice({n}, {}, &{starts:?}, &{ends:?}, &{steps:?}, {shape})", operand(0))
            }
            Action::Gather { axis, indices } => format!("gather({n}, {}, {axis}, &{indices:?}, {shape})", operand(0)),
            Action::Concat { axis } => format!(
                "concat({n}, &[{}], {axis}, {shape})",
                (0..op.operands.len()).map(operand).collect::<Vec<_>>().join(", ")
            ),
        };
        format!("x.{method}.await?")
    }

    /// An expression that borrows a value inside a layer.
    pub(crate) fn reference(&self, layer: &Layer, value: ValueId) -> String {
        match self.weight_of(value) {
            Some(arg) => format!("&w.{}", self.fields[&arg].plain),
            None if layer.params.contains(&value) => name_of(value),
            None => format!("&{}", name_of(value)),
        }
    }
}

fn window(w: &Window) -> String {
    format!("window(&{:?}, &{:?}, &{:?}, &{:?}, &{:?})", w.kernel, w.strides, w.pads_begin, w.pads_end, w.dilations)
}

fn conv_spec(spec: &ConvSpec) -> String {
    format!("ConvSpec {{ window: {}, groups: {} }}", window(&spec.window), spec.groups)
}

fn conv_transpose_spec(spec: &ConvTransposeSpec) -> String {
    format!(
        "ConvTransposeSpec {{ window: {}, groups: {}, output_padding: vec!{:?} }}",
        window(&spec.window),
        spec.groups,
        spec.output_padding
    )
}

/// The runtime's name of a rounding.
fn variant(rounding: RoundingMode) -> &'static str {
    match rounding {
        RoundingMode::Exact => "Exact",
        RoundingMode::Probabilistic => "Probabilistic",
        RoundingMode::Local => "Local",
    }
}
