//! `treville run --trace`: what every party did when, as Chrome's trace viewer and Perfetto read it.

use serde_json::{Value, json};
use treville_party::{Manifest, PartyReport};

/// The trace of a run, in the Trace Event Format: a process for each party, a row for each operation that runs beside others.
///
/// Times are in microseconds from the first party's start on. The waiting for a peer's messages is part of an operation.
pub(crate) fn chrome_trace(manifest: &Manifest, parties: &[PartyReport]) -> String {
    let first = parties.iter().map(|party| party.started).fold(f64::INFINITY, f64::min);
    let mut events: Vec<Value> = Vec::new();
    for (pid, party) in parties.iter().enumerate() {
        events.push(json!({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": party.role}}));
        let mut spans: Vec<(f64, f64, u32)> = Vec::new();
        for (op, measure) in &party.ops {
            spans.extend(measure.spans.iter().map(|(start, time)| (*start, *time, *op)));
        }
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A row is free again when what stands there has ended.
        let mut rows: Vec<f64> = Vec::new();
        for (start, time, op) in spans {
            let row = rows.iter().position(|end| *end <= start).unwrap_or_else(|| {
                rows.push(0.0);
                rows.len() - 1
            });
            rows[row] = start + time;
            let Some(info) = manifest.ops.iter().find(|info| info.op == op) else { continue };
            events.push(json!({
                "name": info.node, "cat": info.kind, "ph": "X", "pid": pid, "tid": row,
                "ts": (party.started - first + start) * 1e6, "dur": time * 1e6,
                "args": {"operation": info.kind, "number": op, "bytes": info.bytes, "rounds": info.rounds},
            }));
        }
    }
    json!({"traceEvents": events, "displayTimeUnit": "ms"}).to_string() + "\n"
}
