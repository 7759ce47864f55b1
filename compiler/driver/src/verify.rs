//! `treville verify`: float against fixed point against MPC, over a data set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;
use ndarray::ArrayD;
use serde::Serialize;
use treville_codegen::Action;
use treville_hlil::{Tensor, evaluate, evaluate_with};
use treville_ir::{ArgKind, FuncResult, Post};
use treville_llil::Exact;
use treville_party::{Array, Decoded, Exit, OutputInfo, finish, softmax};
use treville_protocol::Recorder;
use treville_ring::decode;

use crate::compile::Compiled;
use crate::data::array;
use crate::failure::Failure;
use crate::fixed::{FixedEvaluator, replay};
use crate::model::{self, Model, Samples};
use crate::simulate::Simulation;
use crate::trace::{OpTrace, trace_ops};

/// Inferences of one simulated session: bounds what the recorder holds.
const SESSION_SAMPLES: usize = 16;

/// The comparison, as `--json` prints it. Fields that do not apply are null.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// The model.
    pub model: String,
    /// The backend.
    pub backend: String,
    /// Samples compared in float and fixed point.
    pub samples: usize,
    /// Accuracy of the float evaluator.
    pub float: Accuracy,
    /// Accuracy in fixed point.
    pub fixed: Accuracy,
    /// Accuracy of the protocol, over `mpc_samples`.
    pub mpc: Accuracy,
    /// Samples that went through the protocol.
    pub mpc_samples: usize,
    /// Accuracy in fixed point over the same `mpc_samples`.
    pub fixed_on_mpc_samples: Accuracy,
    /// Shares of samples with the same decision.
    pub agreement: Agreement,
    /// Samples whose protocol result equals the evaluator bit for bit when the recorded roundings are replayed, each of which is
    /// the floor or one more.
    pub bit_exact_replays: usize,
    /// Largest differences.
    pub max_abs_err: MaxError,
    /// Fraction bits.
    pub scale: u32,
    /// Ring width.
    pub ring_bits: u8,
    /// Measured payload bytes of one inference in a session of its own.
    pub bytes_total: Option<u64>,
    /// Measured rounds of one inference in a session of its own.
    pub rounds: Option<u32>,
    /// Wall time of the whole comparison.
    pub seconds: f64,
    /// The first node whose fixed-point value departs from float by more than a twentieth of its range.
    pub first_departure: Option<NodeError>,
    /// Largest error of each node on the first sample.
    pub nodes: Vec<NodeError>,
    /// The first operation that the backend computed wrongly on the first sample whose bits differ; null where none does,
    /// or where it went well the second time.
    pub first_wrong_op: Option<OpTrace>,
    /// What the backend made of each operation on the first sample; null where nobody asked.
    pub ops: Option<Vec<OpTrace>>,
}

/// Shares of samples whose label is the first, or among the first five.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Accuracy {
    /// First.
    pub top1: Option<f64>,
    /// Among the first five.
    pub top5: Option<f64>,
}

/// Shares of samples with the same decision.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Agreement {
    /// Float and fixed point.
    pub float_fixed: Option<f64>,
    /// Fixed point and protocol.
    pub fixed_mpc: Option<f64>,
    /// Float and fixed point without the allowance for near ties.
    pub float_fixed_strict: Option<f64>,
    /// Fixed point and protocol without the allowance for near ties.
    pub fixed_mpc_strict: Option<f64>,
}

/// Largest differences between result elements.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct MaxError {
    /// Float and fixed point.
    pub float_fixed: Option<f64>,
    /// Fixed point and protocol.
    pub fixed_mpc: Option<f64>,
    /// Float and the reference in the data.
    pub float_expected: Option<f64>,
}

/// A node's error in fixed point.
#[derive(Clone, Debug, Serialize)]
pub struct NodeError {
    /// The node.
    pub name: String,
    /// Largest difference from float.
    pub max_abs_err: f64,
    /// Largest magnitude in float.
    pub max_abs: f64,
    /// The largest difference as a share of the largest magnitude; null where that is 0.
    pub max_rel_err: Option<f64>,
}

impl NodeError {
    /// Whether the node departs: by more than a twentieth of its range.
    pub fn departs(&self) -> bool {
        self.max_abs_err > self.max_abs.max(1e-3) / 20.0
    }
}

