//! The command line: what `treville --help` says.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

/// Turns a trained TensorFlow or ONNX model into programs that compute its prediction under secure multi-party
/// computation: nobody learns the other's secret, and the answer is as accurate as in the clear.
#[derive(Parser, Debug)]
#[command(name = "treville", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on stderr.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Say nothing on stderr but errors.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Do the whole job on a model that treville ships: compile, build, run all parties over TLS, compare.
    Demo(DemoArgs),
    /// Compile a model to a party package.
    Compile(CompileArgs),
    /// Build a party package with cargo.
    Build(BuildArgs),
    /// Run all parties of a package on this machine, over TLS on loopback.
    Run(RunArgs),
    /// Run all parties in one process, without a build.
    Simulate(SimulateArgs),
    /// Evaluate a model in the clear: in floats, or ring-exact in fixed point.
    Eval(EvalArgs),
    /// Compare float, fixed point and MPC over a data set.
    Verify(VerifyArgs),
    /// Predict bytes, rounds and time of each node, before running.
    Cost(CostArgs),
    /// Run passes over IR: `.hlil` or `.llil` in, IR out.
    Opt(OptArgs),
    /// Write a model as IR: ours, or MLIR's upstream dialects.
    Export(ExportArgs),
    /// Say what a model or a package holds, and what of it is supported.
    Inspect(InspectArgs),
    /// List the compiler's passes, or say what one of them does.
    Passes(PassesArgs),
    /// List the operations of both dialects.
    Ops(OpsArgs),
    /// List the protocol backends.
    Backends(ListArgs),
    /// Make and show the parties' keys and certificates.
    Keys(KeysArgs),
    /// Check a package before a run: versions, hashes, certificates, reachability.
    Doctor(DoctorArgs),
}

/// Options that say how a model is read and compiled.
#[derive(Args, Debug, Clone)]
pub struct ModelArgs {
    /// The backend; `treville backends` lists them.
    #[arg(long, default_value = "porthos")]
    pub backend: String,
    /// Who owns an input, a weight or a result: `NAME=PARTY`; `weights=PARTY` stands for all weights.
    #[arg(long, value_name = "NAME=PARTY")]
    pub owner: Vec<String>,
    /// Fraction bits of inputs and weights, or `auto`: the fewest that keep accuracy on the calibration data, plus 2.
    #[arg(long, default_value = "auto")]
    pub scale: String,
    /// The ring's width, or `auto`.
    #[arg(long, default_value = "auto")]
    pub ring_bits: String,
    /// Samples to calibrate ranges and scale on (`.npz` or `.npy`).
    #[arg(long, value_name = "DATA")]
    pub calibrate: Option<PathBuf>,
    /// The range that calibration inputs are drawn from where there is no data: `NAME=LO:HI`.
    #[arg(long, value_name = "NAME=LO:HI")]
    pub input_range: Vec<String>,
    /// Take the ranges of an earlier compile: its package or the `program.hlil` in it. Nothing is evaluated then.
    #[arg(long, value_name = "PACKAGE", conflicts_with_all = ["calibrate", "input_range"])]
    pub ranges: Option<PathBuf>,
    /// The shape of an input: `NAME:1x28x28x1`.
    #[arg(long, value_name = "NAME:DIMS")]
    pub shape: Vec<String>,
    /// Fix the value of an input at compile time, for all to see: `NAME=FILE.npy`.
    #[arg(long, value_name = "NAME=FILE")]
    pub bind: Vec<String>,
    /// A size file with one line a tensor: its name and dimensions.
    #[arg(long, value_name = "FILE")]
    pub sizes: Option<PathBuf>,
    /// The signature of a SavedModel; `serving_default` or the only one where this is not given.
    #[arg(long, value_name = "NAME")]
    pub signature: Option<String>,
    /// The node whose output is the result; by default the nodes that nothing uses.
    #[arg(long, value_name = "NODE")]
    pub result: Vec<String>,
    /// Treat this constant as public.
    #[arg(long, value_name = "NAME")]
    pub public: Vec<String>,
    /// Treat this constant as the model owner's secret.
    #[arg(long, value_name = "NAME")]
    pub secret: Vec<String>,
    /// The greatest probability, as `2^-N`, that an inference goes wrong beyond its error bound.
    #[arg(long, value_name = "2^-N")]
    pub max_failure: Option<String>,
    /// Use ranges only that are proven from the weights and --input-range, and refuse what they do not let fit.
    #[arg(long, conflicts_with = "ranges")]
    pub require_proven: bool,
    /// The network that bytes and rounds are weighed on when the compiler chooses: `lan`, `wan` or `MBPS,MS`.
    #[arg(long, value_name = "NET", default_value = "lan")]
    pub net: String,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The backend.
    #[arg(long, default_value = "porthos")]
    pub(crate) backend: String,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CompileArgs {
    /// The model: ONNX (`.onnx`), TensorFlow GraphDef (`.pb`, `.pbtxt`) or SavedModel directory, or `.hlil`.
    pub(crate) model: PathBuf,
    /// The directory to write.
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) options: ModelArgs,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
    /// Copy the runtime's sources into the package even where the workspace is at hand.
    #[arg(long)]
    pub(crate) vendor: bool,
    /// Print the manifest instead of the summary.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BuildArgs {
    /// The package.
    pub(crate) dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The package.
    pub(crate) dir: PathBuf,
    /// An input: `NAME=FILE.npy`, or just the file where there is one input.
    #[arg(long, value_name = "NAME=FILE", required = true)]
    pub(crate) input: Vec<String>,
    /// Write the result here.
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) output: Option<PathBuf>,
    /// The network to imitate: `lan`, `wan` or `MBPS,MS`.
    #[arg(long, value_name = "NET")]
    pub(crate) net: Option<String>,
    /// Write the report here.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
    /// Write here what every party did when, for Chrome's trace viewer or Perfetto.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) trace: Option<PathBuf>,
    /// The weights, where they are not in the package.
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) weights: Option<PathBuf>,
    /// Seconds of silence after which a peer counts as dead.
    #[arg(long, default_value_t = 8)]
    pub(crate) timeout: u64,
    /// Threads that each party computes with; by default one for each core.
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<std::num::NonZero<usize>>,
}

