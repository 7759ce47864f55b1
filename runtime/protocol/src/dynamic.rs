//! Every backend behind one type, so that programs, sessions and the main loop are compiled once and not once for each backend, and a
//! generated package compiles nothing but its own layers.

use std::any::Any;
use std::fmt::{Debug, Formatter, Result as FmtResult};
use std::pin::Pin;
use std::sync::Arc;

use treville_net::Party;
use treville_ring::{RingTensor, Window};

use crate::{Bilinear, Cx, Protocol, Result, ScaleDown};

/// A tensor that no single party knows, of whatever backend.
#[derive(Clone)]
pub struct Secret(Arc<dyn Any + Send + Sync>);

/// A second operand of products that was made ready, of whatever backend.
#[derive(Clone)]
pub struct Weights(Arc<dyn Any + Send + Sync>);

const ONE_BACKEND: &str = "invariant: the values of a session are of its backend";

impl Secret {
    fn new<P: Protocol>(secret: P::Secret) -> Self {
        Secret(Arc::new(secret))
    }

    fn of<P: Protocol>(&self) -> &P::Secret {
        self.0.downcast_ref().expect(ONE_BACKEND)
    }
}

impl Debug for Secret {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str("a secret")
    }
}

impl Debug for Weights {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str("a prepared secret")
    }
}

/// What a call will have done.
pub(crate) type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// [`Protocol`] over values of whatever backend: the calls that [`crate::Exec`] makes.
pub(crate) trait AnyProtocol: Send + Sync {
    fn input<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        owner: Party,
        shape: &'a [usize],
        value: Option<RingTensor>,
    ) -> Step<'a, Secret>;
    fn reveal<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, to: &'a [Party]) -> Step<'a, Option<RingTensor>>;
    fn shape<'s>(&self, x: &'s Secret) -> &'s [usize];
    fn linear(&self, xs: &[&Secret], shape: &[usize], f: &(dyn Fn(&[&RingTensor]) -> RingTensor + Sync)) -> Secret;
    fn constant(&self, c: &RingTensor) -> Secret;
    fn prepare<'a>(&'a self, cx: &'a Cx<'a>, w: &'a Secret) -> Step<'a, Weights>;
    fn bilinear<'a>(&'a self, cx: &'a Cx<'a>, kind: &'a Bilinear, x: &'a Secret, w: &'a Weights) -> Step<'a, Secret>;
    fn mul<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, y: &'a Secret) -> Step<'a, Secret>;
    fn scale_down<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, spec: ScaleDown) -> Step<'a, Secret>;
    /// [`Protocol::drelu`] as a ring element.
    fn drelu<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret) -> Step<'a, Secret>;
    fn relu<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret) -> Step<'a, Secret>;
    fn max_pool<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, window: &'a Window) -> Step<'a, Secret>;
    fn arg_max<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, axis: usize, keepdims: bool) -> Step<'a, Secret>;
}

/// A call of a backend whose result is a secret.
fn secret<'a, P: Protocol>(call: impl Future<Output = Result<P::Secret>> + Send + 'a) -> Step<'a, Secret> {
    Box::pin(async { Ok(Secret::new::<P>(call.await?)) })
}

impl<P: Protocol> AnyProtocol for P {
    fn input<'a>(
        &'a self,
        cx: &'a Cx<'a>,
        owner: Party,
        shape: &'a [usize],
        value: Option<RingTensor>,
    ) -> Step<'a, Secret> {
        secret::<P>(Protocol::input(self, cx, owner, shape, value))
    }

    fn reveal<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, to: &'a [Party]) -> Step<'a, Option<RingTensor>> {
        Box::pin(Protocol::reveal(self, cx, x.of::<P>(), to))
    }

    fn shape<'s>(&self, x: &'s Secret) -> &'s [usize] {
        Protocol::shape(self, x.of::<P>())
    }

    fn linear(&self, xs: &[&Secret], shape: &[usize], f: &(dyn Fn(&[&RingTensor]) -> RingTensor + Sync)) -> Secret {
        let xs: Vec<&P::Secret> = xs.iter().map(|x| x.of::<P>()).collect();
        Secret::new::<P>(Protocol::linear(self, &xs, shape, f))
    }

    fn constant(&self, c: &RingTensor) -> Secret {
        Secret::new::<P>(Protocol::constant(self, c))
    }

    fn prepare<'a>(&'a self, cx: &'a Cx<'a>, w: &'a Secret) -> Step<'a, Weights> {
        Box::pin(async { Ok(Weights(Arc::new(Protocol::prepare(self, cx, w.of::<P>()).await?))) })
    }

    fn bilinear<'a>(&'a self, cx: &'a Cx<'a>, kind: &'a Bilinear, x: &'a Secret, w: &'a Weights) -> Step<'a, Secret> {
        secret::<P>(Protocol::bilinear(self, cx, kind, x.of::<P>(), w.0.downcast_ref().expect(ONE_BACKEND)))
    }

    fn mul<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, y: &'a Secret) -> Step<'a, Secret> {
        secret::<P>(Protocol::mul(self, cx, x.of::<P>(), y.of::<P>()))
    }

    fn scale_down<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, spec: ScaleDown) -> Step<'a, Secret> {
        secret::<P>(Protocol::scale_down(self, cx, x.of::<P>(), spec))
    }

    fn drelu<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret) -> Step<'a, Secret> {
        secret::<P>(async {
            let x = x.of::<P>();
            let bits = Protocol::drelu(self, cx, x).await?;
            self.bits_to_ring(cx, &bits, Protocol::shape(self, x)).await
        })
    }

    fn relu<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret) -> Step<'a, Secret> {
        secret::<P>(Protocol::relu(self, cx, x.of::<P>()))
    }

    fn max_pool<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, window: &'a Window) -> Step<'a, Secret> {
        secret::<P>(Protocol::max_pool(self, cx, x.of::<P>(), window))
    }

    fn arg_max<'a>(&'a self, cx: &'a Cx<'a>, x: &'a Secret, axis: usize, keepdims: bool) -> Step<'a, Secret> {
        secret::<P>(Protocol::arg_max(self, cx, x.of::<P>(), axis, keepdims))
    }
}
