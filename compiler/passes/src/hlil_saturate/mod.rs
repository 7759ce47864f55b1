//! `hlil-saturate`: of all programs that the rules make of this one, the cheapest for the backend.
//!
//! The function becomes an e-graph; the rules add equal terms to it until they find no more, or a limit is reached that is a count; then the terms
//! are chosen that cost least together, each counted once however often it is used. What a term costs is what the backend declares for its
//! lowering (`Options::prices`), in seconds on `Options::network`: few rounds count on a WAN, few bytes on a LAN. Without prices nothing is done,
//! and a program that is not cheaper than the given one is not returned.
//!
//! Terms that need no input (weights, and what is made of them) cost what the weight costs that `hlil-fold-constants` makes of them.
//!
//! [`RULES`] is the list of the rules. There is no rule for commutativity or associativity as such: they look at both operands.
//!
//! # Source
//! egg: Fast and extensible equality saturation (Willsey et al., POPL 2021).

mod extract;
mod pricing;
mod report;
mod rules;
mod terms;
#[cfg(test)]
mod tests;

use std::time::Duration;

use egg::{Id, Rewrite, Runner, SearchMatches, Searcher, SimpleScheduler, StopReason, Subst, Var};
use treville_hlil::{Hlil, Weights};
use treville_ir::{Diagnostic, Func};

use crate::{Domain, Example, Level, Module, Options, Pass, dce};
use extract::Extraction;
use pricing::Pricing;
pub use report::{Gain, Report};
pub use rules::{RULES, Rule};
use terms::{Graph, Node, Terms, graph_of};

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-saturate",
    summary: "finds the cheapest program for the backend's prices by equality saturation",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

/// Times that the rules are applied to all terms, at most.
pub const MAX_ITERATIONS: usize = 12;
/// Nodes of the e-graph, at most, for each op of the program.
pub const MAX_NODES_PER_OP: usize = 40;

fn run(module: Module, options: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(func, weights) = module else { return Ok(module) };
    let rules: Vec<&Rule> = RULES.iter().collect();
    let (func, _) = saturate(&func, &weights, &rules, options).map_err(|e| vec![e])?;
    Ok(Module::Hlil(func, weights))
}