#[derive(Args, Debug)]
pub(crate) struct SimulateArgs {
    /// A package or a model.
    pub(crate) model: PathBuf,
    /// An input: `NAME=FILE.npy`, or just the file where there is one input.
    #[arg(long, value_name = "NAME=FILE", required = true)]
    pub(crate) input: Vec<String>,
    /// Write the result here.
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) output: Option<PathBuf>,
    /// Write the report here.
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ModelArgs,
}

#[derive(Args, Debug)]
pub(crate) struct EvalArgs {
    /// The model.
    pub(crate) model: PathBuf,
    /// An input: `NAME=FILE.npy`, or just the file where there is one input.
    #[arg(long, value_name = "NAME=FILE", required = true)]
    pub(crate) input: Vec<String>,
    /// Write the result here.
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) output: Option<PathBuf>,
    /// Evaluate the compiled fixed-point program.
    #[arg(long)]
    pub(crate) fixed: bool,
    /// Print the time of reading, compiling and each evaluation to stderr.
    #[arg(long)]
    pub(crate) timing: bool,
    #[command(flatten)]
    pub(crate) options: ModelArgs,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The model.
    pub(crate) model: PathBuf,
    /// Samples: `.npz` with one array for each input, and `labels` and `expected` where known.
    #[arg(long, value_name = "D.npz")]
    pub(crate) data: PathBuf,
    /// Compare the first N samples only.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Show the error of every node, not only of the worst, and whether the backend computes it bit for bit.
    #[arg(long)]
    pub(crate) nodes: bool,
    /// Run the first N samples through the protocol; the rest through fixed point only.
    #[arg(long, value_name = "N")]
    pub(crate) mpc_limit: Option<usize>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) options: ModelArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CostArgs {
    /// The model.
    pub(crate) model: PathBuf,
    /// Say what equality saturation found instead: the price before and after it, and what each rule gains.
    #[arg(long)]
    pub(crate) rules: bool,
    /// Say how precise each node is instead: its range, fraction bits, the width that it needs, error and probability of failure.
    #[arg(long, conflicts_with = "rules")]
    pub(crate) scales: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) options: ModelArgs,
}

