//! `treville cost`: bytes, rounds, time and memory of each node, before running.

use serde_json::json;
use treville_net::Shape;
use treville_party::RunReport;
use treville_passes::{live_bytes, multiplications_of};

use crate::compile::Compiled;
use crate::price::{wire_seconds, wire_seconds_of};
use crate::table::{bytes, seconds, table};

/// What a node costs beside its bytes and rounds.
#[derive(Clone, Copy, Debug, Default)]
struct NodeCost {
    /// Seconds of computing, see [`computing_seconds`].
    computing: f64,
    /// The most bytes of values that are alive while one of its operations runs.
    live_bytes: u64,
}

/// Nanoseconds of computing, of all parties on one machine with two cores: an estimate, fitted to two runs and no more.
///
/// Measured on 2 cores of an AMD EPYC (Zen 4) on 2026-11-26 with porthos and scale 12: `treville run DIR --input x.npy --report r.json`,
/// without `--net`, for ResNet50 (7.6 s; its comparisons take 7.0 s for 5.59 GB) and digits_cnn (10 ms in 59 rounds).
mod nanoseconds {
    /// For each payload byte of a comparison: random streams, shares, TLS.
    pub(super) const PER_BYTE_COMPARED: f64 = 1.25;
    /// For each other payload byte.
    pub(super) const PER_BYTE: f64 = 0.3;
    /// For each multiplication of the program; the parties together do several for it.
    pub(super) const PER_MULTIPLICATION: f64 = 0.11;
    /// For each round: the tasks that wake up.
    pub(super) const PER_ROUND: f64 = 160_000.0;
}

/// The seconds that an operation's computing takes.
fn computing_seconds(kind: &str, bytes: u64, rounds: u32, multiplications: u64) -> f64 {
    let is_comparison = matches!(kind, "relu" | "drelu" | "max_pool" | "arg_max");
    let per_byte = if is_comparison { nanoseconds::PER_BYTE_COMPARED } else { nanoseconds::PER_BYTE };
    1e-9 * (bytes as f64 * per_byte
        + multiplications as f64 * nanoseconds::PER_MULTIPLICATION
        + f64::from(rounds) * nanoseconds::PER_ROUND)
}

/// The cost of each node of the report.
fn node_costs(compiled: &Compiled, report: &RunReport) -> Vec<NodeCost> {
    let mut costs = vec![NodeCost::default(); report.nodes.len()];
    let position = |node: &str| report.nodes.iter().position(|n| n.name == node);
    for info in &compiled.manifest.ops {
        let index = compiled.plan.ops.iter().position(|numbers| numbers.op == info.op);
        let op = index.and_then(|i| compiled.llil.ops().nth(i)).map(|(_, op)| op);
        let multiplications = op.map_or(0, |op| multiplications_of(&compiled.llil, op));
        if let Some(at) = position(&info.node) {
            costs[at].computing += computing_seconds(&info.kind, info.bytes, info.rounds, multiplications);
        }
    }
    for ((_, op), live) in compiled.llil.ops().zip(live_bytes(&compiled.llil)) {
        if let Some(at) = position(&op.loc) {
            costs[at].live_bytes = costs[at].live_bytes.max(live);
        }
    }
    costs
}

/// The cost as one JSON object.
pub(crate) fn json(compiled: &Compiled) -> String {
    let report = compiled.predicted();
    let costs = node_costs(compiled, &report);
    let node = |(n, cost): (&treville_party::NodeReport, &NodeCost)| {
        json!({
            "name": n.name, "op": n.op, "bytes": n.bytes, "rounds": n.rounds,
            "seconds": {
                "lan": wire_seconds_of(n.bytes, n.rounds, Shape::LAN), "wan": wire_seconds_of(n.bytes, n.rounds, Shape::WAN),
                "computing": cost.computing,
            },
            "live_bytes": cost.live_bytes,
        })
    };
    let value = json!({
        "backend": report.backend, "bytes_total": report.bytes_total, "rounds": report.rounds,
        "seconds": {
            "lan": wire_seconds(&report, Shape::LAN), "wan": wire_seconds(&report, Shape::WAN),
            "computing": costs.iter().map(|cost| cost.computing).sum::<f64>(),
        },
        "peak_memory_bytes": compiled.peak_memory_bytes(), "weight_bytes": compiled.weight_bytes(), "failure_log2": compiled.manifest.failure_log2,
        "nodes": report.nodes.iter().zip(&costs).map(node).collect::<Vec<_>>(),
    });
    format!("{value}\n")
}

/// The cost as a table.
pub(crate) fn text(compiled: &Compiled) -> String {
    let report = compiled.predicted();
    let costs = node_costs(compiled, &report);
    let row = |(n, cost): (&treville_party::NodeReport, &NodeCost)| {
        let [lan, wan] = [Shape::LAN, Shape::WAN].map(|net| seconds(wire_seconds_of(n.bytes, n.rounds, net)));
        let rounds = n.rounds.to_string();
        vec![
            n.name.clone(),
            n.op.clone(),
            bytes(n.bytes),
            rounds,
            lan,
            wan,
            seconds(cost.computing),
            bytes(cost.live_bytes),
        ]
    };
    let rows: Vec<Vec<String>> = report.nodes.iter().zip(&costs).map(row).collect();
    let computing: f64 = costs.iter().map(|cost| cost.computing).sum();
    let [lan, wan] = [Shape::LAN, Shape::WAN].map(|net| wire_seconds(&report, net));
    table(&["node", "operations", "bytes", "rounds", "LAN", "WAN", "computing", "live"], &rows)
        + &format!(
            "  in total {} in {} rounds; on the wire about {} (LAN), {} (WAN)\n",
            bytes(report.bytes_total),
            report.rounds,
            seconds(lan),
            seconds(wan)
        )
        + &format!(
            "  with an estimate of computing, all parties on one machine of two cores: {} + {} = {} (LAN), {} (WAN)\n",
            seconds(computing),
            seconds(lan),
            seconds(computing + lan),
            seconds(computing + wan)
        )
        + &format!(
            "  a party holds {} at most, {} of it weights; what an operation needs while it works comes on top\n",
            bytes(compiled.peak_memory_bytes()),
            bytes(compiled.weight_bytes())
        )
}
