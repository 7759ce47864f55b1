//! From arguments to result files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use clap::error::ErrorKind;
use treville_net::handshake::Hello;
use treville_net::keys::Identity;
use treville_net::parties::Parties;
use treville_net::tls::{TlsConfig, connect};
use treville_net::{NetError, Shape, Shaped, Tag, Transport, memory};
use treville_protocol::{BackendInfo, Env};

use crate::allocator::share_one_heap;
use crate::files::write_whole;
use crate::{
    AnyProgram, Exit, Manifest, PartyArgs, PartyError, PartyReport, PeakMemory, Results, Samples, SessionData,
    WeightFile, run_session, write_npy,
};

/// The entry point of a generated party program.
pub fn main(backend: &BackendInfo, manifest: &str, program: &dyn AnyProgram) -> ExitCode {
    share_one_heap();
    let args = match PartyArgs::try_parse() {
        Ok(args) => args,
        Err(e) => {
            // Nothing is left to be done if even the message cannot be printed.
            let _ = e.print();
            return if matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                Exit::Ok
            } else {
                Exit::Usage
            }
            .into();
        }
    };
    let outcome = match Manifest::parse(manifest) {
        Ok(manifest) => play(backend, &manifest, program, &args).map_err(|e| (e.exit(), e.explain(&manifest))),
        Err(error) => Err((error.exit(), error.to_string())),
    };
    match outcome {
        Ok(()) => Exit::Ok.into(),
        Err((exit, text)) => {
            eprintln!("error: {text}");
            exit.into()
        }
    }
}

fn play(
    backend: &BackendInfo,
    manifest: &Manifest,
    program: &dyn AnyProgram,
    args: &PartyArgs,
) -> Result<(), PartyError> {
    if args.describe {
        println!("{}", serde_json::to_string_pretty(manifest).map_err(|e| PartyError::Manifest(e.to_string()))?);
        return Ok(());
    }
    if let Some(threads) = args.threads {
        treville_ring::use_threads(threads).map_err(|e| PartyError::Usage(e.to_string()))?;
    }
    let role = args.role.as_str();
    let roles: Vec<&str> = manifest.parties.iter().map(|p| p.role.as_str()).collect();
    if !roles.contains(&role) {
        return Err(PartyError::Usage(format!("there is no role `{role}`; this program has: {}", roles.join(", "))));
    }
    let shape = args
        .net
        .as_deref()
        .map(|text| text.parse::<Shape>())
        .transpose()
        .map_err(|e| PartyError::Usage(e.to_string()))?;

    // Everything that can fail without the peers fails before they are called.
    let mut arrays = Vec::new();
    for input in &args.input {
        let (name, path) = input.split_once('=').unwrap_or(("", input));
        arrays.extend(crate::read_inputs(Path::new(path), name)?);
    }
    let samples = Samples::new(manifest, role, arrays)?;
    let weights = args.weights.as_deref().map(WeightFile::read).transpose()?;
    let data = SessionData { manifest, role, weights: weights.as_ref(), samples: &samples };
    data.check()?;
    if let Some(parent) =
        args.output.as_deref().and_then(Path::parent).filter(|p| !p.as_os_str().is_empty() && !p.is_dir())
    {
        return Err(PartyError::File { path: parent.into(), reason: "no such directory for the output".into() });
    }
    let peers = if roles.len() > 1 { Some(peers(manifest, &roles, args)?) } else { None };

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| PartyError::Usage(format!("cannot start a runtime: {e}")))?;
    let (results, report) = runtime.block_on(async {
        let transport: Arc<dyn Transport> = match (peers, shape) {
            (Some((config, hello)), Some(shape)) => Arc::new(Shaped::new(connect(config, hello).await?, shape)),
            (Some((config, hello)), None) => Arc::new(connect(config, hello).await?),
            // A lone party talks to nobody.
            (None, _) => Arc::new(memory::mesh(1)?.remove(0)),
        };
        let outcome = session(backend, &transport, program, &data, args).await;
        if let Err(error) = &outcome
            && !matches!(error, PartyError::Net(_))
        {
            transport.abort(NetError::Stopped {
                at: Tag { op: Tag::CONTROL, inference: 0, step: 0 },
                reason: error.public_reason(),
            });
        }
        // Whatever this party still has to say must be out before it exits.
        let closed = transport.close().await;
        let done = outcome?;
        closed?;
        Ok::<_, PartyError>(done)
    })?;

    write_outputs(manifest, role, &results, args.output.as_deref())?;
    if let Some(path) = &args.report {
        let text = serde_json::to_string_pretty(&report)
            .map_err(|e| PartyError::Unwritten { path: path.clone(), reason: e.to_string() })?;
        write_whole(path, text.as_bytes())?;
    }
    Ok(())
}

