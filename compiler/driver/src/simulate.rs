//! All parties in one process: over memory, with the interpreter as the program.

use std::sync::Arc;
use std::time::Instant;

use treville_codegen::Plan;
use treville_ir::Func;
use treville_llil::Llil;
use treville_net::{Transport, memory};
use treville_party::{
    Array, Decoded, Manifest, PartyError, PartyReport, Results, RunReport, Samples, SessionData, WeightFile,
    merge_reports, run_session,
};
use treville_protocol::{Env, Protocol, Recorder, Session};

use crate::backends::{Backend, WithBackend};
use crate::failure::Failure;
use crate::interpreter::Interpreter;
use crate::run::is_for;
use crate::trace::Trace;

/// What a simulation needs.
pub struct Simulation<'a> {
    /// The compiled program.
    pub func: &'a Func<Llil>,
    /// Its numbers.
    pub plan: &'a Plan,
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// The weights.
    pub weights: &'a WeightFile,
    /// The inputs of all owners, by name.
    pub inputs: Vec<(String, Array)>,
    /// Records the roundings, to be replayed.
    pub recorder: Option<Arc<Recorder>>,
}

/// What a simulation yields.
pub struct Simulated {
    /// By inference, the results in the manifest's order.
    pub results: Vec<Vec<Decoded>>,
    /// The merged report.
    pub report: RunReport,
}

impl Simulation<'_> {
    /// Runs all inferences on `backend`.
    pub fn run(self, backend: Backend) -> Result<Simulated, Failure> {
        backend.with(Traced { simulation: &self, trace: None })
    }

    /// Runs one inference on `backend` and opens the result of each operation.
    ///
    /// # Security
    /// As [`Trace`].
    pub fn run_traced(self, backend: Backend, trace: &Trace) -> Result<Simulated, Failure> {
        backend.with(Traced { simulation: &self, trace: Some(trace) })
    }

    /// One party's part.
    fn party<P: Protocol>(
        &self,
        transport: Arc<dyn Transport>,
        trace: Option<&Trace>,
    ) -> Result<(Results, PartyReport), PartyError> {
        let role = P::info().roles[transport.me().0];
        let mine = self.inputs.iter().filter(|(name, _)| is_for(name, role, self.manifest));
        let samples = Samples::new(self.manifest, role, mine.cloned().collect())?;
        let owns_weights = self.manifest.weights.iter().any(|w| w.owner == role);
        let data = SessionData {
            manifest: self.manifest,
            role,
            weights: owns_weights.then_some(self.weights),
            samples: &samples,
        };
        let program = Interpreter { func: self.func, plan: self.plan, roles: P::info().roles, trace };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| PartyError::Usage(format!("cannot start a runtime: {e}")))?;
        let start = Instant::now();
        runtime.block_on(async {
            let env = Env { transport: transport.clone(), recorder: self.recorder.clone(), audit: None };
            let session = Session::new::<P>(env, self.manifest.ring()?)?;
            let results = run_session(&session, transport.as_ref(), &program, &data)
                .await
                .inspect_err(|e| stop(transport.as_ref(), e))?;
            Ok((results, PartyReport::new(role, start.elapsed().as_secs_f64(), &session.reports(), None)))
        })
    }
}

/// Tells the other parties of a failure that is this party's own.
fn stop(transport: &dyn Transport, error: &PartyError) {
    if !matches!(error, PartyError::Net(_)) {
        let at = treville_net::Tag { op: treville_net::Tag::CONTROL, inference: 0, step: 0 };
        transport.abort(treville_net::NetError::Stopped { at, reason: error.to_string() });
    }
}

/// A simulation, and where the results of its operations are opened.
struct Traced<'a> {
    simulation: &'a Simulation<'a>,
    trace: Option<&'a Trace>,
}

impl WithBackend for Traced<'_> {
    type Output = Result<Simulated, Failure>;

    fn run<P: Protocol>(self) -> Self::Output {
        let mesh = memory::mesh(P::info().roles.len()).map_err(PartyError::from)?;
        let (this, trace) = (self.simulation, self.trace);
        // One thread a party: products use all cores anyway.
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                mesh.into_iter().map(|t| scope.spawn(move || this.party::<P>(Arc::new(t), trace))).collect();
            threads.into_iter().map(|t| t.join().expect("invariant: a party returns its errors")).collect()
        });
        let mut parties = Vec::new();
        let mut by_party = Vec::new();
        let mut failure: Option<PartyError> = None;
        for outcome in outcomes {
            match outcome {
                Ok((results, report)) => {
                    by_party.push(results);
                    parties.push(report);
                }
                // What is about a peer only follows from what happened there.
                Err(e) if failure.is_none() || matches!(failure, Some(PartyError::Net(_))) => failure = Some(e),
                Err(_) => {}
            }
        }
        if let Some(error) = failure {
            return Err(Failure::new(error.exit(), error.explain(this.manifest)));
        }
        let n_inferences = by_party.first().map_or(0, Vec::len);
        let results = (0..n_inferences)
            .map(|i| {
                (0..this.manifest.outputs.len())
                    .map(|o| {
                        by_party.iter().find_map(|p| p[i][o].clone()).expect("invariant: every result has an owner")
                    })
                    .collect()
            })
            .collect();
        Ok(Simulated { results, report: merge_reports(this.manifest, parties) })
    }
}
