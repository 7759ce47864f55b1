//! ONNX's node tests, out of the wheel that PyPI has.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use ring::digest::{SHA256, digest};
use zip::ZipArchive;

/// The version that the tests come from.
pub(crate) const VERSION: &str = "1.17.0";

/// Where the wheel may lie, if not in `target/`.
const WHEEL_VARIABLE: &str = "TREVILLE_ONNX_WHEEL";

/// Of the wheel that [`download`] asks for; those of other platforms hold the same tests, but are other files.
const WHEEL_SHA256: &str = "4a183c6178be001bf398260e5ac2c927dc43e7746e8638d6c05c20e321f8c949";

const FOLDER: &str = "onnx/backend/test/data/node/";

/// One node test: a model and the answers to one set of inputs.
#[derive(Default)]
pub(crate) struct Case {
    /// The test's name.
    pub(crate) name: String,
    /// The bytes of `model.onnx`.
    pub(crate) model: Vec<u8>,
    /// The bytes of `input_0.pb`, `input_1.pb`, ...
    pub(crate) inputs: Vec<Vec<u8>>,
    /// The bytes of `output_0.pb`, `output_1.pb`, ...
    pub(crate) outputs: Vec<Vec<u8>>,
}

/// All node tests, by name; an explanation where the wheel cannot be had.
///
/// # Panics
/// If the wheel is another one than the pinned one.
pub(crate) fn load(target: &Path) -> Result<Vec<Case>, String> {
    let path = match std::env::var_os(WHEEL_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => find(target).map_or_else(|| download(target), Ok)?,
    };
    let wheel = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let found: String = digest(&SHA256, &wheel).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(found, WHEEL_SHA256, "{} is not the wheel that these tests are about", path.display());
    Ok(read(wheel))
}

fn find(target: &Path) -> Option<PathBuf> {
    let is_wheel = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&format!("onnx-{VERSION}-")) && name.ends_with(".whl")
    };
    fs::read_dir(target).ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(is_wheel)
}

/// Asks pip for the wheel. The platform is pinned, whatever machine this is: only the files of the tests are read.
fn download(target: &Path) -> Result<PathBuf, String> {
    let wheel = format!("onnx=={VERSION}");
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11"])
        .args(["--platform", "manylinux2014_x86_64", &wheel, "--dest"])
        .arg(target)
        .output()
        .map_err(|e| format!("python3 cannot be started: {e}"))?;
    if !output.status.success() {
        return Err(format!("pip cannot download {wheel}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    find(target).ok_or_else(|| format!("pip has downloaded no wheel of {wheel}"))
}

fn read(wheel: Vec<u8>) -> Vec<Case> {
    let mut archive = ZipArchive::new(Cursor::new(wheel)).expect("a wheel is a zip file");
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    let mut names: Vec<String> = archive.file_names().filter(|n| n.starts_with(FOLDER)).map(String::from).collect();
    // `input_10.pb` comes after `input_9.pb`.
    names.sort_by_key(|name| (name.len(), name.clone()));
    for name in names {
        let parts: Vec<&str> = name[FOLDER.len()..].split('/').collect();
        let (test, file) = match parts[..] {
            [test, file] => (test, file),
            [test, "test_data_set_0", file] => (test, file),
            [_, set, _] => panic!("{name}: a second data set, {set}, which these tests do not know of"),
            _ => continue,
        };
        if !file.ends_with(".onnx") && !file.ends_with(".pb") {
            continue;
        }
        let mut bytes = Vec::new();
        let mut entry = archive.by_name(&name).expect("the name is from the archive");
        entry.read_to_end(&mut bytes).expect("the wheel's hash was right");
        let case = cases.entry(test.to_string()).or_insert_with(|| Case { name: test.into(), ..Case::default() });
        match file {
            "model.onnx" => case.model = bytes,
            _ if file.starts_with("input_") => case.inputs.push(bytes),
            _ => case.outputs.push(bytes),
        }
    }
    cases.into_values().filter(|case| !case.model.is_empty()).collect()
}
