//! All parties of a session in one process, over memory: for tests, benches and `treville simulate`.

use std::sync::Arc;

use treville_net::{MemoryTransport, NetError, Party, Transport, memory};
use treville_ring::RingBits;

use crate::{Env, Protocol, ProtocolError, Recorder, Session};

/// How a simulated session is set up.
#[derive(Clone)]
pub struct Simulation {
    /// The ring of the program.
    pub ring: RingBits,
    /// Makes all randomness repeat, and every secret known: for tests. `None` takes it from the operating system.
    pub seed: Option<[u8; 32]>,
    /// See [`Env::recorder`].
    pub recorder: Option<Arc<Recorder>>,
    /// See [`Env::audit`].
    pub audit: Option<Arc<treville_prg::Audit>>,
}

/// How one party ended.
struct Ended<T, E> {
    result: Result<T, E>,
    /// Whether another party had ended the session before.
    echo: bool,
}

impl Simulation {
    /// A session over `ring` with fresh randomness and without observers.
    pub fn new(ring: RingBits) -> Self {
        Simulation { ring, seed: None, recorder: None, audit: None }
    }

    /// A session over Z_2^64 that repeats exactly.
    pub fn seeded(seed: u8) -> Self {
        Simulation { seed: Some([seed; 32]), ..Simulation::new(RingBits::FULL) }
    }

    /// Runs `program` once for each party of the backend, side by side, and returns the results by party.
    ///
    /// # Errors
    /// The error that ended the session. Of several the one that is not about the others' end.
    pub fn run<P: Protocol, T: Send, E: From<ProtocolError> + Send>(
        &self,
        program: impl AsyncFn(Party, Session) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        self.run_over::<P, T, E>(|transport| Arc::new(transport) as Arc<dyn Transport>, program)
    }

    /// As [`Simulation::run`], with each party's transport wrapped: to shape it, or to look on.
    ///
    /// # Errors
    /// As [`Simulation::run`].
    pub fn run_over<P: Protocol, T: Send, E: From<ProtocolError> + Send>(
        &self,
        wrap: impl Fn(MemoryTransport) -> Arc<dyn Transport> + Sync,
        program: impl AsyncFn(Party, Session) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        let results = self.results_over::<P, T, E>(wrap, program)?;
        let mut values = Vec::new();
        let mut first: Option<(bool, E)> = None;
        for Ended { result, echo } in results {
            match result {
                Ok(value) => values.push(value),
                Err(error) if first.as_ref().is_none_or(|(first_is_echo, _)| *first_is_echo && !echo) => {
                    first = Some((echo, error))
                }
                Err(_) => {}
            }
        }
        first.map_or(Ok(values), |(_, error)| Err(error))
    }

    /// How each party ended.
    fn results_over<P: Protocol, T: Send, E: From<ProtocolError> + Send>(
        &self,
        wrap: impl Fn(MemoryTransport) -> Arc<dyn Transport> + Sync,
        program: impl AsyncFn(Party, Session) -> Result<T, E> + Sync,
    ) -> Result<Vec<Ended<T, E>>, E> {
        let n = P::info().roles.len();
        let mesh = match self.seed {
            Some(seed) => memory::mesh_seeded(n, seed),
            None => memory::mesh(n).map_err(ProtocolError::Net)?,
        };
        let party = |transport: MemoryTransport| {
            let transport = wrap(transport);
            let env = Env { transport: transport.clone(), recorder: self.recorder.clone(), audit: self.audit.clone() };
            let session = match Session::new::<P>(env, self.ring) {
                Ok(session) => session,
                Err(error) => {
                    let ended = transport.abort(NetError::Config { what: error.public_reason() });
                    return Ended { result: Err(error.into()), echo: matches!(ended, NetError::Aborted { .. }) };
                }
            };
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let ended = transport.abort(NetError::Config { what: format!("no runtime: {error}") });
                    return Ended { result: Err(ProtocolError::Net(ended).into()), echo: false };
                }
            };
            let result = runtime.block_on(program(transport.me(), session));
            let ended = result.is_err().then(|| {
                transport.abort(NetError::Config { what: "a party's program has ended with an error".into() })
            });
            Ended { result, echo: matches!(ended, Some(NetError::Aborted { .. })) }
        };
        Ok(std::thread::scope(|scope| {
            let threads: Vec<_> = mesh.into_iter().map(|transport| scope.spawn(|| party(transport))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        }))
    }
}
