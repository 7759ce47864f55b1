//! Which tensor of a checkpoint each variable is.

use super::Read;
use super::checkpoint::{self, CheckpointError};
use crate::dtype::DType;
use crate::functions::{self, Inliner};
use crate::graph::show_shape;
use crate::ops;
use crate::proto::{AttrValue, FunctionDef, NodeDef, TensorProto, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use treville_ir::Diagnostic;

/// Turns the variables among `nodes` into constants. `graph` is the whole graph with its functions, in which the node
/// `restore` gives all variables their values; those that it does not mention stay what they are.
pub(super) fn give_values(
    read: Read<'_>,
    nodes: &mut [NodeDef],
    graph: (Vec<NodeDef>, Vec<FunctionDef>),
    restore: String,
) -> Vec<Diagnostic> {
    if !nodes.iter().any(|node| ops::is_variable(&node.op)) || restore.is_empty() {
        return Vec::new();
    }
    let restored = match restored(graph, restore) {
        Ok(restored) => restored,
        Err(diagnostics) => return diagnostics,
    };
    let key = |node: &NodeDef| ops::is_variable(&node.op).then(|| restored.get(&node.name)).flatten();
    let keys: BTreeSet<&str> = nodes.iter().filter_map(key).map(|source| source.key.as_str()).collect();
    let tensors = match checkpoint::tensors(read, &keys) {
        Ok(tensors) => tensors,
        Err(error) => return vec![explain(&error, None)],
    };
    let mut problems = Vec::new();
    for node in nodes {
        let Some(source) = key(node) else { continue };
        let sliced = CheckpointError::Sliced { key: source.key.clone() };
        match tensors.get(&source.key) {
            _ if source.sliced => problems.push(explain(&sliced, Some(&node.name))),
            Some(Ok(tensor)) if fits(node, tensor) => become_constant(node, tensor.clone()),
            Some(Ok(tensor)) => problems.push(misfit(node, tensor)),
            Some(Err(error)) => problems.push(explain(error, Some(&node.name))),
            None => {}
        }
    }
    problems
}

/// A tensor of a checkpoint.
struct Source {
    key: String,
    /// Only a part of it is meant.
    sliced: bool,
}

/// For each variable that the node `restore` assigns, what it assigns.
fn restored(
    (nodes, functions): (Vec<NodeDef>, Vec<FunctionDef>),
    restore: String,
) -> Result<BTreeMap<String, Source>, Vec<Diagnostic>> {
    let mut inliner = Inliner::new(functions);
    inliner.add_graph(functions::needed(nodes, &[restore], true), &[]);
    let nodes = inliner.finish(None)?.nodes;
    let index: HashMap<&str, &NodeDef> = nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    // An input's node and output, behind nodes that change nothing.
    let origin = |node: &NodeDef, input: usize| {
        let (mut name, mut output) = split(node.input.get(input)?)?;
        for _ in 0..index.len() {
            let node = *index.get(name)?;
            if node.op != "Identity" {
                return Some((node, output));
            }
            (name, output) = split(node.input.first()?)?;
        }
        None
    };
    let source = |assign: &NodeDef| {
        let (variable, _) = origin(assign, 0)?;
        let (restore, k) = origin(assign, 1)?;
        let text = |input: usize| strings(origin(restore, input)?.0, k);
        let is_restore = restore.op == "RestoreV2" && ops::is_variable(&variable.op);
        let source = Source { key: text(1)?, sliced: !text(2)?.is_empty() };
        is_restore.then(|| (variable.name.clone(), source))
    };
    Ok(nodes.iter().filter(|n| matches!(n.op.as_str(), "Assign" | "AssignVariableOp")).filter_map(source).collect())
}

fn split(input: &str) -> Option<(&str, usize)> {
    let (name, output) = input.rsplit_once(':')?;
    Some((name, output.parse().ok()?))
}

/// String `k` of a constant, whose last one stands for all that follow.
fn strings(constant: &NodeDef, k: usize) -> Option<String> {
    match constant.attr.get("value")?.value.as_ref()? {
        Value::Tensor(t) => String::from_utf8(t.string_val.get(k).or(t.string_val.last())?.clone()).ok(),
        _ => None,
    }
}

/// Whether a variable can have a value, as far as it says what it is.
fn fits(variable: &NodeDef, value: &TensorProto) -> bool {
    let attr = |name: &str| variable.attr.get(name).and_then(|v| v.value.as_ref());
    let dtype = !matches!(attr("dtype"), Some(Value::Type(t)) if *t != value.dtype);
    let shape = value.tensor_shape.clone().unwrap_or_default();
    dtype
        && match attr("shape") {
            Some(Value::Shape(s)) if !s.unknown_rank => {
                let same = s.dim.iter().zip(&shape.dim).all(|(d, e)| d.size < 0 || d.size == e.size);
                s.dim.len() == shape.dim.len() && same
            }
            _ => true,
        }
}

fn become_constant(variable: &mut NodeDef, value: TensorProto) {
    let attr = [("dtype", Value::Type(value.dtype)), ("value", Value::Tensor(value))];
    variable.op = "Const".to_owned();
    variable.attr = attr.map(|(name, value)| (name.to_owned(), AttrValue { value: Some(value) })).into();
}

fn misfit(variable: &NodeDef, value: &TensorProto) -> Diagnostic {
    let shape = show_shape(&value.tensor_shape.clone().unwrap_or_default());
    let message =
        format!("the variable `{}` has a value of {} {shape} in the checkpoint", variable.name, DType(value.dtype));
    Diagnostic::error("E0121", message)
        .at_node(&variable.name, "this variable is something else")
        .with_help("`variables` belongs to another model: copy or export the directory again")
}

fn explain(error: &CheckpointError, variable: Option<&str>) -> Diagnostic {
    let code = if matches!(error, CheckpointError::File { .. }) { "E0120" } else { "E0121" };
    let diagnostic = Diagnostic::error(code, format!("the checkpoint cannot be read: {error}"));
    let diagnostic = match variable {
        Some(name) => diagnostic.at_node(name, "the value of this variable"),
        None => diagnostic,
    };
    diagnostic.with_help(match error {
        CheckpointError::Sliced { .. } => "export the model with variables that are not partitioned",
        CheckpointError::Endianness => "export the model on a little-endian machine",
        _ => "copy or export the directory again",
    })
}
