//! Carries the runtime's sources inside the driver, for packages that are made outside the workspace.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there");
    let mut files = Vec::new();
    for folder in ["runtime", "backends"] {
        println!("cargo::rerun-if-changed={}", root.join(folder).display());
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut out =
        String::from("/// The sources, by path in the workspace.\npub(super) static FILES: &[(&str, &str)] = &[\n");
    for file in &files {
        let relative = file.strip_prefix(&root).expect("collected below the root");
        writeln!(out, "    ({:?}, include_str!({:?})),", relative, file).expect("strings take all");
    }
    out += "];\n";
    for (name, file) in [("MANIFEST", "Cargo.toml"), ("LOCK", "Cargo.lock")] {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
        writeln!(
            out,
            "/// The workspace's {file}.\npub(super) static {name}: &str = include_str!({:?});",
            root.join(file)
        )
        .expect("strings take all");
    }
    let target = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it")).join("carried.rs");
    std::fs::write(target, out).expect("OUT_DIR is writable");
}

/// The manifests and the sources of crates; their tests and benches stay behind.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in
        std::fs::read_dir(folder).expect("a folder of the workspace").map(|e| e.expect("a readable entry").path())
    {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if entry.is_dir() {
            if !matches!(name.as_str(), "tests" | "benches" | "examples" | "snapshots") {
                collect(&entry, files);
            }
        } else if name == "Cargo.toml" || name.ends_with(".rs") {
            files.push(entry);
        }
    }
}
