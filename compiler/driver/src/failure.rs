//! What ends a command without success, and its exit code.

use std::fmt;

use treville_ir::{Diagnostic, Listing, render};
use treville_party::{Exit, PartyError};
use treville_protocol::ProtocolError;

/// A message for the user and an exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// The text for stderr.
    pub text: String,
}

impl Failure {
    /// A failure with the code `exit`.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Failure { exit, text: text.into() }
    }

    /// The user asked for something that cannot be.
    pub fn usage(text: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, text)
    }

    /// Something went wrong that has no code of its own.
    pub fn other(text: impl Into<String>) -> Self {
        Failure::new(Exit::Failure, text)
    }

    /// A file that cannot be read or written.
    pub fn file(path: &std::path::Path, error: impl fmt::Display) -> Self {
        Failure::other(format!("{}: {error}", path.display()))
    }

    /// Diagnostics over a model's listing.
    pub fn diagnostics(exit: Exit, diagnostics: &[Diagnostic], listing: &Listing, color: bool) -> Self {
        Failure::new(exit, render(diagnostics, listing, color).trim_end())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<PartyError> for Failure {
    fn from(error: PartyError) -> Self {
        Failure::new(error.exit(), error.to_string())
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        PartyError::from(error).into()
    }
}
