//! The trait that a backend implements.

use std::future::Future;
use std::sync::Arc;

use treville_net::{Party, Transport};
use treville_ring::{
    ConvSpec, ConvTransposeSpec, Kernel, RingBits, RingTensor, Window, conv_transpose_with, conv_with, matmul_with,
};

use crate::select::{Selection, arg_max_segments, max_pool_segments, max_tree};
use crate::{Costs, Cx, ProtocolError, Recorder, Result, Session};

/// A semi-honest (or stronger) protocol over secret tensors in Z_2^k.
///
/// All methods take `&self` and a [`Cx`], so that independent branches of a program can be joined.
/// Shapes are public; what a method reveals beside them stands in its `# Security` section at the implementation.
pub trait Protocol: Send + Sync + Sized + 'static {
    /// A tensor that no single party knows: a share, a masked value, whatever the backend carries.
    type Secret: Clone + Send + Sync + 'static;
    /// A tensor made ready to be the second operand of bilinear operations, reusable over the inferences of a session.
    type Weights: Send + Sync + 'static;
    /// The results of comparisons, as [`Protocol::mux`] wants them.
    type Bits: Clone + Send + Sync;

    /// What the tree of [`Protocol::max_pool`] carries: the values, and in protocols that are published so the indices too.
    const MAX_POOL: Selection = Selection::Value;

    /// What the compiler and the party program need to know of this backend.
    fn info() -> &'static BackendInfo;

    /// Starts the protocol for one party of one session.
    fn new(env: Env) -> Result<Self>;

    /// Shares a tensor that `owner` knows. `value` is `Some` at the owner and `None` elsewhere.
    fn input(
        &self,
        cx: &Cx<'_>,
        owner: Party,
        shape: &[usize],
        value: Option<RingTensor>,
    ) -> impl Future<Output = Result<Self::Secret>> + Send;

    /// Opens a secret to the parties in `to`; the others get `None`.
    fn reveal(
        &self,
        cx: &Cx<'_>,
        x: &Self::Secret,
        to: &[Party],
    ) -> impl Future<Output = Result<Option<RingTensor>>> + Send;

    /// The shape of a secret.
    fn shape<'s>(&self, x: &'s Self::Secret) -> &'s [usize];

    /// Applies a public linear map over the ring to secrets, without communication. `f` must be linear in all its
    /// arguments together, and yield `shape`. Additions, reshaping, transposes, padding with zero, concatenation,
    /// average pooling and gathers are all this one method.
    fn linear(
        &self,
        xs: &[&Self::Secret],
        shape: &[usize],
        f: &(dyn Fn(&[&RingTensor]) -> RingTensor + Sync),
    ) -> Self::Secret;

    /// Adds a public tensor of the same shape, without communication.
    fn add_public(&self, x: &Self::Secret, c: &RingTensor) -> Self::Secret;

    /// A secret that holds public values, without communication.
    fn constant(&self, c: &RingTensor) -> Self::Secret;

    /// Makes `w` ready to be the second operand of [`Protocol::bilinear`].
    fn prepare(&self, cx: &Cx<'_>, w: &Self::Secret) -> impl Future<Output = Result<Self::Weights>> + Send;

    /// A matrix product or a convolution. Fraction bits add; the result is not scaled down.
    fn bilinear(
        &self,
        cx: &Cx<'_>,
        kind: &Bilinear,
        x: &Self::Secret,
        w: &Self::Weights,
    ) -> impl Future<Output = Result<Self::Secret>> + Send;

    /// Elementwise product of two secrets of one shape. Fraction bits add; the result is not scaled down.
    fn mul(&self, cx: &Cx<'_>, x: &Self::Secret, y: &Self::Secret)
    -> impl Future<Output = Result<Self::Secret>> + Send;

    /// Divides by `2^shift` with the stated rounding.
    fn scale_down(
        &self,
        cx: &Cx<'_>,
        x: &Self::Secret,
        spec: ScaleDown,
    ) -> impl Future<Output = Result<Self::Secret>> + Send;

    /// Whether each element is at least zero, for |x| < 2^(k-2).
    fn drelu(&self, cx: &Cx<'_>, x: &Self::Secret) -> impl Future<Output = Result<Self::Bits>> + Send;

    /// Each of `xs` where the bit is one, zero elsewhere; all products travel in one round.
    fn mux(
        &self,
        cx: &Cx<'_>,
        bits: &Self::Bits,
        xs: &[&Self::Secret],
    ) -> impl Future<Output = Result<Vec<Self::Secret>>> + Send;

    /// The bits of a tensor of this shape as the secrets 0 and 1, without fraction bits. A backend whose bits are such secrets already
    /// overrides this.
    fn bits_to_ring(
        &self,
        cx: &Cx<'_>,
        bits: &Self::Bits,
        shape: &[usize],
    ) -> impl Future<Output = Result<Self::Secret>> + Send {
        async move {
            let ones = self.constant(&RingTensor::from_elem(shape, 1));
            let mut selected = self.mux(cx, bits, &[&ones]).await?;
            Ok(selected.pop().expect("invariant: mux returns one tensor for each operand"))
        }
    }

    /// max(x, 0), for |x| < 2^(k-2).
    fn relu(&self, cx: &Cx<'_>, x: &Self::Secret) -> impl Future<Output = Result<Self::Secret>> + Send {
        async move {
            let bits = self.drelu(cx, x).await?;
            let mut selected = self.mux(cx, &bits, &[x]).await?;
            Ok(selected.pop().expect("invariant: mux returns one tensor for each operand"))
        }
    }

    /// max(x, 0) scaled down. A backend that compares and truncates at once overrides this.
    fn relu_scale_down(
        &self,
        cx: &Cx<'_>,
        x: &Self::Secret,
        spec: ScaleDown,
    ) -> impl Future<Output = Result<Self::Secret>> + Send {
        async move {
            let y = self.relu(cx, x).await?;
            self.scale_down(cx, &y, spec).await
        }
    }

    /// The maximum of each window of `x` `[N, C, spatial..]`; places outside the tensor take no part.
    fn max_pool(
        &self,
        cx: &Cx<'_>,
        x: &Self::Secret,
        window: &Window,
    ) -> impl Future<Output = Result<Self::Secret>> + Send {
        async move {
            let segments = max_pool_segments(self.shape(x), window)
                .map_err(|source| ProtocolError::Window { op: cx.op, source })?;
            max_tree(self, cx, x, segments, Self::MAX_POOL).await
        }
    }

    /// The index of the first maximum along `axis`, as an integer tensor (0 fraction bits); `keepdims` keeps the axis with extent 1.
    fn arg_max(
        &self,
        cx: &Cx<'_>,
        x: &Self::Secret,
        axis: usize,
        keepdims: bool,
    ) -> impl Future<Output = Result<Self::Secret>> + Send {
        async move { max_tree(self, cx, x, arg_max_segments(self.shape(x), axis, keepdims), Selection::Index).await }
    }
}

/// A product that is linear in each operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bilinear {
    /// `[batch.., M, K] x [batch.., K, N] -> [batch.., M, N]`; batch dimensions broadcast.
    MatMul,
    /// `[N, C, spatial..] * [O, C/groups, kernel..] -> [N, O, spatial..]`.
    Conv(ConvSpec),
    /// `[N, C, spatial..] * [C, O/groups, kernel..] -> [N, O, spatial..]`.
    ConvTranspose(ConvTransposeSpec),
}

impl Bilinear {
    /// Evaluates the product in the clear, right mod 2^k for a ring of k bits.
    pub fn apply(&self, ring: RingBits, x: &RingTensor, w: &RingTensor) -> RingTensor {
        let kernel = Kernel::best(ring);
        match self {
            Bilinear::MatMul => matmul_with(kernel, x, w),
            Bilinear::Conv(spec) => conv_with(kernel, x, w, spec),
            Bilinear::ConvTranspose(spec) => conv_transpose_with(kernel, x, w, spec),
        }
    }

    /// The shape of the product of tensors of these shapes, in operation `op`.
    ///
    /// # Errors
    /// If they do not go together.
    pub fn output_shape(&self, op: u32, x: &[usize], w: &[usize]) -> Result<Vec<usize>> {
        let shape = match self {
            Bilinear::MatMul => {
                return treville_ring::matmul_shape(x, w).ok_or_else(|| ProtocolError::Shape {
                    op,
                    what: "second operand of the matrix product",
                    expected: vec![x.last().copied().unwrap_or(0), 0],
                    found: w.to_vec(),
                });
            }
            Bilinear::Conv(spec) => spec.output_shape(x, w),
            Bilinear::ConvTranspose(spec) => spec.output_shape(x, w),
        };
        shape.map_err(|source| ProtocolError::Window { op, source })
    }
}

/// How a ScaleDown rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// floor(x / 2^s), deterministic.
    Exact,
    /// floor(x / 2^s) or one more.
    Probabilistic,
    /// SecureML's share-wise shift: floor or one more, and garbage with probability about |x| / 2^k.
    Local,
}

