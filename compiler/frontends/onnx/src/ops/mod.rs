//! The operators that can be imported: one function and one line of [`OPS`] each.

mod activation;
mod array;
mod basic;
mod cast;
mod conv;
mod elementwise;
mod made;
mod masks;
mod ml;
mod norm;
mod pad;
mod pool;
mod product;
mod reduce;
mod resize;
mod scatter;
mod slice;
mod spatial;

use crate::node::Node;
pub(crate) use basic::constant_tensor;
use treville_frontend_common::compose::reduce as compose;
use treville_frontend_common::{Result, Val};

/// How a kind of node is imported.
pub(crate) struct OpImporter {
    /// The operator, with its domain if it is not ONNX's own.
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
    Many(fn(&mut Node<'_, '_>) -> Result<Vec<Val>>),
}

/// The importer of a kind of node.
pub(crate) fn find(op: &str) -> Option<&'static OpImporter> {
    OPS.iter().find(|o| o.name == op)
}

const fn one(name: &'static str, attrs: &'static str, import: fn(&mut Node<'_, '_>) -> Result<Val>) -> OpImporter {
    OpImporter { name, attrs, import: Import::One(import) }
}

const fn many(
    name: &'static str,
    attrs: &'static str,
    import: fn(&mut Node<'_, '_>) -> Result<Vec<Val>>,
) -> OpImporter {
    OpImporter { name, attrs, import: Import::Many(import) }
}

