//! One function for each command: options in, text for stdout out.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::json;
use treville_hlil::Hlil;
use treville_ir::{Dialect, irdl};
use treville_llil::{Exact, Llil};
use treville_net::Shape;
use treville_party::{Array, RunReport, output_paths, write_npy};

use crate::backends::Backend;
use crate::cli::*;
use crate::compile::{Compiled, Watch, compile};
use crate::failure::Failure;
use crate::fixed::FixedEvaluator;
use crate::inspect::Report;
use crate::model::{Model, Samples};
use crate::package::{self, Package};
use crate::price::wire_seconds;
use crate::print_ir::IrPrinter;
use crate::run::{RunOptions, run as run_parties};
use crate::simulate::Simulation;
use crate::stopwatch::Stopwatch;
use crate::table::{bytes, probability, seconds, table};
use crate::trace::{OpTrace, trace_ops};
use crate::verify::{Accuracy, verify};
use crate::{cost, data, demo, doctor, export, keys, opt, passes, precision};
use treville_passes::{Module, Pass};

/// Runs a command.
pub(crate) fn run(cli: &Cli) -> Result<String, Failure> {
    let say = |text: &str| {
        if !cli.quiet {
            eprintln!("{text}");
        }
    };
    match &cli.command {
        Command::Demo(args) => demo::demo(args, &say),
        Command::Compile(args) => compile_command(args, cli.quiet, &say),
        Command::Build(args) => {
            let binary = Package::open(&args.dir)?.build(cli.quiet)?;
            Ok(format!("{}\n", binary.display()))
        }
        Command::Run(args) => run_command(args),
        Command::Simulate(args) => simulate_command(args),
        Command::Eval(args) => eval_command(args),
        Command::Verify(args) => verify_command(args),
        Command::Cost(args) => cost_command(args),
        Command::Opt(args) => opt::opt(args),
        Command::Export(args) => export::export(args),
        Command::Inspect(args) => inspect_command(args),
        Command::Passes(args) => passes::passes(args),
        Command::Ops(args) => match args.irdl.as_deref() {
            None => Ok(ops(args.list.json)),
            Some("hlil") => Ok(irdl::<Hlil>()),
            Some("llil") => Ok(irdl::<Llil>()),
            Some(other) => Err(Failure::usage(format!("there is no dialect `{other}`; there are: hlil, llil"))),
        },
        Command::Backends(args) => Ok(backends(args.json)),
        Command::Keys(args) => match &args.command {
            KeysCommand::Init { dir, role } => keys::init(dir, role.as_deref()),
            KeysCommand::Show { dir } => keys::show(dir),
        },
        Command::Doctor(args) => doctor::doctor(&args.dir, args.role.as_deref()),
    }
}

fn load(path: &Path, options: &ModelArgs, calibration: Option<Samples>) -> Result<Compiled, Failure> {
    compile(Model::read(path, options)?, options, calibration, Watch::default())
}

fn compile_command(args: &CompileArgs, quiet: bool, say: &dyn Fn(&str)) -> Result<String, Failure> {
    let backend = Backend::by_name(&args.options.backend)?;
    let mut printer = IrPrinter::new(&args.watch)?;
    let mut see = |moment, pass: &Pass, module: &Module| printer.see(moment, pass, module);
    let mut stopwatch = Stopwatch::start();
    let model = Model::read(&args.model, &args.options)?;
    stopwatch.lap("read the model");
    let watch = Watch {
        observer: Some(&mut see),
        progress: !quiet,
        stopwatch: Some(&mut stopwatch),
        crash_reproducer: args.watch.crash_reproducer.clone(),
    };
    let compiled = compile(model, &args.options, None, watch)?;
    printer.finish()?;
    let package = package::write(&compiled, backend, &args.output, args.vendor)?;
    stopwatch.lap("write the package");
    if args.watch.timing {
        eprint!("{}", stopwatch.table());
    }
    say(&format!("wrote {}", package.dir.display()));
    if args.json {
        return Ok(serde_json::to_string_pretty(&compiled.manifest).unwrap_or_default() + "\n");
    }
    Ok(summary(&compiled)
        + &format!("\nnext: treville build {0}\n      treville run {0} --input FILE.npy\n", args.output.display()))
}