async fn session(
    backend: &BackendInfo,
    transport: &Arc<dyn Transport>,
    program: &dyn AnyProgram,
    data: &SessionData<'_>,
    args: &PartyArgs,
) -> Result<(Results, PartyReport), PartyError> {
    let manifest = data.manifest;
    let env = Env { transport: transport.clone(), recorder: None, audit: None };
    let mut session = (backend.session)(env, manifest.ring()?)?;
    let memory = Arc::new(PeakMemory::default());
    let nodes: Option<Vec<String>> = args.progress.then(|| manifest.ops.iter().map(|o| o.node.clone()).collect());
    session.on_progress(Box::new({
        let memory = memory.clone();
        move |op| {
            memory.ended(op);
            if let Some(nodes) = &nodes {
                eprintln!("progress: {}", nodes.get(op as usize).map_or("", String::as_str));
            }
        }
    }));
    let start = Instant::now();
    let results = run_session(&session, transport.as_ref(), program, data).await?;
    Ok((results, PartyReport::new(data.role, start.elapsed().as_secs_f64(), &session.reports(), Some(&memory))))
}

/// Whom this party meets, and what it says first.
fn peers(manifest: &Manifest, roles: &[&str], args: &PartyArgs) -> Result<(TlsConfig, Hello), PartyError> {
    let parties = read_parties(&args.parties)?
        .in_roles(roles)
        .map_err(|e| PartyError::File { path: args.parties.clone(), reason: e.to_string() })?;
    let me = parties.by_role(&args.role).ok_or_else(|| {
        PartyError::Usage(format!("{} has no party for role `{}`", args.parties.display(), args.role))
    })?;
    let hello = Hello {
        backend: manifest.backend.clone(),
        program_hash: hash(&manifest.program_hash)?,
        weights_commitment: hash(&manifest.weights_commitment)?,
        rings: format!("ring {} bits, scale {}, {} rounding", manifest.ring_bits, manifest.scale, manifest.rounding),
        parties_hash: parties.hash(),
        attestation: None,
    };
    let mut config = TlsConfig::new(read_identity(&args.keys, &args.role)?, parties, me);
    config.connect_timeout = Duration::from_secs(args.connect_timeout.max(1));
    config.timing.silence = Duration::from_secs(args.timeout.max(1));
    config.timing.ping = config.timing.silence / 4;
    Ok((config, hello))
}

fn read_parties(path: &Path) -> Result<Parties, PartyError> {
    let fail = |reason: String| PartyError::File { path: path.into(), reason };
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    Parties::parse(&text).map_err(|e| fail(e.to_string()))
}

fn read_identity(folder: &Path, role: &str) -> Result<Identity, PartyError> {
    let read = |kind: &str| {
        let path = folder.join(format!("{role}.{kind}.pem"));
        std::fs::read_to_string(&path)
            .map_err(|e| PartyError::File { path, reason: format!("{e}; `treville keys init` makes keys") })
    };
    Identity::from_pem(&read("cert")?, &read("key")?)
        .map_err(|e| PartyError::File { path: folder.into(), reason: e.to_string() })
}

fn hash(hex: &str) -> Result<[u8; 32], PartyError> {
    let parse = || blake3::Hash::from_hex(hex).ok().map(|h| *h.as_bytes());
    parse().ok_or_else(|| PartyError::Manifest(format!("`{hex}` is not a hash")))
}

/// Where the results of these names go if `path` is asked for: each to a file of its own, with its name before the ending if there are several.
///
/// What is not a letter, digit or hyphen becomes `_`; where that makes names equal, the later ones are numbered.
pub fn output_paths(path: &Path, names: &[&str]) -> Vec<PathBuf> {
    if names.len() <= 1 {
        return names.iter().map(|_| path.to_path_buf()).collect();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|e| format!(".{}", e.to_string_lossy())).unwrap_or_default();
    let mut uses = HashMap::<String, u32>::new();
    let file = |name: &&str| {
        let safe: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let nth = uses.entry(safe.clone()).and_modify(|nth| *nth += 1).or_insert(1);
        let number = if *nth == 1 { String::new() } else { format!("~{nth}") };
        path.with_file_name(format!("{stem}.{safe}{number}{ending}"))
    };
    names.iter().map(file).collect()
}

/// Writes what `role` learned: N inferences along the first axis.
fn write_outputs(manifest: &Manifest, role: &str, results: &Results, path: Option<&Path>) -> Result<(), PartyError> {
    let (mine, names) = manifest.outputs_of(role);
    let paths = path.map(|path| output_paths(path, &names));
    for (nth, &o) in mine.iter().enumerate() {
        let values: Vec<&crate::Array> = results.iter().filter_map(|r| r[o].as_ref().map(|d| &d.value)).collect();
        let array = crate::Array::stack(&values);
        match &paths {
            Some(paths) => write_npy(&paths[nth], &array)?,
            None => println!("{}: {array}", names[nth]),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_has_a_file_of_its_own() {
        let files = |names: &[&str]| -> Vec<String> {
            output_paths(Path::new("out/y.npy"), names).iter().map(|p| p.display().to_string()).collect()
        };
        assert_eq!(files(&["a/b"]), ["out/y.npy"]);
        assert_eq!(
            files(&["a/b", "c", "a_b", "a:b"]),
            ["out/y.a_b.npy", "out/y.c.npy", "out/y.a_b~2.npy", "out/y.a_b~3.npy"]
        );
    }
}
