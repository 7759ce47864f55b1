//! One session: agree on the number of inferences, set up, infer, decode.

use std::collections::BTreeMap;

use bytes::Bytes;
use ndarray::{ArrayD, Axis};
use treville_net::{Link, Party, Transport};
use treville_prg::SESSION_INFERENCE;
use treville_protocol::Session;
use treville_ring::{RingBits, RingTensor, decode, encode};

use crate::weights::{EncodedWeights, NoTensors};
use crate::{AnyProgram, Array, InputInfo, Manifest, OutputInfo, PartyError, Tensors, WeightFile};

/// The operation number of messages that belong to no operation.
const CONTROL_OP: u32 = u32::MAX;

/// The samples that one party brings: for each of its inputs, encoded, one tensor an inference.
#[derive(Default)]
pub struct Samples {
    by_name: BTreeMap<String, Vec<RingTensor>>,
    count: Option<usize>,
}

impl Samples {
    /// Checks and encodes the inputs of `role`; `labels` and `expected` of a data file are passed over. Each array is one sample of the input's shape, or N of them along axis 0
    /// (where the input has a batch axis of 1, N takes its place).
    ///
    /// # Errors
    /// An input is missing, unknown or owned by another party; a shape does not fit; a value is not finite or does not fit the ring.
    pub fn new(manifest: &Manifest, role: &str, arrays: Vec<(String, Array)>) -> Result<Self, PartyError> {
        let ring = manifest.ring()?;
        let mut samples = Samples::default();
        let mine: Vec<&InputInfo> = manifest.inputs.iter().filter(|i| i.owner == role).collect();
        for (name, array) in arrays {
            // Data files for `verify` hold these beside the inputs.
            if matches!(name.as_str(), "labels" | "expected") && mine.iter().all(|i| i.name != name) {
                continue;
            }
            // A lone array without a name is the only input.
            let info = match mine[..] {
                [only] if name.is_empty() => only,
                _ => *mine.iter().find(|i| i.name == name).ok_or_else(|| no_such_input(&name, role, &mine))?,
            };
            let fail = |reason: String| PartyError::Input { name: info.name.clone(), reason };
            if samples.by_name.contains_key(&info.name) {
                return Err(fail("given twice".into()));
            }
            let parts = split(array.into_f32(), &info.shape).map_err(fail)?;
            if samples.count.is_some_and(|n| n != parts.len()) {
                return Err(fail(format!(
                    "{} samples; another input has {}",
                    parts.len(),
                    samples.count.unwrap_or_default()
                )));
            }
            samples.count = Some(parts.len());
            let encoded: Result<Vec<_>, _> = parts
                .iter()
                .enumerate()
                .map(|(i, part)| encode(part, info.frac, ring).map_err(|e| fail(format!("sample {i}: {e}"))))
                .collect();
            samples.by_name.insert(info.name.clone(), encoded?);
        }
        match manifest.inputs.iter().find(|i| i.owner == role && !samples.by_name.contains_key(&i.name)) {
            Some(missing) => Err(PartyError::Input {
                name: missing.name.clone(),
                reason: format!("missing; pass --input {}=FILE.npy with shape {:?}", missing.name, missing.shape),
            }),
            None => Ok(samples),
        }
    }
}

fn no_such_input(name: &str, role: &str, inputs: &[&InputInfo]) -> PartyError {
    let names: Vec<String> = inputs.iter().map(|i| format!("`{}` {:?}", i.name, i.shape)).collect();
    let has = names.join(", ");
    PartyError::Usage(match (name, inputs) {
        (_, []) => format!("the {role} brings no inputs; leave out --input"),
        ("", _) => format!("the {role} has several inputs, {has}; say which with --input NAME=FILE"),
        (name, _) => format!("the {role} has no input `{name}`; it has {has}"),
    })
}

/// Splits an array into samples of `shape`.
fn split(array: ArrayD<f32>, shape: &[usize]) -> Result<Vec<ArrayD<f32>>, String> {
    if array.shape() == shape {
        return Ok(vec![array]);
    }
    let expected = || {
        format!(
            "shape {:?} does not fit; expected {:?}, or that many times N along the first axis",
            array.shape(),
            shape
        )
    };
    let batched = match shape.first() {
        Some(1) if array.ndim() == shape.len() && array.shape()[1..] == shape[1..] => &array,
        _ if array.ndim() == shape.len() + 1 && array.shape()[1..] == *shape => &array,
        _ => return Err(expected()),
    };
    if batched.is_empty() {
        return Err("no samples".into());
    }
    batched
        .axis_iter(Axis(0))
        .map(|s| s.to_owned().into_shape_with_order(shape.to_vec()).map_err(|e| e.to_string()))
        .collect()
}

/// The inputs of one inference.
struct Sample<'a>(&'a Samples, usize);

impl Tensors for Sample<'_> {
    fn get(&self, name: &str) -> Option<RingTensor> {
        self.0.by_name.get(name).map(|s| s[self.1].clone())
    }
}