/// What a user should know of a compilation.
fn summary(compiled: &Compiled) -> String {
    let m = &compiled.manifest;
    let report = compiled.predicted();
    let mut text = format!(
        "{} for {}: {} nodes, {}, ring {} bits, {} rounding\n",
        m.model,
        m.backend,
        report.nodes.len(),
        compiled.scales.describe(),
        m.ring_bits,
        m.rounding
    );
    for input in &m.inputs {
        text += &format!("  input  {} {:?} of the {}\n", input.name, input.shape, input.owner);
    }
    let n_weights: usize = m.weights.iter().map(|w| w.shape.iter().product::<usize>()).sum();
    let mut owners: Vec<&str> = m.weights.iter().map(|w| w.owner.as_str()).collect();
    owners.dedup();
    text += &format!("  {} weights in {} tensors of the {}\n", n_weights, m.weights.len(), owners.join(", "));
    for output in &m.outputs {
        text += &format!(
            "  result {} {:?} for the {}{}\n",
            output.name,
            output.shape,
            output.owners.join(", "),
            if output.post == "softmax" { ", who does the final softmax in the clear" } else { "" }
        );
    }
    text += &format!(
        "  probability that an inference goes wrong beyond its error bound: {}\n",
        m.failure_log2.map_or("0".into(), probability)
    );
    text += &compiled.scales.table();
    text += "\nwhat the program reveals to all parties: shapes, operations, scales, the ranges and error bounds in program.llil, and this cost\n";
    text += &nodes_table(&report, false);
    text += &format!(
        "  in total {} in {} rounds; on the wire about {} (LAN), {} (WAN)\n",
        bytes(report.bytes_total),
        report.rounds,
        seconds(wire_seconds(&report, Shape::LAN)),
        seconds(wire_seconds(&report, Shape::WAN))
    );
    for note in &m.notes {
        text += &format!("note: {note}\n");
    }
    text
}

fn nodes_table(report: &RunReport, measured: bool) -> String {
    let rows: Vec<Vec<String>> = report
        .nodes
        .iter()
        .map(|n| {
            let mut row = vec![n.name.clone(), n.op.clone(), bytes(n.bytes), n.rounds.to_string()];
            if measured {
                row.extend([seconds(n.seconds), n.memory_bytes.map_or("unknown".into(), bytes)]);
            }
            row
        })
        .collect();
    table(
        if measured {
            &["node", "operations", "bytes", "rounds", "time", "memory"]
        } else {
            &["node", "operations", "bytes", "rounds"]
        },
        &rows,
    )
}

fn run_command(args: &RunArgs) -> Result<String, Failure> {
    check_places(&[&args.output, &args.report, &args.trace])?;
    let package = Package::open(&args.dir)?;
    let options = RunOptions {
        inputs: args.input.clone(),
        net: args.net.clone(),
        weights: args.weights.clone(),
        timeout: args.timeout,
        threads: args.threads,
        progress: true,
    };
    let result = run_parties(&package, &options)?;
    if let Some(path) = &args.report {
        write_json(path, &result.report)?;
    }
    if let Some(path) = &args.trace {
        std::fs::write(path, &result.trace).map_err(|e| Failure::file(path, e))?;
    }
    finish_outputs(&result.outputs, args.output.as_deref(), Some(&result.report))
}

fn simulate_command(args: &SimulateArgs) -> Result<String, Failure> {
    check_places(&[&args.output, &args.report])?;
    let (results, report, names) = if args.model.join("treville.json").is_file() {
        let package = Package::open(&args.model)?;
        let func = package.llil()?;
        let plan = treville_codegen::Plan::new(&func);
        let weights = package.weights()?;
        let simulated = Simulation {
            func: &func,
            plan: &plan,
            manifest: &package.manifest,
            weights: &weights,
            inputs: data::read_arguments(&args.input)?,
            recorder: None,
        }
        .run(Backend::by_name(&package.manifest.backend)?)?;
        (simulated.results, simulated.report, package.manifest.outputs)
    } else {
        let compiled = load(&args.model, &args.options, None)?;
        let simulated = Simulation {
            func: &compiled.llil,
            plan: &compiled.plan,
            manifest: &compiled.manifest,
            weights: &compiled.weights,
            inputs: data::read_arguments(&args.input)?,
            recorder: None,
        }
        .run(compiled.backend)?;
        (simulated.results, simulated.report, compiled.manifest.outputs)
    };
    if let Some(path) = &args.report {
        write_json(path, &report)?;
    }
    let outputs: Vec<(String, Array)> = names
        .iter()
        .enumerate()
        .map(|(o, info)| (info.name.clone(), Array::stack(&results.iter().map(|r| &r[o].value).collect::<Vec<_>>())))
        .collect();
    finish_outputs(&outputs, args.output.as_deref(), Some(&report))
}

