//! The reference pages under `docs/reference/`, from the tables of ops and passes. A test holds the files fresh.

use std::fmt::Write;

use treville_hlil::{FUNCTIONS, Hlil};
use treville_ir::Dialect;
use treville_llil::Llil;
use treville_passes::{PASSES, PIPELINES};

/// All operations of both dialects.
pub fn ops() -> String {
    let mut text = String::from(
        "# Operations\n\nGenerated from the op tables; `TREVILLE_BLESS=1 cargo test reference` writes it anew.\n",
    );
    dialect::<Hlil>(&mut text, "real-valued tensors; spatial operations are NCHW");
    functions(&mut text);
    dialect::<Llil>(&mut text, "tensors over Z_2^k with their fraction bits in the type");
    text
}

fn dialect<D: Dialect>(text: &mut String, about: &str) {
    let _ = write!(text, "\n## {}: {about}\n", D::NAME);
    for op in D::ops() {
        let operands: Vec<String> =
            op.operands.iter().map(|o| format!("`{}`{}", o.name, if o.variadic { "..." } else { "" })).collect();
        let _ = write!(
            text,
            "\n### {}.{}\n\n{}. Operands: {}.\n",
            D::NAME,
            op.mnemonic,
            op.summary.trim_end_matches('.'),
            if operands.is_empty() { "none".into() } else { operands.join(", ") }
        );
        let _ = write!(text, "Source: {}.\n", op.source.trim_end_matches('.'));
        for attr in op.attrs {
            let _ = write!(text, "\n- attribute `{}`: {}, {}", attr.name, attr.kind, attr.doc);
        }
        for (id, rule) in op.constraints {
            let _ = write!(text, "\n- {id}: {rule}");
        }
        text.push('\n');
    }
}

/// What `hlil.apply` knows.
fn functions(text: &mut String) {
    text.push_str("\n### Functions of hlil.apply\n\n| function | value | on | source |\n|---|---|---|---|\n");
    for f in FUNCTIONS {
        let pole = f.pole.map(|pole| format!(" but {pole}")).unwrap_or_default();
        let (low, high) = f.domain;
        let _ =
            writeln!(text, "| {} | {} | ({low}, {high}){pole} | {} |", f.name, f.summary.replace('|', "\\|"), f.source);
    }
}

/// All passes and pipelines.
pub fn passes() -> String {
    let mut text = String::from(
        "# Passes\n\nGenerated from the pass table; `TREVILLE_BLESS=1 cargo test reference` writes it anew. Each pass has an example before and after in `compiler/passes/src/<pass>/`.\n\n| pass | does |\n|---|---|\n",
    );
    for pass in PASSES {
        let _ = writeln!(text, "| `{}` | {} |", pass.name, pass.summary);
    }
    text += "\n| pipeline | does | passes |\n|---|---|---|\n";
    for pipeline in PIPELINES {
        let _ = writeln!(text, "| `{}` | {} | {} |", pipeline.name, pipeline.summary, pipeline.passes.join(", "));
    }
    text
}
