//! What a compiled program is to the main loop.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;

use treville_protocol::{Exec, Result};
use treville_ring::RingTensor;

/// A compiled model. Generated packages and the interpreter implement it.
pub trait Program {
    /// Everything that stays the same over the inferences of a session.
    type Weights: 'static;

    /// Shares and prepares the weights. Once per session.
    fn setup(&self, x: &Exec<'_>, weights: &dyn Tensors) -> impl Future<Output = Result<Self::Weights>>;

    /// One inference. The results are in the order of the manifest, `Some` where this party learns them.
    fn infer(
        &self,
        x: &Exec<'_>,
        weights: &Self::Weights,
        inputs: &dyn Tensors,
    ) -> impl Future<Output = Result<Vec<Option<RingTensor>>>>;
}

/// Named tensors that one party owns, encoded in the ring.
pub trait Tensors {
    /// The tensor, or `None` where another party owns it.
    fn get(&self, name: &str) -> Option<RingTensor>;
}

/// What a call will have done.
type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Any [`Program`], so that the main loop is compiled once and not once for each model.
pub trait AnyProgram {
    /// [`Program::setup`].
    fn setup<'a>(&'a self, x: &'a Exec<'a>, weights: &'a dyn Tensors) -> Step<'a, Box<dyn Any>>;

    /// [`Program::infer`].
    ///
    /// # Panics
    /// When the weights are those of another program.
    fn infer<'a>(
        &'a self,
        x: &'a Exec<'a>,
        weights: &'a dyn Any,
        inputs: &'a dyn Tensors,
    ) -> Step<'a, Vec<Option<RingTensor>>>;
}

impl<G: Program> AnyProgram for G {
    fn setup<'a>(&'a self, x: &'a Exec<'a>, weights: &'a dyn Tensors) -> Step<'a, Box<dyn Any>> {
        Box::pin(async { Ok(Box::new(Program::setup(self, x, weights).await?) as Box<dyn Any>) })
    }

    fn infer<'a>(
        &'a self,
        x: &'a Exec<'a>,
        weights: &'a dyn Any,
        inputs: &'a dyn Tensors,
    ) -> Step<'a, Vec<Option<RingTensor>>> {
        let weights = weights.downcast_ref().expect("invariant: a session keeps the weights of its program");
        Box::pin(Program::infer(self, x, weights, inputs))
    }
}
