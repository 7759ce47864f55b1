//! The package directory: written by `compile`, read by `build`, `run`, `simulate` and `doctor`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use treville_codegen::{Runtime, package_files, program_source};
use treville_ir::{Func, parse};
use treville_llil::Llil;
use treville_party::{Manifest, PartyInfo, WeightFile};

use crate::backends::Backend;
use crate::compile::{Compiled, describe, role_of};
use crate::failure::Failure;

/// The workspace that this binary was built in, if it is still there.
fn workspace() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
    (root.join("runtime/party/Cargo.toml").is_file() && root.join("Cargo.lock").is_file()).then_some(root)
}

/// The runtime's sources, carried by this binary for packages outside the workspace.
mod carried {
    include!(concat!(env!("OUT_DIR"), "/carried.rs"));
}

/// A package directory.
pub struct Package {
    /// Where it is.
    pub dir: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

impl Package {
    /// Opens a package.
    pub fn open(dir: &Path) -> Result<Self, Failure> {
        let path = dir.join("treville.json");
        let text = std::fs::read_to_string(&path).map_err(|e| {
            Failure::usage(format!("{}: {e}; is this a directory that `treville compile` wrote?", path.display()))
        })?;
        let manifest = Manifest::parse(&text).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
        Ok(Package { dir: dir.to_path_buf(), manifest })
    }

    /// The program, checked against the manifest: its hash, and what goes in and comes out.
    pub fn llil(&self) -> Result<Func<Llil>, Failure> {
        let path = self.dir.join("program.llil");
        let text = std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, e))?;
        let tampered = |what: &str| {
            let text =
                format!("{}: the program is not the one that treville.json was made for ({what})", path.display());
            Failure::new(treville_party::Exit::Tampering, text)
        };
        if program_hash(&text, &self.manifest.backend) != self.manifest.program_hash {
            return Err(tampered("its hash differs"));
        }
        let func = parse::<Llil>(&text).map_err(|d| {
            Failure::other(format!("{}: {} errors, the first: {}", path.display(), d.len(), d[0].message))
        })?;
        let roles = Backend::by_name(&self.manifest.backend)?.info().roles;
        let mut described = self.manifest.clone();
        described.parties = roles.iter().map(|r| PartyInfo { role: r.to_string() }).collect();
        describe(&mut described, &func, roles);
        if described != self.manifest {
            return Err(tampered("its parties, inputs, weights or results differ"));
        }
        let mut owners = func.args().map(|(_, a)| &a.owner).chain(func.results().iter().flat_map(|r| &r.owners));
        if let Some(stranger) = owners.find(|o| !roles.contains(&role_of(o, roles))) {
            return Err(tampered(&format!("`{stranger}` is none of its parties")));
        }
        drop(owners);
        Ok(func)
    }

    /// The weights beside the program.
    pub fn weights(&self) -> Result<WeightFile, Failure> {
        Ok(WeightFile::read(&self.dir.join("weights.safetensors"))?)
    }

    /// Where cargo puts the packages' binaries: dependencies are built once for all of them.
    fn target_dir() -> PathBuf {
        let cache = || {
            std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        };
        match workspace() {
            Some(root) => root.join("target"),
            None => cache().unwrap_or_else(std::env::temp_dir).join("treville/target"),
        }
    }

    /// The party binary of this package.
    pub fn binary(&self) -> PathBuf {
        self.dir.join("bin/party")
    }

    /// The party binary, if it was built for this very program.
    pub fn built_binary(&self) -> Result<PathBuf, Failure> {
        let binary = self.binary();
        let advice = |what: &str| {
            Failure::usage(format!("{} {what}; run `treville build {}`", binary.display(), self.dir.display()))
        };
        if !binary.is_file() {
            return Err(advice("is missing"));
        }
        let role = self.manifest.parties.first().map_or("", |p| p.role.as_str());
        let said = Command::new(&binary).args(["--describe", "--role", role]).stdin(Stdio::null()).output();
        let said = said.map_err(|e| Failure::other(format!("cannot start {}: {e}", binary.display())))?;
        let built_for = Manifest::parse(&String::from_utf8_lossy(&said.stdout));
        let same = |m: &Manifest| {
            m.program_hash == self.manifest.program_hash && m.weights_commitment == self.manifest.weights_commitment
        };
        if built_for.as_ref().is_ok_and(same) { Ok(binary) } else { Err(advice("was built for another program")) }
    }

    /// Builds the party binary with cargo and puts it into `bin/`.
    pub fn build(&self, quiet: bool) -> Result<PathBuf, Failure> {
        let target = Self::target_dir();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .args(["build", "--release"])
            .current_dir(self.dir.join("party"))
            .arg("--target-dir")
            .arg(&target)
            .stdin(Stdio::null());
        // Settings that were meant for the build of treville itself.
        for (name, _) in std::env::vars().filter(|(n, _)| {
            n.starts_with("CARGO_") && n != "CARGO_HOME" && n != "CARGO_NET_OFFLINE" && !n.starts_with("CARGO_REGISTR")
        }) {
            cargo.env_remove(name);
        }
        if quiet {
            cargo.arg("--quiet");
        }
        // All packages build to the same path, so the next build must wait until this binary is copied.
        let lock = target.join("treville-build.lock");
        let locked = std::fs::create_dir_all(&target)
            .and_then(|()| std::fs::File::create(&lock))
            .and_then(|file| file.lock().map(|()| file));
        let _locked = locked.map_err(|e| Failure::file(&lock, e))?;
        let status = cargo
            .stdout(Stdio::null())
            .status()
            .map_err(|e| Failure::other(format!("cannot start cargo: {e}; install Rust from https://rustup.rs")))?;
        if !status.success() {
            return Err(Failure::other(format!("cargo could not build {}", self.dir.join("party").display())));
        }
        let binary = self.binary();
        let copy = || {
            std::fs::create_dir_all(self.dir.join("bin"))?;
            // A new file each time: the old one may be running.
            let fresh = self.dir.join(format!("bin/party.{}", std::process::id()));
            std::fs::copy(target.join("release/party"), &fresh)?;
            std::fs::rename(fresh, &binary)
        };
        copy().map_err(|e| Failure::file(&binary, e))?;
        Ok(binary)
    }
}