/// Compares over `samples`; the first `mpc_limit` of them go through the protocol too.
pub fn verify(compiled: &Compiled, samples: &Samples, mpc_limit: usize) -> Result<Verification, Failure> {
    let start = Instant::now();
    let mut fixed_evaluator = FixedEvaluator::new(compiled)?;
    let mut args = model::with_weights(&compiled.model.func, &compiled.model.weights, &IndexMap::new())?;
    let (mut float, mut fixed) = (Vec::new(), Vec::new());
    for (i, sample) in samples.inputs.iter().enumerate() {
        let at = |e: Failure| Failure::new(e.exit, format!("sample {i}: {e}"));
        args.extend(sample.clone());
        let raw = raw_float_results(&compiled.model, &args).map_err(at)?;
        float.push(Answer { scores: first_of(raw.clone())?, values: finish_float(&compiled.model, raw) });
        fixed.push(answer(compiled, fixed_evaluator.run(sample, &mut Exact, &mut |_, _| {}).map_err(at)?)?);
    }

    let n_mpc = mpc_limit.min(samples.inputs.len());
    let mut mpc: Vec<Answer> = Vec::new();
    let (mut bit_exact_replays, mut first_wrong) = (0, None);
    let (mut bytes_total, mut rounds) = (None, None);
    let mut next = 0;
    while next < n_mpc {
        // The first session has one inference: its bytes and rounds are those of `treville run`.
        let end = if next == 0 { 1 } else { (next + SESSION_SAMPLES).min(n_mpc) };
        let recorder = Arc::new(Recorder::default());
        let simulated = Simulation {
            func: &compiled.llil,
            plan: &compiled.plan,
            manifest: &compiled.manifest,
            weights: &compiled.weights,
            inputs: stack(&samples.inputs[next..end], compiled),
            recorder: Some(recorder.clone()),
        }
        .run(compiled.backend)?;
        if next == 0 {
            bytes_total = Some(simulated.report.bytes_total);
            rounds = Some(simulated.report.rounds);
        }
        for (i, results) in simulated.results.into_iter().enumerate() {
            let offsets = recorder.take_offsets(i as u32, compiled.manifest.ring()?, |op| shift_of(compiled, op));
            // A replay repeats whatever was recorded, so a rounding that is none must be found here.
            let rounded = offsets.values().flatten().all(|offset| matches!(offset, 0 | 1));
            let replayed =
                fixed_evaluator.run(&samples.inputs[next + i], &mut replay(&compiled.plan, offsets), &mut |_, _| {})?;
            let equal = replayed.iter().zip(&results).all(|(a, b)| a.ring == b.ring);
            bit_exact_replays += usize::from(rounded && equal);
            first_wrong = first_wrong.or((!rounded || !equal).then_some(next + i));
            mpc.push(answer(compiled, results)?);
        }
        next = end;
    }

    let labels = samples.labels.as_deref();
    let expected: Option<Vec<Array>> = samples.expected.as_ref().map(|e| e.iter().cloned().map(Array::F32).collect());
    let nodes =
        samples.inputs.first().map(|s| node_errors(compiled, &mut fixed_evaluator, s)).transpose()?.unwrap_or_default();
    let first_departure = nodes.iter().find(|n| n.departs()).cloned();
    let first_wrong_op = match first_wrong.and_then(|i| samples.inputs.get(i)) {
        Some(sample) => trace_ops(compiled, &compiled.llil, sample)?.into_iter().find(|op| !op.is_right()),
        None => None,
    };
    let agreement =
        |a: &[Answer], b: &[Answer], tie: Option<f64>| share(a.iter().zip(b).filter_map(|(a, b)| agree(a, b, tie)));
    let bound = compiled.error_bound;
    Ok(Verification {
        model: compiled.manifest.model.clone(),
        backend: compiled.manifest.backend.clone(),
        samples: samples.inputs.len(),
        float: accuracy(&float, labels),
        fixed: accuracy(&fixed, labels),
        mpc: accuracy(&mpc, labels),
        mpc_samples: n_mpc,
        fixed_on_mpc_samples: accuracy(&fixed[..n_mpc], labels),
        agreement: Agreement {
            float_fixed: agreement(&fixed, &float, bound),
            fixed_mpc: agreement(&fixed, &mpc, bound),
            float_fixed_strict: agreement(&fixed, &float, Some(0.0)),
            fixed_mpc_strict: agreement(&fixed, &mpc, Some(0.0)),
        },
        bit_exact_replays,
        max_abs_err: MaxError {
            float_fixed: largest(float.iter().zip(&fixed).flat_map(|(a, b)| a.values.iter().zip(&b.values))),
            fixed_mpc: largest(fixed.iter().zip(&mpc).flat_map(|(a, b)| a.values.iter().zip(&b.values))),
            float_expected: expected.and_then(|e| largest(float.iter().map(|a| &a.values[0]).zip(&e))),
        },
        scale: compiled.manifest.scale,
        ring_bits: compiled.manifest.ring_bits,
        bytes_total,
        rounds,
        seconds: start.elapsed().as_secs_f64(),
        first_departure,
        nodes,
        first_wrong_op,
        ops: None,
    })
}

