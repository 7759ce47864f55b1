//! The command line of a party program.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Parser;

/// Plays one party of a compiled model: connects to the others over mutual TLS, runs the inferences, and writes what it learns.
#[derive(Parser, Debug, Clone)]
#[command(name = "party", version)]
pub struct PartyArgs {
    /// The role: client, server or helper.
    #[arg(long)]
    pub role: String,
    /// Who runs where, with the certificates' fingerprints.
    #[arg(long, default_value = "parties.toml", value_name = "FILE")]
    pub parties: PathBuf,
    /// The folder with ROLE.cert.pem and ROLE.key.pem.
    #[arg(long, default_value = "keys", value_name = "DIR")]
    pub keys: PathBuf,
    /// An input that this role owns: `NAME=FILE.npy`, or just the file where it is the only one. N samples along the first axis are N inferences.
    #[arg(long, value_name = "NAME=FILE")]
    pub input: Vec<String>,
    /// The weights, at the role that owns them.
    #[arg(long, value_name = "FILE.safetensors")]
    pub weights: Option<PathBuf>,
    /// Where to write the result that this role learns; with several results, the name is put before the ending.
    #[arg(long, value_name = "FILE.npy")]
    pub output: Option<PathBuf>,
    /// The network to imitate: `lan`, `wan` or `MBPS,MS`.
    #[arg(long, value_name = "NET")]
    pub net: Option<String>,
    /// Where to write what this party measured.
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Print a line on stderr for each operation that ends.
    #[arg(long)]
    pub progress: bool,
    /// Threads that compute; by default one for each core.
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZero<usize>>,
    /// Seconds of silence after which a peer counts as dead.
    #[arg(long, default_value_t = 8, value_name = "SECONDS")]
    pub timeout: u64,
    /// Seconds to wait for all peers to appear.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub connect_timeout: u64,
    /// Print what the program is and what this role must bring, and end.
    #[arg(long)]
    pub describe: bool,
}
