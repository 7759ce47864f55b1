//! The ops that can be imported: one function and one line of [`OPS`] each.

mod arithmetic;
mod array;
mod basic;
mod classify;
mod concat;
mod conv;
mod norm;
mod pool;
mod slice;
mod spatial;

use crate::node::Node;
use treville_frontend_common::{Result, Val};

/// How a kind of node is imported.
pub(crate) struct OpImporter {
    /// TensorFlow's name for the op.
    pub(crate) name: &'static str,
    /// The attributes that the importer reads, or may ignore because they change no value. A node with another one is
    /// refused.
    pub(crate) attrs: &'static str,
    /// Computes the outputs.
    pub(crate) import: Import,
}

/// What computes the outputs of a node.
#[derive(Clone, Copy)]
pub(crate) enum Import {
    /// Output 0; there are no others, or nobody may read them.
    One(fn(&mut Node<'_, '_>) -> Result<Val>),
    /// All outputs.
    #[expect(dead_code, reason = "no op of the table has several outputs yet")]
    Many(fn(&mut Node<'_, '_>) -> Result<Vec<Val>>),
}

/// The importer of a kind of node.
pub(crate) fn find(op: &str) -> Option<&'static OpImporter> {
    OPS.iter().find(|o| o.name == op)
}

const fn op(name: &'static str, attrs: &'static str, import: fn(&mut Node<'_, '_>) -> Result<Val>) -> OpImporter {
    OpImporter { name, attrs, import: Import::One(import) }
}

static OPS: &[OpImporter] = &[
    op("Add", "T", arithmetic::add),
    op("AddN", "T N", arithmetic::add_n),
    op("AddV2", "T", arithmetic::add),
    op("ArgMax", "T Tidx output_type", classify::arg_max),
    op("AvgPool", "T ksize strides padding data_format", pool::avg_pool),
    op("BiasAdd", "T data_format", arithmetic::bias_add),
    op("Cast", "SrcT DstT Truncate", array::cast),
    op("ConcatV2", "T Tidx N", concat::concat),
    op("Const", "dtype value", basic::constant),
    op("Conv2D", "T strides padding explicit_paddings data_format dilations use_cudnn_on_gpu", conv::conv2d),
    op("ExpandDims", "T Tdim", array::expand_dims),
    op("FusedBatchNorm", "T epsilon exponential_avg_factor data_format is_training", norm::fused_batch_norm),
    op("FusedBatchNormV2", "T U epsilon exponential_avg_factor data_format is_training", norm::fused_batch_norm),
    op("FusedBatchNormV3", "T U epsilon exponential_avg_factor data_format is_training", norm::fused_batch_norm),
    op("Identity", "T", basic::identity),
    op("MatMul", "T transpose_a transpose_b grad_a grad_b", arithmetic::mat_mul),
    op("MaxPool", "T ksize strides padding explicit_paddings data_format", pool::max_pool),
    op("Mean", "T Tidx keep_dims", norm::mean),
    op("Mul", "T", arithmetic::mul),
    op("Neg", "T", arithmetic::neg),
    op("NoOp", "", basic::no_op),
    op("Pack", "T N axis", concat::pack),
    op("Pad", "T Tpaddings", array::pad),
    op("Placeholder", "dtype shape", basic::placeholder),
    // A variable is reported by itself; what reads it is as good as its value.
    op("ReadVariableOp", "dtype", basic::identity),
    op("Relu", "T", arithmetic::relu),
    op("Reshape", "T Tshape", array::reshape),
    op("Rsqrt", "T", arithmetic::rsqrt),
    op("Shape", "T out_type", array::shape),
    op("Softmax", "T", classify::softmax),
    op("Squeeze", "T squeeze_dims", array::squeeze),
    op("StopGradient", "T", basic::identity),
    op(
        "StridedSlice",
        "T Index begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask",
        slice::strided_slice,
    ),
    op("Sub", "T", arithmetic::sub),
    op("Transpose", "T Tperm", array::transpose),
];

/// The names of an op's outputs, where there are several; a name that is not among them stands for the first.
pub(crate) fn output_names(op: &str) -> &'static [&'static str] {
    match op {
        "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" => {
            &["y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"]
        }
        "TopK" | "TopKV2" => &["values", "indices"],
        "MaxPoolWithArgmax" => &["output", "argmax"],
        "Switch" => &["output_false", "output_true"],
        "Merge" => &["output", "value_index"],
        "Unique" | "UniqueV2" => &["y", "idx"],
        _ => &[],
    }
}

/// Whether a node of this kind is a variable, whose value is not in the graph.
pub(crate) fn is_variable(op: &str) -> bool {
    matches!(op, "Variable" | "VariableV2" | "VarHandleOp" | "AutoReloadVariable" | "TemporaryVariable")
}

/// Whether the op, which we do not support, has the shape of its first input, so that the nodes behind it can be checked.
pub(crate) fn keeps_shape(op: &str) -> bool {
    KEEP_SHAPE.contains(&op)
}

const KEEP_SHAPE: &[&str] = &[
    "Abs",
    "CheckNumerics",
    "Elu",
    "Erf",
    "Exp",
    "LRN",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "PlaceholderWithDefault",
    "Relu6",
    "Round",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sin",
    "Cos",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Square",
    "Tanh",
];

/// Why an op that is not in the table is not supported, and what to do instead.
pub(crate) fn why_unsupported(op: &str) -> (&'static str, &'static str) {
    match op {
        "Sigmoid" => (
            "is not supported yet, not even as the last op",
            "name the node before it as the output with --result: its value is above 0 where the sigmoid is above 0.5",
        ),
        "LogSoftmax" => ("is not supported", "name the node before it as the output with --result"),
        "Enter" | "Exit" | "LoopCond" | "Merge" | "NextIteration" | "Switch" | "While" | "StatelessWhile" | "If"
        | "StatelessIf" => (
            "is control flow, which is not supported",
            "export the model without loops and conditions, unrolled if need be",
        ),
        "PlaceholderWithDefault" => (
            "is an input with a default, which is not supported",
            "export the model for inference, where such switches are constants",
        ),
        _ => (
            "is not supported",
            "`treville inspect` lists the ops of a model; name earlier outputs with --result, or use other ops",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_without_doubles() {
        assert!(OPS.windows(2).all(|w| w[0].name < w[1].name));
    }

    #[test]
    fn an_op_is_supported_or_not() {
        assert!(KEEP_SHAPE.iter().all(|op| find(op).is_none()));
        assert!(find("Variable").is_none() && is_variable("Variable"));
    }
}
