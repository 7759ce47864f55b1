//! Errors of a party program and their exit codes.

use std::path::PathBuf;

use treville_net::NetError;
use treville_protocol::ProtocolError;

use crate::Manifest;

/// Exit codes of `treville` and of party programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// A failure that has no code of its own.
    Failure = 1,
    /// The command line or an input file is wrong.
    Usage = 2,
    /// The model cannot be compiled.
    Unsupported = 3,
    /// A value does not fit the ring, or the failure bound is exceeded.
    Range = 4,
    /// A peer, TLS or the handshake failed.
    Peer = 5,
    /// Results differ where they must agree.
    Mismatch = 6,
    /// Somebody tampered with a message or a program.
    Tampering = 7,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        (exit as u8).into()
    }
}

/// Why a party program ended without its result.
#[derive(Debug, thiserror::Error)]
pub enum PartyError {
    /// An argument is missing or does not fit the program.
    #[error("{0}")]
    Usage(String),
    /// A file that the user named cannot be used.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A result cannot be written.
    #[error("cannot write {path}: {reason}", path = path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// An input tensor does not fit the program.
    #[error("input `{name}`: {reason}")]
    Input {
        /// The input's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The weights are not those of the program.
    #[error("weights file {path}: {reason}", path = path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest inside the program is damaged, or of another version.
    #[error("manifest: {0}")]
    Manifest(String),
    /// A peer, TLS or the handshake failed.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The protocol failed.
    #[error(transparent)]
    Protocol(ProtocolError),
}

impl From<ProtocolError> for PartyError {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Net(net) => PartyError::Net(net),
            other => PartyError::Protocol(other),
        }
    }
}

impl PartyError {
    /// What the peers may be told: the message without this party's values, files and paths.
    pub fn public_reason(&self) -> String {
        match self {
            PartyError::Usage(_) | PartyError::Manifest(_) | PartyError::Net(_) => self.to_string(),
            PartyError::Protocol(error) => error.public_reason(),
            PartyError::Input { name, .. } => format!("input `{name}` does not fit"),
            PartyError::Weights { .. } => "the weights do not fit".into(),
            PartyError::File { .. } | PartyError::Unwritten { .. } => "a file cannot be used".into(),
        }
    }

    /// The message, with the model's node where it is about an operation.
    pub fn explain(&self, manifest: &Manifest) -> String {
        match self.op().and_then(|op| manifest.ops.iter().find(|o| o.op == op)) {
            Some(o) => format!("{self}\nnote: op {} is the {} of node `{}`", o.op, o.kind, o.node),
            None => self.to_string(),
        }
    }

    /// The operation that this is about, as the manifest numbers it.
    fn op(&self) -> Option<u32> {
        match self {
            PartyError::Net(
                NetError::Closed { at, .. }
                | NetError::Broken { at, .. }
                | NetError::Silent { at, .. }
                | NetError::Stalled { at, .. }
                | NetError::Aborted { at, .. }
                | NetError::Frame { at, .. }
                | NetError::Length { at, .. }
                | NetError::Stopped { at, .. },
            ) => Some(at.op),
            PartyError::Protocol(
                ProtocolError::Randomness { op, .. }
                | ProtocolError::Shape { op, .. }
                | ProtocolError::Window { op, .. }
                | ProtocolError::EmptyMaximum { op, .. }
                | ProtocolError::Malformed { op, .. }
                | ProtocolError::Domain { op, .. },
            ) => Some(*op),
            _ => None,
        }
    }

    /// The exit code that tells this error apart.
    pub fn exit(&self) -> Exit {
        match self {
            PartyError::Usage(_) | PartyError::File { .. } | PartyError::Input { .. } => Exit::Usage,
            PartyError::Unwritten { .. } | PartyError::Manifest(_) => Exit::Failure,
            PartyError::Weights { .. } | PartyError::Net(_) => Exit::Peer,
            PartyError::Protocol(ProtocolError::Domain { .. }) => Exit::Range,
            PartyError::Protocol(ProtocolError::Malformed { .. }) => Exit::Peer,
            PartyError::Protocol(_) => Exit::Failure,
        }
    }
}
