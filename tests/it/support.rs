//! The command, the examples, and a source of numbers.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use treville::ModelArgs;
use treville::model::{Model, Samples};
use treville_hlil::Tensor;
use treville_party::{Array, read_npy, write_npy};

/// The models in `examples/`, with the name of their input and the number of their test samples.
pub(crate) const EXAMPLES: [(&str, &str, usize); 3] =
    [("breast_cancer_logreg", "x", 228), ("digits_mlp", "pixels", 540), ("digits_cnn", "image", 540)];

/// No command of these tests takes this long, not even a build on a busy machine; one that does hangs.
const HANGS_AFTER: Duration = Duration::from_secs(600);

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of an example.
pub(crate) fn example(name: &str, file: &str) -> PathBuf {
    root().join("examples").join(name).join(file)
}

/// Options with a fixed scale.
pub(crate) fn options(backend: &str, scale: &str) -> ModelArgs {
    ModelArgs { scale: scale.into(), ..ModelArgs::for_backend(backend) }
}

/// An example and its test samples.
pub(crate) fn load(name: &str, options: &ModelArgs) -> (Model, Samples) {
    let model = Model::read(&example(name, &format!("{name}.pb")), options).expect("an example is a model");
    let samples = Samples::read(&example(name, "test.npz"), &model).expect("an example has samples");
    (model, samples)
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `treville` in a folder.
pub(crate) fn treville(folder: &Path, args: &[&str]) -> Outcome {
    finish(
        command(env!("CARGO_BIN_EXE_treville").as_ref(), folder).args(args).spawn().expect("the command starts"),
        HANGS_AFTER,
    )
}

/// The stdout of a `treville` command that succeeds.
pub(crate) fn succeed(folder: &Path, args: &[&str]) -> String {
    let outcome = treville(folder, args);
    assert_eq!(outcome.code, Some(0), "treville {}\n{}", args.join(" "), outcome.stderr);
    outcome.stdout
}

/// A program in a folder, with nothing on its stdin.
pub(crate) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A panic is to be seen as such, whatever the caller's settings are.
    command.env_remove("RUST_BACKTRACE");
    command
}

/// Waits for a program to end.
///
/// # Panics
/// If it does not end in time, or panics.
pub(crate) fn finish(mut child: Child, limit: Duration) -> Outcome {
    let (stdout, stderr) =
        (child.stdout.take().expect("stdout is piped"), child.stderr.take().expect("stderr is piped"));
    let stdout = thread::spawn(move || text_of(stdout));
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(text_of(stderr)));
    let Ok(stderr) = end.recv_timeout(limit) else {
        child.kill().expect("a running program can be killed");
        panic!("a program did not end within {limit:?}; it said: {}", end.recv().unwrap_or_default());
    };
    let status = child.wait().expect("a program that was started ends");
    let outcome = Outcome { code: status.code(), stdout: stdout.join().expect("the reader ends"), stderr };
    assert!(!outcome.stderr.contains("panicked at"), "{}", outcome.stderr);
    outcome
}

fn text_of(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("a pipe can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn path(path: &Path) -> String {
    path.to_str().expect("the paths of the tests are UTF-8").to_string()
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

/// Copies the files of a folder, and of those in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the test's folder is writable");
    for entry in std::fs::read_dir(from).expect("a folder").map(|e| e.expect("a readable entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("the test's folder is writable");
        }
    }
}

/// The most likely class of each sample in a file of scores.
pub(crate) fn classes(file: &Path) -> Vec<usize> {
    let Array::F32(scores) = read_npy(file).expect("a result") else { panic!("{} holds no scores", file.display()) };
    let greatest = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).expect("a class");
    let n_classes = scores.shape()[scores.ndim() - 1];
    scores.iter().copied().collect::<Vec<_>>().chunks(n_classes).map(greatest).collect()
}

/// Writes the first `n` samples of a model's only input.
pub(crate) fn write_samples(path: &Path, samples: &Samples, n: usize) {
    let arrays: Vec<Array> = samples.inputs[..n].iter().map(|s| array(&s[0])).collect();
    write_npy(path, &Array::stack(&arrays.iter().collect::<Vec<_>>())).expect("the test's folder is writable");
}

fn array(tensor: &Tensor) -> Array {
    match tensor {
        Tensor::F32(x) => Array::F32(x.clone()),
        Tensor::I64(x) => Array::I64(x.clone()),
    }
}

/// Marsaglia's xorshift64*: a fixed sequence for each seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as usize) % n.max(1)
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}