static OPS: &[OpImporter] = &[
    one("Abs", "", elementwise::abs),
    one("Acos", "", |n| elementwise::apply(n, "acos")),
    one("Acosh", "", |n| elementwise::apply(n, "acosh")),
    one("Add", "", |n| elementwise::binary(n, "add")),
    one("And", "", elementwise::and),
    one("ArgMax", "axis keepdims select_last_index", |n| reduce::position(n, true)),
    one("ArgMin", "axis keepdims select_last_index", |n| reduce::position(n, false)),
    one("Asin", "", |n| elementwise::apply(n, "asin")),
    one("Asinh", "", |n| elementwise::apply(n, "asinh")),
    one("Atan", "", |n| elementwise::apply(n, "atan")),
    one("Atanh", "", |n| elementwise::apply(n, "atanh")),
    one("AveragePool", "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides", pool::average_pool),
    one(
        "BatchNormalization",
        "consumed_inputs epsilon is_test momentum spatial training_mode",
        norm::batch_normalization,
    ),
    one("Cast", "to saturate", cast::cast),
    one("CastLike", "saturate", cast::cast_like),
    one("Ceil", "", elementwise::ceil),
    one("Celu", "alpha", activation::celu),
    one("Clip", "min max", elementwise::clip),
    one("Compress", "axis", slice::compress),
    one("Concat", "axis", array::concat),
    one("ConstantOfShape", "value", made::constant_of_shape),
    one("Conv", "auto_pad dilations group kernel_shape pads strides", conv::conv),
    one(
        "ConvTranspose",
        "auto_pad dilations group kernel_shape output_padding output_shape pads strides",
        conv::conv_transpose,
    ),
    one("Cos", "", |n| elementwise::apply(n, "cos")),
    one("Cosh", "", |n| elementwise::apply(n, "cosh")),
    one("CumSum", "exclusive reverse", product::cum_sum),
    one("DepthToSpace", "blocksize mode", array::depth_to_space),
    one("Div", "", elementwise::div),
    many("Dropout", "ratio seed", basic::dropout),
    one("Einsum", "equation", product::einsum),
    one("Elu", "alpha", activation::elu),
    one("Equal", "", |n| elementwise::binary(n, "equal")),
    one("Erf", "", |n| elementwise::apply(n, "erf")),
    one("Exp", "", |n| elementwise::apply(n, "exp")),
    one("Expand", "", array::expand),
    one("EyeLike", "dtype k", made::eye_like),
    one("Flatten", "axis", array::flatten),
    one("Floor", "", elementwise::floor),
    one("Gather", "axis", slice::gather),
    one("GatherElements", "axis", slice::gather_elements),
    one("GatherND", "batch_dims", slice::gather_nd),
    one("Gelu", "approximate", activation::gelu),
    one("Gemm", "alpha beta transA transB", product::gemm),
    one("GlobalAveragePool", "", pool::global_average_pool),
    one("GlobalLpPool", "p", pool::global_lp_pool),
    one("GlobalMaxPool", "", pool::global_max_pool),
    one("Greater", "", |n| elementwise::binary(n, "greater")),
    one("GreaterOrEqual", "", elementwise::greater_or_equal),
    one("GroupNormalization", "epsilon num_groups stash_type", norm::group_normalization),
    one("HardSigmoid", "alpha beta", activation::hard_sigmoid),
    one("HardSwish", "", activation::hard_swish),
    one("Hardmax", "axis", masks::hardmax),
    one("Identity", "", basic::identity),
    many("If", "else_branch then_branch", basic::branch),
    one("InstanceNormalization", "epsilon", norm::instance_normalization),
    one("LRN", "alpha beta bias size", norm::lrn),
    many("LayerNormalization", "axis epsilon stash_type", norm::layer_normalization),
    one("LeakyRelu", "alpha", activation::leaky_relu),
    one("Less", "", elementwise::less),
    one("LessOrEqual", "", elementwise::less_or_equal),
    one("Log", "", |n| elementwise::apply(n, "log")),
    one("LogSoftmax", "axis", activation::log_softmax),
    one("LpNormalization", "axis p", norm::lp_normalization),
    one("LpPool", "auto_pad ceil_mode dilations kernel_shape p pads strides", pool::lp_pool),
    one("MatMul", "", product::mat_mul),
    one("Max", "", elementwise::max),
    one("MaxPool", "auto_pad ceil_mode dilations kernel_shape pads storage_order strides", pool::max_pool),
    one("Mean", "", elementwise::mean),
    one("MeanVarianceNormalization", "axes", norm::mean_variance_normalization),
    one("Min", "", elementwise::min),
    one("Mish", "", |n| elementwise::apply(n, "mish")),
    one("Mod", "fmod", elementwise::modulo),
    one("Mul", "", |n| elementwise::binary(n, "mul")),
    one("Neg", "", |n| elementwise::unary(n, "neg")),
    one("Not", "", elementwise::not),
    one("OneHot", "axis", masks::one_hot),
    one("Or", "", elementwise::or),
    one("PRelu", "", activation::prelu),
    one("Pad", "mode pads value", pad::pad),
    one("Pow", "", elementwise::pow),
    one("Range", "", made::range),
    one("Reciprocal", "", |n| elementwise::apply(n, "reciprocal")),
    one("ReduceL1", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::l1)),
    one("ReduceL2", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::l2)),
    one("ReduceLogSum", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::log_sum)),
    one("ReduceLogSumExp", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::log_sum_exp)),
    one("ReduceMax", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::max)),
    one("ReduceMean", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::mean)),
    one("ReduceMin", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::min)),
    one("ReduceProd", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::prod)),
    one("ReduceSum", "axes keepdims noop_with_empty_axes", reduce::sum),
    one("ReduceSumSquare", "axes keepdims noop_with_empty_axes", |n| reduce::reduce(n, compose::sum_square)),
    one("Relu", "", activation::relu),
    one("Reshape", "allowzero", array::reshape),
    one(
        "Resize",
        "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside extrapolation_value keep_aspect_ratio_policy mode nearest_mode",
        resize::resize,
    ),
    one("ReverseSequence", "batch_axis time_axis", scatter::reverse_sequence),
    one("Round", "", elementwise::round),
    one("Scatter", "axis", scatter::scatter_elements),
    one("ScatterElements", "axis reduction", scatter::scatter_elements),
    one("ScatterND", "reduction", scatter::scatter_nd),
    one("Selu", "alpha gamma", activation::selu),
    one("Shape", "start end", made::shape),
    one("Shrink", "bias lambd", activation::shrink),
    one("Sigmoid", "", |n| elementwise::apply(n, "sigmoid")),
    one("Sign", "", elementwise::sign),
    one("Sin", "", |n| elementwise::apply(n, "sin")),
    one("Sinh", "", |n| elementwise::apply(n, "sinh")),
    one("Size", "", made::size),
    one("Slice", "axes ends starts", slice::slice),
    one("Softmax", "axis", activation::softmax),
    one("Softplus", "", |n| elementwise::apply(n, "softplus")),
    one("Softsign", "", |n| elementwise::apply(n, "softsign")),
    one("SpaceToDepth", "blocksize", array::space_to_depth),
    many("Split", "axis num_outputs split", slice::split),
    one("Sqrt", "", |n| elementwise::apply(n, "sqrt")),
    one("Squeeze", "axes", array::squeeze),
    one("Sub", "", |n| elementwise::binary(n, "sub")),
    one("Sum", "", elementwise::sum),
    one("Tan", "", |n| elementwise::apply(n, "tan")),
    one("Tanh", "", |n| elementwise::apply(n, "tanh")),
    one("ThresholdedRelu", "alpha", activation::thresholded_relu),
    one("Tile", "", array::tile),
    many("TopK", "axis k largest sorted", reduce::top_k),
    one("Transpose", "perm", array::transpose),
    one("Trilu", "upper", masks::trilu),
    one("Unsqueeze", "axes", array::unsqueeze),
    one("Upsample", "height_scale mode scales width_scale", resize::upsample),
    one("Where", "", elementwise::select),
    one("Xor", "", elementwise::xor),
    many(
        "ai.onnx.ml.LinearClassifier",
        "classlabels_ints classlabels_strings coefficients intercepts multi_class post_transform",
        ml::linear_classifier,
    ),
    one("ai.onnx.ml.LinearRegressor", "coefficients intercepts post_transform targets", ml::linear_regressor),
    one("ai.onnx.ml.Normalizer", "norm", ml::normalizer),
    one("ai.onnx.ml.Scaler", "offset scale", ml::scaler),
    one("ai.onnx.ml.ZipMap", "classlabels_int64s classlabels_strings", ml::zip_map),
];

