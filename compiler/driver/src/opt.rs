//! `treville opt`: passes by name over IR text.

use std::io::Read;
use std::path::Path;

use treville_hlil::Weights;
use treville_ir::{Diagnostic, Listing, render};
use treville_llil::RoundingMode;
use treville_party::Exit;
use treville_passes::{Manager, Module, Network, Options, PIPELINES, Pass, PassError, resolve};
use treville_ring::RingBits;

use crate::backends::Backend;
use crate::cli::OptArgs;
use crate::export::verify_with_mlir;
use crate::failure::Failure;
use crate::price::{network, prices};
use crate::print_ir::IrPrinter;
use crate::reproducer;
use crate::stopwatch::Stopwatch;

/// Runs the passes and returns the module's text.
pub(crate) fn opt(args: &OptArgs) -> Result<String, Failure> {
    let mut stopwatch = Stopwatch::start();
    let (name, text) = read(&args.file)?;
    let listing = Listing::of_text(name, &text);
    let refuse = |exit: Exit, d: &[Diagnostic]| Failure::diagnostics(exit, d, &listing, false);
    let options = options(args)?;
    let passes = passes(args, &listing)?;
    let mut printer = IrPrinter::new(&args.watch)?;
    let module = Module::parse(&text, weights(args)?).map_err(|d| refuse(Exit::Unsupported, &d))?;
    stopwatch.lap("parse");
    let mut see = |moment, pass: &Pass, module: &Module| printer.see(moment, pass, module);
    let mut manager = Manager { observer: Some(&mut see), verify_each: args.verify_each };
    let (module, timings) = manager.run(&passes, module, &options).map_err(|e| match &e {
        PassError::Level { .. } => Failure::usage(e.to_string()),
        PassError::Refused { diagnostics, .. } => refuse(Exit::Unsupported, diagnostics),
        PassError::Invalid { .. } | PassError::Panicked { .. } => {
            reproducer::bug(&e, &options, args.weights.as_deref(), args.watch.crash_reproducer.as_deref(), &listing)
        }
    })?;
    stopwatch.lap_passes(&timings);
    printer.finish()?;
    let text = module.to_string();
    stopwatch.lap("print");
    if args.verify_with_mlir {
        verify_with_mlir(&text)?;
        stopwatch.lap("verify with MLIR");
    }
    if args.watch.timing {
        eprint!("{}", stopwatch.table());
    }
    Ok(text)
}

/// The name and text of the file; `-` is stdin.
fn read(file: &Path) -> Result<(String, String), Failure> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|e| Failure::usage(format!("stdin: {e}")))?;
        return Ok(("stdin".into(), text));
    }
    let text = std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?;
    Ok((file.to_string_lossy().into_owned(), text))
}

fn weights(args: &OptArgs) -> Result<Weights, Failure> {
    let Some(path) = &args.weights else { return Ok(Weights::default()) };
    let bytes = std::fs::read(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    Weights::from_safetensors(bytes).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}

/// The passes of `--passes` or `--pipeline`.
fn passes(args: &OptArgs, listing: &Listing) -> Result<Vec<&'static Pass>, Failure> {
    if let Some(name) = args.pipeline.as_deref().filter(|name| PIPELINES.iter().all(|p| p.name != *name)) {
        let known: Vec<&str> = PIPELINES.iter().map(|p| p.name).collect();
        return Err(Failure::usage(format!("there is no pipeline `{name}`; there are: {}", known.join(", "))));
    }
    let names = args.pipeline.clone().unwrap_or_else(|| args.passes.join(","));
    resolve(&names).map_err(|d| Failure::usage(render(&d, listing, false).trim_end().to_string()))
}

/// What the passes are told. A backend brings its prices, and its rounding where none is given.
fn options(args: &OptArgs) -> Result<Options, Failure> {
    let backend = args.backend.as_deref().map(Backend::by_name).transpose()?;
    let rounding = (args.rounding.as_deref()).unwrap_or_else(|| backend.map_or("local", |b| b.info().rounding.name()));
    let rounding = RoundingMode::from_name(rounding)
        .ok_or_else(|| Failure::usage(format!("--rounding {rounding}: exact, probabilistic or local")))?;
    let ring = RingBits::new(args.ring_bits).map_err(|e| Failure::usage(format!("--ring-bits: {e}")))?;
    let scale = u8::try_from(args.scale).map_err(|_| Failure::usage("--scale is at most 62"))?;
    let network = args.net.as_deref().map(network).transpose()?.unwrap_or(Network::LAN);
    Ok(Options { scale, ring, rounding, network, prices: backend.map(|b| prices(b, ring)), ..Options::default() })
}