fn eval_command(args: &EvalArgs) -> Result<String, Failure> {
    check_places(&[&args.output, &None])?;
    let mut stopwatch = Stopwatch::start();
    let model = Model::read(&args.model, &args.options)?;
    let samples = samples_of(&args.input, &model)?;
    stopwatch.lap("read");
    let mut by_result: Vec<Vec<Array>> = Vec::new();
    let mut add = |results: Vec<Array>| {
        by_result.resize(results.len(), Vec::new());
        by_result.iter_mut().zip(results).for_each(|(all, one)| all.push(one));
    };
    let names: Vec<String> = model.func.results().iter().map(|r| r.name.clone()).collect();
    if args.fixed {
        let compiled =
            compile(model, &args.options, args.options.calibrate.is_none().then(|| samples.clone()), Watch::default())?;
        stopwatch.lap("compile");
        let mut evaluator = FixedEvaluator::new(&compiled)?;
        stopwatch.lap("encode the weights");
        for (i, sample) in samples.inputs.iter().enumerate() {
            add(evaluator.run(sample, &mut Exact, &mut |_, _| {})?.into_iter().map(|d| d.value).collect());
            stopwatch.lap(&format!("evaluate sample {i}"));
        }
    } else {
        // The weights are decoded once.
        let mut arguments = crate::model::with_weights(&model.func, &model.weights, &IndexMap::new())?;
        stopwatch.lap("decode the weights");
        for (i, sample) in samples.inputs.iter().enumerate() {
            arguments.extend(sample.clone());
            add(crate::verify::float_results_of(&model, &arguments)?);
            stopwatch.lap(&format!("evaluate sample {i}"));
        }
    }
    if args.timing {
        eprint!("{}", stopwatch.table());
    }
    let outputs: Vec<(String, Array)> =
        names.into_iter().zip(by_result.iter().map(|all| Array::stack(&all.iter().collect::<Vec<_>>()))).collect();
    finish_outputs(&outputs, args.output.as_deref(), None)
}

fn samples_of(arguments: &[String], model: &Model) -> Result<Samples, Failure> {
    let names = model.inputs();
    let mut arrays = BTreeMap::new();
    for (name, array) in data::read_arguments(arguments)? {
        // A lone array without a name is the first input.
        let name = if name.is_empty() { names.first().map(|(n, _)| n.clone()).unwrap_or_default() } else { name };
        let known = names.iter().any(|(n, _)| *n == name) || matches!(name.as_str(), "labels" | "expected");
        if !known {
            let names: Vec<&str> = names.iter().map(|(n, _)| n.as_str()).collect();
            return Err(Failure::usage(format!("there is no input `{name}`; there is: {}", names.join(", "))));
        }
        if arrays.insert(name.clone(), array).is_some() {
            return Err(Failure::usage(format!("input `{name}`: given twice")));
        }
    }
    Samples::from_arrays(arrays, model).map_err(Failure::usage)
}

/// Writes results to files, or says what they are.
fn finish_outputs(
    outputs: &[(String, Array)],
    path: Option<&Path>,
    report: Option<&RunReport>,
) -> Result<String, Failure> {
    let mut text = String::new();
    let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    let paths = path.map(|path| output_paths(path, &names));
    for (nth, (name, value)) in outputs.iter().enumerate() {
        match &paths {
            Some(paths) => write_npy(&paths[nth], value)?,
            None => text += &format!("{name}: {value}\n"),
        }
    }
    // A table on a terminal, silence in a pipe: stdout is the result.
    if let Some(report) = report.filter(|_| std::io::stderr().is_terminal()) {
        eprint!("{}", nodes_table(report, true));
        eprintln!("  in total {} in {} rounds, {}", bytes(report.bytes_total), report.rounds, seconds(report.seconds));
        for party in &report.parties {
            let peak = party.peak_rss_bytes.map_or("unknown".into(), bytes);
            eprintln!("  {}: {} sent, {peak} of memory at most", party.role, bytes(party.bytes_sent));
        }
    }
    Ok(text)
}

