//! Why a node cannot be imported.

use treville_ir::Diagnostic;

/// Why a node has no value.
#[derive(Debug)]
pub enum Problem {
    /// Something to report.
    Report(Box<Diagnostic>),
    /// An input is unknown, which is reported where it arises.
    Unknown,
}

impl From<Diagnostic> for Problem {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Report(Box::new(diagnostic))
    }
}

/// A node's import, or why there is none.
pub type Result<T> = std::result::Result<T, Problem>;