impl Verification {
    /// Whether everything that must agree does.
    pub fn check(&self) -> Result<(), Failure> {
        let mismatch = |text: String| Err(Failure::new(Exit::Mismatch, text));
        if self.bit_exact_replays != self.mpc_samples {
            let wrong = match &self.first_wrong_op {
                Some(op) => format!("the first operation that is wrong is the {} of node `{}`", op.op, op.node),
                None => "a second run of the first of them was right".into(),
            };
            return mismatch(format!(
                "{} of {} protocol results differ from the fixed-point evaluator although the recorded roundings were replayed, or a ScaleDown gave neither the floor nor one more; {wrong}",
                self.mpc_samples - self.bit_exact_replays,
                self.mpc_samples
            ));
        }
        match self.agreement.fixed_mpc {
            Some(share) if share < 1.0 => mismatch(format!(
                "{} and fixed point decide differently on {:.1} % of the samples",
                self.backend,
                100.0 * (1.0 - share)
            )),
            _ => Ok(()),
        }
    }
}

/// What one inference answers.
struct Answer {
    /// The first result as the program computes it: before the receiver's softmax, where the error bound holds.
    scores: Array,
    /// All results as the user gets them.
    values: Vec<Array>,
}

fn answer(compiled: &Compiled, results: Vec<Decoded>) -> Result<Answer, Failure> {
    let (first, info) = results.first().zip(compiled.manifest.outputs.first()).ok_or_else(no_result)?;
    let scores =
        finish(first.ring.clone(), &OutputInfo { post: "none".into(), ..info.clone() }, compiled.manifest.ring()?)
            .value;
    Ok(Answer { scores, values: results.into_iter().map(|r| r.value).collect() })
}

fn no_result() -> Failure {
    Failure::other("the model has no result")
}

/// The shift of the ScaleDown of this number; 0 for other operations.
pub(crate) fn shift_of(compiled: &Compiled, number: u32) -> u32 {
    let index = compiled.plan.ops.iter().position(|o| o.op == number);
    let op = index.and_then(|i| compiled.llil.ops().nth(i));
    match op.map(|(id, _)| Action::decode(&compiled.llil, id)) {
        Some(Action::ScaleDown { shift, .. }) => shift.into(),
        _ => 0,
    }
}

/// The float results of a model as it was imported, before any pass.
pub fn float_results(model: &Model, sample: &IndexMap<String, Tensor>) -> Result<Vec<Array>, Failure> {
    float_results_of(model, &model::with_weights(&model.func, &model.weights, sample)?)
}

/// As [`float_results`], for arguments that hold the weights too.
pub fn float_results_of(model: &Model, args: &IndexMap<String, Tensor>) -> Result<Vec<Array>, Failure> {
    Ok(finish_float(model, raw_float_results(model, args)?))
}

/// The first of the results.
pub fn first_of(results: Vec<Array>) -> Result<Array, Failure> {
    results.into_iter().next().ok_or_else(no_result)
}

fn raw_float_results(model: &Model, args: &IndexMap<String, Tensor>) -> Result<Vec<Array>, Failure> {
    let results = evaluate(&model.func, args).map_err(|e| Failure::other(e.to_string()))?;
    Ok(results.into_iter().map(array).collect())
}

/// What the receivers of the results do in the clear.
fn finish_float(model: &Model, results: Vec<Array>) -> Vec<Array> {
    let finish = |(array, info): (Array, &FuncResult)| match array {
        Array::F32(x) if info.post == Post::Softmax => Array::F32(softmax(x)),
        other => other,
    };
    results.into_iter().zip(model.func.results()).map(finish).collect()
}

/// The errors of all nodes on one sample, in program order: the last value of each node that has the same shape in both programs.
fn node_errors(
    compiled: &Compiled,
    fixed: &mut FixedEvaluator<'_>,
    sample: &IndexMap<String, Tensor>,
) -> Result<Vec<NodeError>, Failure> {
    let mut real: BTreeMap<String, ArrayD<f32>> = BTreeMap::new();
    let args = model::with_weights(&compiled.hlil, &compiled.hlil_weights, sample)?;
    evaluate_with(&compiled.hlil, &args, &mut |value, tensor| {
        if let Tensor::F32(x) = tensor {
            real.insert(compiled.hlil.loc(value).to_string(), x.clone());
        }
    })
    .map_err(|e| Failure::other(e.to_string()))?;
    let mut errors: IndexMap<String, NodeError> = IndexMap::new();
    let is_weight = |value| compiled.llil.as_arg(value).is_some_and(|a| a.kind == ArgKind::Weight);
    fixed.run(sample, &mut Exact, &mut |value, tensor| {
        let name = compiled.llil.loc(value);
        let (Some(ty), Some(x)) = (compiled.llil.ty(value).elem.fixed(), real.get(name)) else { return };
        if is_weight(value) || x.shape() != tensor.shape() {
            return;
        }
        let decoded = decode(tensor, ty.frac, ty.ring);
        let max_abs_err = decoded.iter().zip(x).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        let max_abs = x.iter().map(|v| f64::from(v.abs())).fold(0.0, f64::max);
        errors.shift_remove(name);
        errors.insert(
            name.to_string(),
            NodeError {
                name: name.to_string(),
                max_abs_err,
                max_abs,
                max_rel_err: (max_abs > 0.0).then(|| max_abs_err / max_abs),
            },
        );
    })?;
    Ok(errors.into_values().collect())
}

