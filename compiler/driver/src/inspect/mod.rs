//! `treville inspect MODEL`: what a file holds, and what of it is supported, before anything is compiled.

mod html;

use std::collections::BTreeMap;
use std::path::Path;

use treville_frontend_common::OpCount;
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
pub(crate) struct Report {
    /// The file's name.
    file: String,
    /// What the file holds, in the format's own words; nothing where no front end reads it.
    coverage: Option<Section>,
    /// The imported program, or everything that stands in the way of one.
    program: Result<Program, Failure>,
}

/// A heading with a table below it.
struct Section {
    heading: String,
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// What was imported.
struct Program {
    /// Operations by kind, with what they compute.
    operations: Section,
    /// What goes in and comes out.
    signature: Section,
    /// Every operation, with its node, result and work.
    nodes: Section,
    /// What the importer decided.
    notes: Vec<String>,
}

impl Report {
    /// Reads a model and tries it up to the lowering, without calibration.
    ///
    /// # Errors
    /// Exit code 2 for files and options that cannot be used.
    pub(crate) fn of(path: &Path, args: &ModelArgs) -> Result<Self, Failure> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let coverage = coverage(&file, path, args)?;
        let model = Model::read(path, args).and_then(|model| lowers(&model).map(|()| model));
        Ok(Report { file, coverage, program: model.map(|m| program(&m)) })
    }

    /// The report for a terminal.
    ///
    /// # Errors
    /// What stands in the way of a program, and behind it how much of the model is supported.
    pub(crate) fn text(self) -> Result<String, Failure> {
        let coverage = self.coverage.map(|c| c.text()).unwrap_or_default();
        let program = self.program.map_err(|e| Failure::new(e.exit, format!("{}\n\n{coverage}", e.text).trim_end()))?;
        let notes: String = program.notes.iter().map(|note| format!("note: {note}\n")).collect();
        Ok([coverage, program.operations.text(), program.signature.text()].join("\n") + &notes)
    }

    /// The report as a page that needs nothing beside it.
    pub(crate) fn html(&self) -> String {
        html::page(self)
    }
}

impl Section {
    fn text(&self) -> String {
        format!("{}\n{}", self.heading, table(&self.header, &self.rows))
    }
}

/// How many nodes of each kind the results need.
fn coverage(file: &str, path: &Path, args: &ModelArgs) -> Result<Option<Section>, Failure> {
    if path.extension().is_some_and(|e| e == "hlil") {
        return Ok(None);
    }
    let source = Source::open(path)?;
    let Ok(counts) = source.coverage(&import_options(path, args)?) else { return Ok(None) };
    let n_nodes: usize = counts.iter().map(|c| c.nodes).sum();
    let n_supported: usize = counts.iter().filter(|c| c.supported).map(|c| c.nodes).sum();
    let row = |c: &OpCount| {
        vec![c.op.clone(), c.nodes.to_string(), if c.supported { "" } else { "NOT SUPPORTED" }.to_string()]
    };
    let format = source.format();
    Ok(Some(Section {
        heading: format!(
            "{file}: {format}, {n_nodes} nodes that the result needs, {n_supported} of supported operations"
        ),
        header: vec!["operation", "nodes", ""],
        rows: counts.iter().map(row).collect(),
    }))
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

fn program(model: &Model) -> Program {
    let func = &model.func;
    let mut by_op: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    let mut nodes = Vec::new();
    for (_, op) in func.ops() {
        let (count, macs) = by_op.entry(op.def.mnemonic).or_default();
        let own = multiply_accumulates(func, op);
        *count += 1;
        *macs += own;
        let shape = format!("{:?}", func.ty(op.results[0]).shape);
        nodes.push(vec![op.loc.clone(), op.def.mnemonic.to_string(), shape, number(own)]);
    }
    let weights = || func.args().map(|(_, a)| a).filter(|a| a.kind == ArgKind::Weight);
    let n_weights: usize = weights().map(|a| a.ty.elements()).sum();
    let total: u64 = by_op.values().map(|(_, macs)| macs).sum();
    let operations = Section {
        heading: format!(
            "{} operations of HLIL, {total} multiply-accumulates, {n_weights} weights in {} tensors",
            func.ops().len(),
            weights().count()
        ),
        header: vec!["operation", "count", "multiply-accumulates"],
        rows: by_op.iter().map(|(op, (n, macs))| vec![op.to_string(), n.to_string(), number(*macs)]).collect(),
    };
    let kind = |kind| if kind == ArgKind::Input { "input" } else { "weight" };
    let arguments = func.args().map(|(_, a)| (kind(a.kind), &a.name, &a.ty, a.owner.clone()));
    let results = func.results().iter().map(|r| ("result", &r.name, func.ty(r.value), r.owners.join(", ")));
    let signature = Section {
        heading: "what goes in and comes out".into(),
        header: vec!["", "name", "shape", "party"],
        rows: arguments
            .chain(results)
            .map(|(kind, name, ty, party)| vec![kind.into(), name.clone(), format!("{:?}", ty.shape), party])
            .collect(),
    };
    Program {
        operations,
        signature,
        nodes: Section {
            heading: "operation by operation".into(),
            header: vec!["node", "operation", "shape", "multiply-accumulates"],
            rows: nodes,
        },
        notes: model.notes.iter().map(|n| n.message.clone()).collect(),
    }
}

/// A count; nothing where there is nothing.
fn number(n: u64) -> String {
    if n == 0 { String::new() } else { n.to_string() }
}
