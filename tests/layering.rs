//! Imports only go down the tiers of `docs/ARCHITECTURE.md`; any other edge between our crates fails.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// The tiers from the bottom up. A crate may import crates of lower tiers only.
const TIERS: &[&[&str]] = &[
    &["treville-ring", "treville-ir"],
    &["treville-prg", "treville-net", "treville-hlil", "treville-llil"],
    &["treville-protocol", "treville-frontend-common"],
    &["treville-frontend-onnx", "treville-frontend-tensorflow", "treville-passes", "treville-codegen", "treville-mlir"],
    &["treville-backend-common"],
    &["treville-cleartext", "treville-porthos", "treville-securenn", "treville-party"],
    &["treville-driver"],
    &["treville"],
];

/// What a crate must not import, although the tiers would allow it.
const FORBIDDEN: &[(&str, &[&str])] = &[
    // A party binary holds no compiler.
    ("treville-party", COMPILER),
    ("treville-cleartext", COMPILER),
    ("treville-backend-common", COMPILER),
    ("treville-porthos", COMPILER),
    ("treville-securenn", COMPILER),
    // Runtime crates of the middle tiers neither.
    ("treville-prg", COMPILER),
    ("treville-net", COMPILER),
    ("treville-protocol", COMPILER),
    // Front ends know HLIL only, codegen LLIL only.
    ("treville-frontend-common", &["treville-llil", "treville-protocol", "treville-net", "treville-prg"]),
    ("treville-frontend-onnx", &["treville-llil", "treville-protocol", "treville-net", "treville-prg"]),
    ("treville-frontend-tensorflow", &["treville-llil", "treville-protocol", "treville-net", "treville-prg"]),
    ("treville-codegen", &["treville-hlil", "treville-protocol", "treville-net", "treville-prg"]),
    ("treville-passes", &["treville-net", "treville-prg"]),
    // An oracle shares no arithmetic with what it checks.
    ("treville-mlir", &["treville-ring", "treville-protocol", "treville-net", "treville-prg"]),
];

const COMPILER: &[&str] = &[
    "treville-ir",
    "treville-hlil",
    "treville-llil",
    "treville-frontend-common",
    "treville-frontend-onnx",
    "treville-frontend-tensorflow",
    "treville-passes",
    "treville-codegen",
];

#[test]
fn imports_only_go_down() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata runs in the workspace");
    let tier: BTreeMap<&str, usize> =
        TIERS.iter().enumerate().flat_map(|(i, crates)| crates.iter().map(move |c| (*c, i))).collect();
    let mut edges = 0;
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(&from) = tier.get(name) else {
            wrong.push(format!("{name} has no tier: add it to TIERS"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal && d.path.is_some()) {
            edges += 1;
            let to = dependency.name.as_str();
            let forbidden = FORBIDDEN.iter().any(|(who, what)| *who == name && what.contains(&to));
            if forbidden || tier.get(to).is_none_or(|&to| to >= from) {
                wrong.push(format!("{name} imports {to}"));
            }
        }
    }
    let users = |name: &str| {
        let uses = |p: &&cargo_metadata::Package| p.dependencies.iter().any(|d| d.name == name);
        metadata.packages.iter().filter(uses).map(|p| p.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(users("melior"), ["treville-mlir"], "one crate knows MLIR");
    assert_eq!(users("egg"), ["treville-passes"], "one crate knows e-graphs");
    assert!(wrong.is_empty(), "forbidden edges:\n{}", wrong.join("\n"));
    assert!(edges > 20, "only {edges} edges seen: the test no longer reads the workspace");
    assert_eq!(metadata.packages.len(), tier.len(), "TIERS names crates that do not exist");
}
