//! `status.toml`: what each node test is expected to do at each stage, and why.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

/// The stages, in the order of a test's states.
pub(crate) const STAGES: [&str; 3] = ["float", "fixed", "porthos"];

/// What a test is expected to do at one stage.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum State {
    /// It gives ONNX's answer.
    Pass,
    /// It gives another answer, or fails on the way, for the reason of this name.
    Xfail(String),
    /// It is refused with a diagnostic, for the reason of this name.
    Unsupported(String),
}

impl State {
    /// `pass`, `xfail` or `unsupported`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Xfail(_) => "xfail",
            Self::Unsupported(_) => "unsupported",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Pass => None,
            Self::Xfail(reason) | Self::Unsupported(reason) => Some(reason),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        self.reason().map_or(Ok(()), |reason| write!(f, "({reason})"))
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let reason = |rest: &str| rest.strip_suffix(')').map(String::from);
        if text == "pass" {
            return Ok(Self::Pass);
        }
        let (kind, rest) = text.split_once('(').unwrap_or((text, ""));
        match (kind, reason(rest)) {
            ("xfail", Some(reason)) => Ok(Self::Xfail(reason)),
            ("unsupported", Some(reason)) => Ok(Self::Unsupported(reason)),
            _ => Err(format!("`{text}` is not pass, xfail(REASON) or unsupported(REASON)")),
        }
    }
}

impl TryFrom<String> for State {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// One test's line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// With the HLIL evaluator.
    pub(crate) float: State,
    /// With the LLIL evaluator.
    pub(crate) fixed: State,
    /// On three parties in process.
    pub(crate) porthos: State,
    /// Whether the test is one on float tensors for the operators that we promise.
    #[serde(default)]
    pub(crate) counted: bool,
}

impl Entry {
    /// In the order of [`STAGES`].
    pub(crate) fn states(&self) -> [&State; 3] {
        [&self.float, &self.fixed, &self.porthos]
    }
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Status {
    /// Whole sentences, by name.
    #[serde(default)]
    pub(crate) reasons: BTreeMap<String, String>,
    /// The lines, by name of the test.
    #[serde(default)]
    pub(crate) tests: BTreeMap<String, Entry>,
}

impl Status {
    /// Reads the file.
    ///
    /// # Panics
    /// If it cannot be read.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Tests whose reason has no sentence, and sentences that no test needs.
    pub(crate) fn faults(&self) -> Vec<String> {
        let used = |name: &str| self.tests.values().any(|e| e.states().iter().any(|s| s.reason() == Some(name)));
        let mut faults: Vec<String> = Vec::new();
        for (test, entry) in &self.tests {
            for (stage, state) in STAGES.iter().zip(entry.states()) {
                if let Some(reason) = state.reason().filter(|r| !self.reasons.contains_key(*r)) {
                    faults.push(format!("{test}: {stage} = {state}, but [reasons] does not say what `{reason}` is"));
                }
            }
        }
        faults.extend(self.reasons.keys().filter(|n| !used(n)).map(|n| format!("[reasons] {n}: no test needs it")));
        faults
    }

    /// How many of the tests, or of those that count, are in a state of this kind at each stage.
    pub(crate) fn count(&self, kind: &str, counted_only: bool) -> [usize; 3] {
        let entries = || self.tests.values().filter(|e| e.counted || !counted_only);
        [0, 1, 2].map(|stage| entries().filter(|e| e.states()[stage].kind() == kind).count())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        writeln!(f, "\n[reasons]")?;
        for (name, sentence) in &self.reasons {
            writeln!(f, "{name} = {}", toml::Value::from(sentence.as_str()))?;
        }
        writeln!(f, "\n[tests]")?;
        for (name, entry) in &self.tests {
            let states: Vec<String> =
                STAGES.iter().zip(entry.states()).map(|(n, s)| format!("{n} = \"{s}\"")).collect();
            let counted = if entry.counted { ", counted = true" } else { "" };
            writeln!(f, "{name} = {{ {}{counted} }}", states.join(", "))?;
        }
        Ok(())
    }
}

const HEADER: &str = "\
# What each of ONNX's node tests does: with the float evaluator, in fixed point, and on porthos in process.
#
# pass: it gives ONNX's answer, within the bounds that stand in run.rs.
# xfail: it gives another answer, or fails on the way. unsupported: it is refused with a diagnostic.
# A test that does anything else than its line says fails `cargo test --test onnx_conformance`, and so does a line without a
# test. TREVILLE_CONFORMANCE=rewrite in the environment writes what was found here and into the README, and keeps the reasons;
# a new one is `?` until somebody names it.
#
# counted: the test is on float tensors and for operators that Treville promises; counted.rs has the list. The percentages
# in the README are of these.
";
