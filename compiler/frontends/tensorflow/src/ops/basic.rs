//! Inputs, constants, and nodes that change nothing.

use crate::dtype::DType;
use crate::node::Node;
use crate::problem::Result;
use crate::value::Val;

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
    if !dtype.is_float() && !dtype.is_int() {
        return Err(node.problem(
            "E0113",
            format!("its type {dtype} is not supported"),
            "inputs are floats or integers",
        ));
    }
    let def = node.def();
    node.importer().placeholder(def, dtype)
}

/// `Const`: a weight, or a public constant.
pub(super) fn constant(node: &mut Node<'_, '_>) -> Result<Val> {
    let def = node.def();
    node.importer().decode(def)
}

/// `Identity`, `StopGradient`: their input under another name; the value keeps its own.
pub(super) fn identity(node: &mut Node<'_, '_>) -> Result<Val> {
    node.expect_inputs(1)?;
    Ok(node.input(0)?.clone())
}

/// `NoOp`: nothing, which no node can read.
pub(super) fn no_op(node: &mut Node<'_, '_>) -> Result<Val> {
    Err(node.invalid("it has no output that could be read"))
}
