//! What a party measured, and how the parties' measurements become one report.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use treville_prg::SESSION_INFERENCE;
use treville_protocol::OpReport;

use crate::Manifest;
use crate::memory::PeakMemory;

/// What one party measured of one session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartyReport {
    /// The role.
    pub role: String,
    /// Payload bytes sent.
    pub bytes_sent: u64,
    /// Wall time from the end of the handshake to the last result.
    pub seconds: f64,
    /// When the session started, in seconds since 1970.
    #[serde(default)]
    pub started: f64,
    /// Processor time of the process, all threads, from its start.
    pub cpu_seconds: Option<f64>,
    /// Largest resident set of the process.
    pub peak_rss_bytes: Option<u64>,
    /// By operation.
    #[serde(default)]
    pub ops: BTreeMap<u32, OpMeasure>,
}

/// What one party measured of one operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpMeasure {
    /// Wall time over all inferences.
    pub seconds: f64,
    /// When it started, in seconds from the session's start on, and how many it took, each time.
    #[serde(default)]
    pub spans: Vec<(f64, f64)>,
    /// The largest resident set of the process while it ran.
    #[serde(default)]
    pub peak_rss_bytes: Option<u64>,
    /// Payload bytes sent over all inferences.
    pub bytes: u64,
    /// By inference, 0 standing for set-up and i + 1 for inference i: the depth of the chain of messages when the operation ended.
    pub depth_after: BTreeMap<u32, u32>,
}

impl PartyReport {
    /// Gathers what a session measured; `memory` where the process is the party's alone.
    pub fn new(role: &str, seconds: f64, ops: &BTreeMap<u32, OpReport>, memory: Option<&PeakMemory>) -> Self {
        let ops: BTreeMap<u32, OpMeasure> = ops
            .iter()
            .map(|(&op, r)| {
                let depth_after =
                    r.depth_after.iter().map(|(&i, &d)| (if i == SESSION_INFERENCE { 0 } else { i + 1 }, d)).collect();
                let spans = r.spans.iter().map(|(start, time)| (start.as_secs_f64(), time.as_secs_f64())).collect();
                let (seconds, bytes) = (r.time.as_secs_f64(), r.sent.total());
                let peak_rss_bytes = memory.and_then(|memory| memory.of(op));
                (op, OpMeasure { seconds, spans, peak_rss_bytes, bytes, depth_after })
            })
            .collect();
        let bytes_sent = ops.values().map(|o| o.bytes).sum();
        PartyReport {
            role: role.into(),
            bytes_sent,
            seconds,
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64()) - seconds,
            cpu_seconds: cpu_seconds(),
            peak_rss_bytes: memory.and_then(PeakMemory::overall),
            ops,
        }
    }
}

/// The report of a run: `treville run --report`. Bytes are payload, summed over all senders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The version of this format.
    pub schema: u32,
    /// The backend's name.
    pub backend: String,
    /// The program's hash.
    pub program_hash: String,
    /// Wall time of the slowest party.
    pub seconds: f64,
    /// Payload bytes.
    pub bytes_total: u64,
    /// Bytes of a separate offline phase; 0 for backends without one.
    pub bytes_offline: u64,
    /// All other bytes.
    pub bytes_online: u64,
    /// The longest chain of dependent messages.
    pub rounds: u32,
    /// By party, in the order of their indices.
    pub parties: Vec<PartyReport>,
    /// By node of the model, in program order.
    pub nodes: Vec<NodeReport>,
}

/// What a node of the model cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    /// The node's name in the model.
    pub name: String,
    /// The operations that it became.
    pub op: String,
    /// Wall time at the slowest party.
    pub seconds: f64,
    /// Payload bytes.
    pub bytes: u64,
    /// What the node adds to the chain of dependent messages.
    pub rounds: u32,
    /// The largest resident set of a party while one of its operations ran.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
}

/// Merges the parties' measurements; `parties` in the order of their indices.
pub fn merge_reports(manifest: &Manifest, mut parties: Vec<PartyReport>) -> RunReport {
    let mut nodes: Vec<NodeReport> = Vec::new();
    let mut rounds_of: BTreeMap<u32, u32> = BTreeMap::new();
    let mut depth = 0;
    let n_phases = parties
        .iter()
        .flat_map(|p| p.ops.values())
        .filter_map(|o| o.depth_after.keys().max())
        .max()
        .map_or(0, |m| m + 1);
    for phase in 0..n_phases {
        for info in &manifest.ops {
            let reached =
                parties.iter().filter_map(|p| p.ops.get(&info.op)?.depth_after.get(&phase)).max().copied().unwrap_or(0);
            *rounds_of.entry(info.op).or_default() += reached.saturating_sub(depth);
            depth = depth.max(reached);
        }
    }
    // Nodes come in program order: inputs and weights of a node are shared before it runs, and say nothing of its place.
    let (early, program): (Vec<_>, Vec<_>) =
        manifest.ops.iter().partition(|o| matches!(o.kind.as_str(), "input" | "prepare"));
    for info in program.into_iter().chain(early) {
        let seconds = parties.iter().filter_map(|p| p.ops.get(&info.op)).map(|o| o.seconds).fold(0.0, f64::max);
        let bytes = parties.iter().filter_map(|p| p.ops.get(&info.op)).map(|o| o.bytes).sum::<u64>();
        let position = nodes.iter().position(|n| n.name == info.node).unwrap_or_else(|| {
            nodes.push(NodeReport { name: info.node.clone(), ..NodeReport::default() });
            nodes.len() - 1
        });
        let node = &mut nodes[position];
        if !node.op.split('+').any(|k| k == info.kind) {
            node.op += if node.op.is_empty() { "" } else { "+" };
            node.op += &info.kind;
        }
        node.seconds += seconds;
        node.bytes += bytes;
        node.rounds += rounds_of[&info.op];
        let memory = parties.iter().filter_map(|p| p.ops.get(&info.op)?.peak_rss_bytes).max();
        node.memory_bytes = node.memory_bytes.max(memory);
    }
    let bytes_total = parties.iter().map(|p| p.bytes_sent).sum();
    let seconds = parties.iter().map(|p| p.seconds).fold(0.0, f64::max);
    parties.iter_mut().for_each(|p| {
        p.ops.clear();
        p.started = 0.0;
    });
    RunReport {
        schema: 1,
        backend: manifest.backend.clone(),
        program_hash: manifest.program_hash.clone(),
        seconds,
        bytes_total,
        bytes_offline: 0,
        bytes_online: bytes_total,
        rounds: depth,
        parties,
        nodes,
    }
}

/// Processor time of this process from Linux's accounting; `None` elsewhere.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |i: usize| fields.get(i)?.parse::<f64>().ok();
    // Fields 14 and 15 of proc(5), in the kernel's fixed user-visible unit of 1/100 s.
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
