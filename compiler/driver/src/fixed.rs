//! The fixed-point program in the clear: the LLIL reference evaluator on encoded samples.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use ndarray::ArrayD;
use treville_codegen::Plan;
use treville_hlil::Tensor;
use treville_ir::{Diagnostic, ValueId};
use treville_llil::{Args, Replay, Rounding, evaluate};
use treville_party::{Decoded, Exit, finish};
use treville_passes::{encode_inputs, encode_weights};
use treville_ring::RingTensor;

use crate::compile::Compiled;
use crate::failure::Failure;

/// Evaluates a compiled program on many samples; weights are encoded once.
pub struct FixedEvaluator<'a> {
    compiled: &'a Compiled,
    /// The weights, and the inputs of the last sample.
    args: Args,
}

impl<'a> FixedEvaluator<'a> {
    /// Encodes the weights.
    pub fn new(compiled: &'a Compiled) -> Result<Self, Failure> {
        let args =
            encode_weights(&compiled.llil, &compiled.llil_weights).map_err(|d| refuse(compiled, Exit::Range, &d))?;
        Ok(FixedEvaluator { compiled, args })
    }

    /// The results for one sample, under `rounding`.
    ///
    /// # Errors
    /// Exit code 2 for a value that cannot be encoded, 4 for a comparison outside its domain.
    pub fn run(
        &mut self,
        sample: &IndexMap<String, Tensor>,
        rounding: &mut dyn Rounding,
        observer: &mut dyn FnMut(ValueId, &RingTensor),
    ) -> Result<Vec<Decoded>, Failure> {
        let compiled = self.compiled;
        self.args.extend(encode_inputs(&compiled.llil, sample).map_err(|d| refuse(compiled, Exit::Usage, &d))?);
        let results = evaluate(&compiled.llil, &self.args, rounding, observer)
            .map_err(|e| refuse(compiled, Exit::Range, &[e.into()]))?;
        let ring = compiled.manifest.ring()?;
        Ok(results.into_iter().zip(&compiled.manifest.outputs).map(|(r, info)| finish(r, info, ring)).collect())
    }
}

fn refuse(compiled: &Compiled, exit: Exit, diagnostics: &[Diagnostic]) -> Failure {
    Failure::diagnostics(exit, diagnostics, &compiled.model.listing, false)
}

/// Recorded roundings, by number of the plan, as the evaluator wants them: by index of the op.
pub fn replay(plan: &Plan, offsets: BTreeMap<u32, ArrayD<i64>>) -> Replay {
    let index_of: BTreeMap<u32, usize> = plan.ops.iter().enumerate().map(|(i, o)| (o.op, i)).collect();
    Replay(offsets.into_iter().map(|(op, o)| (index_of[&op], o)).collect())
}
