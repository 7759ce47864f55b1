//! `treville opt`: passes by name over IR text.

use treville_hlil::Weights;
use treville_ir::{Listing, render};
use treville_llil::RoundingMode;
use treville_party::Exit;
use treville_passes::{Manager, Module, Options, PassError, resolve};
use treville_ring::RingBits;

use crate::cli::OptArgs;
use crate::failure::Failure;
use crate::table::{seconds, table};

/// Runs the passes and returns the module's text.
pub(crate) fn opt(args: &OptArgs) -> Result<String, Failure> {
    let text =
        std::fs::read_to_string(&args.file).map_err(|e| Failure::usage(format!("{}: {e}", args.file.display())))?;
    let listing = Listing::of_text(args.file.to_string_lossy(), &text);
    let refuse = |exit: Exit, d: &[treville_ir::Diagnostic]| Failure::diagnostics(exit, d, &listing, false);
    let weights = match &args.weights {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
            Weights::from_safetensors(bytes).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?
        }
        None => Weights::default(),
    };
    let rounding = RoundingMode::from_name(&args.rounding)
        .ok_or_else(|| Failure::usage(format!("--rounding {}: exact, probabilistic or local", args.rounding)))?;
    let ring = RingBits::new(args.ring_bits).map_err(|e| Failure::usage(format!("--ring-bits: {e}")))?;
    let scale = u8::try_from(args.scale).map_err(|_| Failure::usage("--scale is at most 62"))?;
    let module = Module::parse(&text, weights).map_err(|d| refuse(Exit::Unsupported, &d))?;
    let passes = resolve(&args.passes.join(","))
        .map_err(|d| Failure::usage(render(&d, &listing, false).trim_end().to_string()))?;
    let mut print = |pass: &treville_passes::Pass, module: &Module| eprintln!("// after {}\n{module}", pass.name);
    let mut manager =
        Manager { after_each: args.print_ir_after_all.then_some(&mut print as _), verify_each: args.verify_each };
    let options = Options { scale, ring, rounding, ..Options::default() };
    let (module, timings) = manager.run(&passes, module, &options).map_err(|e| match e {
        PassError::Level { .. } => Failure::usage(e.to_string()),
        PassError::Refused { ref diagnostics, .. } => refuse(Exit::Unsupported, diagnostics),
        PassError::Invalid { ref diagnostics, .. } => {
            Failure::other(format!("{e}\n{}", refuse(Exit::Failure, diagnostics).text))
        }
    })?;
    if args.timing {
        let rows: Vec<Vec<String>> = timings
            .iter()
            .map(|t| vec![t.pass.to_string(), seconds(t.time.as_secs_f64()), t.n_ops.to_string()])
            .collect();
        eprint!("{}", table(&["pass", "time", "ops"], &rows));
    }
    Ok(module.to_string())
}
