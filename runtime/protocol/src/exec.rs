//! Running a program: one method for each LLIL operation, with its time, bytes and rounds.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use treville_net::{NetError, Party, Tag, Transport};
use treville_prg::SESSION_INFERENCE;
use treville_ring::{ConvSpec, ConvTransposeSpec, RingBits, RingTensor, Window, tensor};

use crate::dynamic::{AnyProtocol, Secret, Weights};
use crate::{Bilinear, Cx, Env, Protocol, ProtocolError, Result, ScaleDown, Traffic};

/// One party's side of a session: the protocol, its transport, and what has been measured.
pub struct Session {
    protocol: Box<dyn AnyProtocol>,
    transport: Arc<dyn Transport>,
    ring: RingBits,
    start: Instant,
    depth: AtomicU32,
    reports: Mutex<BTreeMap<u32, OpReport>>,
    progress: Option<Box<dyn Fn(u32) + Send + Sync>>,
}

/// What one party measured of one operation, over set-up and all inferences so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OpReport {
    /// Wall time.
    pub time: Duration,
    /// When it started, from the session's start on, and how long it took, each time.
    pub spans: Vec<(Duration, Duration)>,
    /// Payload bytes that this party sent.
    pub sent: Traffic,
    /// By inference ([`SESSION_INFERENCE`] for set-up): the longest chain of dependent messages that had reached this party when the operation ended.
    pub depth_after: BTreeMap<u32, u32>,
}

/// An operand of a program: a secret, or a public constant.
#[derive(Clone, Debug)]
pub enum Operand<S> {
    /// Held by the protocol.
    Secret(S),
    /// Known to all.
    Public(RingTensor),
}

impl Session {
    /// Starts the protocol `P` over the transport in `env`, after the handshake.
    pub fn new<P: Protocol>(env: Env, ring: RingBits) -> Result<Self> {
        let transport = env.transport.clone();
        Ok(Session {
            protocol: Box::new(P::new(env)?),
            transport,
            ring,
            start: Instant::now(),
            depth: AtomicU32::new(0),
            reports: Mutex::default(),
            progress: None,
        })
    }

    /// Calls `progress` with the number of each operation that ends.
    pub fn on_progress(&mut self, progress: Box<dyn Fn(u32) + Send + Sync>) {
        self.progress = Some(progress);
    }

    /// The part of the session that does not depend on an inference: weights are shared and prepared.
    pub fn setup(&self) -> Exec<'_> {
        Exec::new(self, SESSION_INFERENCE, 0)
    }

    /// The inference number `index`. Each index is used once in a session: the masks depend on it.
    pub fn inference(&self, index: u32) -> Exec<'_> {
        Exec::new(self, index, self.depth())
    }

    /// What this party measured, by operation.
    pub fn reports(&self) -> BTreeMap<u32, OpReport> {
        self.reports.lock().expect("invariant: no holder of the lock panics").clone()
    }

    /// The longest chain of dependent messages so far.
    pub fn depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }
}

/// A weight, and the numbers of what is done with it.
pub struct Weight<'a> {
    /// Of sharing it.
    pub input: u32,
    /// Who owns it.
    pub owner: Party,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its name.
    pub name: &'a str,
    /// Of making it ready to be the second operand of products, where it is one.
    pub prepare: Option<u32>,
    /// Whether it is used as it is.
    pub plain: bool,
}

/// A weight that was shared, in the forms that are needed.
pub struct SharedWeight {
    plain: Option<Value>,
    prepared: Option<Prepared>,
}

impl SharedWeight {
    /// The weight as it is; once.
    ///
    /// # Panics
    /// Where it was not asked for.
    pub fn plain(&mut self) -> Value {
        self.plain.take().expect("invariant: the plan asks for what it uses")
    }

    /// The weight as a second operand of products; once.
    ///
    /// # Panics
    /// Where it was not asked for.
    pub fn prepared(&mut self) -> Prepared {
        self.prepared.take().expect("invariant: the plan asks for what it uses")
    }
}

