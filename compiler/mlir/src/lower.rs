//! LLIL in upstream dialects: linalg, tensor and arith over integers of the ring's width.

use std::collections::BTreeMap;

use treville_ir::{Attr, Func, Op, ValueId};
use treville_llil::Llil;

use crate::MlirError;
use crate::writer::{Access, Value, Writer, dims};

/// The integers that go in and out.
const WORD: u8 = 64;

/// Writes a function `main` that takes a `memref` of 64-bit integers for each argument and one for each result. Ring elements are their
/// representatives from 0 up.
///
/// # Errors
/// [`MlirError::Unsupported`] for a ScaleDown that does not round `exact`: the others are not functions of their operand.
pub fn lower(func: &Func<Llil>) -> Result<String, MlirError> {
    let mut lowering = Lowering { func, writer: Writer::default(), values: BTreeMap::new() };
    let mut params = Vec::new();
    for (i, (value, arg)) in func.args().enumerate() {
        let word = format!("memref<{}i{WORD}>", dims(&arg.ty.shape));
        params.push(format!("%arg{i}: {word}"));
        let shape = &arg.ty.shape;
        let read =
            format!("bufferization.to_tensor %arg{i} restrict : {word} to {}", crate::writer::tensor(shape, WORD));
        let read = lowering.writer.define(shape, WORD, &read);
        let bits = arg.ty.elem.ring().get();
        let value_ = lowering.resized(&read, bits);
        lowering.values.insert(value, value_);
    }
    for (_, op) in func.ops() {
        let result = lowering.op(op)?;
        lowering.values.insert(op.results[0], result);
    }
    for (i, result) in func.results().iter().enumerate() {
        let value = lowering.values[&result.value].clone();
        let word = format!("memref<{}i{WORD}>", dims(&value.shape));
        params.push(format!("%res{i}: {word}"));
        let value = lowering.resized(&value, WORD);
        lowering.writer.line(&format!(
            "bufferization.materialize_in_destination {} in restrict writable %res{i} : ({}, {word}) -> ()",
            value.name,
            value.ty()
        ));
    }
    let body = &lowering.writer.lines;
    Ok(format!("func.func @main({}) attributes {{llvm.emit_c_interface}} {{\n{body}  return\n}}\n", params.join(", ")))
}

/// A function on its way.
pub(crate) struct Lowering<'a> {
    func: &'a Func<Llil>,
    pub(crate) writer: Writer,
    values: BTreeMap<ValueId, Value>,
}

/// Attributes of an op.
pub(crate) trait Attributes {
    fn int(&self, name: &str) -> i64;
    fn sizes(&self, name: &str) -> Vec<usize>;
    fn flag(&self, name: &str) -> bool;
}

impl Attributes for Op<Llil> {
    fn int(&self, name: &str) -> i64 {
        self.attrs.get(name).and_then(Attr::as_int).unwrap_or(0)
    }

    fn sizes(&self, name: &str) -> Vec<usize> {
        self.attrs.get(name).and_then(Attr::as_ints).unwrap_or_default().iter().map(|&n| n as usize).collect()
    }

    fn flag(&self, name: &str) -> bool {
        self.attrs.get(name).and_then(Attr::as_bool).unwrap_or(false)
    }
}

