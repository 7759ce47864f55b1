//! What a party keeps to itself.

use std::path::PathBuf;

use ndarray::ArrayD;
use treville_party::{PartyError, WeightFile};
use treville_protocol::ProtocolError;

#[test]
fn peers_are_told_no_value_and_no_path() {
    let secret = "4711";
    let path = PathBuf::from(format!("/home/{secret}/weights.safetensors"));
    let reason = format!("element 0 is {secret}, which does not fit the ring at this scale");
    let errors = [
        PartyError::Protocol(ProtocolError::Domain { op: 1, index: 2, value: 4711, ring_bits: 64 }),
        PartyError::Input { name: "x".into(), reason: reason.clone() },
        PartyError::Weights { path: path.clone(), reason: reason.clone() },
        PartyError::File { path: path.clone(), reason: reason.clone() },
        PartyError::Unwritten { path, reason },
    ];
    for error in errors {
        assert!(error.to_string().contains(secret), "its own user is told: {error}");
        assert!(!error.public_reason().contains(secret), "{}", error.public_reason());
    }
}

fn weights(names: &[&str]) -> WeightFile {
    let shapes = names.iter().map(|name| (name.to_string(), vec![2])).collect();
    WeightFile::new(shapes, Box::new(|_| Ok(ArrayD::zeros(vec![2])))).unwrap()
}

#[test]
fn a_commitment_confirms_no_guess() {
    let commitments = [0; 2].map(|_| weights(&["w"]).commitment().unwrap());
    assert_ne!(commitments[0], commitments[1], "each compilation has a salt of its own");
}

#[test]
#[cfg(unix)]
fn a_weights_file_is_for_its_owner_alone_and_keeps_its_commitment() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("treville-secrets-{}.safetensors", std::process::id()));
    let file = weights(&["v", "w"]);
    file.write(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    let read = WeightFile::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    assert_eq!(read.commitment().unwrap(), file.commitment().unwrap());
}
