//! Why an op cannot be built, and the codes of this crate's diagnostics.
//!
//! | code | meaning |
//! |---|---|
//! | E0101 | the text does not follow the grammar |
//! | E0102 | a number or string that has no value |
//! | E0103 | the function's attributes, or its `func.return` |
//! | E0104 | a name that is unknown or stands twice |
//! | E0105 | a declared type that is not the value's |
//! | E0106 | a type that the dialect does not have |
//! | E0201 to E0205 | an op that cannot be built: [`BuildError`] |
//! | E0206 to E0209 | the verifier: signature, order, result types, annotations |
//! | E0299 | a fault of a pass |

use crate::{AttrKind, Diagnostic, TypeError, Violation};

/// Why an op cannot be built from the given operands and attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The dialect has no such op.
    #[error("there is no op `{op}`")]
    UnknownOp {
        /// The name asked for.
        op: String,
        /// The mnemonics that there are.
        known: Vec<&'static str>,
    },
    /// Too few or too many operands.
    #[error("`{op}` takes {expected} operands, not {actual}")]
    OperandCount {
        /// The op's full name.
        op: String,
        /// How many it takes.
        expected: String,
        /// How many were given.
        actual: usize,
    },
    /// An operand's type that no op accepts.
    #[error("operand {index} of `{op}` is malformed: {error}")]
    OperandType {
        /// The op's full name.
        op: String,
        /// The operand's index.
        index: usize,
        /// What is wrong with it.
        error: TypeError,
    },
    /// A value that this function does not hold.
    #[error("operand {index} of `{op}` is no value of this function")]
    UnknownValue {
        /// The op's full name.
        op: String,
        /// The operand's index.
        index: usize,
    },
    /// A declared attribute is absent.
    #[error("`{op}` lacks its attribute `{attr}`")]
    MissingAttr {
        /// The op's full name.
        op: String,
        /// The attribute.
        attr: &'static str,
    },
    /// An attribute has the wrong kind.
    #[error("attribute `{attr}` of `{op}` must be {expected}, not {actual}")]
    WrongAttr {
        /// The op's full name.
        op: String,
        /// The attribute.
        attr: &'static str,
        /// The declared kind.
        expected: AttrKind,
        /// The kind that was given.
        actual: AttrKind,
    },
    /// An attribute that the op does not declare.
    #[error("`{op}` has no attribute `{attr}`")]
    UnknownAttr {
        /// The op's full name.
        op: String,
        /// The attribute.
        attr: String,
    },
    /// A constraint of the op's table entry does not hold.
    #[error("`{op}` breaks {violation}")]
    Constraint {
        /// The op's full name.
        op: String,
        /// The constraint and what was found.
        violation: Violation,
        /// The constraint's text.
        rule: &'static str,
    },
    /// The result would be a type that no op accepts.
    #[error("result {index} of `{op}` is malformed: {error}")]
    ResultType {
        /// The op's full name.
        op: String,
        /// The result's index.
        index: usize,
        /// What is wrong with it.
        error: TypeError,
    },
}

impl BuildError {
    /// The diagnostic's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownOp { .. } => "E0201",
            Self::OperandCount { .. } | Self::UnknownValue { .. } => "E0202",
            Self::MissingAttr { .. } | Self::WrongAttr { .. } | Self::UnknownAttr { .. } => "E0203",
            Self::Constraint { .. } => "E0204",
            Self::OperandType { .. } | Self::ResultType { .. } => "E0205",
        }
    }
}

impl From<BuildError> for Diagnostic {
    /// The error without a place; the caller adds the label.
    fn from(error: BuildError) -> Self {
        let diagnostic = Diagnostic::error(error.code(), error.to_string());
        match error {
            BuildError::UnknownOp { known, .. } => diagnostic.with_help(format!("there are {}", known.join(", "))),
            BuildError::Constraint { violation, rule, .. } => {
                diagnostic.with_note(format!("{}: {rule}", violation.constraint))
            }
            _ => diagnostic,
        }
    }
}
