//! `treville passes`: the table of passes, and the page of one.

use serde_json::{Value, json};
use treville_passes::{PASSES, PIPELINES, Pass, Pipeline};

use crate::cli::PassesArgs;
use crate::failure::Failure;
use crate::reference;

/// Lists passes and pipelines, or describes the one that is named.
pub(crate) fn passes(args: &PassesArgs) -> Result<String, Failure> {
    let is_named = |name: &str| args.name.as_deref().is_none_or(|wanted| wanted == name);
    let passes: Vec<&Pass> = PASSES.iter().copied().filter(|pass| is_named(pass.name)).collect();
    let pipelines: Vec<&Pipeline> = PIPELINES.iter().filter(|pipeline| is_named(pipeline.name)).collect();
    let names = || PASSES.iter().map(|pass| pass.name).chain(PIPELINES.iter().map(|pipeline| pipeline.name));
    if passes.is_empty() && pipelines.is_empty() {
        let (name, names) = (args.name.as_deref().unwrap_or_default(), names().collect::<Vec<_>>().join(", "));
        return Err(Failure::usage(format!("there is no pass `{name}`; there are: {names}")));
    }
    if args.list.json {
        let rows: Vec<Value> =
            passes.into_iter().map(pass_json).chain(pipelines.into_iter().map(pipeline_json)).collect();
        let value = if args.name.is_some() { rows[0].clone() } else { Value::Array(rows) };
        return Ok(format!("{value}\n"));
    }
    if args.name.is_some() {
        return Ok(passes
            .into_iter()
            .map(reference::pass)
            .chain(pipelines.into_iter().map(reference::pipeline))
            .collect());
    }
    let width = names().map(str::len).max().unwrap_or(0);
    let rows = passes.iter().map(|p| (p.name, p.summary)).chain(pipelines.iter().map(|p| (p.name, p.summary)));
    Ok(rows.map(|(name, summary)| format!("{name:width$}  {summary}\n")).collect())
}

fn pass_json(pass: &Pass) -> Value {
    json!({
        "kind": "pass", "name": pass.name, "summary": pass.summary,
        "takes": pass.takes.iter().map(|level| level.name()).collect::<Vec<_>>(),
        "domain": pass.domain.name(), "pipelines": reference::pipelines_of(pass),
        "example": {"before": pass.example.before, "after": pass.example.after},
    })
}

fn pipeline_json(pipeline: &Pipeline) -> Value {
    json!({"kind": "pipeline", "name": pipeline.name, "summary": pipeline.summary, "passes": pipeline.passes})
}
