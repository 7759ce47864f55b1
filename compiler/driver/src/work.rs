//! How much a program computes.

use treville_hlil::Hlil;
use treville_ir::{Func, Op};

/// The multiply-accumulates of a product of tensors; zero for all else.
pub(crate) fn multiply_accumulates(func: &Func<Hlil>, op: &Op<Hlil>) -> u64 {
    let shape = |i: usize| func.ty(op.operands[i]).shape.as_slice();
    let count = |dims: &[usize]| dims.iter().map(|&d| d as u64).product::<u64>();
    let result = count(&func.ty(op.results[0]).shape);
    match op.def.mnemonic {
        "matmul" => result * shape(0).last().map_or(1, |&d| d as u64),
        "conv" => result * count(&shape(1)[1..]),
        // Each element of the operand meets each filter of its group once.
        "conv_transpose" => count(shape(0)) * count(&shape(1)[1..]),
        _ => 0,
    }
}

/// Those of one inference.
pub(crate) fn total(func: &Func<Hlil>) -> u64 {
    func.ops().map(|(_, op)| multiply_accumulates(func, op)).sum()
}
