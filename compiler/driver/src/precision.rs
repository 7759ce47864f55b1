//! `treville cost --scales`: range, fraction bits, width, error and failure of each node.

use indexmap::IndexMap;
use serde_json::json;
use treville_ir::{Attr, Func, ValueId};
use treville_llil::Llil;
use treville_passes::analysis::failure::failure_bound;
use treville_passes::analysis::range::{self, MARGIN, Range};

use crate::compile::Compiled;
use crate::table::{bytes, probability, table};

/// What is known of the values of a node.
#[derive(Clone, Debug, Default)]
struct Precision {
    range: Option<Range>,
    origin: String,
    /// Fraction bits of its last value.
    scale: u8,
    /// The ring's width.
    width: u8,
    /// Bits that its widest value needs, with the sign and the margin.
    needs: Option<u32>,
    /// Bound on the error of its last value through roundings that are not exact, as a real.
    error: Option<f64>,
    /// log2 of the probability that one of its ScaleDowns goes wrong.
    failure: f64,
    bytes: u64,
}

/// The table.
pub(crate) fn text(compiled: &Compiled) -> String {
    let number = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.1e}"));
    let row = |(node, p): (String, Precision)| {
        vec![
            node,
            p.range.map_or("-".into(), |r| format!("{:.4} to {:.4}", r.low, r.high)),
            p.origin,
            p.scale.to_string(),
            p.needs.map_or("-".into(), |bits| bits.to_string()),
            p.width.to_string(),
            number(p.error),
            probability(p.failure),
            bytes(p.bytes),
        ]
    };
    let header = ["node", "range", "origin", "scale", "needs", "width", "error", "failure", "bytes"];
    let rows: Vec<Vec<String>> = of_nodes(compiled).into_iter().map(row).collect();
    format!(
        "{}\n{}  in total: an inference goes wrong with probability {} at most; calibrated ranges count {MARGIN} times\n",
        compiled.scales.describe(),
        table(&header, &rows),
        compiled.manifest.failure_log2.map_or("0".into(), probability)
    )
}

/// The same as one JSON object.
pub(crate) fn json(compiled: &Compiled) -> String {
    let node = |(name, p): (String, Precision)| {
        json!({
            "name": name, "range": p.range.map(|r| [r.low, r.high]), "origin": p.origin, "scale": p.scale, "needs": p.needs,
            "width": p.width, "error": p.error, "failure_log2": p.failure.is_finite().then_some(p.failure), "bytes": p.bytes,
        })
    };
    let nodes: Vec<_> = of_nodes(compiled).into_iter().map(node).collect();
    let value =
        json!({"scale": compiled.manifest.scale, "failure_log2": compiled.manifest.failure_log2, "nodes": nodes});
    format!("{value}\n")
}

fn of_nodes(compiled: &Compiled) -> IndexMap<String, Precision> {
    let func = &compiled.llil;
    let mut nodes: IndexMap<String, Precision> = IndexMap::new();
    let values = func.args().filter(|(_, arg)| arg.kind == treville_ir::ArgKind::Input).map(|(value, _)| value);
    let values = values.chain(func.ops().map(|(_, op)| op.results[0]));
    for value in values {
        let Some(fixed) = func.ty(value).elem.fixed() else { continue };
        let Some(range) = range::of(func, value) else { continue };
        let node = nodes
            .entry(func.loc(value).to_string())
            .or_insert(Precision { failure: f64::NEG_INFINITY, ..Precision::default() });
        let text = |key: &str| func.annotation(value, key).and_then(Attr::as_str).unwrap_or_default().to_string();
        (node.range, node.origin) = (Some(range), text("range_origin"));
        (node.scale, node.width) = (fixed.frac, fixed.ring.get());
        node.needs = node.needs.max(Some(needed_bits(func, value, range)));
        let units = func.annotation(value, "err").and_then(Attr::as_float);
        node.error = units.map(|units| units / 2f64.powi(fixed.frac.into()));
    }
    for failing in failure_bound(func).nodes {
        if let Some(node) = nodes.get_mut(&failing.loc) {
            node.failure = (node.failure.exp2() + failing.log2.exp2()).log2();
        }
    }
    for node in compiled.predicted().nodes {
        if let Some(precision) = nodes.get_mut(&node.name) {
            precision.bytes = node.bytes;
        }
    }
    nodes
}

/// The width of the ring that a value needs: its range with the margin, the sign, and one bit more where it is compared.
fn needed_bits(func: &Func<Llil>, value: ValueId, range: Range) -> u32 {
    let frac = func.ty(value).elem.fixed().map_or(0, |fixed| fixed.frac);
    let is_proven = func.annotation(value, "range_origin").and_then(Attr::as_str) == Some("proven");
    let margin = if is_proven { 1.0 } else { MARGIN };
    let is_compared = func.ops().any(|(_, op)| {
        op.operands.first() == Some(&value) && matches!(op.def.mnemonic, "relu" | "drelu" | "max_pool" | "arg_max")
    });
    let extent = if is_compared { range.scaled(frac) } else { range.magnitude() * 2f64.powi(frac.into()) };
    (extent * margin).max(1.0).log2().ceil() as u32 + 1 + u32::from(is_compared)
}
