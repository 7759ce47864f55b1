//! What a program will cost: the interpreter over declared costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use treville_codegen::Plan;
use treville_ir::{ArgKind, Diagnostic, Func};
use treville_llil::Llil;
use treville_net::{Shape, memory};
use treville_party::{Manifest, PartyReport, Program, RunReport, Tensors, merge_reports};
use treville_passes::{Network, Prices, multiplications};
use treville_protocol::{Costs, Env, Priced, Protocol, Session};
use treville_ring::{RingBits, RingTensor};

use crate::backends::{Backend, WithBackend};
use crate::failure::Failure;
use crate::interpreter::Interpreter;

/// Bytes and rounds of each operation of one inference in a session of its own, as the backend declares them.
pub struct Price {
    /// By operation: bytes and the depth of the chain of messages after it, in set-up (0) and inference (1).
    pub report: PartyReport,
    /// What a party keeps of the weights, in bytes.
    pub weight_bytes: u64,
}

/// Seconds on the wire of `net`: rounds times latency, and all bytes over the links of three pairs of parties at once. Computing comes on top.
pub fn wire_seconds(report: &RunReport, net: Shape) -> f64 {
    wire_seconds_of(report.bytes_total, report.rounds, net)
}

/// As [`wire_seconds`], for a part of a program.
pub fn wire_seconds_of(bytes: u64, rounds: u32, net: Shape) -> f64 {
    f64::from(rounds) * net.latency.as_secs_f64() + bytes as f64 / (3.0 * net.bytes_per_second)
}

/// Prices a program.
pub fn price(func: &Func<Llil>, plan: &Plan, ring: RingBits, backend: Backend) -> Result<Price, Failure> {
    backend.with(Pricing { func, plan, ring })
}

impl Price {
    /// The price as the report of a run would have it.
    pub fn as_report(&self, manifest: &Manifest) -> RunReport {
        merge_reports(manifest, vec![self.report.clone()])
    }

    /// Bytes and added rounds of each operation, in the plan's order.
    pub fn by_op(&self, plan: &Plan) -> BTreeMap<u32, (u64, u32)> {
        let mut depth = 0;
        let mut by_op: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
        for phase in [0, 1] {
            for row in &plan.rows {
                let Some(measure) = self.report.ops.get(&row.op) else { continue };
                let entry = by_op.entry(row.op).or_insert((measure.bytes, 0));
                if let Some(&reached) = measure.depth_after.get(&phase) {
                    entry.1 += reached.saturating_sub(depth);
                    depth = depth.max(reached);
                }
            }
        }
        by_op
    }
}

/// The network that `--net` names.
pub fn network(name: &str) -> Result<Network, Failure> {
    let shape: Shape = name.parse().map_err(|e: treville_net::ShapeError| Failure::usage(e.to_string()))?;
    Ok(Network {
        bytes_per_second: shape.bytes_per_second.round().max(1.0) as u64,
        latency_us: u64::try_from(shape.latency.as_micros()).unwrap_or(u64::MAX),
    })
}

/// The backend's prices, for passes that choose by them.
pub fn prices(backend: Backend, ring: RingBits) -> Prices {
    let price_of = move |func: &Func<Llil>| {
        let price = price(func, &Plan::new(func), ring, backend)
            .map_err(|e| Diagnostic::error("E0502", format!("{} has no price for this: {e}", backend.info().name)))?;
        let ops = price.report.ops.values();
        let bytes = ops.clone().map(|measure| measure.bytes).sum();
        let rounds = ops.flat_map(|measure| measure.depth_after.values()).max().copied().unwrap_or(0);
        Ok(treville_passes::Price { bytes, rounds, multiplications: multiplications(func) })
    };
    Prices::new(backend.info().name, Arc::new(price_of))
}

struct Pricing<'a> {
    func: &'a Func<Llil>,
    plan: &'a Plan,
    ring: RingBits,
}

impl WithBackend for Pricing<'_> {
    type Output = Result<Price, Failure>;

    fn run<P: Protocol>(self) -> Self::Output {
        let roles = P::info().roles;
        let program = Interpreter { func: self.func, plan: self.plan, roles, trace: None };
        // Nothing is sent on it.
        let transport = memory::mesh_seeded(roles.len(), [0; 32]).swap_remove(0);
        let env = Env { transport: Arc::new(transport), recorder: None, audit: None };
        let session = Session::new::<Priced<P>>(env, self.ring)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().build().map_err(|e| Failure::other(e.to_string()))?;
        runtime.block_on(async {
            let weights = Program::setup(&program, &session.setup(), &Shapes).await?;
            Program::infer(&program, &session.inference(0), &weights, &Shapes).await
        })?;
        Ok(Price {
            report: PartyReport::new(roles[0], 0.0, &session.reports(), None),
            weight_bytes: self.weight_bytes(P::info().costs),
        })
    }
}

impl Pricing<'_> {
    /// What a party keeps of the weights.
    fn weight_bytes(&self, costs: &dyn Costs) -> u64 {
        let weights = self.func.args().zip(&self.plan.args).filter(|((_, arg), _)| arg.kind == ArgKind::Weight);
        let kept = weights.map(|((_, arg), plan)| {
            let n = arg.ty.elements();
            plan.prepare.map_or(0, |_| costs.prepared_elements(n)) + if plan.plain { n } else { 0 }
        });
        8 * kept.sum::<usize>() as u64
    }
}

/// Prices depend on no values.
struct Shapes;

impl Tensors for Shapes {
    fn get(&self, _: &str) -> Option<RingTensor> {
        None
    }
}
