//! The audit finds a second use of a position, and only that.

use std::sync::Arc;

use treville_prg::{Audit, Key, Prg, SESSION_INFERENCE, StreamId};

const ID: StreamId = StreamId { op: 1, inference: 0, purpose: 2, step: 3 };

fn prg(key: u8, audit: &Arc<Audit>, owner: &'static str) -> Prg {
    Prg::new(Key::new([key; 16])).audited(audit.clone(), owner)
}

fn draw(prg: &Prg, id: StreamId, first: u64, len: usize) {
    prg.fill_u64(id, first, &mut vec![0; len]).unwrap();
}

#[test]
fn neighbours_other_streams_keys_and_owners_do_not_meet() {
    let audit = Arc::new(Audit::default());
    let client = prg(1, &audit, "client");
    draw(&client, ID, 0, 10);
    draw(&client, ID, 10, 10);
    draw(&client, ID, 5, 0);
    draw(&client, StreamId { step: 4, ..ID }, 0, 10);
    draw(&prg(2, &audit, "client"), ID, 0, 10);
    draw(&prg(1, &audit, "server"), ID, 0, 20);
    assert_eq!(audit.uses().len(), 5);
    audit.check().unwrap();
}

#[test]
fn an_overlap_is_found_whatever_the_unit() {
    let audit = Arc::new(Audit::default());
    let client = prg(1, &audit, "client");
    draw(&client, ID, 0, 10);
    prg(1, &audit, "client").fill_bytes(ID, 79, &mut [0]).unwrap();
    let reuse = audit.check().unwrap_err();
    assert_eq!((reuse.first.bytes, reuse.second.bytes), (0..80, 79..80));
}

#[test]
fn digits_own_their_whole_chunk() {
    let audit = Arc::new(Audit::default());
    let client = prg(1, &audit, "client");
    client.fill_digits(ID, 1, &mut [0; 10]).unwrap();
    client.fill_bytes(ID, 65535, &mut [0]).unwrap();
    client.fill_bytes(ID, 131072, &mut [0]).unwrap();
    audit.check().unwrap();
    client.fill_bytes(ID, 131071, &mut [0]).unwrap();
    assert!(audit.check().is_err());
}

#[test]
fn an_overlap_behind_a_shorter_use_is_found() {
    let audit = Arc::new(Audit::default());
    let client = prg(1, &audit, "client");
    let fixed = StreamId { inference: SESSION_INFERENCE, ..ID };
    draw(&client, fixed, 0, 100);
    draw(&client, fixed, 1, 2);
    audit.check().unwrap();
    client.fill_bytes(fixed, 400, &mut [0]).unwrap();
    assert!(audit.check().is_err());
}

#[test]
fn only_streams_of_the_session_may_repeat_and_only_from_one_place() {
    let audit = Arc::new(Audit::default());
    let client = prg(1, &audit, "client");
    for _ in 0..2 {
        draw(&client, StreamId { inference: SESSION_INFERENCE, ..ID }, 0, 10);
    }
    audit.check().unwrap();
    draw(&client, ID, 0, 10);
    audit.check().unwrap();
    draw(&client, ID, 0, 10);
    assert!(audit.check().is_err());
}
