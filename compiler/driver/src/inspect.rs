//! `treville inspect MODEL`: what a file holds, and what of it is supported, before anything is compiled.

use std::collections::BTreeMap;
use std::path::Path;

use treville_frontend_tensorflow::OpCount;
use treville_ir::{ArgKind, Diagnostic};
use treville_party::Exit;
use treville_passes::{Module, Options, PassError, hlil_to_llil, run_passes};

use crate::cli::ModelArgs;
use crate::failure::Failure;
use crate::model::{Model, import_options};
use crate::source::Source;
use crate::table::table;
use crate::work::multiply_accumulates;

/// Everything that is known of a model without compiling it.
pub(crate) fn inspect(path: &Path, args: &ModelArgs) -> Result<String, Failure> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let coverage = coverage_text(&file, path, args)?;
    let checked = Model::read(path, args).and_then(|model| lowers(&model).map(|()| model));
    // What is missing stands in front; how much of the model it is comes after.
    let model = checked.map_err(|e| Failure::new(e.exit, format!("{}\n\n{coverage}", e.text).trim_end()))?;
    Ok(coverage + &program_text(&model))
}

/// How many nodes of each kind the results need; nothing for files that no front end reads.
fn coverage_text(file: &str, path: &Path, args: &ModelArgs) -> Result<String, Failure> {
    if path.extension().is_some_and(|e| e == "hlil") {
        return Ok(String::new());
    }
    let source = Source::open(path)?;
    let Ok(counts) = source.coverage(&import_options(path, args)?) else { return Ok(String::new()) };
    let n_nodes: usize = counts.iter().map(|c| c.nodes).sum();
    let n_supported: usize = counts.iter().filter(|c| c.supported).map(|c| c.nodes).sum();
    let row = |c: &OpCount| {
        vec![c.op.clone(), c.nodes.to_string(), if c.supported { "" } else { "NOT SUPPORTED" }.to_string()]
    };
    let heading = format!(
        "{file}: {}, {n_nodes} nodes that the result needs, {n_supported} of supported operations\n",
        source.format()
    );
    Ok(heading + &table(&["operation", "nodes", ""], &counts.iter().map(row).collect::<Vec<_>>()))
}

/// Refuses what has no fixed-point form, all of it at once.
fn lowers(model: &Model) -> Result<(), Failure> {
    let module = Module::Hlil(model.func.clone(), model.weights.clone());
    let Err(PassError::Refused { diagnostics, .. }) =
        run_passes("hlil-default,hlil-to-llil", module, &Options::default())
    else {
        return Ok(());
    };
    // Without calibration, scale and ranges are nobody's fault.
    let unsupported: Vec<Diagnostic> =
        diagnostics.into_iter().filter(|d| d.code == hlil_to_llil::UNSUPPORTED).collect();
    if unsupported.is_empty() {
        return Ok(());
    }
    Err(Failure::diagnostics(Exit::Unsupported, &unsupported, &model.listing, false))
}

/// The imported program: its operations, what goes in and comes out, and what the importer decided.
fn program_text(model: &Model) -> String {
    let func = &model.func;
    let weights = || func.args().map(|(_, a)| a).filter(|a| a.kind == ArgKind::Weight);
    let n_weights: usize = weights().map(|a| a.ty.elements()).sum();
    let mut by_op: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (_, op) in func.ops() {
        let (count, macs) = by_op.entry(op.def.mnemonic).or_default();
        *count += 1;
        *macs += multiply_accumulates(func, op);
    }
    let total: u64 = by_op.values().map(|(_, macs)| macs).sum();
    let mut text = format!(
        "\n{} operations of HLIL, {total} multiply-accumulates, {n_weights} weights in {} tensors\n",
        func.ops().len(),
        weights().count()
    );
    let number = |n: u64| if n == 0 { String::new() } else { n.to_string() };
    let rows: Vec<Vec<String>> =
        by_op.iter().map(|(op, (n, macs))| vec![op.to_string(), n.to_string(), number(*macs)]).collect();
    text += &table(&["operation", "count", "multiply-accumulates"], &rows);
    text.push('\n');
    for (_, arg) in func.args() {
        let kind = if arg.kind == ArgKind::Input { "input " } else { "weight" };
        text += &format!("  {kind} {} {:?} of the {}\n", arg.name, arg.ty.shape, arg.owner);
    }
    for result in func.results() {
        let shape = &func.ty(result.value).shape;
        text += &format!("  result {} {shape:?} for the {}\n", result.name, result.owners.join(", "));
    }
    for note in &model.notes {
        text += &format!("note: {}\n", note.message);
    }
    text
}
