//! `treville doctor`: what can be checked before a run.

use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use treville_net::keys::Fingerprint;
use treville_net::parties::Parties;
use treville_party::Exit;

use crate::failure::Failure;
use crate::package::Package;

/// Checks a package: hashes, weights, certificates, and, for the role of this machine, addresses.
pub(crate) fn doctor(dir: &Path, role: Option<&str>) -> Result<String, Failure> {
    let package = Package::open(dir)?;
    let mut said = String::new();
    let mut bad = 0;
    let mut check = |what: &str, result: Result<String, String>| match result {
        Ok(detail) => said += &format!("ok    {what}{}{detail}\n", if detail.is_empty() { "" } else { ": " }),
        Err(reason) => {
            bad += 1;
            said += &format!("WRONG {what}: {reason}\n");
        }
    };
    let manifest = &package.manifest;
    check("program", package.llil().map(|_| format!("hash {}", &manifest.program_hash[..16])).map_err(|e| e.text));
    for owner in manifest
        .parties
        .iter()
        .map(|p| p.role.as_str())
        .filter(|r| manifest.weights.iter().any(|w| w.owner == *r) && role.is_none_or(|only| only == *r))
    {
        check(
            &format!("weights of the {owner}"),
            package.weights().and_then(|w| Ok(w.check(manifest, owner)?)).map(|()| String::new()).map_err(|e| e.text),
        );
    }
    check(
        "party program",
        if package.binary().is_file() {
            Ok(package.binary().display().to_string())
        } else {
            Err(format!("not built; run `treville build {}`", dir.display()))
        },
    );
    if manifest.parties.len() == 1 {
        return finish(said, bad);
    }
    let path = dir.join("parties.toml");
    let table = std::fs::read_to_string(&path)
        .map_err(|e| e.to_string())
        .and_then(|t| Parties::parse(&t).map_err(|e| format!("{e}; `treville keys init` makes certificates")));
    match table {
        Err(reason) => check("party table", Err(reason)),
        Ok(parties) => {
            check("party table", Ok(format!("{} parties", parties.entries().len())));
            for entry in parties.entries().iter().filter(|e| role.is_none_or(|only| only == e.role)) {
                let pem = std::fs::read_to_string(dir.join("keys").join(format!("{}.cert.pem", entry.role)));
                let own = pem
                    .map_err(|e| e.to_string())
                    .and_then(|p| Fingerprint::from_certificate_pem(&p).map_err(|e| e.to_string()));
                let matches = own.and_then(|f| {
                    if f == entry.fingerprint {
                        Ok(String::new())
                    } else {
                        Err(format!("it is {f}; the party table pins {}", entry.fingerprint))
                    }
                });
                check(&format!("certificate of the {}", entry.role), matches);
            }
            if let Some(role) = role {
                for entry in parties.entries() {
                    let what = format!("address {} of the {}", entry.address, entry.role);
                    check(
                        &what,
                        if entry.role == role { can_listen(&entry.address) } else { reachable(&entry.address) },
                    );
                }
            }
        }
    }
    finish(said, bad)
}

fn finish(said: String, bad: usize) -> Result<String, Failure> {
    if bad > 0 {
        print!("{said}");
        return Err(Failure::new(Exit::Peer, format!("{bad} of the checks failed")));
    }
    Ok(said)
}

fn can_listen(address: &str) -> Result<String, String> {
    TcpListener::bind(address).map(|_| "free".into()).map_err(|e| e.to_string())
}

/// A peer that is not started yet is no fault; an address that does not resolve is.
fn reachable(address: &str) -> Result<String, String> {
    let resolved = address.to_socket_addrs().map_err(|e| e.to_string())?.next().ok_or("it resolves to nothing")?;
    match TcpStream::connect_timeout(&resolved, Duration::from_secs(2)) {
        Ok(_) => Ok("somebody listens".into()),
        Err(e) => Ok(format!("nobody listens yet ({e})")),
    }
}
