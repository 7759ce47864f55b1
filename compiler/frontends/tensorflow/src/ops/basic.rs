//! Inputs, constants, and nodes that change nothing.

use crate::dtype::DType;
use crate::model::{declared_shape, dims};
use crate::node::Node;
use crate::proto::Value;
use treville_frontend_common::{Result, Val};
use treville_ir::Diagnostic;

/// `Placeholder`: an input.
pub(super) fn placeholder(node: &mut Node<'_, '_>) -> Result<Val> {
    let dtype = node.dtype("dtype", None)?;
    if dtype == DType(20) {
        return Err(node.problem(
            "E0115",
            "it stands for a variable whose value is not in the file",
            "freeze the graph",
        ));
    }
    let Some(number) = dtype.number() else {
        return Err(node.problem(
            "E0113",
            format!("its type {dtype} is not supported"),
            "inputs are floats or integers",
        ));
    };
    // Old versions write an unknown shape as one without dimensions, which a given shape may therefore overrule.
    let declared = declared_shape(node.def()).filter(|s| !s.dim.is_empty() || !node.has_given_shape());
    let declared = declared.map(dims);
    node.argument(number, declared.as_deref())
}

/// `Const`: a weight, or a public constant.
pub(super) fn constant(node: &mut Node<'_, '_>) -> Result<Val> {
    let Some(Value::Tensor(proto)) = node.def().attr.get("value").and_then(|v| v.value.as_ref()) else {
        let message = format!("Const `{}` has no value", node.name());
        return Err(Diagnostic::error("E0117", message)
            .at_node(node.name(), "this node")
            .with_help("the file is damaged, or the graph was exported without its constants")
            .into());
    };
    let values = node.read(proto).map_err(|error| {
        Diagnostic::error("E0113", format!("Const `{}` cannot be read: {error}", node.name()))
            .at_node(node.name(), "this node")
            .with_help("constants of floats, integers and booleans are supported")
    })?;
    match DType(proto.dtype).number() {
        Some(dtype) => Ok(node.stored_constant(dtype, values)),
        None => Err(node.invalid("its type is no type of numbers")),
    }
}

/// Nodes that give back their input, whatever else they do.
pub(super) fn identity(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    Ok(node.input(0)?.clone())
}

/// `IdentityN`.
pub(super) fn identity_n(node: &mut Node<'_, '_>) -> Result<Vec<Val>> {
    (0..node.n_inputs()).map(|i| Ok(node.input(i)?.clone())).collect()
}

/// `PlaceholderWithDefault`: its default, since nobody gives it another value.
pub(super) fn placeholder_with_default(node: &mut Node<'_, '_>) -> Result<Val> {
    let message = format!("the input `{}` has a default, which is its value", node.name());
    let note = Diagnostic::note("N0106", message).at_node(node.name(), "this input");
    node.note(note.with_help("replace it by a Placeholder before the export to make it an input of the program"));
    identity(node)
}

/// `NoOp`: nothing, which no node can read.
pub(super) fn no_op(node: &mut Node<'_, '_>) -> Result<Val> {
    Err(node.invalid("it has no output that could be read"))
}
