//! The weights file: safetensors with a salt, and its commitment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use safetensors::{Dtype, SafeTensors};
use treville_ring::{RingBits, RingTensor, encode};

use crate::{Manifest, PartyError, Tensors};

/// The metadata key of the salt.
const SALT: &str = "treville.salt";

/// The weights of one owner, with the salt that hides them in the commitment.
pub struct WeightFile {
    path: PathBuf,
    salt: String,
    tensors: BTreeMap<String, ArrayD<f32>>,
}

impl WeightFile {
    /// Weights in memory under a fresh salt of 128 random bits in hexadecimal.
    pub fn new(tensors: BTreeMap<String, ArrayD<f32>>) -> Result<Self, PartyError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)
            .map_err(|e| PartyError::Usage(format!("no randomness from the operating system: {e}")))?;
        Ok(WeightFile {
            path: PathBuf::from("(memory)"),
            salt: salt.iter().map(|b| format!("{b:02x}")).collect(),
            tensors,
        })
    }

    /// Reads a weights file.
    pub fn read(path: &Path) -> Result<Self, PartyError> {
        let fail = |reason: String| PartyError::File { path: path.into(), reason };
        let bytes = std::fs::read(path).map_err(|e| fail(e.to_string()))?;
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|e| fail(format!("not a safetensors file: {e}")))?;
        let salt = header.metadata().as_ref().and_then(|m| m.get(SALT)).cloned();
        let salt =
            salt.ok_or_else(|| fail("it has no salt; only files that `treville compile` wrote can be used".into()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| fail(format!("not a safetensors file: {e}")))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != Dtype::F32 {
                return Err(fail(format!("tensor `{name}` is {:?}; expected F32", view.dtype())));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            let tensor = ArrayD::from_shape_vec(view.shape().to_vec(), values)
                .map_err(|e| fail(format!("tensor `{name}`: {e}")))?;
            tensors.insert(name, tensor);
        }
        Ok(WeightFile { path: path.into(), salt, tensors })
    }

    /// Writes the file, for this user's eyes only.
    pub fn write(&self, path: &Path) -> Result<(), PartyError> {
        let bytes: BTreeMap<&String, (Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(n, t)| (n, (t.shape().to_vec(), t.iter().flat_map(|v| v.to_le_bytes()).collect())))
            .collect();
        let views = bytes.iter().map(|(n, (shape, data))| {
            (
                n.as_str(),
                safetensors::tensor::TensorView::new(Dtype::F32, shape.clone(), data)
                    .expect("invariant: four bytes for each element"),
            )
        });
        let metadata = [(SALT.to_string(), self.salt.clone())].into();
        let fail = |reason: String| PartyError::Unwritten { path: path.into(), reason };
        let text = safetensors::serialize(views, Some(metadata)).map_err(|e| fail(e.to_string()))?;
        crate::files::write_private(path, &text)
    }

    /// The tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, ArrayD<f32>> {
        &self.tensors
    }

    /// A hash that binds the owner to these weights and, thanks to the salt, does not let anybody confirm a guess of them.
    pub fn commitment(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("treville weights commitment v1");
        let mut field = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(self.salt.as_bytes());
        for (name, tensor) in &self.tensors {
            field(name.as_bytes());
            field(&tensor.shape().iter().flat_map(|&d| (d as u64).to_le_bytes()).collect::<Vec<_>>());
            field(&tensor.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Checks the tensors of `role` against the manifest, shape by shape, and the commitment.
    pub fn check(&self, manifest: &Manifest, role: &str) -> Result<(), PartyError> {
        let fail = |reason: String| Err(PartyError::Weights { path: self.path.clone(), reason });
        for info in manifest.weights.iter().filter(|w| w.owner == role) {
            match self.tensors.get(&info.name) {
                None => return fail(format!("tensor `{}` is missing", info.name)),
                Some(t) if t.shape() != info.shape => {
                    return fail(format!(
                        "tensor `{}` has shape {:?}; the program needs {:?}",
                        info.name,
                        t.shape(),
                        info.shape
                    ));
                }
                Some(_) => {}
            }
        }
        if self.commitment() != manifest.weights_commitment {
            return fail(
                "these are not the weights that the program was compiled with (their commitment differs)".into(),
            );
        }
        Ok(())
    }

    /// The weights of `role`, to be encoded one by one as they are asked for.
    pub(crate) fn encoder<'a>(&'a self, manifest: &'a Manifest, role: &'a str, ring: RingBits) -> EncodedWeights<'a> {
        EncodedWeights { file: self, manifest, role, ring }
    }
}

/// Encodes a weight when the program asks for it.
pub(crate) struct EncodedWeights<'a> {
    file: &'a WeightFile,
    manifest: &'a Manifest,
    role: &'a str,
    ring: RingBits,
}

impl EncodedWeights<'_> {
    /// Refuses weights that no ring element can hold, before anything is sent.
    pub(crate) fn check(&self) -> Result<(), PartyError> {
        for info in self.manifest.weights.iter().filter(|w| w.owner == self.role) {
            encode(&self.file.tensors[&info.name], info.frac, self.ring).map_err(|e| PartyError::Weights {
                path: self.file.path.clone(),
                reason: format!("tensor `{}`: {e}", info.name),
            })?;
        }
        Ok(())
    }
}

impl Tensors for EncodedWeights<'_> {
    fn get(&self, name: &str) -> Option<RingTensor> {
        let info = self.manifest.weights.iter().find(|w| w.name == name && w.owner == self.role)?;
        encode(self.file.tensors.get(name)?, info.frac, self.ring).ok()
    }
}

/// No weights: what parties that own none pass.
pub(crate) struct NoTensors;

impl Tensors for NoTensors {
    fn get(&self, _: &str) -> Option<RingTensor> {
        None
    }
}