fn verify_command(args: &VerifyArgs) -> Result<String, Failure> {
    let model = Model::read(&args.model, &args.options)?;
    let all = Samples::read(&args.data, &model)?;
    let samples = args.limit.map_or_else(|| all.clone(), |n| all.first(n));
    if samples.inputs.is_empty() {
        return Err(Failure::usage("no samples to compare"));
    }
    // `verify` calibrates on the first samples of its data where no other is given.
    let calibration = args.options.calibrate.is_none().then(|| all.first(VERIFY_CALIBRATION));
    let compiled = compile(model, &args.options, calibration, Watch::default())?;
    let mut result = verify(&compiled, &samples, args.mpc_limit.unwrap_or(usize::MAX))?;
    if args.nodes && result.mpc_samples > 0 {
        result.ops = Some(trace_ops(&compiled, &compiled.llil, &samples.inputs[0])?);
    }
    let text = if args.json {
        serde_json::to_string(&result).unwrap_or_default() + "\n"
    } else {
        verify_text(&result, args.nodes)
    };
    // The numbers are shown even where they do not agree.
    match result.check() {
        Ok(()) => Ok(text),
        Err(failure) => {
            print!("{text}");
            Err(failure)
        }
    }
}

/// Samples that `verify` calibrates on.
const VERIFY_CALIBRATION: usize = 8;

fn verify_text(v: &crate::verify::Verification, all_nodes: bool) -> String {
    let percent = |x: Option<f64>| x.map_or("-".into(), |x| format!("{:.2} %", 100.0 * x));
    let number = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.2e}"));
    let mut text = format!("{}: {} samples, scale {}, ring {} bits\n", v.model, v.samples, v.scale, v.ring_bits);
    let row = |name: String, accuracy: &Accuracy| vec![name, percent(accuracy.top1), percent(accuracy.top5)];
    let mut rows = vec![row("float".into(), &v.float), row("fixed point".into(), &v.fixed)];
    if v.mpc_samples < v.samples {
        rows.push(row(format!("fixed point, first {}", v.mpc_samples), &v.fixed_on_mpc_samples));
        rows.push(row(format!("{}, first {}", v.backend, v.mpc_samples), &v.mpc));
    } else {
        rows.push(row(v.backend.clone(), &v.mpc));
    }
    text += &table(&["", "top-1", "top-5"], &rows);
    for (pair, allowed, strict) in [
        ("float and fixed point".to_string(), v.agreement.float_fixed, v.agreement.float_fixed_strict),
        (format!("fixed point and {}", v.backend), v.agreement.fixed_mpc, v.agreement.fixed_mpc_strict),
    ] {
        let without = if allowed == strict {
            String::new()
        } else {
            format!(" ({} without the allowance for near ties)", percent(strict))
        };
        text += &format!("  same decision: {pair} {}{without}\n", percent(allowed));
    }
    text +=
        &format!("  same bits with the recorded roundings replayed: {} of {}\n", v.bit_exact_replays, v.mpc_samples);
    text += &format!(
        "  largest difference: float and expected {}, float and fixed point {}, fixed point and {} {}\n",
        number(v.max_abs_err.float_expected),
        number(v.max_abs_err.float_fixed),
        v.backend,
        number(v.max_abs_err.fixed_mpc)
    );
    text += &node_errors_table(&v.nodes, all_nodes, v.ops.as_deref());
    match &v.first_departure {
        Some(n) => {
            text += &format!(
                "  the first node that departs from float: {} (error {:.2e} of {:.2e})\n",
                n.name, n.max_abs_err, n.max_abs
            )
        }
        None => text += "  no node departs from float by more than a twentieth of its range\n",
    }
    if let (Some(total), Some(rounds)) = (v.bytes_total, v.rounds) {
        text +=
            &format!("  one inference: {} in {rounds} rounds; all of this took {}\n", bytes(total), seconds(v.seconds));
    }
    text
}

