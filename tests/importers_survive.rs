//! A bounded, repeatable run of what `fuzz/` does without end: changed seeds are imported or refused with diagnostics that can be
//! shown, without a panic and without memory that the file does not ask for.

use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use peak_alloc::PeakAlloc;
use treville_frontend_onnx as onnx;
use treville_frontend_tensorflow as tensorflow;
use treville_ir::{Diagnostic, Listing, render};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Changed files of each format.
const N_MUTATIONS: usize = 20_000;

/// What the import of a changed seed, of some kilobytes, may have in memory at most, in MB.
const MAX_MEGABYTES: f32 = 64.0;

#[test]
fn changed_onnx_models() {
    survive("onnx", 0x6f6e_6e78, |bytes| {
        let (bytes, options) = (Bytes::copy_from_slice(bytes), onnx::Options::default());
        // Whatever it says: it must come back.
        let _ = onnx::coverage(bytes.clone(), &options);
        onnx::import(bytes, &options).map(drop).map_err(|e| Box::new((e.diagnostics, e.listing)))
    });
}

#[test]
fn changed_binary_graphs() {
    survive("pb", 0x0070_625f, |bytes| graph(bytes, tensorflow::Format::Binary));
}

#[test]
fn changed_text_graphs() {
    survive("pbtxt", 0x7062_7478, |bytes| graph(bytes, tensorflow::Format::Text));
}

#[test]
fn files_that_broke_an_importer() {
    for path in files(&root().join("tests/regress/importers")) {
        let bytes = std::fs::read(&path).expect("a readable file");
        eprintln!("{}", path.display());
        match path.extension().and_then(|e| e.to_str()) {
            Some("onnx") => drop(onnx::import(Bytes::from(bytes), &onnx::Options::default())),
            Some("pb") => drop(graph(&bytes, tensorflow::Format::Binary)),
            Some("pbtxt") => drop(graph(&bytes, tensorflow::Format::Text)),
            _ => panic!("{}: no format that an importer reads", path.display()),
        }
    }
}

type Refusal = Box<(Vec<Diagnostic>, Listing)>;

fn graph(bytes: &[u8], format: tensorflow::Format) -> Result<(), Refusal> {
    let (bytes, options) = (Bytes::copy_from_slice(bytes), tensorflow::Options::default());
    // Whatever it says: it must come back.
    let _ = tensorflow::coverage(&bytes, format, &options);
    tensorflow::import(&bytes, format, &options).map(drop).map_err(|e| Box::new((e.diagnostics, e.listing)))
}

/// Imports seeds and changed seeds.
fn survive(format: &str, seed: u64, import: impl Fn(&[u8]) -> Result<(), Refusal>) {
    let seeds: Vec<Vec<u8>> =
        files(&root().join("fuzz/corpus").join(format)).iter().map(|p| std::fs::read(p).expect("a seed")).collect();
    assert!(seeds.len() >= 8, "there are only {} seeds", seeds.len());
    let (mut random, start) = (Random(seed), Instant::now());
    let (mut n_imported, mut worst) = (0, 0.0_f32);
    for n in 0..N_MUTATIONS + seeds.len() {
        let bytes = match seeds.get(n) {
            Some(seed) => seed.clone(),
            None => changed(&seeds[n % seeds.len()], &seeds[random.below(seeds.len())], &mut random),
        };
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage_as_mb();
        match import(&bytes) {
            Ok(()) => n_imported += 1,
            Err(refusal) => {
                let (diagnostics, listing) = *refusal;
                assert!(!diagnostics.is_empty(), "file {n} is refused without a word");
                render(&diagnostics, &listing, false);
            }
        }
        let used = MEMORY.peak_usage_as_mb() - before;
        worst = worst.max(used);
        assert!(used < MAX_MEGABYTES, "file {n} of {} bytes takes {used} MB", bytes.len());
    }
    // Were everything refused, the changes would not get past the reader.
    assert!(n_imported > N_MUTATIONS / 100, "only {n_imported} of {N_MUTATIONS} were imported");
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{format}: {N_MUTATIONS} changed files, {n_imported} imported, at most {worst:.1} MB, {seconds:.1} s");
}

/// A file with up to three changes: of bits and bytes, or of stretches that go, come twice, or come from another file.
fn changed(original: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(32)).min(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF, b'0', b'9', b'-'][random.below(8)],
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let from = random.below(other.len());
                let to = (from + 1 + random.below(32)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            _ => bytes[at..end].iter_mut().for_each(|b| *b = 0xFF),
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("a readable entry").path()).collect();
    files.sort();
    files
}

/// Marsaglia's xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }
}
