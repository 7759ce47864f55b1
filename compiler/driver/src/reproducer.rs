//! What is kept of a pass's bug: a file with the module, and the command that shows the bug again.

use std::path::Path;

use treville_ir::Listing;
use treville_party::Exit;
use treville_passes::{Options, PassError};

use crate::failure::Failure;

/// The failure of a pass that has a bug, with its reproducer at `at` or in the folder for temporary files.
///
/// # Security
/// The reproducer holds the program with ranges and scales, and no weights.
pub fn bug(
    error: &PassError,
    options: &Options,
    weights: Option<&Path>,
    at: Option<&Path>,
    listing: &Listing,
) -> Failure {
    let mut text = error.to_string();
    if let Some((pass, reproducer)) = error.bug() {
        let in_temporary = std::env::temp_dir().join(format!("treville-reproducer-{}.ir", std::process::id()));
        let path = at.unwrap_or(&in_temporary);
        text += &match std::fs::write(path, reproducer) {
            Ok(()) => format!(
                "\nreproducer: {0}\nto see it again: treville opt {0} --passes {pass}{1}",
                path.display(),
                flags(options, weights)
            ),
            Err(e) => format!("\nno reproducer was written: {}: {e}", path.display()),
        };
    }
    if !error.diagnostics().is_empty() {
        text += &format!("\n{}", Failure::diagnostics(Exit::Failure, error.diagnostics(), listing, false));
    }
    Failure::other(text)
}

/// The options of `treville opt` that mean `options`.
fn flags(options: &Options, weights: Option<&Path>) -> String {
    let mut flags =
        format!(" --scale {} --ring-bits {} --rounding {}", options.scale, options.ring.get(), options.rounding.name());
    if let Some(prices) = &options.prices {
        let net = options.network;
        flags += &format!(
            " --backend {} --net {},{}",
            prices.backend(),
            net.bytes_per_second as f64 / 1e6,
            net.latency_us as f64 / 1e3
        );
    }
    if let Some(weights) = weights {
        flags += &format!(" --weights {}", weights.display());
    }
    flags
}
