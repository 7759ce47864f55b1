//! The `treville` command and the library behind it.
//!
//! The driver is the only crate that knows both the compiler and the runtime: it hands the chosen backend's facts and
//! prices to the passes, owns the interpreter of LLIL over a `Protocol`, writes packages and runs their parties.
#![forbid(unsafe_code)]

pub mod backends;
mod calibration;
mod cli;
mod commands;
pub mod compile;
mod cost;
mod data;
mod demo;
mod doctor;
mod export;
mod failure;
pub mod fixed;
mod inspect;
pub mod interpreter;
mod keys;
pub mod model;
mod opt;
pub mod package;
mod passes;
mod precision;
pub mod price;
mod print_ir;
mod ranges;
pub mod reference;
pub mod reproducer;
mod rules;
pub mod run;
mod samples;
mod scales;
pub mod simulate;
mod source;
pub mod stopwatch;
mod table;
mod timeline;
pub mod trace;
pub mod verify;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use treville_party::Exit;

pub use cli::{Cli, ModelArgs};
pub use failure::Failure;

/// The entry point of the `treville` command: stdout is the result, stderr the log.
pub fn main() -> ExitCode {
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|panic| eprintln!("internal: {}", panic.to_string().replace('\n', " "))));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Nothing is left to be done if even the message cannot be printed.
            let _ = e.print();
            return if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                Exit::Ok
            } else {
                Exit::Usage
            }
            .into();
        }
    };
    let internal = |_| Err(Failure::other("internal: this is a bug of treville, please report it"));
    match catch_unwind(AssertUnwindSafe(|| commands::run(&cli))).unwrap_or_else(internal) {
        Ok(text) => {
            use std::io::Write;
            // A reader that has seen enough is no error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Exit::Ok.into()
        }
        Err(failure) => {
            // Diagnostics begin with `error[CODE]`.
            let start = if failure.text.starts_with("error") { "" } else { "error: " };
            eprintln!("{start}{}", failure.text);
            failure.exit.into()
        }
    }
}