/// The cheapest program that the rules find, and how it was found.
///
/// # Errors
/// An internal error where a term cannot be rebuilt.
pub fn saturate(
    func: &Func<Hlil>,
    weights: &Weights,
    rules: &[&'static Rule],
    options: &Options,
) -> Result<(Func<Hlil>, Report), Diagnostic> {
    let Some(prices) = &options.prices else { return Ok((func.clone(), Report::unpriced())) };
    let (graph, classes) = graph_of(func);
    let rewrites: Vec<Rewrite<Node, terms::Facts>> = rules.iter().map(|&rule| rewrite(rule)).collect();
    let runner: Runner<Node, terms::Facts> = Runner::new(terms::Facts::none())
        .with_egraph(graph)
        .with_iter_limit(MAX_ITERATIONS)
        .with_node_limit(MAX_NODES_PER_OP * func.ops().len().max(50))
        .with_time_limit(Duration::MAX)
        .with_scheduler(SimpleScheduler)
        .run(&rewrites);
    let mut applications: Vec<(&'static str, usize)> = rules.iter().map(|rule| (rule.name, 0)).collect();
    for iteration in &runner.iterations {
        for (name, count) in &mut applications {
            *count += iteration.applied.iter().find(|(rule, _)| rule.as_str() == *name).map_or(0, |(_, n)| *n);
        }
    }
    let stop = match runner.stop_reason {
        Some(StopReason::Saturated) => "saturated".into(),
        Some(StopReason::IterationLimit(n)) => format!("after {n} iterations"),
        Some(StopReason::NodeLimit(n)) => format!("at {n} nodes"),
        Some(StopReason::TimeLimit(_)) | None => "stopped".into(),
        Some(StopReason::Other(why)) => why,
    };
    let graph = &runner.egraph;
    let mut pricing = Pricing::new(options, prices);
    let extraction = Extraction::new(graph, func, &classes, &mut pricing);
    let found = dce::without_dead_code(&extraction.build(graph, func, &classes)?);
    let before = pricing.whole(func, weights);
    let mut report = Report {
        stop,
        iterations: runner.iterations.len(),
        nodes: graph.total_number_of_nodes(),
        classes: graph.number_of_classes(),
        applications,
        before,
        after: before,
    };
    let after = pricing.whole(&found, weights);
    let is_cheaper = match (before, after) {
        (Some(before), Some(after)) => {
            let seconds = |price| options.network.seconds(price);
            seconds(after) < seconds(before) || seconds(after) == seconds(before) && extraction.saves
        }
        // A function that is not calibrated yet cannot be priced as a whole.
        _ => extraction.saves,
    };
    if !is_cheaper {
        return Ok((func.clone(), report));
    }
    report.after = after;
    Ok((found, report))
}

/// What each rule gains: the price without it, less the price with all of them.
///
/// # Errors
/// As [`saturate`].
pub fn gains(func: &Func<Hlil>, weights: &Weights, options: &Options) -> Result<Vec<Gain>, Diagnostic> {
    let all: Vec<&Rule> = RULES.iter().collect();
    let (_, with) = saturate(func, weights, &all, options)?;
    let mut gains = Vec::new();
    for rule in RULES {
        // A rule that changed nothing has gained nothing.
        let applied = with.applications.iter().any(|(name, count)| *name == rule.name && *count > 0);
        let without = if applied {
            let others: Vec<&Rule> = all.iter().copied().filter(|other| other.name != rule.name).collect();
            saturate(func, weights, &others, options)?.1.after
        } else {
            with.after
        };
        gains.push(Gain { rule: rule.name, without, with: with.after });
    }
    Ok(gains)
}

/// The programs that single applications of a rule make of a program, whatever they cost.
///
/// # Errors
/// An internal error where a term cannot be rebuilt.
pub fn variants(func: &Func<Hlil>, rule: &'static Rule) -> Result<Vec<Func<Hlil>>, Diagnostic> {
    let (mut graph, classes) = graph_of(func);
    let apply = Apply(rule);
    for matched in Roots(rule).search(&graph) {
        egg::Applier::apply_one(&apply, &mut graph, matched.eclass, &Subst::default(), None, rule.name.into());
    }
    graph.rebuild();
    Extraction::variants(&graph, func, &classes)?.iter().map(|func| Ok(dce::without_dead_code(func))).collect()
}

fn rewrite(rule: &'static Rule) -> Rewrite<Node, terms::Facts> {
    Rewrite::new(rule.name, Roots(rule), Apply(rule)).expect("invariant: rules have no variables")
}

/// Finds the classes that a rule may say something about.
struct Roots(&'static Rule);

impl Searcher<Node, terms::Facts> for Roots {
    fn search_eclass_with_limit(&self, graph: &Graph, id: Id, _: usize) -> Option<SearchMatches<'_, Node>> {
        let found = terms::terms(graph, id).any(|term| self.0.roots.contains(&term.op()))
            && !terms::origin(graph, id).is_fixed();
        found.then(|| SearchMatches { eclass: id, substs: vec![Subst::default()], ast: None })
    }

    fn vars(&self) -> Vec<Var> {
        Vec::new()
    }
}

/// Adds what a rule says.
struct Apply(&'static Rule);

impl egg::Applier<Node, terms::Facts> for Apply {
    fn apply_one(
        &self,
        graph: &mut Graph,
        id: Id,
        _: &Subst,
        _: Option<&egg::PatternAst<Node>>,
        name: egg::Symbol,
    ) -> Vec<Id> {
        let roots: Vec<terms::Term> =
            terms::terms(graph, id).filter(|term| self.0.roots.contains(&term.op())).collect();
        let mut changed = Vec::new();
        for root in roots {
            let mut terms = Terms(&mut *graph);
            terms.at(id);
            for equal in (self.0.apply)(&mut terms, id, &root) {
                let is_same_type = terms::ty(graph, equal) == terms::ty(graph, id);
                debug_assert!(
                    is_same_type,
                    "{} makes {} of {}",
                    self.0.name,
                    terms::ty(graph, equal),
                    terms::ty(graph, id)
                );
                if is_same_type && graph.union_trusted(id, equal, name) {
                    changed.push(id);
                }
            }
        }
        changed
    }
}