/// What one party brings to a session.
pub struct SessionData<'a> {
    /// The program's manifest.
    pub manifest: &'a Manifest,
    /// This party's role.
    pub role: &'a str,
    /// The weights, where this party owns some.
    pub weights: Option<&'a WeightFile>,
    /// The inputs.
    pub samples: &'a Samples,
}

impl<'a> SessionData<'a> {
    fn encoded_weights(&self, ring: RingBits) -> Result<Option<EncodedWeights<'a>>, PartyError> {
        let Some(file) = self.weights else {
            return match self.manifest.weights.iter().any(|w| w.owner == self.role) {
                true => {
                    Err(PartyError::Usage(format!("the {} owns weights; pass --weights FILE.safetensors", self.role)))
                }
                false => Ok(None),
            };
        };
        file.check(self.manifest, self.role)?;
        let encoded = file.encoder(self.manifest, self.role, ring);
        encoded.check()?;
        Ok(Some(encoded))
    }

    /// Checks everything that can be checked before a connection is made.
    pub fn check(&self) -> Result<(), PartyError> {
        self.encoded_weights(self.manifest.ring()?).map(drop)
    }
}

/// A result in the clear.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The ring elements as they were revealed.
    pub ring: RingTensor,
    /// The value for the user: decoded, and post-processed where the manifest says so.
    pub value: Array,
}

/// For each inference the results in the manifest's order; `None` where this party does not learn one.
pub type Results = Vec<Vec<Option<Decoded>>>;

/// Runs a session, and returns what this party learns.
pub async fn run_session(
    session: &Session,
    transport: &dyn Transport,
    program: &dyn AnyProgram,
    data: &SessionData<'_>,
) -> Result<Results, PartyError> {
    let ring = data.manifest.ring()?;
    let n_inferences = agree_on_count(transport, data).await?;
    let weights = match data.encoded_weights(ring)? {
        Some(encoded) => program.setup(&session.setup(), &encoded).await?,
        None => program.setup(&session.setup(), &NoTensors).await?,
    };
    // Without room made in advance: the number may be a peer's.
    let mut results = Vec::new();
    for i in 0..n_inferences {
        let revealed = program.infer(&session.inference(i as u32), weights.as_ref(), &Sample(data.samples, i)).await?;
        results.push(
            revealed
                .into_iter()
                .zip(&data.manifest.outputs)
                .map(|(r, info)| r.map(|ring_tensor| finish(ring_tensor, info, ring)))
                .collect(),
        );
    }
    Ok(results)
}

/// Every party tells every other how many samples it brings; those that bring some must agree.
async fn agree_on_count(transport: &dyn Transport, data: &SessionData<'_>) -> Result<usize, PartyError> {
    let link = Link::new(transport, CONTROL_OP, SESSION_INFERENCE, 0);
    let mine = data.samples.count.unwrap_or(0) as u64;
    let others: Vec<Party> = (0..data.manifest.parties.len()).map(Party).filter(|&p| p != transport.me()).collect();
    for &peer in &others {
        link.send(peer, Bytes::copy_from_slice(&mine.to_le_bytes())).await?;
    }
    let mut agreed = mine;
    for &peer in &others {
        let message = link.recv_exact(peer, 8).await?;
        let theirs = u64::from_le_bytes(message[..].try_into().expect("invariant: recv_exact checked the length"));
        if agreed != 0 && theirs != 0 && agreed != theirs {
            return Err(PartyError::Usage(format!(
                "the {} brings {theirs} samples, another party {agreed}",
                data.manifest.parties[peer.0].role
            )));
        }
        agreed = agreed.max(theirs);
    }
    if agreed == 0 || agreed >= u64::from(SESSION_INFERENCE) {
        return Err(PartyError::Usage(format!(
            "a session has between 1 and {} inferences; this one has {agreed}",
            SESSION_INFERENCE - 1
        )));
    }
    Ok(agreed as usize)
}

/// Decodes a revealed tensor. Results without fraction bits are indices.
pub fn finish(ring_tensor: RingTensor, info: &OutputInfo, ring: RingBits) -> Decoded {
    let value = match info.frac {
        0 => Array::I64(ring_tensor.mapv(|v| ring.to_signed(v))),
        frac => {
            let real = decode(&ring_tensor, frac, ring);
            Array::F32(if info.post == "softmax" { softmax(real) } else { real })
        }
    };
    Decoded { ring: ring_tensor, value }
}

/// Softmax along the last axis.
pub fn softmax(mut x: ArrayD<f32>) -> ArrayD<f32> {
    let last = Axis(x.ndim().saturating_sub(1));
    for mut lane in x.lanes_mut(last) {
        let max = lane.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        lane.mapv_inplace(|v| (v - max).exp());
        let sum = lane.sum();
        lane.mapv_inplace(|v| v / sum);
    }
    x
}
