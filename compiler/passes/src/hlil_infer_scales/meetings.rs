//! Meetings: products whose results come together in a sum or a concatenation before anything else needs them scaled down.

use std::collections::BTreeMap;

use treville_hlil::Hlil;
use treville_ir::{ArgKind, Func, Op, Uses, ValueId};

/// Takes from the weights what keeps products that meet from having the same fraction bits.
pub(super) fn align(func: &Func<Hlil>, offsets: &mut [Option<i32>]) {
    let uses = func.uses();
    for (_, op) in func.ops().filter(|(_, op)| matches!(op.def.mnemonic, "add" | "sub" | "concat")) {
        let products: Vec<&Op<Hlil>> = op.operands.iter().filter_map(|v| product_above(func, &uses, *v)).collect();
        if products.len() < 2 {
            continue;
        }
        let sums: BTreeMap<ValueId, i32> = products
            .iter()
            .map(|product| {
                let of = |value: ValueId| offsets[value.index()].unwrap_or(0);
                (product.operands[1], of(product.operands[0]) + of(product.operands[1]))
            })
            .collect();
        let Some(least) = sums.values().copied().min() else { continue };
        for (weight, sum) in sums.into_iter().filter(|(weight, _)| uses.of(*weight).len() == 1) {
            let offset = &mut offsets[weight.index()];
            *offset = offset.map(|offset| offset - (sum - least));
        }
    }
}

/// The product with a weight that a value is, but for what a ScaleDown may pass and for sums with weights and constants, where nothing
/// else uses what is in between.
fn product_above<'a>(func: &'a Func<Hlil>, uses: &Uses, value: ValueId) -> Option<&'a Op<Hlil>> {
    let mut value = value;
    loop {
        let (_, op) = func.defining_op(value).filter(|_| uses.of(value).len() == 1)?;
        value = match op.def.mnemonic {
            "matmul" | "conv" | "conv_transpose" if is_weight(func, op.operands[1]) => return Some(op),
            "relu" | "max_pool" | "reshape" | "transpose" | "slice" | "gather" => op.operands[0],
            "add" | "sub" if is_weight(func, op.operands[1]) => op.operands[0],
            "add" if is_weight(func, op.operands[0]) => op.operands[1],
            _ => return None,
        };
    }
}

fn is_weight(func: &Func<Hlil>, value: ValueId) -> bool {
    match func.as_arg(value) {
        Some(arg) => arg.kind == ArgKind::Weight,
        None => func.defining_op(value).is_some_and(|(_, op)| op.def.mnemonic == "constant"),
    }
}