/// Whether the op, which we do not support, has the shape of its first input, so that the nodes behind it can be checked.
pub(crate) fn keeps_shape(op: &str) -> bool {
    matches!(op, "BitwiseNot" | "Bernoulli" | "IsInf" | "IsNaN" | "QuantizeLinear" | "DequantizeLinear")
}

/// Whether the op makes integers beyond those that it reads.
pub(crate) fn may_wrap(op: &str) -> bool {
    matches!(
        op,
        "Abs"
            | "Add"
            | "CumSum"
            | "Mul"
            | "Neg"
            | "Pow"
            | "ReduceL1"
            | "ReduceProd"
            | "ReduceSum"
            | "ReduceSumSquare"
            | "Sub"
            | "Sum"
    )
}

/// Why an op that is not in the table is not supported, and what to do instead.
pub(crate) fn why_unsupported(op: &str) -> (&'static str, &'static str) {
    match op {
        "Loop" | "Scan" => (
            "is control flow, which is not supported",
            "export the model without loops and conditions, unrolled if need be",
        ),
        "LSTM" | "GRU" | "RNN" => {
            ("is recurrent, which is not supported", "export the model with its cells unrolled over time")
        }
        "QuantizeLinear"
        | "DequantizeLinear"
        | "DynamicQuantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger"
        | "MatMulInteger" => (
            "computes with quantised numbers, which is not supported",
            "export the model before its quantisation: fixed point is chosen by this compiler",
        ),
        _ if op.starts_with("Sequence") || op.starts_with("Optional") || op.starts_with("String") => {
            ("computes with no tensors, which is not supported", "leave it out: name earlier outputs with --result")
        }
        _ if op.starts_with("Random") || matches!(op, "Multinomial" | "Bernoulli") => {
            ("is random, which is not supported", "export the model for inference")
        }
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
        assert!(OPS.iter().all(|op| !keeps_shape(op.name)));
    }
}
