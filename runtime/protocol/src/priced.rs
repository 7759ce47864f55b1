//! A protocol that computes nothing and books what its backend declares: the price of a program before it runs.

use std::marker::PhantomData;

use treville_net::Party;
use treville_ring::RingTensor;

use crate::{BackendInfo, Bilinear, Call, Cx, Env, Protocol, Result, ScaleDown, Selection};

/// The declared costs of `P` behind the interface of a protocol. Running a program over it gives each operation's
/// bytes and rounds through the same code that a real run takes.
pub struct Priced<P>(PhantomData<fn() -> P>);

impl<P: Protocol> Priced<P> {
    fn charge(cx: &Cx<'_>, call: &Call<'_>) {
        cx.charge(&P::info().costs.primitive(call));
    }
}

fn count(shape: &[usize]) -> usize {
    shape.iter().product()
}

impl<P: Protocol> Protocol for Priced<P> {
    type Secret = Vec<usize>;
    type Weights = Vec<usize>;
    type Bits = usize;

    const MAX_POOL: Selection = P::MAX_POOL;

    fn info() -> &'static BackendInfo {
        P::info()
    }

    fn new(_: Env) -> Result<Self> {
        Ok(Priced(PhantomData))
    }

    async fn input(&self, cx: &Cx<'_>, owner: Party, shape: &[usize], _: Option<RingTensor>) -> Result<Vec<usize>> {
        Self::charge(cx, &Call::Input { owner, n: count(shape) });
        Ok(shape.to_vec())
    }

    async fn reveal(&self, cx: &Cx<'_>, x: &Vec<usize>, to: &[Party]) -> Result<Option<RingTensor>> {
        Self::charge(cx, &Call::Reveal { n: count(x), to });
        Ok(None)
    }

    fn shape<'s>(&self, x: &'s Vec<usize>) -> &'s [usize] {
        x
    }

    fn linear(
        &self,
        _: &[&Vec<usize>],
        shape: &[usize],
        _: &(dyn Fn(&[&RingTensor]) -> RingTensor + Sync),
    ) -> Vec<usize> {
        shape.to_vec()
    }

    fn add_public(&self, x: &Vec<usize>, _: &RingTensor) -> Vec<usize> {
        x.clone()
    }

    fn constant(&self, c: &RingTensor) -> Vec<usize> {
        c.shape().to_vec()
    }

    async fn prepare(&self, cx: &Cx<'_>, w: &Vec<usize>) -> Result<Vec<usize>> {
        Self::charge(cx, &Call::Prepare { n: count(w) });
        Ok(w.clone())
    }

    async fn bilinear(&self, cx: &Cx<'_>, kind: &Bilinear, x: &Vec<usize>, w: &Vec<usize>) -> Result<Vec<usize>> {
        let y = kind.output_shape(cx.op, x, w)?;
        let masked = P::info().costs.masked_elements(kind, x, w, &y);
        Self::charge(cx, &Call::Bilinear { x: masked, y: count(&y) });
        Ok(y)
    }

    async fn mul(&self, cx: &Cx<'_>, x: &Vec<usize>, _: &Vec<usize>) -> Result<Vec<usize>> {
        Self::charge(cx, &Call::Mul { n: count(x) });
        Ok(x.clone())
    }

    async fn scale_down(&self, cx: &Cx<'_>, x: &Vec<usize>, _: ScaleDown) -> Result<Vec<usize>> {
        Self::charge(cx, &Call::ScaleDown { n: count(x) });
        Ok(x.clone())
    }

    async fn drelu(&self, cx: &Cx<'_>, x: &Vec<usize>) -> Result<usize> {
        Self::charge(cx, &Call::DRelu { n: count(x) });
        Ok(count(x))
    }

    async fn bits_to_ring(&self, cx: &Cx<'_>, bits: &usize, shape: &[usize]) -> Result<Vec<usize>> {
        Self::charge(cx, &Call::BitsToRing { n: *bits });
        Ok(shape.to_vec())
    }

    async fn mux(&self, cx: &Cx<'_>, bits: &usize, xs: &[&Vec<usize>]) -> Result<Vec<Vec<usize>>> {
        Self::charge(cx, &Call::Mux { n: *bits, k: xs.len() });
        Ok(xs.iter().map(|x| x.to_vec()).collect())
    }
}
