//! IRDL export: a dialect as text that `mlir-opt --irdl-file=` reads, so that MLIR itself checks our dumps.

use std::fmt::Write;

use crate::{AttrKind, Dialect, ElemType, OpDef, text};

/// The dialect in IRDL: its types, and for each op the number of operands and results and the presence and kind of all attributes.
///
/// IRDL binds a constraint to one value, so each operand, attribute and result has its own. For the same reason MLIR 22 accepts a
/// variadic operand only where all its values have the same type.
pub fn irdl<D: Dialect>() -> String {
    let mut out = format!("irdl.dialect @{} {{\n", D::NAME);
    for line in D::Elem::irdl().lines() {
        let _ = writeln!(out, "  {line}");
    }
    for def in D::ops() {
        op(def, &mut out);
    }
    out.push_str("}\n");
    out
}

fn op<D: Dialect>(def: &OpDef<D>, out: &mut String) {
    let mut body = String::new();
    let mut constraints = 0;
    let mut constrain = |base: &str, body: &mut String| {
        let _ = writeln!(body, "    %{constraints} = irdl.base \"{base}\"");
        constraints += 1;
        format!("%{}", constraints - 1)
    };
    let operands: Vec<_> = def
        .operands
        .iter()
        .map(|operand| {
            let variadic = if operand.variadic { "variadic " } else { "" };
            format!("{}: {variadic}{}", operand.name, constrain(TENSOR, &mut body))
        })
        .collect();
    let attrs: Vec<_> =
        def.attrs.iter().map(|a| format!("\"{}\" = {}", a.name, constrain(base(a.kind), &mut body))).collect();
    let results: Vec<_> = (0..n_results(def)).map(|i| format!("r{i}: {}", constrain(TENSOR, &mut body))).collect();
    for (part, open, items, close) in
        [("operands", "(", operands, ")"), ("attributes", " {", attrs, "}"), ("results", "(", results, ")")]
    {
        if !items.is_empty() {
            let _ = writeln!(body, "    irdl.{part}{open}{}{close}", items.join(", "));
        }
    }
    let _ = write!(out, "  irdl.operation @{} {{\n{body}  }}\n", def.mnemonic);
}

const TENSOR: &str = "!builtin.tensor";

fn base(kind: AttrKind) -> &'static str {
    match kind {
        AttrKind::Int | AttrKind::Bool => "#builtin.integer",
        AttrKind::Float => "#builtin.float",
        AttrKind::Str => "#builtin.string",
        AttrKind::Ints | AttrKind::Floats | AttrKind::Strs | AttrKind::Numbers => "#builtin.array",
    }
}

/// The number of results, which the op's examples show.
fn n_results<D: Dialect>(def: &OpDef<D>) -> usize {
    def.examples.first().and_then(|text| text::parse_row::<D>(text).ok()).map_or(1, |row| row.declared.len())
}
