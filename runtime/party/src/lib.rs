//! The main loop of a party program: from command line to result file.
//!
//! A generated package is thin: it implements [`Program`] for its model and calls [`main`]. Everything
//! that all party programs share stands here: arguments, the party file, keys, the handshake,
//! `.npy` in and out, the report, exit codes. `treville simulate` runs the same
//! [`run_session`] over in-memory transports with an interpreter as the program.
#![deny(unsafe_code)]

mod allocator;
mod args;
mod error;
mod files;
mod main_loop;
mod manifest;
mod memory;
mod program;
mod report;
mod session;
mod weights;

pub use args::PartyArgs;
pub use error::{Exit, PartyError};
pub use files::{Array, read_inputs, read_npy, write_npy};
pub use main_loop::{main, output_paths};
pub use manifest::{InputInfo, Manifest, OpInfo, OutputInfo, PartyInfo, WeightInfo};
pub use memory::PeakMemory;
pub use program::{AnyProgram, Program, Tensors};
pub use report::{NodeReport, PartyReport, RunReport, merge_reports};
pub use session::{Decoded, Results, Samples, SessionData, finish, run_session, softmax};
pub use weights::{WeightFile, WeightSource};