impl Rounding {
    /// The name in LLIL text and manifests.
    pub fn name(self) -> &'static str {
        match self {
            Rounding::Exact => "exact",
            Rounding::Probabilistic => "probabilistic",
            Rounding::Local => "local",
        }
    }
}

/// The parameters of a division by a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleDown {
    /// The number of fraction bits that are dropped.
    pub shift: u32,
    /// How the result is rounded.
    pub rounding: Rounding,
}

/// The facts about a backend that the compiler, the driver and party programs use.
pub struct BackendInfo {
    /// The name on the command line.
    pub name: &'static str,
    /// One line for `treville backends`.
    pub summary: &'static str,
    /// The parties' roles, in the order of their indices.
    pub roles: &'static [&'static str],
    /// The supported ring widths.
    pub ring_bits: std::ops::RangeInclusive<u8>,
    /// The rounding that a compiled program uses.
    pub rounding: Rounding,
    /// log2 of the failure probability of one inference above which the compiler refuses.
    pub default_max_failure_log2: f64,
    /// Starts a session of the backend: [`Session::new`], compiled where the backend is.
    pub session: fn(Env, RingBits) -> Result<Session>,
    /// The declared costs.
    pub costs: &'static (dyn Costs + Sync),
}

/// What a backend is started with.
pub struct Env {
    /// The connection to the other parties, after the handshake.
    pub transport: Arc<dyn Transport>,
    /// Records both sides of each ScaleDown. A debugging aid for all parties in one process: never set in a party program.
    pub recorder: Option<Arc<Recorder>>,
    /// Notes which random streams are drawn, for the test that none is drawn twice.
    pub audit: Option<Arc<treville_prg::Audit>>,
}