/// blake3 over the public program, the backend and the version of the protocol.
pub fn program_hash(llil: &str, backend: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("treville program v1");
    for field in [&treville_net::handshake::PROTOCOL_VERSION.to_le_bytes()[..], backend.as_bytes(), llil.as_bytes()] {
        hasher.update(&(field.len() as u64).to_le_bytes());
        hasher.update(field);
    }
    hasher.finalize().to_hex().to_string()
}

/// Writes a compiled model as a package.
pub fn write(compiled: &Compiled, backend: Backend, dir: &Path, vendor: bool) -> Result<Package, Failure> {
    let (crate_name, crate_path, backend_type) = backend.source();
    let roles = backend.info().roles;
    let source = program_source(&compiled.llil, &compiled.plan, backend_type, roles);
    let workspace = workspace().filter(|_| !vendor);
    let lock = workspace
        .as_ref()
        .and_then(|root| std::fs::read_to_string(root.join("Cargo.lock")).ok())
        .unwrap_or_else(|| carried::LOCK.to_string());
    let runtime = match workspace {
        Some(root) => Runtime::Workspace(root),
        None => Runtime::Vendored {
            files: carried::FILES.iter().map(|(p, t)| (p.to_string(), t.to_string())).collect(),
            workspace_manifest: carried::MANIFEST.to_string(),
        },
    };
    let files = package_files(&compiled.manifest.model, (crate_name, crate_path), &source, &lock, &runtime)
        .map_err(|e| Failure::other(format!("the root manifest: {e}")))?;

    let put = |path: PathBuf, text: &str| {
        let make = || {
            std::fs::create_dir_all(path.parent().expect("invariant: the path was joined"))?;
            // An unchanged file keeps its time, so that cargo need not build again.
            if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
                Ok(())
            } else {
                std::fs::write(&path, text)
            }
        };
        make().map_err(|e| Failure::file(&path, e))
    };
    for (path, text) in &files {
        put(dir.join("party").join(path), text)?;
    }
    let manifest = serde_json::to_string_pretty(&compiled.manifest).map_err(|e| Failure::other(e.to_string()))?;
    put(dir.join("treville.json"), &(manifest + "\n"))?;
    put(dir.join("program.hlil"), &compiled.hlil.to_string())?;
    put(dir.join("program.llil"), &compiled.llil.to_string())?;
    if roles.len() > 1 && !dir.join("parties.toml").exists() {
        put(dir.join("parties.toml"), &parties_template(roles))?;
    }
    compiled.weights.write(&dir.join("weights.safetensors"))?;
    Package::open(dir)
}

/// A party table for one machine, to be edited; the fingerprints come from `treville keys init`.
fn parties_template(roles: &[&str]) -> String {
    let mut text =
        String::from("# Who runs where. `treville keys init` makes the certificates and fills in the fingerprints.\n");
    for (i, role) in roles.iter().enumerate() {
        text += &format!(
            "\n[[party]]\nname = \"{role}\"\nrole = \"{role}\"\naddress = \"127.0.0.1:{}\"\nfingerprint = \"\"\n",
            7700 + i
        );
    }
    text
}
