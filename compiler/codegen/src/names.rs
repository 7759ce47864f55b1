//! Rust identifiers from the names of a model's nodes.

use std::collections::BTreeSet;

/// Hands out identifiers, each once.
#[derive(Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// An identifier that reads like `name` and has not been handed out yet.
    pub(crate) fn fresh(&mut self, name: &str) -> String {
        let mut base: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
        while base.contains("__") {
            base = base.replace("__", "_");
        }
        base = base.trim_matches('_').to_string();
        if base.is_empty() || base.starts_with(|c: char| c.is_ascii_digit()) || is_taken(&base) {
            base = format!("node_{base}");
        }
        let mut candidate = base.clone();
        let mut n = 2;
        while !self.0.insert(candidate.clone()) {
            candidate = format!("{base}_{n}");
            n += 1;
        }
        candidate
    }
}

/// Keywords, and the names that the generated source itself uses.
fn is_taken(name: &str) -> bool {
    const TAKEN: &str = " abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in \
        let loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof union unsafe unsized \
        use virtual where while yield x w weights inputs prepared constant conv_spec window ";
    let numbered = |prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    TAKEN.contains(&format!(" {name} ")) || numbered("v") || numbered("part_")
}

/// The text as a Rust string literal.
pub(crate) fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// The text as one line of a comment.
pub(crate) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