impl Lowering<'_> {
    fn op(&mut self, op: &Op<Llil>) -> Result<Value, MlirError> {
        let x: Vec<Value> = op.operands.iter().map(|v| self.values[v].clone()).collect();
        let ty = self.func.ty(op.results[0]);
        let (shape, bits) = (&ty.shape, ty.elem.ring().get());
        let t = format!("i{bits}");
        let binary = |instruction: &str| vec![format!("%y = arith.{instruction} %a0, %a1 : {t}")];
        let w = &mut self.writer;
        Ok(match op.def.mnemonic {
            "constant" => w.constant(shape, bits, op.attrs["value"].as_ints().unwrap_or_default()),
            "add" => w.elementwise(&[&x[0], &x[1]], shape, bits, &binary("addi")),
            "sub" => w.elementwise(&[&x[0], &x[1]], shape, bits, &binary("subi")),
            "mul" => w.elementwise(&[&x[0], &x[1]], shape, bits, &binary("muli")),
            "neg" => {
                let body = [format!("%z = arith.constant 0 : {t}"), format!("%y = arith.subi %z, %a0 : {t}")];
                w.elementwise(&[&x[0]], shape, bits, &body)
            }
            "relu" => {
                let body = [format!("%z = arith.constant 0 : {t}"), format!("%y = arith.maxsi %a0, %z : {t}")];
                w.elementwise(&[&x[0]], shape, bits, &body)
            }
            "drelu" => {
                let from = format!("i{}", x[0].bits);
                let mut body = vec![
                    format!("%z = arith.constant 0 : {from}"),
                    format!("%{} = arith.cmpi sge, %a0, %z : {from}", if bits == 1 { "y" } else { "c" }),
                ];
                body.extend((bits > 1).then(|| format!("%y = arith.extui %c : i1 to {t}")));
                w.elementwise(&[&x[0]], shape, bits, &body)
            }
            "scale_down" if op.attrs["rounding"].as_str() == Some("exact") => {
                self.shifted("shrsi", &x[0], op.int("shift"), shape)
            }
            "scale_up" => self.shifted("shli", &x[0], op.int("shift"), shape),
            "reshape" => w.reshape(&x[0], shape),
            "transpose" => self.transpose(&x[0], &op.sizes("perm")),
            "pad" => self.pad(&x[0], &op.sizes("begin"), &op.sizes("end"), 0),
            "slice" => self.slice(&x[0], &op.sizes("starts"), shape, &op.sizes("steps")),
            "gather" => self.gather(&x[0], op.int("axis") as usize, &op.sizes("indices"), shape),
            "concat" => self.concat(&x, op.int("axis") as usize, shape),
            "reduce_sum" => self.reduce_sum(&x[0], &op.sizes("axes"), shape),
            "arg_max" => self.arg_max(&x[0], op.int("axis") as usize, shape),
            "matmul" => self.matmul(&x[0], &x[1], shape),
            "conv" => self.conv(op, &x[0], &x[1], shape),
            "conv_transpose" => self.conv_transpose(op, &x[0], &x[1], shape),
            "max_pool" => self.max_pool(op, &x[0], shape),
            "avg_pool" => self.avg_pool(op, &x[0], shape),
            _ => return Err(MlirError::Unsupported { op: op.def.full_name(), node: op.loc.clone() }),
        })
    }

    fn shifted(&mut self, instruction: &str, x: &Value, shift: i64, shape: &[usize]) -> Value {
        let t = format!("i{}", x.bits);
        // Past the width, what is left is the sign, or nothing.
        let body = match (instruction, shift >= i64::from(x.bits)) {
            ("shli", true) => vec![format!("%y = arith.constant 0 : {t}")],
            _ => vec![
                format!("%s = arith.constant {} : {t}", shift.min(i64::from(x.bits) - 1)),
                format!("%y = arith.{instruction} %a0, %s : {t}"),
            ],
        };
        self.writer.elementwise(&[x], shape, x.bits, &body)
    }

    /// The representatives in integers of another width.
    fn resized(&mut self, x: &Value, bits: u8) -> Value {
        if x.bits == bits {
            return x.clone();
        }
        let instruction = if bits < x.bits { "trunci" } else { "extui" };
        let body = [format!("%y = arith.{instruction} %a0 : i{} to i{bits}", x.bits)];
        self.writer.elementwise(&[x], &x.shape, bits, &body)
    }

    /// The sum along axes, in a shape that may have them with extent 1.
    fn reduce_sum(&mut self, x: &Value, axes: &[usize], shape: &[usize]) -> Value {
        let kept: Vec<usize> = (0..x.shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let mut map = vec![String::new(); x.shape.len()];
        kept.iter().chain(axes).enumerate().for_each(|(i, &axis)| map[axis] = format!("d{i}"));
        let reduced: Vec<usize> = kept.iter().map(|&axis| x.shape[axis]).collect();
        let zeros = self.writer.constant(&reduced, x.bits, &[0]);
        let body = [format!("%y = arith.addi %o, %a0 : i{}", x.bits)];
        let sum = self.writer.nest(&[Access { value: x, map }], &zeros, axes.len(), &body);
        self.writer.reshape(&sum, shape)
    }

    fn matmul(&mut self, a: &Value, b: &Value, shape: &[usize]) -> Value {
        let rank = shape.len();
        let batch = |value: &Value| -> Vec<String> {
            let n_batch = value.shape.len() - 2;
            let lead = rank - 2 - n_batch;
            let index = |i: usize| {
                if value.shape[i] == 1 && shape[i + lead] != 1 { "0".into() } else { format!("d{}", i + lead) }
            };
            (0..n_batch).map(index).collect()
        };
        let (row, column, depth) = (format!("d{}", rank - 2), format!("d{}", rank - 1), format!("d{rank}"));
        let left = [batch(a), vec![row, depth.clone()]].concat();
        let right = [batch(b), vec![depth, column]].concat();
        let zeros = self.writer.constant(shape, a.bits, &[0]);
        let reads = [Access { value: a, map: left }, Access { value: b, map: right }];
        self.writer.nest(&reads, &zeros, 1, &multiply_add(a.bits))
    }
}

/// `%y` = `%o` + `%a0` * `%a1`.
pub(crate) fn multiply_add(bits: u8) -> [String; 2] {
    [format!("%p = arith.muli %a0, %a1 : i{bits}"), format!("%y = arith.addi %o, %p : i{bits}")]
}
