//! All parties of a package as processes on this machine, over mutual TLS on loopback.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{BufRead, BufReader, IsTerminal};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use treville_net::Shape;
use treville_net::parties::{Parties, PartyEntry};
use treville_party::{Array, Exit, Manifest, PartyReport, RunReport, merge_reports, output_paths, read_npy};

use crate::data;
use crate::failure::Failure;
use crate::keys::write_keys;
use crate::package::Package;
use crate::timeline::chrome_trace;

/// What a run needs beside the package.
#[derive(Clone, Default)]
pub struct RunOptions {
    /// `NAME=FILE.npy` or a file; given to the parties that own the inputs.
    pub inputs: Vec<String>,
    /// The network to imitate.
    pub net: Option<String>,
    /// The weights, where they are not in the package.
    pub weights: Option<PathBuf>,
    /// Seconds of silence after which a peer counts as dead.
    pub timeout: u64,
    /// Threads that each party computes with, where not one for each core.
    pub threads: Option<std::num::NonZero<usize>>,
    /// Whether to draw a progress bar on a terminal.
    pub progress: bool,
}

/// What a run yields.
pub struct RunResult {
    /// The results, in the manifest's order, as its first receiver got them.
    pub outputs: Vec<(String, Array)>,
    /// The merged report.
    pub report: RunReport,
    /// What every party did when: [`chrome_trace`].
    pub trace: String,
}

/// Starts all parties with fresh keys in a temporary directory, waits for them, and gathers results and reports.
///
/// # Errors
/// If a party fails, its exit code and message; the first failure that is not about a peer explains the others.
pub fn run(package: &Package, options: &RunOptions) -> Result<RunResult, Failure> {
    let binary = package.built_binary()?;
    if let Some(net) = &options.net {
        net.parse::<Shape>().map_err(|e| Failure::usage(e.to_string()))?;
    }
    let scratch = tempfile::tempdir().map_err(|e| Failure::other(format!("no temporary directory: {e}")))?;
    let inputs: Result<Vec<String>, Failure> =
        options.inputs.iter().map(|input| data::for_party(input, scratch.path())).collect();
    let options = &RunOptions { inputs: inputs?, ..options.clone() };
    let roles: Vec<&str> = package.manifest.parties.iter().map(|p| p.role.as_str()).collect();
    if roles.len() > 1 {
        prepare_keys(scratch.path(), &roles)?;
    }

    let mut children = Children(Vec::new());
    for role in &roles {
        let child = command(package, options, &binary, scratch.path(), role).spawn();
        children.0.push((
            role.to_string(),
            child.map_err(|e| Failure::other(format!("cannot start {}: {e}", binary.display())))?,
        ));
    }
    let bar = draws_bar(options).then(|| progress_bar(package, &options.inputs));
    children.wait(bar.as_ref())?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    collect(package, scratch.path(), &roles)
}

fn draws_bar(options: &RunOptions) -> bool {
    options.progress && std::io::stderr().is_terminal()
}

/// Certificates, and a party table with free ports of this machine.
fn prepare_keys(dir: &Path, roles: &[&str]) -> Result<(), Failure> {
    // All listeners are held until all ports are known, so that the ports differ.
    let listeners: Result<Vec<TcpListener>, _> = roles.iter().map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let listeners = listeners.map_err(|e| Failure::other(format!("no free port on loopback: {e}")))?;
    let mut entries = Vec::new();
    for (role, listener) in roles.iter().zip(&listeners) {
        let fingerprint = write_keys(&dir.join("keys"), role)?;
        let address = listener.local_addr().map_err(|e| Failure::other(e.to_string()))?.to_string();
        entries.push(PartyEntry { name: role.to_string(), role: role.to_string(), address, fingerprint });
    }
    let table = Parties::new(entries).map_err(|e| Failure::other(e.to_string()))?.to_toml();
    let path = dir.join("parties.toml");
    std::fs::write(&path, table).map_err(|e| Failure::file(&path, e))
}

