//! Whole models on every backend, all parties as processes over TLS on this machine, beside the published figures.
//!
//! `cargo bench --bench models` prints the table; `cargo bench --bench models -- lenet resnet50` that of some models. The small networks are written
//! here, with seeded weights; the large ones are read from `target/` where `examples/architectures/he_init.py` and
//! `examples/unet3d/export.py` put them, and left out where they are not. Times are those of one inference, from the end of the handshake to the
//! last result, sharing and masking the weights included; the best of three where one takes less than five seconds.

#[path = "../tests/it/onnx.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod onnx;

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use treville_party::{Array, write_npy};

use crate::onnx::{Graph, int, ints};

/// A model, where its file comes from, and what others have measured of it.
struct Model {
    name: &'static str,
    input: &'static [usize],
    source: Source,
    published: &'static str,
}

enum Source {
    Written(fn() -> Graph),
    File(&'static str),
}

/// A line of figures: SPU and CrypTen were measured on two idle cores, one machine; those of the papers on three machines.
const MODELS: &[Model] = &[
    Model {
        name: "logreg",
        input: &[1, 784],
        source: Source::Written(logistic_regression),
        published: "Porthos 6.5 ms online (paper); SPU ABY3 60 ms, CrypTen 122 ms",
    },
    Model {
        name: "network-a",
        input: &[1, 784],
        source: Source::Written(network_a),
        published: "SPU ABY3 21 ms, 58 kB; CrypTen 50 ms, 2.0 MB",
    },
    Model { name: "network-b", input: &[1, 1, 28, 28], source: Source::Written(network_b), published: "" },
    Model {
        name: "network-c",
        input: &[1, 1, 28, 28],
        source: Source::Written(network_c),
        published: "SPU ABY3 0.25 s, 3.6 MB",
    },
    Model {
        name: "lenet",
        input: &[1, 1, 28, 28],
        source: Source::Written(lenet),
        published: "SPU ABY3 0.28 s, 3.4 MB; CrypTen 0.41 s, 31 MB",
    },
    Model { name: "minionn-cifar", input: &[1, 3, 32, 32], source: Source::Written(minionn_cifar), published: "" },
    Model {
        name: "squeezenet",
        input: &[1, 3, 224, 224],
        source: Source::File("architectures/squeezenet.onnx"),
        published: "Porthos 2,632 MB (paper)",
    },
    Model {
        name: "resnet50",
        input: &[1, 3, 224, 224],
        source: Source::File("architectures/resnet50.onnx"),
        published: "Porthos 25.87 s, 6.87 GB; SecureNN 38.36 s, 8.54 GB (paper); Porthos' code 35 s, 62 CPU-s on 2 cores",
    },
    Model {
        name: "densenet121",
        input: &[1, 3, 224, 224],
        source: Source::File("architectures/densenet121.onnx"),
        published: "Porthos 36.00 s, 10.54 GB; SecureNN 53.99 s, 13.53 GB (paper)",
    },
    Model { name: "unet3d", input: &[1, 1, 64, 64, 64], source: Source::File("unet3d.onnx"), published: "" },
];

const BACKENDS: [&str; 4] = ["cleartext", "securenn", "porthos", "porthos-packed"];

fn main() {
    // Cargo passes `--bench`; what is left are names.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    println!("| model | backend | time | CPU time | bytes | rounds | peak memory | published |");
    println!("|---|---|---|---|---|---|---|---|");
    for model in MODELS.iter().filter(|m| wanted.is_empty() || wanted.iter().any(|name| name == m.name)) {
        let Some(file) = model.file(folder.path()) else {
            eprintln!("{}: not in target/; see the head of benches/models.rs", model.name);
            continue;
        };
        // Unrolled to 27 taps, the 3D-UNet's tensors do not fit into 24 GiB.
        for backend in BACKENDS.into_iter().filter(|backend| (model.name, *backend) != ("unet3d", "securenn")) {
            println!(
                "| {} | {backend} | {} | {} |",
                model.name,
                model.measure(&file, backend, folder.path()),
                model.published
            );
        }
    }
}

impl Model {
    fn file(&self, folder: &Path) -> Option<PathBuf> {
        match self.source {
            Source::File(name) => {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(name);
                file.is_file().then_some(file)
            }
            Source::Written(write) => {
                let file = folder.join(format!("{}.onnx", self.name));
                std::fs::write(&file, write().bytes()).expect("the folder is ours");
                Some(file)
            }
        }
    }

