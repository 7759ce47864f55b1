//! What equality saturation did.

use crate::Price;

/// How a program was found, and what it saves.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Why the rules were no longer applied.
    pub stop: String,
    /// Times that all rules were applied.
    pub iterations: usize,
    /// Nodes of the e-graph.
    pub nodes: usize,
    /// Classes of equal terms.
    pub classes: usize,
    /// By rule: how often it said something new.
    pub applications: Vec<(&'static str, usize)>,
    /// The price of the given program; `None` where it cannot be lowered before it is calibrated.
    pub before: Option<Price>,
    /// The price of the program that was returned.
    pub after: Option<Price>,
}

impl Report {
    /// Nothing was done, because nobody said what things cost.
    pub(super) fn unpriced() -> Self {
        Self {
            stop: "no prices".into(),
            iterations: 0,
            nodes: 0,
            classes: 0,
            applications: Vec::new(),
            before: None,
            after: None,
        }
    }
}

/// What a rule is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    /// The rule.
    pub rule: &'static str,
    /// The price of what is found without it.
    pub without: Option<Price>,
    /// The price of what is found with all rules.
    pub with: Option<Price>,
}
