//! The counts in the README, generated from `status.toml`.

use std::path::Path;

use crate::status::{STAGES, Status};

const BEGIN: &str = "<!-- onnx_conformance: generated from tests/onnx_conformance/status.toml -->\n";
const END: &str = "<!-- onnx_conformance: end -->";

/// Puts the counts into the README.
pub(crate) fn write(root: &Path, status: &Status) {
    let (before, _, after) = parts(root);
    std::fs::write(root.join("README.md"), before + &block(status) + &after).expect("the README is writable");
}

/// # Panics
/// If the README has other counts than the status.
pub(crate) fn check(root: &Path, status: &Status) {
    let (_, found, _) = parts(root);
    assert_eq!(found, block(status), "the README's counts of ONNX's node tests are stale");
}

/// The README before, between and after the markers.
fn parts(root: &Path) -> (String, String, String) {
    let text = std::fs::read_to_string(root.join("README.md")).expect("there is a README");
    let (before, rest) = text.split_once(BEGIN).expect("the README has the marker that begins the counts");
    let (between, after) = rest.split_once(END).expect("the README has the marker that ends the counts");
    (before.to_string() + BEGIN, between.to_string(), END.to_string() + after)
}

fn block(status: &Status) -> String {
    let mut text =
        format!("| {} node tests of ONNX {} | {} |\n", status.tests.len(), crate::suite::VERSION, STAGES.join(" | "));
    text += "|---|---|---|---|\n";
    for (label, kind) in [("pass", "pass"), ("expected to fail", "xfail"), ("refused with a diagnostic", "unsupported")]
    {
        let [float, fixed, porthos] = status.count(kind, false);
        text += &format!("| {label} | {float} | {fixed} | {porthos} |\n");
    }
    let n_counted = status.tests.values().filter(|e| e.counted).count();
    let share = |n: usize| format!("{n} ({:.1} %)", 100.0 * n as f64 / n_counted.max(1) as f64);
    let [float, fixed, porthos] = status.count("pass", true).map(share);
    text += &format!(
        "| pass, of the {n_counted} on float tensors for promised operators | {float} | {fixed} | {porthos} |\n"
    );
    text
}
