//! `treville export`: a model as IR, ours or MLIR's upstream dialects.

use crate::cli::{ExportArgs, ModelArgs, Target};
use crate::compile::{Compiled, Watch, compile};
use crate::failure::Failure;
use crate::model::Model;

/// The text, or nothing where it was written to a file.
pub(crate) fn export(args: &ExportArgs) -> Result<String, Failure> {
    // Only exact rounding is a function of its operand.
    let options = match args.to {
        Target::Hlil | Target::Llil | Target::Linalg => args.options.clone(),
        Target::LinalgFixed | Target::Llvm => ModelArgs { backend: "cleartext".into(), ..args.options.clone() },
    };
    let compiled = compile(Model::read(&args.model, &options)?, &options, None, Watch::default())?;
    let text = match args.to {
        Target::Hlil => compiled.hlil.to_string(),
        Target::Llil => compiled.llil.to_string(),
        Target::Linalg => linalg(&compiled)?,
        Target::LinalgFixed => linalg_fixed(&compiled)?,
        Target::Llvm => llvm(&compiled)?,
    };
    match &args.output {
        None => Ok(text),
        Some(path) => {
            std::fs::write(path, text).map_err(|e| Failure::file(path, e))?;
            Ok(String::new())
        }
    }
}

#[cfg(feature = "mlir")]
mod mlir {
    use treville_mlir::{Mlir, MlirError};
    use treville_party::Exit;

    use super::{Compiled, Failure};

    pub(super) fn linalg(compiled: &Compiled) -> Result<String, Failure> {
        treville_mlir::export(&compiled.hlil).map_err(failure)
    }

    pub(super) fn linalg_fixed(compiled: &Compiled) -> Result<String, Failure> {
        treville_mlir::lower(&compiled.llil).map_err(failure)
    }

    pub(super) fn llvm(compiled: &Compiled) -> Result<String, Failure> {
        Mlir::new().and_then(|mlir| mlir.to_llvm(&compiled.llil)).map(|text| text + "\n").map_err(failure)
    }

    /// Has MLIR verify a module's text.
    pub(crate) fn verify(text: &str) -> Result<(), Failure> {
        Mlir::new().and_then(|mlir| mlir.round_trip(text)).map(drop).map_err(failure)
    }

    fn failure(error: MlirError) -> Failure {
        let exit = if matches!(error, MlirError::Unsupported { .. }) { Exit::Unsupported } else { Exit::Failure };
        Failure::new(exit, error.to_string())
    }
}

#[cfg(not(feature = "mlir"))]
mod mlir {
    use super::{Compiled, Failure};

    pub(super) fn linalg(_: &Compiled) -> Result<String, Failure> {
        Err(without())
    }

    pub(super) fn linalg_fixed(_: &Compiled) -> Result<String, Failure> {
        Err(without())
    }

    pub(super) fn llvm(_: &Compiled) -> Result<String, Failure> {
        Err(without())
    }

    pub(crate) fn verify(_: &str) -> Result<(), Failure> {
        Err(without())
    }

    fn without() -> Failure {
        Failure::usage(
            "this treville was built without MLIR\nhelp: `cargo build --release --features mlir`, with LLVM 22 installed: docs/how-to/use-mlir.md",
        )
    }
}

pub(crate) use mlir::verify as verify_with_mlir;
use mlir::{linalg, linalg_fixed, llvm};
