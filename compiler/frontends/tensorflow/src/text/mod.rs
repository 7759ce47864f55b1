//! Reads a GraphDef in protobuf's text format (`.pbtxt`).
//!
//! Three steps: `tree` turns the text into nested messages of raw tokens, `scalar` says what a token stands for in a
//! field of a given type, and `schema` puts the fields into the messages of [`proto`](crate::proto). Fields that the
//! schema does not know are skipped, as the binary reader skips them.

mod scalar;
mod schema;
mod tree;

use crate::proto::GraphDef;

/// Reads a text GraphDef.
///
/// # Errors
/// Where the text is no text format, or a known field holds a value of the wrong kind. Never panics; memory is bounded by a
/// multiple of the text's length.
pub fn parse(text: &str) -> Result<GraphDef, TextError> {
    schema::read(&tree::parse(text)?)
}

/// Why a text is no GraphDef, and the byte where that shows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TextError {
    /// Byte offset into the text.
    pub at: usize,
    /// What is wrong there.
    pub kind: TextErrorKind,
}

/// What can be wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextErrorKind {
    /// No token of the text format starts here.
    #[error("this is no field of protobuf's text format")]
    Syntax,
    /// A string that is not closed before the line ends.
    #[error("this string has no end")]
    OpenString,
    /// The file ends before what begins at `at` is complete.
    #[error("the file ends before this is complete")]
    Truncated,
    /// `}`, `>` or `]` without, or not matching, its opening.
    #[error("`{found}` closes nothing that is open here")]
    Unbalanced {
        /// The closing bracket.
        found: char,
    },
    /// More than [`MAX_DEPTH`] messages inside each other.
    #[error("more than {MAX_DEPTH} messages are nested here")]
    TooDeep,
    /// A known field with a value of another type.
    #[error("field `{field}` wants {wanted}")]
    Value {
        /// The field.
        field: String,
        /// What it may hold.
        wanted: &'static str,
    },
}

/// Messages may be nested this deep, as in protobuf's own readers.
pub const MAX_DEPTH: usize = 100;