/// The errors of all nodes in program order, or of the worst few.
/// Where the backend's operations were traced, it says of each node whether the bits are those of the evaluator.
fn node_errors_table(nodes: &[crate::verify::NodeError], all: bool, ops: Option<&[OpTrace]>) -> String {
    let mut shown: Vec<_> = nodes.iter().collect();
    if !all {
        shown.sort_by(|a, b| b.max_rel_err.unwrap_or(0.0).total_cmp(&a.max_rel_err.unwrap_or(0.0)));
        shown.truncate(WORST_NODES);
    }
    let row = |n: &crate::verify::NodeError| {
        let relative = n.max_rel_err.map_or("-".into(), |e| format!("{e:.1e}"));
        let wrong = ops.map(|ops| ops.iter().find(|op| op.node == n.name && !op.is_right()));
        let bits = match wrong {
            None => String::new(),
            Some(None) => "same".into(),
            Some(Some(op)) => format!("{} of {} differ after {}", op.different, op.elements, op.op),
        };
        vec![n.name.clone(), format!("{:.1e}", n.max_abs_err), format!("{:.1e}", n.max_abs), relative, bits]
    };
    let what = if all { "nodes" } else { "the nodes with the largest relative errors" };
    format!("{what}, on the first sample, in fixed point against float:\n")
        + &table(
            &[
                "node",
                "largest error",
                "largest value",
                "relative",
                if ops.is_some() { "bits of the backend" } else { "" },
            ],
            &shown.into_iter().map(row).collect::<Vec<_>>(),
        )
}

/// Nodes that `verify` shows without `--nodes`.
const WORST_NODES: usize = 5;

fn cost_command(args: &CostArgs) -> Result<String, Failure> {
    if args.rules {
        return crate::rules::rules(args);
    }
    let compiled = load(&args.model, &args.options, None)?;
    Ok(match (args.scales, args.json) {
        (false, false) => cost::text(&compiled),
        (false, true) => cost::json(&compiled),
        (true, false) => precision::text(&compiled),
        (true, true) => precision::json(&compiled),
    })
}

fn inspect_command(args: &InspectArgs) -> Result<String, Failure> {
    check_places(&[&args.html, &None])?;
    if args.model.join("treville.json").is_file() {
        let package = Package::open(&args.model)?;
        package.llil()?;
        return Ok(serde_json::to_string_pretty(&package.manifest).unwrap_or_default() + "\n");
    }
    let report = Report::of(&args.model, &args.options)?;
    if let Some(page) = &args.html {
        std::fs::write(page, report.html()).map_err(|e| Failure::file(page, e))?;
    }
    report.text()
}

fn ops(as_json: bool) -> String {
    let hlil: Vec<(String, &str)> = Hlil::ops().iter().map(|o| (format!("hlil.{}", o.mnemonic), o.summary)).collect();
    let llil: Vec<(String, &str)> = Llil::ops().iter().map(|o| (format!("llil.{}", o.mnemonic), o.summary)).collect();
    list(hlil.iter().chain(&llil).map(|(n, s)| (n.as_str(), *s)), as_json)
}

fn backends(as_json: bool) -> String {
    list(Backend::ALL.iter().map(|b| (b.info().name, b.info().summary)), as_json)
}

fn list<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>, as_json: bool) -> String {
    let rows: Vec<(&str, &str)> = rows.collect();
    if as_json {
        return format!(
            "{}\n",
            json!(rows.iter().map(|(name, summary)| json!({"name": name, "summary": summary})).collect::<Vec<_>>())
        );
    }
    let width = rows.iter().map(|(n, _)| n.len()).max().unwrap_or(0);
    rows.iter().map(|(name, summary)| format!("{name:width$}  {summary}\n")).collect()
}

/// Refuses, before any work is done, files to write whose folder does not exist.
fn check_places(files: &[&Option<PathBuf>]) -> Result<(), Failure> {
    let folders = files.iter().copied().flatten().filter_map(|f| f.parent());
    match folders.filter(|f| !f.as_os_str().is_empty()).find(|f| !f.is_dir()) {
        Some(missing) => Err(Failure::usage(format!("{}: there is no such folder to write to", missing.display()))),
        None => Ok(()),
    }
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Failure::other(e.to_string()))?;
    std::fs::write(path, text + "\n").map_err(|e| Failure::file(path, e))
}
