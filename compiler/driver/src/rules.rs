//! `treville cost --rules`: what equality saturation finds in a model, and what each of its rules is worth.

use serde_json::json;
use treville_llil::RoundingMode;
use treville_party::Exit;
use treville_passes::hlil_saturate::{self, Gain, RULES, Report, gains, saturate};
use treville_passes::{Manager, Module, Options, Price, resolve};

use crate::backends::Backend;
use crate::cli::CostArgs;
use crate::compile::ring_bits;
use crate::failure::Failure;
use crate::model::Model;
use crate::price::{network, prices};
use crate::table::{bytes, seconds, table};

/// The report, as a table or as JSON.
pub(crate) fn rules(args: &CostArgs) -> Result<String, Failure> {
    let model = Model::read(&args.model, &args.options)?;
    let backend = Backend::by_name(&args.options.backend)?;
    let ring = ring_bits(&args.options.ring_bits, backend)?;
    let rounding = RoundingMode::from_name(backend.info().rounding.name())
        .expect("invariant: the runtime and LLIL have the same roundings");
    let network = network(&args.options.net)?;
    let options = Options { ring, rounding, prices: Some(prices(backend, ring)), network, ..Options::default() };
    let refuse = |d: &[treville_ir::Diagnostic]| Failure::diagnostics(Exit::Unsupported, d, &model.listing, false);

    let passes = resolve("hlil-default").map_err(|d| refuse(&d))?;
    let before: Vec<_> = passes.into_iter().take_while(|pass| pass.name != hlil_saturate::PASS.name).collect();
    let given = Module::Hlil(model.func.clone(), model.weights.clone());
    let (module, _) = Manager::default().run(&before, given, &options).map_err(|e| refuse(e.diagnostics()))?;
    let Module::Hlil(func, weights) = module else { unreachable!("invariant: the passes before it end in HLIL") };
    let all: Vec<_> = RULES.iter().collect();
    let (_, report) = saturate(&func, &weights, &all, &options).map_err(|d| refuse(&[d]))?;
    let gains = gains(&func, &weights, &options).map_err(|d| refuse(&[d]))?;
    Ok(if args.json { as_json(&report, &gains) } else { as_text(&report, &gains, &options) })
}

fn as_json(report: &Report, gains: &[Gain]) -> String {
    let price = |price: Option<Price>| price.map(|p| json!({"bytes": p.bytes, "rounds": p.rounds}));
    let rules: Vec<_> = gains
        .iter()
        .zip(&report.applications)
        .map(|(gain, (name, n))| json!({"rule": name, "applied": n, "without": price(gain.without)}))
        .collect();
    let value = json!({
        "stop": report.stop, "iterations": report.iterations, "nodes": report.nodes, "classes": report.classes,
        "before": price(report.before), "after": price(report.after), "rules": rules,
    });
    format!("{value}\n")
}

fn as_text(report: &Report, gains: &[Gain], options: &Options) -> String {
    let show = |price: Option<Price>| match price {
        Some(p) => format!("{} in {} rounds ({})", bytes(p.bytes), p.rounds, seconds(options.network.seconds(p))),
        None => "unknown before calibration".into(),
    };
    let mut text = format!(
        "e-graph: {}, {} iterations, {} nodes in {} classes\n  before: {}\n  after:  {}\n",
        report.stop,
        report.iterations,
        report.nodes,
        report.classes,
        show(report.before),
        show(report.after)
    );
    let rows: Vec<Vec<String>> = gains
        .iter()
        .zip(&report.applications)
        .map(|(gain, (name, n))| {
            let saved = gain.without.zip(gain.with).map(|(without, with)| without - with).unwrap_or_default();
            vec![name.to_string(), n.to_string(), bytes(saved.bytes), saved.rounds.to_string()]
        })
        .collect();
    text += &table(&["rule", "applied", "bytes gained", "rounds gained"], &rows);
    text
}
