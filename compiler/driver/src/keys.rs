//! `treville keys`: certificates of the parties, and their fingerprints in the party table.

use std::io::Write;
use std::path::Path;

use treville_net::keys::{Fingerprint, generate};

use crate::failure::Failure;

/// Makes a key and a certificate for `role` in `folder`. The key's file is readable by its owner only.
pub(crate) fn write_keys(folder: &Path, role: &str) -> Result<Fingerprint, Failure> {
    let keys = generate(role).map_err(|e| Failure::other(e.to_string()))?;
    std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, e))?;
    let certificate = folder.join(format!("{role}.cert.pem"));
    std::fs::write(&certificate, &keys.certificate_pem).map_err(|e| Failure::file(&certificate, e))?;
    let key = folder.join(format!("{role}.key.pem"));
    write_private(&key, keys.private_key_pem.as_bytes()).map_err(|e| Failure::file(&key, e))?;
    Ok(keys.fingerprint)
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

/// `treville keys init`: makes keys for all roles of the table, or one, and writes the fingerprints into it.
pub(crate) fn init(dir: &Path, only: Option<&str>) -> Result<String, Failure> {
    let path = dir.join("parties.toml");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        Failure::usage(format!("{}: {e}; is this a directory that `treville compile` wrote?", path.display()))
    })?;
    let mut table: toml::Table =
        toml::from_str(&text).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    let parties = table
        .get_mut("party")
        .and_then(|p| p.as_array_mut())
        .ok_or_else(|| Failure::usage(format!("{}: no [[party]] in it", path.display())))?;
    let mut said = String::new();
    for party in parties.iter_mut().filter_map(|p| p.as_table_mut()) {
        let role = party.get("role").and_then(|r| r.as_str()).unwrap_or_default().to_string();
        if role.is_empty() || only.is_some_and(|o| o != role) {
            continue;
        }
        let key = dir.join("keys").join(format!("{role}.key.pem"));
        if key.exists() {
            return Err(Failure::usage(format!(
                "{} exists; remove it if the {role}'s key is to be replaced",
                key.display()
            )));
        }
        let fingerprint = write_keys(&dir.join("keys"), &role)?;
        party.insert("fingerprint".into(), fingerprint.to_string().into());
        said += &format!("{role:8} {fingerprint}\n");
    }
    if said.is_empty() {
        return Err(Failure::usage(format!(
            "{}: no party has the role `{}`",
            path.display(),
            only.unwrap_or_default()
        )));
    }
    let text = format!(
        "# Who runs where. Send each party this file, and its own key only.\n\n{}",
        toml::to_string(&table).map_err(|e| Failure::other(e.to_string()))?
    );
    std::fs::write(&path, text).map_err(|e| Failure::file(&path, e))?;
    Ok(said)
}

/// `treville keys show`: the fingerprints of the certificates in `DIR/keys`.
pub(crate) fn show(dir: &Path) -> Result<String, Failure> {
    let folder = dir.join("keys");
    let entries = std::fs::read_dir(&folder)
        .map_err(|e| Failure::usage(format!("{}: {e}; make keys with `treville keys init`", folder.display())))?;
    let mut lines = Vec::new();
    for path in entries.filter_map(|e| Some(e.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(role) = name.strip_suffix(".cert.pem") {
            let pem = std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, e))?;
            let fingerprint = Fingerprint::from_certificate_pem(&pem).map_err(|e| Failure::file(&path, e))?;
            lines.push(format!("{role:8} {fingerprint}\n"));
        }
    }
    lines.sort();
    Ok(lines.concat())
}
