//! A function of ours as one of upstream dialects: its arguments, its ops one after the other, its results.

use std::collections::BTreeMap;

use treville_ir::{Dialect, Func, Op};

use crate::MlirError;
use crate::writer::{Value, Writer, dims, tensor};

/// A dialect that can be written in upstream ones.
pub(crate) trait Upstream: Dialect {
    /// The element type of a tensor.
    fn elem(elem: &Self::Elem) -> String;

    /// The element type that callers see.
    fn outside(elem: &Self::Elem) -> String;

    /// The same elements as another type.
    fn converted(w: &mut Writer, x: &Value, elem: &str) -> Value;

    /// The result of an op of this shape and element type, or `None` where it has no counterpart.
    fn write(w: &mut Writer, op: &Op<Self>, x: &[Value], shape: &[usize], elem: &str) -> Option<Value>;
}

/// How a function takes its arguments and gives its results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// As memory of the caller: for machine code.
    Memrefs,
    /// As tensors: for other tool chains.
    Tensors,
}

/// The text of a function `main`.
pub(crate) fn function<D: Upstream>(func: &Func<D>, boundary: Boundary) -> Result<String, MlirError> {
    let mut w = Writer::default();
    let mut values: BTreeMap<treville_ir::ValueId, Value> = BTreeMap::new();
    let mut params = Vec::new();
    for (i, (value, arg)) in func.args().enumerate() {
        let (shape, outside) = (&arg.ty.shape, D::outside(&arg.ty.elem));
        let taken = match boundary {
            Boundary::Memrefs => {
                let memref = format!("memref<{}{outside}>", dims(shape));
                params.push(format!("%arg{i}: {memref}"));
                let ty = tensor(shape, &outside);
                w.define(shape, &outside, &format!("bufferization.to_tensor %arg{i} restrict : {memref} to {ty}"))
            }
            Boundary::Tensors => {
                let taken = Value { name: format!("%arg{i}"), shape: shape.clone(), elem: outside };
                params.push(format!("%arg{i}: {} {{treville.name = {:?}}}", taken.ty(), arg.name));
                taken
            }
        };
        values.insert(value, D::converted(&mut w, &taken, &D::elem(&arg.ty.elem)));
    }
    for (_, op) in func.ops() {
        let x: Vec<Value> = op.operands.iter().map(|v| values[v].clone()).collect();
        let ty = func.ty(op.results[0]);
        let result = D::write(&mut w, op, &x, &ty.shape, &D::elem(&ty.elem));
        let result = result.ok_or_else(|| MlirError::Unsupported { op: op.def.full_name(), node: op.loc.clone() })?;
        values.insert(op.results[0], result);
    }
    let mut results: Vec<Value> = Vec::new();
    for result in func.results() {
        let outside = D::outside(&func.ty(result.value).elem);
        results.push(D::converted(&mut w, &values[&result.value], &outside));
    }
    if boundary == Boundary::Memrefs {
        for (i, value) in results.iter().enumerate() {
            let memref = format!("memref<{}{}>", dims(&value.shape), value.elem);
            params.push(format!("%res{i}: {memref}"));
            w.line(&format!(
                "bufferization.materialize_in_destination {} in restrict writable %res{i} : ({}, {memref}) -> ()",
                value.name,
                value.ty()
            ));
        }
    }
    let (params, body) = (params.join(", "), &w.lines);
    let list = |of: fn(&Value) -> String| results.iter().map(of).collect::<Vec<_>>().join(", ");
    Ok(match boundary {
        Boundary::Memrefs => {
            format!("func.func @main({params}) attributes {{llvm.emit_c_interface}} {{\n{body}  return\n}}\n")
        }
        Boundary::Tensors => {
            let (names, types) = (list(|value| value.name.clone()), list(Value::ty));
            format!("func.func @main({params}) -> ({types}) {{\n{body}  return {names} : {types}\n}}\n")
        }
    })
}