/// Elements of weights that are shared at the same time: 16 MiB of them.
const TOGETHER: usize = 1 << 21;

/// Calls that run beside others: see [`Exec::join`]. What they make, and the chain of messages behind it.
pub struct Branch<'a>(Pin<Box<dyn Future<Output = Result<Made>> + 'a>>);

/// The values of a branch, and the longest chain of dependent messages after it.
type Made = (Vec<Value>, u32);

/// The operations of LLIL, for one inference or for the set-up of a session.
///
/// `op` is the operation's number in the program; all parties use the same. Results are in standard layout.
///
/// An operation continues the chain of messages of those before it. Those that need not wait for each other are called on
/// [branches](Exec::branch) of their own, which are [joined](Exec::join).
pub struct Exec<'s> {
    session: &'s Session,
    inference: u32,
    /// The longest chain of dependent messages so far. In set-up it stays at zero: nothing there depends on anything else.
    depth: AtomicU32,
}

/// A value of a program.
pub type Value = Operand<Secret>;
/// A value that was made ready to be the second operand of products.
pub type Prepared = Operand<Weights>;

impl<'s> Exec<'s> {
    /// This party.
    pub fn me(&self) -> Party {
        self.session.transport.me()
    }

    fn protocol(&self) -> &'s dyn AnyProtocol {
        self.session.protocol.as_ref()
    }

    fn new(session: &'s Session, inference: u32, depth: u32) -> Self {
        Exec { session, inference, depth: AtomicU32::new(depth) }
    }

    /// What `run` makes, on a branch: it waits for nothing that is called from here on but the [join](Exec::join).
    pub fn branch<'a>(&self, run: impl AsyncFnOnce(&Exec<'s>) -> Result<Vec<Value>> + 'a) -> Branch<'a>
    where
        's: 'a,
    {
        let branch = Exec::new(self.session, self.inference, self.depth());
        Branch(Box::pin(async move {
            let values = run(&branch).await?;
            Ok((values, branch.depth()))
        }))
    }

    /// Runs branches side by side, so that their messages share rounds. The values of all, in the order of the branches.
    ///
    /// # Panics
    /// If there are not `N`.
    pub async fn join<const N: usize>(&self, branches: impl IntoIterator<Item = Branch<'_>>) -> Result<[Value; N]> {
        let mut values = Vec::with_capacity(N);
        for (made, depth) in futures_util::future::try_join_all(branches.into_iter().map(|branch| branch.0)).await? {
            values.extend(made);
            self.depth.fetch_max(depth, Ordering::Relaxed);
        }
        let n = values.len();
        Ok(values.try_into().unwrap_or_else(|_| panic!("invariant: branches make {N} values, not {n}")))
    }

    /// The chain of messages that an operation which starts now continues.
    fn depth(&self) -> u32 {
        self.depth.load(Ordering::Relaxed)
    }

    /// Runs one operation in a fresh context that continues the chain of messages, and books what it cost.
    async fn measured<T>(&self, op: u32, run: impl AsyncFnOnce(&Cx<'s>) -> Result<T>) -> Result<T> {
        let session = self.session;
        let cx = Cx::new(session.transport.as_ref(), op, self.inference, session.ring, self.depth());
        let start = Instant::now();
        let result = run(&cx).await.map_err(|error| self.stopped(op, error))?;
        if self.inference != SESSION_INFERENCE {
            self.depth.fetch_max(cx.depth(), Ordering::Relaxed);
        }
        session.depth.fetch_max(cx.depth(), Ordering::Relaxed);
        let mut reports = session.reports.lock().expect("invariant: no holder of the lock panics");
        let report = reports.entry(op).or_default();
        let time = start.elapsed();
        report.time += time;
        report.spans.push((start - session.start, time));
        report.sent += &cx.sent();
        report.depth_after.insert(self.inference, cx.depth());
        drop(reports);
        if let Some(progress) = &session.progress {
            progress(op);
        }
        Ok(result)
    }

    /// Ends the session for all parties: a party that went on alone would wait for ever.
    fn stopped(&self, op: u32, error: ProtocolError) -> ProtocolError {
        if !matches!(error, ProtocolError::Net(_)) {
            let at = Tag { op, inference: self.inference, step: 0 };
            self.session.transport.abort(NetError::Stopped { at, reason: error.public_reason() });
        }
        error
    }

    /// A purely local operation: `on_secret` for secrets, `on_public` where all operands are public.
    async fn local(
        &self,
        op: u32,
        xs: &[&Value],
        shape: &[usize],
        f: &(dyn Fn(&[&RingTensor]) -> RingTensor + Sync),
    ) -> Result<Value> {
        self.measured(op, async |_| {
            let publics: Option<Vec<&RingTensor>> =
                xs.iter().map(|x| if let Operand::Public(c) = x { Some(c) } else { None }).collect();
            if let Some(publics) = publics {
                return Ok(Operand::Public(f(&publics)));
            }
            let secrets: Vec<Secret> = xs.iter().map(|x| self.secret(x)).collect();
            Ok(Operand::Secret(self.protocol().linear(&secrets.iter().collect::<Vec<_>>(), shape, f)))
        })
        .await
    }

    /// The shape of a value.
    pub fn shape<'v>(&self, x: &'v Value) -> &'v [usize] {
        match x {
            Operand::Secret(s) => self.protocol().shape(s),
            Operand::Public(c) => c.shape(),
        }
    }

    fn secret(&self, x: &Value) -> Secret {
        match x {
            Operand::Secret(s) => s.clone(),
            Operand::Public(c) => self.protocol().constant(c),
        }
    }

    /// Shares the tensor of `owner`, who alone passes a value.
    pub async fn input(&self, op: u32, owner: Party, shape: &[usize], value: Option<RingTensor>) -> Result<Value> {
        self.measured(op, async |cx| Ok(Operand::Secret(self.protocol().input(cx, owner, shape, value).await?))).await
    }

    /// A public constant.
    pub fn constant(&self, value: RingTensor) -> Value {
        Operand::Public(value)
    }

    /// Makes `w` ready to be the second operand of products. What is public needs no making.
    pub async fn prepare(&self, op: u32, w: &Value) -> Result<Prepared> {
        self.measured(op, async |cx| match w {
            Operand::Secret(w) => Ok(Operand::Secret(self.protocol().prepare(cx, w).await?)),
            Operand::Public(c) => Ok(Operand::Public(c.clone())),
        })
        .await
    }

    /// Shares the weights and makes them ready, some at a time, so that no more than these stand beside what is kept. `value` has the tensors
    /// that this party owns. Nothing here depends on anything else, so that all of it is one round.
    pub async fn share_weights(
        &self,
        weights: &[Weight<'_>],
        value: &dyn Fn(&str) -> Option<RingTensor>,
    ) -> Result<Vec<SharedWeight>> {
        let one = async |weight: &Weight<'_>| {
            let plain = self.input(weight.input, weight.owner, weight.shape, value(weight.name)).await?;
            let prepared = match weight.prepare {
                Some(op) => Some(self.prepare(op, &plain).await?),
                None => None,
            };
            Ok::<_, ProtocolError>(SharedWeight { plain: weight.plain.then_some(plain), prepared })
        };
        let mut shared = Vec::with_capacity(weights.len());
        let mut rest = weights;
        while !rest.is_empty() {
            let elements = |weight: &Weight<'_>| weight.shape.iter().product::<usize>();
            let fits = (1..=rest.len()).take_while(|&n| rest[..n].iter().map(elements).sum::<usize>() <= TOGETHER);
            let (some, after) = rest.split_at(fits.last().unwrap_or(1));
            shared.extend(futures_util::future::try_join_all(some.iter().map(one)).await?);
            rest = after;
        }
        Ok(shared)
    }

    /// `llil.matmul`.
    pub async fn matmul(&self, op: u32, x: &Value, w: &Prepared) -> Result<Value> {
        self.bilinear(op, &Bilinear::MatMul, x, w).await
    }

    /// `llil.conv`.
    pub async fn conv(&self, op: u32, x: &Value, w: &Prepared, spec: &ConvSpec) -> Result<Value> {
        self.bilinear(op, &Bilinear::Conv(spec.clone()), x, w).await
    }

    /// `llil.conv_transpose`.
    pub async fn conv_transpose(&self, op: u32, x: &Value, w: &Prepared, spec: &ConvTransposeSpec) -> Result<Value> {
        self.bilinear(op, &Bilinear::ConvTranspose(spec.clone()), x, w).await
    }

    /// A product, which is a linear map of its first operand where the second one is public.
    async fn bilinear(&self, op: u32, kind: &Bilinear, x: &Value, w: &Prepared) -> Result<Value> {
        match w {
            Operand::Secret(w) => {
                self.measured(op, async |cx| {
                    Ok(Operand::Secret(self.protocol().bilinear(cx, kind, &self.secret(x), w).await?))
                })
                .await
            }
            Operand::Public(w) => {
                let shape = kind.output_shape(op, self.shape(x), w.shape());
                let shape = shape.map_err(|error| self.stopped(op, error))?;
                let ring = self.session.ring;
                self.local(op, &[x], &shape, &|xs| kind.apply(ring, xs[0], w)).await
            }
        }
    }

    /// `llil.mul`: elementwise with broadcasting to `shape`.
    pub async fn mul(&self, op: u32, x: &Value, y: &Value, shape: &[usize]) -> Result<Value> {
        match (x, y) {
            (x, Operand::Public(c)) | (Operand::Public(c), x) => {
                self.local(op, &[x], shape, &|xs| treville_ring::mul(xs[0], c)).await
            }
            (Operand::Secret(x), Operand::Secret(y)) => {
                let spread = |s| self.protocol().linear(&[s], shape, &|xs| tensor::broadcast_to(xs[0], shape));
                self.measured(op, async |cx| {
                    Ok(Operand::Secret(self.protocol().mul(cx, &spread(x), &spread(y)).await?))
                })
                .await
            }
        }
    }

    /// `llil.add` with broadcasting to `shape`.
    pub async fn add(&self, op: u32, x: &Value, y: &Value, shape: &[usize]) -> Result<Value> {
        self.local(op, &[x, y], shape, &|xs| treville_ring::add(xs[0], xs[1])).await
    }

    /// `llil.sub` with broadcasting to `shape`.
    pub async fn sub(&self, op: u32, x: &Value, y: &Value, shape: &[usize]) -> Result<Value> {
        self.local(op, &[x, y], shape, &|xs| treville_ring::sub(xs[0], xs[1])).await
    }

    /// `llil.neg`.
    pub async fn neg(&self, op: u32, x: &Value, shape: &[usize]) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| treville_ring::neg(xs[0])).await
    }

    /// `llil.scale_up`: times 2^shift.
    pub async fn scale_up(&self, op: u32, x: &Value, shift: u32, shape: &[usize]) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| treville_ring::scale(xs[0], 1u64 << shift)).await
    }

    /// `llil.scale_down`.
    pub async fn scale_down(&self, op: u32, x: &Value, spec: ScaleDown) -> Result<Value> {
        self.measured(op, async |cx| Ok(Operand::Secret(self.protocol().scale_down(cx, &self.secret(x), spec).await?)))
            .await
    }

    /// `llil.relu`.
    pub async fn relu(&self, op: u32, x: &Value) -> Result<Value> {
        self.measured(op, async |cx| Ok(Operand::Secret(self.protocol().relu(cx, &self.secret(x)).await?))).await
    }

    /// `llil.drelu`: 1 where x is at least zero, else 0, without fraction bits.
    pub async fn drelu(&self, op: u32, x: &Value) -> Result<Value> {
        self.measured(op, async |cx| Ok(Operand::Secret(self.protocol().drelu(cx, &self.secret(x)).await?))).await
    }

    /// `llil.max_pool`.
    pub async fn max_pool(&self, op: u32, x: &Value, window: &Window) -> Result<Value> {
        self.measured(op, async |cx| Ok(Operand::Secret(self.protocol().max_pool(cx, &self.secret(x), window).await?)))
            .await
    }

    /// `llil.avg_pool`: the sum of each window times round(2^divisor_frac / count).
    pub async fn avg_pool(
        &self,
        op: u32,
        x: &Value,
        window: &Window,
        count_include_pad: bool,
        divisor_frac: u8,
        shape: &[usize],
    ) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| treville_ring::avg_pool(xs[0], window, count_include_pad, divisor_frac)).await
    }

    /// `llil.arg_max`.
    pub async fn arg_max(&self, op: u32, x: &Value, axis: usize, keepdims: bool) -> Result<Value> {
        self.measured(op, async |cx| {
            Ok(Operand::Secret(self.protocol().arg_max(cx, &self.secret(x), axis, keepdims).await?))
        })
        .await
    }

    /// `llil.reshape`.
    pub async fn reshape(&self, op: u32, x: &Value, shape: &[usize]) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| tensor::reshape(xs[0], shape)).await
    }

    /// `llil.transpose`.
    pub async fn transpose(&self, op: u32, x: &Value, perm: &[usize], shape: &[usize]) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| tensor::transpose(xs[0], perm)).await
    }

    /// `llil.pad` with zeros.
    pub async fn pad(&self, op: u32, x: &Value, begin: &[usize], end: &[usize], shape: &[usize]) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| tensor::pad(xs[0], begin, end, 0)).await
    }

    /// `llil.slice`.
    pub async fn slice(
        &self,
        op: u32,
        x: &Value,
        starts: &[usize],
        ends: &[usize],
        steps: &[usize],
        shape: &[usize],
    ) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| tensor::slice(xs[0], starts, ends, steps)).await
    }

    /// `llil.gather`: places along an axis.
    pub async fn gather(&self, op: u32, x: &Value, axis: usize, indices: &[usize], shape: &[usize]) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| tensor::take(xs[0], axis, indices)).await
    }

    /// `llil.reduce_sum`.
    pub async fn reduce_sum(
        &self,
        op: u32,
        x: &Value,
        axes: &[usize],
        keepdims: bool,
        shape: &[usize],
    ) -> Result<Value> {
        self.local(op, &[x], shape, &|xs| treville_ring::reduce_sum(xs[0], axes, keepdims)).await
    }

    /// `llil.concat`.
    pub async fn concat(&self, op: u32, xs: &[&Value], axis: usize, shape: &[usize]) -> Result<Value> {
        self.local(op, xs, shape, &|xs| tensor::concat(xs, axis)).await
    }

    /// Opens a result to the parties in `to`; `None` for the others.
    pub async fn reveal(&self, op: u32, x: &Value, to: &[Party]) -> Result<Option<RingTensor>> {
        self.measured(op, async |cx| self.protocol().reveal(cx, &self.secret(x), to).await).await
    }

    /// Opens several results at once, in the rounds of one.
    pub async fn reveal_all(&self, results: &[(u32, &Value, &[Party])]) -> Result<Vec<Option<RingTensor>>> {
        // Each from the same depth, so that they are one round.
        let branch = || Exec::new(self.session, self.inference, self.depth());
        let branches: Vec<Exec<'_>> = results.iter().map(|_| branch()).collect();
        let reveals = branches.iter().zip(results).map(|(branch, (op, x, to))| branch.reveal(*op, x, to));
        futures_util::future::try_join_all(reveals).await
    }
}
