//! Which of the node tests are on float tensors and for operators that we promise.

use treville_frontend_onnx::proto::{AttributeProto, ModelProto, NodeProto, ValueInfoProto};

/// The operators of the promise, but for the conditions in [`qualifies`].
const OPERATORS: &[&str] = &[
    // Convolutions and products.
    "Conv",
    "ConvTranspose",
    "MatMul",
    "Gemm",
    "Einsum",
    // Pooling.
    "MaxPool",
    "AveragePool",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "LpPool",
    // Element by element.
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Neg",
    "Abs",
    "Min",
    "Max",
    "Pow",
    "Sqrt",
    "Reciprocal",
    "Exp",
    "Log",
    "Erf",
    "Where",
    "Sign",
    "Equal",
    "Greater",
    "Less",
    "And",
    "Or",
    "Not",
    "Clip",
    "Floor",
    "Round",
    // Activations.
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Elu",
    "Selu",
    "HardSigmoid",
    "HardSwish",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Softsign",
    "Gelu",
    "Mish",
    "Softmax",
    "LogSoftmax",
    "ThresholdedRelu",
    // Normalisation.
    "BatchNormalization",
    "InstanceNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "LRN",
    // Reductions.
    "ReduceSum",
    "ReduceMean",
    "ReduceMax",
    "ReduceMin",
    "ReduceL1",
    "ReduceL2",
    "ReduceSumSquare",
    "ReduceLogSumExp",
    "ArgMax",
    "ArgMin",
    "TopK",
    // Shapes.
    "Reshape",
    "Flatten",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Concat",
    "Split",
    "Slice",
    "Gather",
    "Pad",
    "Tile",
    "Expand",
    "Resize",
    "DepthToSpace",
    "SpaceToDepth",
    "Identity",
    "Dropout",
    "Cast",
    "Constant",
    "Shape",
    "ConstantOfShape",
    "Range",
];

/// `FLOAT`, `FLOAT16` and `DOUBLE`.
const FLOATS: [i32; 3] = [1, 10, 11];

/// `INT32`, `INT64` and `BOOL`: axes, indices, shapes and masks.
const PARAMETERS: [i32; 3] = [6, 7, 9];

/// Whether a test counts.
pub(crate) fn counted(name: &str, model: &ModelProto) -> bool {
    let Some(graph) = &model.graph else { return false };
    let inputs: Option<Vec<i32>> = graph.input.iter().map(elem_type).collect();
    let outputs: Option<Vec<i32>> = graph.output.iter().map(elem_type).collect();
    let (Some(inputs), Some(outputs)) = (inputs, outputs) else { return false };
    let is_plain = |ty: &i32| FLOATS.contains(ty) || PARAMETERS.contains(ty);
    inputs.iter().any(|ty| FLOATS.contains(ty))
        && inputs.iter().chain(&outputs).all(is_plain)
        // What is promised is inference.
        && !name.contains("training")
        && graph.node.iter().all(|node| qualifies(node, &inputs, &outputs))
}

fn qualifies(node: &NodeProto, inputs: &[i32], outputs: &[i32]) -> bool {
    let known = matches!(node.domain.as_str(), "" | "ai.onnx") && OPERATORS.contains(&node.op_type.as_str());
    let mode = || attribute(node, "mode").map(|a| String::from_utf8_lossy(&a.s).into_owned());
    known
        && match node.op_type.as_str() {
            "Cast" => inputs.iter().chain(outputs).all(|ty| FLOATS.contains(ty)),
            "LpPool" => attribute(node, "p").is_none_or(|p| p.i == 2),
            "Pad" => mode().is_none_or(|m| m != "wrap"),
            "Resize" => mode().is_none_or(|m| m != "cubic"),
            "Einsum" => attribute(node, "equation").is_some_and(|e| is_contraction(&String::from_utf8_lossy(&e.s))),
            _ => true,
        }
}

/// No term of an Einsum names an index twice, which would take a diagonal.
fn is_contraction(equation: &str) -> bool {
    let terms = equation.split("->").flat_map(|side| side.split(','));
    terms.into_iter().all(|term| {
        let letters: Vec<char> = term.chars().filter(|c| c.is_alphabetic()).collect();
        letters.iter().enumerate().all(|(i, c)| !letters[..i].contains(c))
    })
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|a| a.name == name)
}

/// The element type of a tensor; none for sequences, optionals and maps.
pub(crate) fn elem_type(info: &ValueInfoProto) -> Option<i32> {
    info.r#type.as_ref()?.tensor_type.as_ref().map(|t| t.elem_type)
}