fn command(package: &Package, options: &RunOptions, binary: &Path, scratch: &Path, role: &str) -> Command {
    let mut command = Command::new(binary);
    command.args(["--role", role, "--timeout", &options.timeout.to_string()]);
    command.arg("--parties").arg(scratch.join("parties.toml")).arg("--keys").arg(scratch.join("keys"));
    command.arg("--report").arg(scratch.join(format!("{role}.json")));
    let manifest = &package.manifest;
    if manifest.weights.iter().any(|w| w.owner == role) {
        command
            .arg("--weights")
            .arg(options.weights.clone().unwrap_or_else(|| package.dir.join("weights.safetensors")));
    }
    for input in &options.inputs {
        if is_for(input.split_once('=').map_or("", |(name, _)| name), role, manifest) {
            command.arg("--input").arg(input);
        }
    }
    if !manifest.outputs_of(role).0.is_empty() {
        command.arg("--output").arg(scratch.join(format!("{role}.npy")));
    }
    if let Some(net) = &options.net {
        command.args(["--net", net]);
    }
    if let Some(threads) = options.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    if role == manifest.parties[0].role && draws_bar(options) {
        command.arg("--progress");
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Whether the input `name` is to be given to `role`: to its owner, without a name to every owner of inputs. One that nobody has goes to
/// the first owner, who says what it has.
pub(crate) fn is_for(name: &str, role: &str, manifest: &Manifest) -> bool {
    let inputs = &manifest.inputs;
    let unknown = !name.is_empty() && inputs.iter().all(|i| i.name != name);
    inputs
        .iter()
        .take(if unknown { 1 } else { inputs.len() })
        .any(|i| i.owner == role && (unknown || name.is_empty() || i.name == name))
}

/// How long the other parties may take to say what they noticed of a failure.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Running parties; those that are left are killed when this is dropped.
struct Children(Vec<(String, Child)>);

impl Drop for Children {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Children {
    fn wait(mut self, bar: Option<&ProgressBar>) -> Result<(), Failure> {
        let (ended, ends) = mpsc::channel();
        for (i, (_, child)) in self.0.iter_mut().enumerate() {
            let stderr = child.stderr.take().expect("invariant: stderr is piped");
            let (bar, ended) = (bar.cloned(), ended.clone());
            // Nobody receives any more where a failure was enough.
            std::thread::spawn(move || drop(ended.send((i, follow(stderr, bar)))));
        }
        drop(ended);
        let mut failures: Vec<(Exit, String)> = Vec::new();
        // The first to fail is the cause. Whoever was connected with it fails at once; whoever still looks for it need not go on.
        while let Some((i, log)) =
            if failures.is_empty() { ends.recv().ok() } else { ends.recv_timeout(LAST_WORDS).ok() }
        {
            let (role, child) = &mut self.0[i];
            let status = child.wait().map_err(|e| Failure::other(format!("{role}: {e}")))?;
            if !status.success() {
                let exit = match status.code() {
                    Some(2) => Exit::Usage,
                    Some(4) => Exit::Range,
                    Some(5) => Exit::Peer,
                    Some(7) => Exit::Tampering,
                    _ => Exit::Failure,
                };
                let message = if log.is_empty() { format!("ended with {status}") } else { log };
                failures.push((exit, format!("{role}: {}", message.trim_start_matches("error: "))));
            }
        }
        // A party that fails takes the others with it; they only report that it is gone.
        failures.sort_by_key(|(exit, _)| *exit == Exit::Peer);
        match failures.first() {
            None => Ok(()),
            Some((exit, _)) if *exit != Exit::Peer => Err(Failure::new(*exit, failures[0].1.clone())),
            Some((exit, _)) => {
                Err(Failure::new(*exit, failures.iter().map(|(_, m)| m.as_str()).collect::<Vec<_>>().join("\n")))
            }
        }
    }
}

/// Reads a party's stderr to its end: progress lines move the bar, the rest is its log.
fn follow(stderr: impl std::io::Read, bar: Option<ProgressBar>) -> String {
    let mut log = Vec::new();
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        match (line.strip_prefix("progress: "), &bar) {
            (Some(node), Some(bar)) => {
                bar.set_message(node.to_string());
                bar.inc(1);
            }
            (Some(_), None) => {}
            (None, _) => log.push(line),
        }
    }
    log.join("\n")
}

fn progress_bar(package: &Package, inputs: &[String]) -> ProgressBar {
    let n_inferences =
        inputs.first().and_then(|i| read_npy(Path::new(i.rsplit('=').next().unwrap_or(i))).ok()).map_or(1, |a| {
            let first = package.manifest.inputs.first().map(|i| i.shape.iter().product::<usize>().max(1)).unwrap_or(1);
            (a.shape().iter().product::<usize>() / first).max(1)
        });
    let bar = ProgressBar::new((package.manifest.ops.len() * n_inferences) as u64);
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}  {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn collect(package: &Package, scratch: &Path, roles: &[&str]) -> Result<RunResult, Failure> {
    let mut reports = Vec::new();
    for role in roles {
        let path = scratch.join(format!("{role}.json"));
        let text = std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, e))?;
        reports.push(serde_json::from_str::<PartyReport>(&text).map_err(|e| Failure::file(&path, e))?);
    }
    let manifest = &package.manifest;
    let mut outputs = BTreeMap::new();
    for role in roles {
        let (numbers, names) = manifest.outputs_of(role);
        let paths = output_paths(&scratch.join(format!("{role}.npy")), &names);
        for ((number, name), path) in numbers.into_iter().zip(names).zip(paths) {
            // What several roles learn is the same for all.
            if let Entry::Vacant(entry) = outputs.entry(number) {
                entry.insert((name.to_string(), read_npy(&path)?));
            }
        }
    }
    let outputs = outputs.into_values().collect();
    let trace = chrome_trace(manifest, &reports);
    Ok(RunResult { outputs, report: merge_reports(manifest, reports), trace })
}
