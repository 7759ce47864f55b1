//! The ops that can be imported: one function and one line of [`OPS`] each.

mod arithmetic;
mod array;
mod basic;
mod classify;
mod concat;
mod conv;
mod moves;
mod norm;
mod pool;
mod product;
mod reduce;
mod resize;
mod slice;
mod spatial;

use crate::node::Node;
use Import::{Compose1, Compose2, Function, Op1, Op2};
use treville_frontend_common::compose::{activation, elementwise};
use treville_frontend_common::{self as common, Result, Val};
use treville_ir::{ValueId, attrs};

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
    Many(fn(&mut Node<'_, '_>) -> Result<Vec<Val>>),
    /// An op of HLIL of one operand and without attributes.
    Op1(&'static str),
    /// An op of HLIL of two operands and without attributes.
    Op2(&'static str),
    /// A function of HLIL's table.
    Function(&'static str),
    /// A composition of one operand.
    Compose1(fn(&mut common::Node<'_, '_>, ValueId) -> Result<ValueId>),
    /// A composition of two operands.
    Compose2(fn(&mut common::Node<'_, '_>, ValueId, ValueId) -> Result<ValueId>),
}

impl Import {
    /// The outputs of a node.
    pub(crate) fn run(self, node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
        let value = match self {
            Self::One(import) => return Ok(vec![import(node)?]),
            Self::Many(import) => return import(node),
            Self::Op1(mnemonic) => {
                let operands: [ValueId; 1] = node.operands()?;
                node.emit(mnemonic, &operands, attrs! {})?
            }
            Self::Op2(mnemonic) => {
                let operands: [ValueId; 2] = node.operands()?;
                node.emit(mnemonic, &operands, attrs! {})?
            }
            Self::Function(function) => {
                let [x] = node.operands()?;
                activation::apply(node, x, function)?
            }
            Self::Compose1(compose) => {
                let [x] = node.operands()?;
                compose(node, x)?
            }
            Self::Compose2(compose) => {
                let [a, b] = node.operands()?;
                compose(node, a, b)?
            }
        };
        Ok(vec![Val::Data(value)])
    }
}

/// The importer of a kind of node.
pub(crate) fn find(op: &str) -> Option<&'static OpImporter> {
    OPS.iter().find(|o| o.name == op)
}

const fn op(name: &'static str, attrs: &'static str, import: fn(&mut Node<'_, '_>) -> Result<Val>) -> OpImporter {
    OpImporter { name, attrs, import: Import::One(import) }
}

const fn many(
    name: &'static str,
    attrs: &'static str,
    import: fn(&mut Node<'_, '_>) -> Result<Vec<Val>>,
) -> OpImporter {
    OpImporter { name, attrs, import: Import::Many(import) }
}

const fn elementwise(name: &'static str, import: Import) -> OpImporter {
    OpImporter { name, attrs: "T incompatible_shape_error", import }
}

const CONV2D: &str = "T strides padding explicit_paddings data_format dilations use_cudnn_on_gpu";

static OPS: &[OpImporter] = &[
    elementwise("Abs", Compose1(elementwise::abs)),
    elementwise("Acos", Function("acos")),
    elementwise("Acosh", Function("acosh")),
    elementwise("Add", Op2("add")),
    op("AddN", "T N", arithmetic::add_n),
    elementwise("AddV2", Op2("add")),
    op("All", "Tidx keep_dims", reduce::min),
    op("Any", "Tidx keep_dims", reduce::max),
    op("ArgMax", "T Tidx output_type", classify::arg_max),
    op("ArgMin", "T Tidx output_type", classify::arg_min),
    elementwise("Asin", Function("asin")),
    elementwise("Asinh", Function("asinh")),
    elementwise("Atan", Function("atan")),
    elementwise("Atanh", Function("atanh")),
    op("AvgPool", "T ksize strides padding data_format", pool::avg_pool),
    op("AvgPool3D", "T ksize strides padding data_format", pool::avg_pool3d),
    op("BatchMatMul", "T adj_x adj_y grad_x grad_y", product::batch_mat_mul),
    op("BatchMatMulV2", "T adj_x adj_y grad_x grad_y", product::batch_mat_mul),
    op("BatchMatMulV3", "Ta Tb Tout adj_x adj_y grad_x grad_y", product::batch_mat_mul),
    op("BatchToSpaceND", "T Tblock_shape Tcrops", moves::batch_to_space),
    op("BiasAdd", "T data_format", arithmetic::bias_add),
    op("BiasAddV1", "T", arithmetic::bias_add),
    op("BroadcastTo", "T Tidx", array::broadcast_to),
    op("Cast", "SrcT DstT Truncate", array::cast),
    elementwise("Ceil", Compose1(elementwise::ceil)),
    op("CheckNumerics", "T message", basic::identity),
    op("ClipByValue", "T", arithmetic::clip_by_value),
    op("Concat", "T N", concat::concat_v1),
    op("ConcatV2", "T Tidx N", concat::concat),
    op("Const", "dtype value", basic::constant),
    op("Conv2D", CONV2D, conv::conv2d),
    op("Conv2DBackpropInput", CONV2D, conv::conv2d_backprop_input),
    op("Conv3D", "T strides padding data_format dilations", conv::conv3d),
    op("Conv3DBackpropInputV2", "T Tshape strides padding data_format dilations", conv::conv3d_backprop_input),
    elementwise("Cos", Function("cos")),
    elementwise("Cosh", Function("cosh")),
    op("Cumsum", "T Tidx exclusive reverse", product::cum_sum),
    op("DepthToSpace", "T block_size data_format", moves::depth_to_space),
    op("DepthwiseConv2dNative", "T strides padding explicit_paddings data_format dilations", conv::depthwise_conv2d),
    op("Div", "T", arithmetic::div),
    op("DivNoNan", "T", arithmetic::div_no_nan),
    op("Einsum", "T N equation", product::einsum),
    op("Elu", "T", arithmetic::elu),
    op("EnsureShape", "T shape", basic::identity),
    elementwise("Equal", Op2("equal")),
    elementwise("Erf", Function("erf")),
    elementwise("Erfc", Compose1(activation::erfc)),
    elementwise("Exp", Function("exp")),
    op("ExpandDims", "T Tdim", array::expand_dims),
    elementwise("Expm1", Compose1(activation::expm1)),
    op("Fill", "T index_type", array::fill),
    elementwise("Floor", Op1("floor")),
    op("FloorDiv", "T", arithmetic::floor_div),
    op("FloorMod", "T", arithmetic::floor_mod),
    op("FusedBatchNorm", "T epsilon exponential_avg_factor data_format is_training", norm::fused_batch_norm),
    op("FusedBatchNormV2", "T U epsilon exponential_avg_factor data_format is_training", norm::fused_batch_norm),
    op("FusedBatchNormV3", "T U epsilon exponential_avg_factor data_format is_training", norm::fused_batch_norm),
    op("Gather", "Tparams Tindices validate_indices", moves::gather),
    op("GatherV2", "Tparams Tindices Taxis batch_dims", moves::gather_v2),
    elementwise("Greater", Op2("greater")),
    elementwise("GreaterEqual", Compose2(elementwise::greater_or_equal)),
    op("Identity", "T", basic::identity),
    many("IdentityN", "T", basic::identity_n),
    elementwise("Inv", Function("reciprocal")),
    op("L2Loss", "T", reduce::l2_loss),
    op("LRN", "T depth_radius bias alpha beta", norm::lrn),
    op("LeakyRelu", "T alpha", arithmetic::leaky_relu),
    elementwise("Less", Compose2(elementwise::less)),
    elementwise("LessEqual", Compose2(elementwise::less_or_equal)),
    elementwise("Log", Function("log")),
    elementwise("Log1p", Compose1(activation::log1p)),
    op("LogSoftmax", "T", classify::log_softmax),
    elementwise("LogicalAnd", Compose2(elementwise::and)),
    elementwise("LogicalNot", Compose1(elementwise::not)),
    elementwise("LogicalOr", Compose2(elementwise::or)),
    op("MatMul", "T transpose_a transpose_b grad_a grad_b", product::mat_mul),
    op("Max", "T Tidx keep_dims", reduce::max),
    op("MaxPool", "T ksize strides padding explicit_paddings data_format", pool::max_pool),
    op("MaxPool3D", "T ksize strides padding data_format", pool::max_pool3d),
    elementwise("Maximum", Op2("max")),
    op("Mean", "T Tidx keep_dims", reduce::mean),
    op("Min", "T Tidx keep_dims", reduce::min),
    elementwise("Minimum", Compose2(elementwise::min)),
    op("MirrorPad", "T Tpaddings mode", array::mirror_pad),
    elementwise("Mul", Op2("mul")),
    elementwise("Neg", Op1("neg")),
    op("NoOp", "", basic::no_op),
    elementwise("NotEqual", Compose2(elementwise::not_equal)),
    op("OneHot", "T TI axis", classify::one_hot),
    op("OnesLike", "T", array::ones_like),
    op("Pack", "T N axis", concat::pack),
    op("Pad", "T Tpaddings", array::pad),
    op("PadV2", "T Tpaddings", array::pad),
    op("Placeholder", "dtype shape", basic::placeholder),
    op("PlaceholderWithDefault", "dtype shape", basic::placeholder_with_default),
    op("Pow", "T", arithmetic::pow),
    op("PreventGradient", "T message", basic::identity),
    op("Prod", "T Tidx keep_dims", reduce::prod),
    op("Range", "Tidx", array::range),
    op("Rank", "T", array::rank),
    // A variable is reported by itself; what reads it is as good as its value.
    op("ReadVariableOp", "dtype", basic::identity),
    op("RealDiv", "T", arithmetic::div),
    elementwise("Reciprocal", Function("reciprocal")),
    elementwise("Relu", Op1("relu")),
    op("Relu6", "T", arithmetic::relu6),
    op("Reshape", "T Tshape", array::reshape),
    op("ResizeBilinear", "T align_corners half_pixel_centers", resize::bilinear),
    op("ResizeNearestNeighbor", "T align_corners half_pixel_centers", resize::nearest),
    op("ResourceGather", "dtype Tindices batch_dims validate_indices", moves::gather),
    op("ReverseV2", "T Tidx", moves::reverse),
    elementwise("Rint", Op1("round")),
    elementwise("Round", Op1("round")),
    elementwise("Rsqrt", Function("rsqrt")),
    op("Select", "T", arithmetic::select_v1),
    op("SelectV2", "T", arithmetic::select_v2),
    op("Selu", "T", arithmetic::selu),
    op("Shape", "T out_type", array::shape),
    many("ShapeN", "T N out_type", array::shape_n),
    elementwise("Sigmoid", Function("sigmoid")),
    elementwise("Sign", Compose1(elementwise::sign)),
    elementwise("Sin", Function("sin")),
    elementwise("Sinh", Function("sinh")),
    op("Size", "T out_type", array::size),
    op("Slice", "T Index", slice::slice),
    op("Snapshot", "T", basic::identity),
    op("Softmax", "T", classify::softmax),
    elementwise("Softplus", Function("softplus")),
    elementwise("Softsign", Function("softsign")),
    op("SpaceToBatchND", "T Tblock_shape Tpaddings", moves::space_to_batch),
    op("SpaceToDepth", "T block_size data_format", moves::space_to_depth),
    many("Split", "T num_split", concat::split),
    many("SplitV", "T Tlen num_split", concat::split_v),
    elementwise("Sqrt", Function("sqrt")),
    elementwise("Square", Compose1(elementwise::square)),
    op("SquaredDifference", "T", arithmetic::squared_difference),
    op("Squeeze", "T squeeze_dims", array::squeeze),
    op("StopGradient", "T", basic::identity),
    op(
        "StridedSlice",
        "T Index begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask",
        slice::strided_slice,
    ),
    elementwise("Sub", Op2("sub")),
    op("Sum", "T Tidx keep_dims", reduce::sum),
    elementwise("Tan", Function("tan")),
    elementwise("Tanh", Function("tanh")),
    op("Tile", "T Tmultiples", moves::tile),
    many("TopK", "T k sorted", classify::top_k),
    many("TopKV2", "T Tk index_type sorted", classify::top_k_v2),
    op("Transpose", "T Tperm", array::transpose),
    op("TruncateDiv", "T", arithmetic::div),
    many("Unpack", "T num axis", concat::unpack),
    op("ZerosLike", "T", array::zeros_like),
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

const KEEP_SHAPE: &[&str] = &["BesselI0e", "Digamma", "Erfinv", "Lgamma", "Ndtri", "QuantizeAndDequantizeV2", "Xlogy"];

/// Why an op that is not in the table is not supported, and what to do instead.
pub(crate) fn why_unsupported(op: &str) -> (&'static str, &'static str) {
    match op {
        "Enter" | "Exit" | "LoopCond" | "Merge" | "NextIteration" | "Switch" | "While" | "StatelessWhile" | "If"
        | "StatelessIf" => (
            "is control flow, which is not supported",
            "export the model without loops and conditions, unrolled if need be",
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
