//! Data files: named arrays.

use std::path::Path;

use treville_frontend_onnx::tensor::read_tensor;
use treville_hlil::Tensor;
use treville_party::{Array, read_inputs, write_npy};

use crate::failure::Failure;
use crate::source::read_file;

/// The arrays in a file: those of a `.npz` by their names, the single one of a `.npy` or of an ONNX test tensor (`.pb`) under the name
/// `single`, or, where that is empty, the tensor's own.
///
/// # Errors
/// Exit code 2 for a file that cannot be read.
pub(crate) fn read(path: &Path, single: &str) -> Result<Vec<(String, Array)>, Failure> {
    if !is_onnx_tensor(path) {
        return read_inputs(path, single).map_err(|e| Failure::usage(e.to_string()));
    }
    let (name, tensor) =
        read_tensor(&read_file(path)?).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    Ok(vec![(if single.is_empty() { name } else { single.to_string() }, array(tensor))])
}

fn is_onnx_tensor(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pb"))
}

/// A `NAME=FILE` argument as a party program takes it: what it cannot read is written into `scratch`.
///
/// # Errors
/// As [`read`], and where the folder cannot be written to.
pub(crate) fn for_party(argument: &str, scratch: &Path) -> Result<String, Failure> {
    let (name, path) = argument.split_once('=').unwrap_or(("", argument));
    if !is_onnx_tensor(Path::new(path)) {
        return Ok(argument.to_string());
    }
    let mut arrays = read(Path::new(path), name)?;
    let (name, array) = arrays.pop().ok_or_else(|| Failure::usage(format!("{path}: there is no array in it")))?;
    let digest = blake3::hash(argument.as_bytes()).to_hex();
    let file = scratch.join(format!("input-{digest}.npy"));
    write_npy(&file, &array)?;
    Ok(format!("{name}={}", file.display()))
}

/// The arrays of `NAME=FILE` arguments; the name is empty where there is none.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_arguments(arguments: &[String]) -> Result<Vec<(String, Array)>, Failure> {
    let mut arrays = Vec::new();
    for argument in arguments {
        let (name, path) = argument.split_once('=').unwrap_or(("", argument));
        arrays.extend(read(Path::new(path), name)?);
    }
    Ok(arrays)
}

/// An array as the evaluators take it.
pub(crate) fn tensor(array: Array) -> Tensor {
    match array {
        Array::F32(x) => Tensor::F32(x),
        Array::I64(x) => Tensor::I64(x),
    }
}

/// A tensor as users get it.
pub(crate) fn array(tensor: Tensor) -> Array {
    match tensor {
        Tensor::F32(x) => Array::F32(x),
        Tensor::I64(x) => Array::I64(x),
    }
}
