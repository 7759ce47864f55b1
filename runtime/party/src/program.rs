//! What a compiled program is to the main loop.

use std::future::Future;

use treville_protocol::{Exec, Protocol, Result};
use treville_ring::RingTensor;

/// A compiled model over the backend `P`. Generated packages and the interpreter implement it.
pub trait Program<P: Protocol> {
    /// Everything that stays the same over the inferences of a session.
    type Weights;

    /// Shares and prepares the weights. Once per session.
    fn setup(&self, x: &Exec<'_, P>, weights: &dyn Tensors) -> impl Future<Output = Result<Self::Weights>>;

    /// One inference. The results are in the order of the manifest, `Some` where this party learns them.
    fn infer(
        &self,
        x: &Exec<'_, P>,
        weights: &Self::Weights,
        inputs: &dyn Tensors,
    ) -> impl Future<Output = Result<Vec<Option<RingTensor>>>>;
}

/// Named tensors that one party owns, encoded in the ring.
pub trait Tensors {
    /// The tensor, or `None` where another party owns it.
    fn get(&self, name: &str) -> Option<RingTensor>;
}
