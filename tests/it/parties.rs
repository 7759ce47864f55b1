//! Party processes that a test starts itself, each with what it needs and no more.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::support::{command, succeed};

pub(crate) const ROLES: [&str; 3] = ["client", "server", "helper"];

/// A built package, its parties' keys, and a table of free ports, all in one folder.
pub(crate) struct Parties {
    folder: PathBuf,
}

impl Parties {
    /// Makes keys in the package `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let parties = Parties { folder: folder.into() };
        parties.use_free_ports();
        succeed(folder, &["keys", "init", "."]);
        parties
    }

    /// Puts free ports into the table: the last run's may be in use.
    pub(crate) fn use_free_ports(&self) {
        // All are held until all are known, so that they differ.
        let listeners = ROLES.map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let mut ports = listeners.iter().map(|l| l.local_addr().expect("an address").port());
        let table = self.read_table();
        let table = table.lines().map(|line| match line.strip_prefix("address = ") {
            Some(_) => format!("address = \"127.0.0.1:{}\"\n", ports.next().expect("three parties")),
            None => format!("{line}\n"),
        });
        self.write_table(&table.collect::<String>());
    }

    pub(crate) fn read_table(&self) -> String {
        std::fs::read_to_string(self.folder.join("parties.toml")).expect("the package has a table")
    }

    pub(crate) fn write_table(&self, text: &str) {
        std::fs::write(self.folder.join("parties.toml"), text).expect("the package is writable");
    }

    /// The command of one party, with the input `in.npy` and the output `out.npy` of the client.
    fn command(&self, program: &str, role: &str) -> Command {
        let mut party = command(&self.folder.join("bin").join(program), &self.folder);
        party.args(["--role", role]);
        match role {
            "client" => drop(party.args(["--input", "in.npy", "--output", "out.npy"])),
            "server" => drop(party.args(["--weights", "weights.safetensors"])),
            _ => {}
        }
        party
    }

    pub(crate) fn spawn(&self, role: &str, more: &[&str]) -> Child {
        self.spawn_program("party", role, more)
    }

    /// The same with another program in the package's `bin/`.
    pub(crate) fn spawn_program(&self, program: &str, role: &str, more: &[&str]) -> Child {
        self.command(program, role).args(more).spawn().expect("the party program starts")
    }
}
