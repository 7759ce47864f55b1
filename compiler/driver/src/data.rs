//! Data files: named arrays.

use std::path::Path;

use treville_hlil::Tensor;
use treville_party::{Array, read_inputs};

use crate::failure::Failure;

/// The arrays in a file: those of a `.npz` by their names, the single one of a `.npy` under the name `single`.
///
/// # Errors
/// Exit code 2 for a file that cannot be read.
pub(crate) fn read(path: &Path, single: &str) -> Result<Vec<(String, Array)>, Failure> {
    read_inputs(path, single).map_err(|e| Failure::usage(e.to_string()))
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
