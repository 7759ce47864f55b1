//! Agreement before the first share.

use bytes::Bytes;
use treville_net::handshake::{Hello, PROTOCOL_VERSION, Session, run};
use treville_net::memory::mesh_seeded;
use treville_net::{Frame, MemoryTransport, NetError, Party, Tag, Transport};

fn hello() -> Hello {
    Hello {
        backend: "porthos".into(),
        program_hash: [1; 32],
        weights_commitment: [2; 32],
        rings: "64,12".into(),
        parties_hash: [3; 32],
        attestation: None,
    }
}

async fn agree(hellos: [Hello; 3]) -> [Result<Session, NetError>; 3] {
    let parties = mesh_seeded(3, [0; 32]);
    let [a, b, c] = hellos;
    tokio::join!(run(&parties[0], a), run(&parties[1], b), run(&parties[2], c)).into()
}

#[tokio::test]
async fn equal_parties_get_one_fresh_session() {
    let mut attested = hello();
    attested.attestation = Some(vec![9; 1000]);
    let first = agree([hello(), attested.clone(), hello()]).await.map(|s| s.expect("all agree"));
    assert_eq!(first[0], first[1]);
    assert_eq!(first[0], first[2]);
    assert_eq!(first[0].hellos, [hello(), attested, hello()]);
    let second = agree([hello(), hello(), hello()]).await.map(|s| s.expect("all agree"));
    assert_ne!(first[0].id, second[0].id);
}

#[tokio::test]
async fn every_party_learns_who_differs_in_what() {
    type Change = fn(&mut Hello);
    let differing: [(&str, Change); 5] = [
        ("backend", |h| h.backend = "securenn".into()),
        ("program hash", |h| h.program_hash[31] ^= 1),
        ("weights commitment", |h| h.weights_commitment[0] ^= 1),
        ("rings and scales", |h| h.rings = "64,13".into()),
        ("party table", |h| h.parties_hash[5] ^= 1),
    ];
    for (name, change) in differing {
        let mut changed = hello();
        change(&mut changed);
        let errors = agree([hello(), hello(), changed]).await.map(|s| s.expect_err("one differs"));
        for (error, blamed) in errors.iter().zip(["party 2", "party 2", "party 0"]) {
            assert!(
                matches!(error, NetError::Handshake { peer, field, ours, theirs } if peer == blamed && *field == name && ours != theirs),
                "{error}"
            );
        }
    }
}

/// What an honest party 0 says to a party 1 that sends `hello` and then confirms whatever `confirm` makes of the true id.
async fn against(hello_bytes: impl Fn(&[u8]) -> Vec<u8>, confirm: impl Fn(&[u8]) -> Vec<u8>) -> NetError {
    let parties = mesh_seeded(2, [0; 32]);
    let step = |step| Tag { op: Tag::CONTROL, inference: 0, step };
    let peer = async |me: &MemoryTransport| {
        let theirs = me.recv(Party(0), step(0)).await?.payload;
        me.send(Party(0), Frame { tag: step(0), depth: 0, payload: Bytes::from(hello_bytes(&theirs)) }).await?;
        let id = me.recv(Party(0), step(1)).await?.payload;
        me.send(Party(0), Frame { tag: step(1), depth: 0, payload: Bytes::from(confirm(&id)) }).await
    };
    let (honest, _) = tokio::join!(run(&parties[0], hello()), peer(&parties[1]));
    let error = honest.expect_err("the peer misbehaves");
    assert_eq!(
        parties[0].send(Party(1), Frame { tag: step(9), depth: 0, payload: Bytes::new() }).await,
        Err(error.clone())
    );
    error
}

#[tokio::test]
async fn a_peer_that_says_different_things_to_different_parties_is_found_out() {
    let flip = |id: &[u8]| [&[id[0] ^ 1], &id[1..]].concat();
    let error = against(<[u8]>::to_vec, flip).await;
    assert!(matches!(error, NetError::Handshake { field: "session id", .. }), "{error}");
    let error = against(<[u8]>::to_vec, |_| vec![]).await;
    assert!(matches!(error, NetError::Handshake { field: "session id", .. }), "{error}");
}

#[tokio::test]
async fn other_versions_and_malformed_hellos_are_refused() {
    let version = |v: u32| move |hello: &[u8]| [&v.to_le_bytes()[..], &hello[4..]].concat();
    let error = against(version(PROTOCOL_VERSION + 1), <[u8]>::to_vec).await;
    assert_eq!(
        error.to_string(),
        format!("party 1 differs in protocol version: ours is {PROTOCOL_VERSION}, theirs is {}", PROTOCOL_VERSION + 1)
    );
    type Change = fn(&[u8]) -> Vec<u8>;
    let malformed: [Change; 5] = [
        |_| vec![],
        |hello| hello[..hello.len() - 1].to_vec(),
        |hello| [hello, &[0]].concat(),
        |hello| [&hello[..4], &[255; 4], &hello[8..]].concat(),
        |hello| hello.iter().map(|&b| if b == b'p' { 0xff } else { b }).collect(),
    ];
    for change in malformed {
        let error = against(change, <[u8]>::to_vec).await;
        assert!(matches!(error, NetError::Handshake { field: "hello" | "protocol version", .. }), "{error}");
    }
}