/// The samples of one session as arrays with the samples along a new first axis, or along a batch axis of 1.
pub fn stack(samples: &[IndexMap<String, Tensor>], compiled: &Compiled) -> Vec<(String, Array)> {
    compiled
        .manifest
        .inputs
        .iter()
        .map(|info| {
            let parts: Vec<Array> = samples.iter().filter_map(|s| s.get(&info.name).cloned().map(array)).collect();
            (info.name.clone(), Array::stack(&parts.iter().collect::<Vec<_>>()))
        })
        .collect()
}

/// The classes from the most likely to the least, if this is a classification: an index, or scores over classes.
fn ranking(value: &Array) -> Option<Vec<i64>> {
    match value {
        Array::I64(x) if x.len() == 1 => Some(x.iter().copied().collect()),
        Array::F32(x) if x.len() > 1 && x.shape().iter().filter(|&&d| d > 1).count() == 1 => {
            let scores: Vec<f32> = x.iter().copied().collect();
            let mut order: Vec<i64> = (0..scores.len() as i64).collect();
            order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b)));
            Some(order)
        }
        Array::F32(x) if x.len() == 1 => Some(vec![i64::from(x.iter().all(|&v| v >= 0.5))]),
        _ => None,
    }
}

fn accuracy(answers: &[Answer], labels: Option<&[i64]>) -> Accuracy {
    let Some(labels) = labels else { return Accuracy::default() };
    let rankings: Option<Vec<Vec<i64>>> = answers.iter().map(|a| ranking(&a.values[0])).collect();
    let Some(rankings) = rankings else { return Accuracy::default() };
    let among = |n: usize| {
        share(rankings.iter().zip(labels).map(|(r, l)| f64::from(u8::from(r.iter().take(n).any(|c| c == l)))))
    };
    let has_five = rankings.first().is_some_and(|r| r.len() > 5);
    Accuracy { top1: among(1), top5: if has_five { among(5) } else { None } }
}

/// Mean of shares, if there are any.
fn share(parts: impl Iterator<Item = f64>) -> Option<f64> {
    let parts: Vec<f64> = parts.collect();
    (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / parts.len() as f64)
}

/// Whether two answers are the same decision: 1 or 0 for a classification, else the share of elements within `bound`, where there is one.
/// If the two greatest scores of `a` lie closer than `bound`, either of them will do.
fn agree(a: &Answer, b: &Answer, bound: Option<f64>) -> Option<f64> {
    let (Some(ra), Some(rb)) = (ranking(&a.scores), ranking(&b.scores)) else {
        let same = |near: &mut dyn Iterator<Item = bool>| {
            let (n, n_near) = near.fold((0, 0), |(n, n_near), near| (n + 1, n_near + usize::from(near)));
            (n > 0).then(|| n_near as f64 / n as f64)
        };
        return match (&a.values[0], &b.values[0], bound) {
            (Array::F32(a), Array::F32(b), Some(bound)) if a.shape() == b.shape() => {
                same(&mut a.iter().zip(b).map(|(x, y)| f64::from((*x - *y).abs()) <= bound))
            }
            (Array::I64(a), Array::I64(b), _) if a.shape() == b.shape() => {
                same(&mut a.iter().zip(b).map(|(x, y)| x == y))
            }
            _ => None,
        };
    };
    let bound = bound.unwrap_or(0.0);
    let near_tie = match &a.scores {
        Array::F32(x) if x.len() > 1 => {
            let scores: Vec<f32> = x.iter().copied().collect();
            f64::from(scores[ra[0] as usize] - scores[ra[1] as usize]) < bound && rb[0] == ra[1]
        }
        Array::F32(x) => x.iter().all(|&v| f64::from((v - 0.5).abs()) < bound),
        Array::I64(_) => false,
    };
    Some(f64::from(u8::from(ra[0] == rb[0] || near_tie)))
}

/// The largest difference between elements of two arrays of reals.
fn largest<'a>(pairs: impl Iterator<Item = (&'a Array, &'a Array)>) -> Option<f64> {
    let differences = pairs.filter_map(|(a, b)| match (a, b) {
        (Array::F32(a), Array::F32(b)) if a.len() == b.len() => {
            Some(a.iter().zip(b).map(|(x, y)| f64::from((x - y).abs())).fold(0.0, f64::max))
        }
        _ => None,
    });
    differences.reduce(f64::max)
}