#[derive(Args, Debug)]
pub(crate) struct OptArgs {
    /// The IR: `.hlil` or `.llil`; `-` reads stdin.
    pub(crate) file: PathBuf,
    /// The passes to run, in order, separated by commas; a pipeline's name stands for its passes.
    #[arg(long, value_delimiter = ',', value_name = "PASS")]
    pub(crate) passes: Vec<String>,
    /// The pipeline to run.
    #[arg(long, value_name = "NAME", conflicts_with = "passes")]
    pub(crate) pipeline: Option<String>,
    /// The weights, where a pass needs their values.
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) weights: Option<PathBuf>,
    /// Fraction bits for the lowering to LLIL.
    #[arg(long, default_value_t = 12)]
    pub(crate) scale: u32,
    /// The ring's width for the lowering to LLIL.
    #[arg(long, default_value_t = 64)]
    pub(crate) ring_bits: u8,
    /// The rounding for the lowering to LLIL: by default that of the backend, or `local` without one.
    #[arg(long)]
    pub(crate) rounding: Option<String>,
    /// The backend by whose prices passes choose; without one they choose nothing by price.
    #[arg(long, value_name = "NAME")]
    pub(crate) backend: Option<String>,
    /// The network that rounds and bytes are weighed on: `lan`, `wan` or `MBPS,MS`.
    #[arg(long, value_name = "NET", requires = "backend")]
    pub(crate) net: Option<String>,
    /// Verify the module after each pass, not only at the end.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true")]
    pub(crate) verify_each: bool,
    /// Have MLIR verify the result as well; needs the cargo feature `mlir`.
    #[arg(long)]
    pub(crate) verify_with_mlir: bool,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The model.
    pub(crate) model: PathBuf,
    /// The dialects to write it in.
    #[arg(long, value_enum)]
    pub(crate) to: Target,
    /// The file to write; stdout without one.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ModelArgs,
}

/// What a model can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// The real-valued program after its passes.
    Hlil,
    /// The fixed-point program.
    Llil,
    /// The real-valued program on floats in linalg, tensor, arith and math, for other tool chains; needs the cargo feature `mlir`.
    Linalg,
    /// The fixed-point program on integers in linalg, tensor and arith, with exact rounding; needs the cargo feature `mlir`.
    LinalgFixed,
    /// The fixed-point program in the LLVM dialect; needs the cargo feature `mlir`.
    Llvm,
}

/// Options that show passes at work; all of it goes to stderr.
#[derive(Args, Debug, Default)]
pub(crate) struct WatchArgs {
    /// Print the module before these passes.
    #[arg(long, value_name = "PASS", value_delimiter = ',')]
    pub(crate) print_ir_before: Vec<String>,
    /// Print the module after these passes.
    #[arg(long, value_name = "PASS", value_delimiter = ',')]
    pub(crate) print_ir_after: Vec<String>,
    /// Print the module before each pass.
    #[arg(long)]
    pub(crate) print_ir_before_all: bool,
    /// Print the module after each pass.
    #[arg(long)]
    pub(crate) print_ir_after_all: bool,
    /// Write the module after each pass to a file of its own: `00_canonicalize.hlil` and so on.
    #[arg(long, value_name = "DIR")]
    pub(crate) print_ir_tree_dir: Option<PathBuf>,
    /// Print the time of each stage and pass.
    #[arg(long)]
    pub(crate) timing: bool,
    /// Where the reproducer of a pass's bug is written; by default the folder for temporary files.
    #[arg(long, value_name = "FILE")]
    pub(crate) crash_reproducer: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// A model or a package.
    pub(crate) model: PathBuf,
    /// Write a page about the model, also where it is not supported.
    #[arg(long, value_name = "FILE.html")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) options: ModelArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PassesArgs {
    /// The pass or pipeline to describe, with an example; without it all are listed.
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

#[derive(Args, Debug)]
pub(crate) struct OpsArgs {
    #[command(flatten)]
    pub(crate) list: ListArgs,
    /// Print a dialect (`hlil` or `llil`) as IRDL, for `mlir-opt --irdl-file=`.
    #[arg(long, value_name = "DIALECT")]
    pub(crate) irdl: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// Make keys in `DIR/keys` and put the certificates' fingerprints into `DIR/parties.toml`.
    Init {
        /// The package.
        dir: PathBuf,
        /// Only this role, as on a machine that plays one party.
        #[arg(long)]
        role: Option<String>,
    },
    /// Show the fingerprints of the certificates in `DIR/keys`.
    Show {
        /// The package.
        dir: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// The package.
    pub(crate) dir: PathBuf,
    /// The role that this machine plays.
    #[arg(long)]
    pub(crate) role: Option<String>,
}
