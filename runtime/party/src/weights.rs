//! The weights file: safetensors with a salt, and its commitment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ndarray::ArrayD;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use treville_ring::{RingBits, RingTensor, encode};

use crate::{Manifest, PartyError, Tensors};

/// The header of a safetensors file.
fn header_of(file: &mut File, length: u64) -> std::io::Result<Vec<u8>> {
    let mut n = [0; 8];
    file.read_exact(&mut n)?;
    let mut header = Vec::new();
    // One that does not fit in the file is no JSON when it is cut.
    file.take(u64::from_le_bytes(n).min(length)).read_to_end(&mut header)?;
    Ok(header)
}

/// The metadata key of the salt.
const SALT: &str = "treville.salt";

/// Where the values of weights come from: a tensor by name, or why it cannot be had.
pub type WeightSource = Box<dyn Fn(&str) -> Result<ArrayD<f32>, String> + Send + Sync>;

/// The weights of one owner, with the salt that hides them in the commitment.
///
/// Tensors are decoded or computed one at a time, when they are asked for.
pub struct WeightFile {
    path: PathBuf,
    salt: String,
    shapes: BTreeMap<String, Vec<usize>>,
    source: WeightSource,
}

impl WeightFile {
    /// Weights of these shapes that `source` yields, under a fresh salt of 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// Where the operating system has no randomness.
    pub fn new(shapes: BTreeMap<String, Vec<usize>>, source: WeightSource) -> Result<Self, PartyError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)
            .map_err(|e| PartyError::Usage(format!("no randomness from the operating system: {e}")))?;
        let salt = salt.iter().map(|b| format!("{b:02x}")).collect();
        Ok(WeightFile { path: PathBuf::from("(memory)"), salt, shapes, source })
    }

    /// Opens a weights file; its tensors stay there until they are asked for.
    ///
    /// # Errors
    /// Where it cannot be read, or is none that `treville compile` wrote.
    pub fn read(path: &Path) -> Result<Self, PartyError> {
        let fail = |reason: String| PartyError::File { path: path.into(), reason };
        let mut file = File::open(path).map_err(|e| fail(e.to_string()))?;
        let length = file.metadata().map_err(|e| fail(e.to_string()))?.len();
        let header = header_of(&mut file, length).map_err(|e| fail(e.to_string()))?;
        let start = 8 + header.len() as u64;
        let header: Metadata =
            serde_json::from_slice(&header).map_err(|e| fail(format!("not a safetensors file: {e}")))?;
        let salt = header.metadata().as_ref().and_then(|m| m.get(SALT)).cloned();
        let salt =
            salt.ok_or_else(|| fail("it has no salt; only files that `treville compile` wrote can be used".into()))?;
        let (mut shapes, mut places, mut end) = (BTreeMap::new(), BTreeMap::new(), start);
        for (name, info) in header.tensors() {
            if info.dtype != Dtype::F32 {
                return Err(fail(format!("tensor `{name}` is {:?}; expected F32", info.dtype)));
            }
            end = end.max(start + info.data_offsets.1 as u64);
            shapes.insert(name.clone(), info.shape.clone());
            places.insert(name, start + info.data_offsets.0 as u64);
        }
        if end != length {
            return Err(fail(format!("not a safetensors file: its tensors end at byte {end}, the file at {length}")));
        }
        let (of_shape, file) = (shapes.clone(), Mutex::new(file));
        let decode = move |name: &str| {
            let (shape, place) = of_shape.get(name).zip(places.get(name)).ok_or("it is missing")?;
            let mut bytes = vec![0; 4 * shape.iter().product::<usize>()];
            {
                let mut file = file.lock().map_err(|_| "an earlier read has failed")?;
                let read = file.seek(SeekFrom::Start(*place)).and_then(|_| file.read_exact(&mut bytes));
                read.map_err(|e| e.to_string())?;
            }
            let (words, _) = bytes.as_chunks::<4>();
            let values = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
            ArrayD::from_shape_vec(shape.clone(), values).map_err(|e| e.to_string())
        };
        Ok(WeightFile { path: path.into(), salt, shapes, source: Box::new(decode) })
    }

    /// Writes the file tensor by tensor, for this user's eyes only.
    ///
    /// # Errors
    /// Where a tensor cannot be had, or the file not be written.
    pub fn write(&self, path: &Path) -> Result<(), PartyError> {
        let fail = |reason: String| PartyError::Unwritten { path: path.into(), reason };
        let mut end = 0;
        let infos = self.shapes.iter().map(|(name, shape)| {
            let start = end;
            end += 4 * shape.iter().product::<usize>();
            (name.clone(), TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) })
        });
        let salt = [(SALT.to_string(), self.salt.clone())].into();
        let header = Metadata::new(Some(salt), infos.collect()).map_err(|e| fail(e.to_string()))?;
        let mut header = serde_json::to_vec(&header).map_err(|e| fail(e.to_string()))?;
        // The format asks for data that is aligned to 8 bytes.
        header.resize(header.len().next_multiple_of(8), b' ');
        crate::files::write_private(path, &mut |file| {
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(&header)?;
            for name in self.shapes.keys() {
                let tensor = self.tensor(name).map_err(std::io::Error::other)?;
                in_little_endian(&tensor, &mut |bytes| file.write_all(bytes))?;
            }
            Ok(())
        })
    }

    /// A tensor by name.
    ///
    /// # Errors
    /// Where there is none of this name, or its recipe fails.
    pub fn tensor(&self, name: &str) -> Result<ArrayD<f32>, PartyError> {
        let fail = |reason: String| PartyError::Weights {
            path: self.path.clone(),
            reason: format!("tensor `{name}`: {reason}"),
        };
        let shape = self.shapes.get(name).ok_or_else(|| fail("it is missing".into()))?;
        let tensor = (self.source)(name).map_err(fail)?;
        if tensor.shape() == shape { Ok(tensor) } else { Err(fail(format!("it has shape {:?}", tensor.shape()))) }
    }

    /// A hash that binds the owner to these weights and, thanks to the salt, does not let anybody confirm a guess of them.
    ///
    /// # Errors
    /// Where a tensor cannot be had.
    pub fn commitment(&self) -> Result<String, PartyError> {
        let mut hasher = blake3::Hasher::new_derive_key("treville weights commitment v1");
        let field = |hasher: &mut blake3::Hasher, bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(&mut hasher, self.salt.as_bytes());
        for name in self.shapes.keys() {
            let tensor = self.tensor(name)?;
            field(&mut hasher, name.as_bytes());
            field(&mut hasher, &tensor.shape().iter().flat_map(|&d| (d as u64).to_le_bytes()).collect::<Vec<_>>());
            hasher.update(&(4 * tensor.len() as u64).to_le_bytes());
            in_little_endian(&tensor, &mut |bytes| {
                hasher.update(bytes);
                Ok::<_, PartyError>(())
            })?;
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Checks the tensors of `role` against the manifest, shape by shape, and the commitment.
    ///
    /// # Errors
    /// Where something differs.
    pub fn check(&self, manifest: &Manifest, role: &str) -> Result<(), PartyError> {
        let fail = |reason: String| Err(PartyError::Weights { path: self.path.clone(), reason });
        for info in manifest.weights.iter().filter(|w| w.owner == role) {
            match self.shapes.get(&info.name) {
                None => return fail(format!("tensor `{}` is missing", info.name)),
                Some(shape) if *shape != info.shape => {
                    return fail(format!(
                        "tensor `{}` has shape {shape:?}; the program needs {:?}",
                        info.name, info.shape
                    ));
                }
                Some(_) => {}
            }
        }
        if self.commitment()? != manifest.weights_commitment {
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

/// Gives `sink` the elements in standard order, as bytes, a piece at a time.
fn in_little_endian<E>(tensor: &ArrayD<f32>, sink: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut piece = Vec::with_capacity(1 << 16);
    for values in tensor.as_standard_layout().as_slice().unwrap_or_default().chunks(1 << 14) {
        piece.clear();
        piece.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        sink(&piece)?;
    }
    Ok(())
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
            encode(&self.file.tensor(&info.name)?, info.frac, self.ring).map_err(|e| PartyError::Weights {
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
        encode(&self.file.tensor(name).ok()?, info.frac, self.ring).ok()
    }
}

/// No weights: what parties that own none pass.
pub(crate) struct NoTensors;

impl Tensors for NoTensors {
    fn get(&self, _: &str) -> Option<RingTensor> {
        None
    }
}