    /// Compiles, builds and runs; the columns of the table.
    fn measure(&self, file: &Path, backend: &str, folder: &Path) -> String {
        let n = self.input.iter().product();
        let pixels = (0..n).map(|i: usize| (i.wrapping_mul(2_654_435_761) % 1000) as f32 / 500.0 - 1.0).collect();
        let x = ArrayD::from_shape_vec(IxDyn(self.input), pixels).expect("as many as the shape has");
        write_npy(&folder.join("x.npy"), &Array::F32(x)).expect("the folder is ours");
        let package = format!("{}-{backend}", self.name);
        let file = file.to_str().expect("the path is UTF-8");
        treville(folder, &["compile", file, "-o", &package, "--scale", "12", "--backend", backend]);
        treville(folder, &["build", &package]);
        let mut best: Option<Value> = None;
        for _ in 0..3 {
            let run = ["run", &package, "--input", "x.npy", "--output", "y.npy", "--report", "report.json"];
            treville(folder, &run);
            let text = std::fs::read_to_string(folder.join("report.json")).expect("a report");
            let report: Value = serde_json::from_str(&text).expect("JSON");
            let seconds = |report: &Value| report["seconds"].as_f64().unwrap_or(f64::INFINITY);
            if best.as_ref().is_none_or(|best| seconds(&report) < seconds(best)) {
                best = Some(report);
            }
            if best.as_ref().is_some_and(|best| seconds(best) > 5.0) {
                break;
            }
        }
        let report = best.expect("it ran");
        let parties = report["parties"].as_array().expect("parties");
        let cpu: f64 = parties.iter().filter_map(|party| party["cpu_seconds"].as_f64()).sum();
        let peak = parties.iter().filter_map(|party| party["peak_rss_bytes"].as_u64()).max().unwrap_or(0);
        let bytes = report["bytes_total"].as_u64().unwrap_or(0);
        let seconds = report["seconds"].as_f64().unwrap_or(0.0);
        let time = if seconds < 1.0 { format!("{:.1} ms", 1e3 * seconds) } else { format!("{seconds:.2} s") };
        let size =
            if bytes < 10_000_000 { format!("{} kB", bytes / 1000) } else { format!("{} MB", bytes / 1_000_000) };
        format!("{time} | {cpu:.2} s | {size} | {} | {} MB", report["rounds"], peak / 1_000_000)
    }
}

fn treville(folder: &Path, args: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_treville")).current_dir(folder).args(args).output();
    let output = output.expect("the command starts");
    assert!(output.status.success(), "treville {}\n{}", args.join(" "), String::from_utf8_lossy(&output.stderr));
}

/// A graph with layers at its end.
struct Layers {
    graph: Graph,
    last: String,
    shape: Vec<i64>,
    n: usize,
}

impl Layers {
    fn of(shape: &[i64]) -> Self {
        Layers { graph: Graph::new(&[("x", shape)]), last: "x".into(), shape: shape.to_vec(), n: 0 }
    }

    fn with(mut self, node: impl Fn(Graph, &str, &str) -> Graph) -> Self {
        self.n += 1;
        let next = format!("v{}", self.n);
        self.graph = node(self.graph, &self.last, &next);
        self.last = next;
        self
    }

    /// Weights of the size that keeps activations where they are, from a generator.
    fn weights(&self, shape: &[i64]) -> Vec<f32> {
        let fan_in: i64 = if shape.len() == 2 { shape[0] } else { shape[1..].iter().product() };
        let size = (6.0 / fan_in as f32).sqrt();
        let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ self.n as u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * size
        };
        (0..shape.iter().product::<i64>()).map(|_| next()).collect()
    }

