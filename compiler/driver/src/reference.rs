//! The reference pages under `docs/reference/`, from the tables of ops and passes. A test holds the files fresh.

use std::fmt::Write;

use treville_hlil::{FUNCTIONS, Hlil};
use treville_ir::Dialect;
use treville_llil::Llil;
use treville_passes::{Domain, PASSES, PIPELINES, Pass, Pipeline};

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
        let _ = writeln!(text, "Source: {}.", op.source.trim_end_matches('.'));
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
        "# Passes\n\nGenerated from the pass table; `TREVILLE_BLESS=1 cargo test reference` writes it anew. `treville passes NAME` prints the part on one of them.\n\n| pass | does |\n|---|---|\n",
    );
    for pass in PASSES {
        let _ = writeln!(text, "| `{}` | {} |", pass.name, pass.summary);
    }
    text += "\n| pipeline | does |\n|---|---|\n";
    for pipeline in PIPELINES {
        let _ = writeln!(text, "| `{}` | {} |", pipeline.name, pipeline.summary);
    }
    let parts = PASSES.iter().map(|p| pass(p)).chain(PIPELINES.iter().map(pipeline));
    text + &parts.map(|part| format!("\n## {part}")).collect::<String>()
}

/// What there is to know of one pass.
pub fn pass(pass: &Pass) -> String {
    let takes: Vec<&str> = pass.takes.iter().map(|level| level.name()).collect();
    let holds = match pass.domain {
        Domain::Real => "over the reals: results differ by roundings",
        Domain::RingExact => "bit for bit, under the same roundings",
    };
    let pipelines = pipelines_of(pass);
    format!(
        "{}\n\n{}.\n\n- takes: {}\n- its rewrites hold {holds}\n- pipelines: {}\n\nBefore:\n\n```mlir\n{}\n```\n\nAfter, under the default options:\n\n```mlir\n{}\n```\n",
        pass.name,
        capitalised(pass.summary),
        takes.join(", "),
        if pipelines.is_empty() { "none".into() } else { pipelines.join(", ") },
        pass.example.before.trim_end(),
        pass.example.after.trim_end()
    )
}

/// What there is to know of one pipeline.
pub fn pipeline(pipeline: &Pipeline) -> String {
    let passes: String = pipeline.passes.iter().map(|name| format!("1. {name}\n")).collect();
    format!("{}\n\n{}.\n\n{passes}", pipeline.name, capitalised(pipeline.summary))
}

/// The pipelines that a pass is part of.
pub(crate) fn pipelines_of(pass: &Pass) -> Vec<&'static str> {
    PIPELINES.iter().filter(|pipeline| pipeline.passes.contains(&pass.name)).map(|pipeline| pipeline.name).collect()
}

fn capitalised(summary: &str) -> String {
    let mut letters = summary.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
