//! Treville turns a trained model into programs that compute its prediction under secure multi-party computation.
//!
//! This package owns the command and the tests that cross crates; the library is [`treville_driver`], re-exported here.
//! `docs/ARCHITECTURE.md` is the map.

pub use treville_driver::*;
