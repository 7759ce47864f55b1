//! Between reals and ring elements, as a program's types say.

use indexmap::IndexMap;
use treville_hlil::{Tensor, Weights};
use treville_ir::{Arg, ArgKind, Diagnostic, Func, TensorType};
use treville_llil::{Args, Elem, Llil};
use treville_ring::{EncodeError, RingTensor, decode, encode};

/// Encodes the weights of a program.
///
/// # Errors
/// Every weight that the store does not have, has in another shape, or that does not fit its ring.
pub fn encode_weights(func: &Func<Llil>, weights: &Weights) -> Result<Args, Vec<Diagnostic>> {
    collect(func, ArgKind::Weight, |arg| {
        let tensor = weights.get(&arg.name).map_err(|e| at(arg, "E0411", e.to_string()))?;
        encode_arg(arg, &Tensor::F32(tensor))
    })
}

/// Encodes the inputs of one inference.
///
/// # Errors
/// Every input that is missing, has another shape, or does not fit its ring; NaN and infinities do not.
pub fn encode_inputs(func: &Func<Llil>, inputs: &IndexMap<String, Tensor>) -> Result<Args, Vec<Diagnostic>> {
    collect(func, ArgKind::Input, |arg| {
        let tensor =
            inputs.get(&arg.name).ok_or_else(|| at(arg, "E0410", format!("input `{}` is missing", arg.name)))?;
        encode_arg(arg, tensor)
    })
}

/// The reals that the results of a program stand for; integers where a result has no fraction bits.
pub fn decode_results(func: &Func<Llil>, results: &[RingTensor]) -> Vec<Tensor> {
    results.iter().zip(func.results()).map(|(x, result)| decode_tensor(x, func.ty(result.value))).collect()
}

/// The reals that ring elements of this type stand for; integers where it has no fraction bits.
pub fn decode_tensor(x: &RingTensor, ty: &TensorType<Elem>) -> Tensor {
    match ty.elem.fixed() {
        Some(fixed) if fixed.frac > 0 => Tensor::F32(decode(x, fixed.frac, fixed.ring)),
        _ => Tensor::I64(treville_ring::map(x, |v| ty.elem.ring().to_signed(v))),
    }
}

fn collect(
    func: &Func<Llil>,
    kind: ArgKind,
    mut tensor: impl FnMut(&Arg<Elem>) -> Result<RingTensor, Diagnostic>,
) -> Result<Args, Vec<Diagnostic>> {
    let (mut args, mut faults) = (Args::new(), Vec::new());
    for (_, arg) in func.args().filter(|(_, arg)| arg.kind == kind) {
        match tensor(arg) {
            Ok(tensor) => drop(args.insert(arg.name.clone(), tensor)),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(args) } else { Err(faults) }
}

fn encode_arg(arg: &Arg<Elem>, tensor: &Tensor) -> Result<RingTensor, Diagnostic> {
    if tensor.shape() != arg.ty.shape {
        return Err(at(arg, "E0412", format!("`{}` has shape {:?}, not {:?}", arg.name, tensor.shape(), arg.ty.shape)));
    }
    let ring = arg.ty.elem.ring();
    let frac = arg.ty.elem.fixed().map_or(0, |fixed| fixed.frac);
    match tensor {
        Tensor::F32(x) => encode(x, frac, ring).map_err(|e| {
            let diagnostic =
                at(arg, "E0413", format!("`{}` cannot be encoded with {frac} fraction bits: {e}", arg.name));
            match e {
                EncodeError::NotFinite { .. } => {
                    diagnostic.with_help("NaN and infinities have no fixed-point form; check the data")
                }
                EncodeError::OutOfRange { .. } => diagnostic.with_help("use a smaller scale"),
            }
        }),
        Tensor::I64(x) => Ok(treville_ring::map(x, |v| ring.wrap((v as u64) << frac))),
    }
}

fn at(arg: &Arg<Elem>, code: &'static str, message: String) -> Diagnostic {
    Diagnostic::error(code, message).at_node(&arg.name, "here")
}