    fn dense(mut self, outputs: i64) -> Self {
        let (shape, name) = ([self.shape[1], outputs], format!("w{}", self.n));
        let weights = self.weights(&shape);
        self.shape = vec![1, outputs];
        self.with(|graph, x, y| {
            graph.floats(&name, &shape, &weights).node(&format!("{y} = MatMul({x}, {name})"), vec![])
        })
    }

    fn conv(mut self, filters: i64, kernel: i64, stride: i64, pad: i64) -> Self {
        let (shape, name) = ([filters, self.shape[1], kernel, kernel], format!("w{}", self.n));
        let weights = self.weights(&shape);
        let size = |n: i64| (n + 2 * pad - kernel) / stride + 1;
        self.shape = vec![1, filters, size(self.shape[2]), size(self.shape[3])];
        let attributes = || vec![ints("strides", &[stride; 2]), ints("pads", &[pad; 4])];
        self.with(|graph, x, y| {
            graph.floats(&name, &shape, &weights).node(&format!("{y} = Conv({x}, {name})"), attributes())
        })
    }

    fn relu(self) -> Self {
        self.with(|graph, x, y| graph.node(&format!("{y} = Relu({x})"), vec![]))
    }

    fn pool(mut self, op: &str) -> Self {
        self.shape = vec![1, self.shape[1], self.shape[2] / 2, self.shape[3] / 2];
        let window = || vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
        self.with(|graph, x, y| graph.node(&format!("{y} = {op}({x})"), window()))
    }

    fn flat(mut self) -> Self {
        self.shape = vec![1, self.shape.iter().product()];
        self.with(|graph, x, y| graph.node(&format!("{y} = Flatten({x})"), vec![]))
    }

    fn end(self) -> Graph {
        let last = self.last;
        self.graph.node(&format!("y = Identity({last})"), vec![])
    }
}

fn logistic_regression() -> Graph {
    let layers = Layers::of(&[1, 784]).dense(10);
    let last = layers.last;
    layers.graph.node(&format!("y = ArgMax({last})"), vec![int("axis", 1), int("keepdims", 0)])
}

/// SecureML's: 784-128-128-10.
fn network_a() -> Graph {
    Layers::of(&[1, 784]).dense(128).relu().dense(128).relu().dense(10).end()
}

/// Chameleon's: one convolution, two dense layers.
fn network_b() -> Graph {
    Layers::of(&[1, 1, 28, 28]).conv(5, 5, 2, 2).relu().flat().dense(100).relu().dense(10).end()
}

/// MiniONN's for MNIST.
fn network_c() -> Graph {
    let layers = Layers::of(&[1, 1, 28, 28]).conv(16, 5, 1, 0).relu().pool("MaxPool").conv(16, 5, 1, 0).relu();
    layers.pool("MaxPool").flat().dense(100).relu().dense(10).end()
}

/// SecureNN's network D.
fn lenet() -> Graph {
    let layers = Layers::of(&[1, 1, 28, 28]).conv(20, 5, 1, 0).relu().pool("MaxPool").conv(50, 5, 1, 0).relu();
    layers.pool("MaxPool").flat().dense(500).relu().dense(10).end()
}

/// MiniONN's for CIFAR-10: seven convolutions and mean pooling.
fn minionn_cifar() -> Graph {
    let layers = Layers::of(&[1, 3, 32, 32]).conv(64, 3, 1, 1).relu().conv(64, 3, 1, 1).relu().pool("AveragePool");
    let layers = layers.conv(64, 3, 1, 1).relu().conv(64, 3, 1, 1).relu().pool("AveragePool");
    let layers = layers.conv(64, 3, 1, 1).relu().conv(64, 1, 1, 0).relu().conv(16, 1, 1, 0).relu();
    layers.flat().dense(10).end()
}
