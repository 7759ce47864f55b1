//! `.npy` and `.npz` files in and out.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write};
use std::path::Path;

use ndarray::{ArrayD, ArrayViewD, Axis};
use ndarray_npy::{ReadNpyExt, ReadableElement, WriteNpyExt};

use crate::PartyError;

/// An array of one of the element types that users have.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Real values.
    F32(ArrayD<f32>),
    /// Indices and labels.
    I64(ArrayD<i64>),
}

impl Array {
    /// The shape.
    pub fn shape(&self) -> &[usize] {
        match self {
            Array::F32(a) => a.shape(),
            Array::I64(a) => a.shape(),
        }
    }

    /// Samples one after another along the first axis: along an existing batch axis of 1, or a new one. A lone sample stays as it is.
    pub fn stack(samples: &[&Array]) -> Array {
        fn join<T: Clone>(parts: Vec<ArrayViewD<'_, T>>) -> ArrayD<T> {
            let batched = parts.first().is_some_and(|p| p.ndim() > 0 && p.shape()[0] == 1);
            let joined = if batched { ndarray::concatenate(Axis(0), &parts) } else { ndarray::stack(Axis(0), &parts) };
            joined.unwrap_or_else(|_| {
                ArrayD::from_shape_vec(vec![0], Vec::new()).expect("invariant: no elements in no places")
            })
        }
        if let [only] = samples {
            return Array::clone(only);
        }
        let reals: Option<Vec<_>> =
            samples.iter().map(|a| if let Array::F32(a) = a { Some(a.view()) } else { None }).collect();
        match reals {
            Some(reals) => Array::F32(join(reals)),
            None => Array::I64(join(
                samples.iter().filter_map(|a| if let Array::I64(a) = a { Some(a.view()) } else { None }).collect(),
            )),
        }
    }

    /// The values as reals.
    pub fn into_f32(self) -> ArrayD<f32> {
        match self {
            Array::F32(a) => a,
            Array::I64(a) => a.mapv(|v| v as f32),
        }
    }
}

impl std::fmt::Display for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Array::F32(a) => write!(f, "{a:.4}"),
            Array::I64(a) => write!(f, "{a}"),
        }
    }
}

/// Reads a `.npy` file of floats or integers.
pub fn read_npy(path: &Path) -> Result<Array, PartyError> {
    let bytes = std::fs::read(path).map_err(|e| PartyError::File { path: path.into(), reason: e.to_string() })?;
    parse_npy(&bytes).map_err(|reason| PartyError::File { path: path.into(), reason })
}

/// Parses the bytes of a `.npy` file.
pub(crate) fn parse_npy(bytes: &[u8]) -> Result<Array, String> {
    fn read<T: ReadableElement + Clone>(bytes: &[u8]) -> Result<ArrayD<T>, ndarray_npy::ReadNpyError> {
        Ok(ArrayD::<T>::read_npy(bytes)?.as_standard_layout().into_owned())
    }
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err("not a .npy file".into());
    }
    let first = match read::<f32>(bytes) {
        Ok(a) => return Ok(Array::F32(a)),
        Err(e) => e,
    };
    if let Ok(a) = read::<f64>(bytes) {
        return Ok(Array::F32(a.mapv(|v| v as f32)));
    }
    if let Ok(a) = read::<i64>(bytes) {
        return Ok(Array::I64(a));
    }
    if let Ok(a) = read::<i32>(bytes) {
        return Ok(Array::I64(a.mapv(i64::from)));
    }
    if let Ok(a) = read::<u8>(bytes) {
        return Ok(Array::I64(a.mapv(i64::from)));
    }
    Err(format!("cannot read the array as float32, float64, int64, int32 or uint8: {first}"))
}

/// Reads all arrays of a `.npz` file, or the single array of a `.npy` file under the name `single`.
pub fn read_inputs(path: &Path, single: &str) -> Result<Vec<(String, Array)>, PartyError> {
    let fail = |reason: String| PartyError::File { path: path.into(), reason };
    if path.extension().is_none_or(|e| e != "npz") {
        return Ok(vec![(single.to_string(), read_npy(path)?)]);
    }
    let file = File::open(path).map_err(|e| fail(e.to_string()))?;
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|e| fail(format!("not an .npz file: {e}")))?;
    let mut arrays = Vec::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| fail(e.to_string()))?;
        let name = entry.name().trim_end_matches(".npy").to_string();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).map_err(|e| fail(format!("array `{name}`: {e}")))?;
        arrays.push((name.clone(), parse_npy(&bytes).map_err(|e| fail(format!("array `{name}`: {e}")))?));
    }
    Ok(arrays)
}

/// Writes a `.npy` file, whole or not at all.
pub fn write_npy(path: &Path, array: &Array) -> Result<(), PartyError> {
    let mut bytes = Vec::new();
    match array {
        Array::F32(a) => a.write_npy(&mut bytes),
        Array::I64(a) => a.write_npy(&mut bytes),
    }
    .map_err(|e| PartyError::Unwritten { path: path.into(), reason: e.to_string() })?;
    write_whole(path, &bytes)
}

/// Writes a file under a temporary name and renames it, so that nobody ever sees a part of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PartyError> {
    write_new(path, &mut |file| file.write_all(bytes), &mut File::options())
}

/// As [`write_whole`] what `content` writes, readable by this user alone.
pub(crate) fn write_private(path: &Path, content: &mut Content<'_>) -> Result<(), PartyError> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    write_new(path, content, &mut options)
}

/// Writes the content of a file.
type Content<'a> = dyn FnMut(&mut dyn Write) -> std::io::Result<()> + 'a;

fn write_new(path: &Path, content: &mut Content<'_>, options: &mut OpenOptions) -> Result<(), PartyError> {
    let fail = |e: std::io::Error| PartyError::Unwritten { path: path.into(), reason: e.to_string() };
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.part", std::process::id()));
    let temporary = std::path::PathBuf::from(temporary);
    let mut write = || {
        let mut file = options.write(true).create(true).truncate(true).open(&temporary)?;
        content(&mut file)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&temporary))).map_err(fail)
}
