//! A message that no honest party sends ends the session with an error at every party: no panic, no result.

mod common;

use std::sync::{Arc, Mutex};

use common::{Message, Rng, Session, Tap, input};
use treville_net::NetError;
use treville_porthos::{CLIENT, HELPER, Porthos, PorthosPacked, SERVER};
use treville_protocol::simulate::Simulation;
use treville_protocol::{Protocol, ProtocolError};

const OP: u32 = 100;

fn relu(alter: fn(&mut Message)) -> Result<(), ProtocolError> {
    relu_of::<Porthos>(alter)
}

fn relu_of<P: Protocol>(alter: fn(&mut Message)) -> Result<(), ProtocolError> {
    let x = Rng(60).tensor(&[100], 62);
    Simulation::seeded(60)
        .run_over::<P, _, _>(Tap::wrap(&Arc::new(Mutex::new(Vec::new())), alter), async |me, session: Session| {
            let exec = session.inference(0);
            let x = input(&exec, 0, me, CLIENT, &x).await?;
            let y = exec.relu(OP, &x).await?;
            exec.reveal(OP + 1, &y, &[CLIENT, HELPER]).await.map(|_| ())
        })
        .map(|_| ())
}

fn overwrite(message: &mut Message, at: usize, bytes: &[u8]) {
    let mut payload = message.payload.to_vec();
    payload[at..at + bytes.len()].copy_from_slice(bytes);
    message.payload = payload.into();
}

#[track_caller]
fn assert_malformed(alter: fn(&mut Message), sender: &str) {
    let error = relu(alter).unwrap_err();
    assert!(matches!(&error, ProtocolError::Malformed { op: OP, from, .. } if from == sender), "{error}");
}

#[test]
fn a_digit_outside_the_field_is_refused() {
    assert_malformed(
        |m| {
            if (m.from, m.tag.op, m.tag.step) == (CLIENT, OP, 1) && m.to == HELPER {
                overwrite(m, 6399, &[67])
            }
        },
        "client",
    );
    assert_malformed(
        |m| {
            if (m.from, m.tag.op, m.tag.step) == (SERVER, OP, 2) && m.to == HELPER {
                overwrite(m, 0, &[255])
            }
        },
        "server",
    );
    assert_malformed(
        |m| {
            if (m.from, m.tag.op, m.tag.step) == (HELPER, OP, 0) {
                overwrite(m, 4000, &[67])
            }
        },
        "helper",
    );
    assert_malformed(
        |m| {
            if (m.from, m.tag.op, m.tag.step) == (HELPER, OP, 2) {
                overwrite(m, 1, &[200])
            }
        },
        "helper",
    );
}

#[test]
fn a_packed_digit_outside_the_field_is_refused() {
    // The last tile is 36 elements wide: its rows begin after the 56 rows of the first. The top bits of rows 0 to 6 are digits of row 7.
    fn from_client(message: &mut Message, rows: std::ops::Range<usize>, byte: u8) {
        if (message.from, message.to, message.tag.op, message.tag.step) == (CLIENT, HELPER, OP, 1) {
            rows.for_each(|row| overwrite(message, 56 * 64 + 36 * row + 35, &[byte]));
        }
    }
    let refused = [
        |m: &mut Message| from_client(m, 3..4, 67),
        |m: &mut Message| from_client(m, 55..56, 127),
        |m: &mut Message| from_client(m, 49..56, 0x80),
    ];
    for alter in refused {
        let error = relu_of::<PorthosPacked>(alter).unwrap_err();
        assert!(matches!(&error, ProtocolError::Malformed { op: OP, from, .. } if from == "client"), "{error}");
    }
}

#[test]
fn an_element_outside_the_odd_ring_is_refused() {
    assert_malformed(
        |m| {
            if (m.from, m.tag.op, m.tag.step) == (HELPER, OP, 0) {
                overwrite(m, 6400, &[255; 8])
            }
        },
        "helper",
    );
    assert_malformed(
        |m| {
            if (m.from, m.tag.op, m.tag.step) == (HELPER, OP, 1) {
                overwrite(m, 792, &[255; 8])
            }
        },
        "helper",
    );
    assert_malformed(
        |m| {
            if (m.from, m.to, m.tag.op, m.tag.step) == (SERVER, CLIENT, OP, 0) {
                overwrite(m, 0, &[255; 8])
            }
        },
        "server",
    );
}

#[test]
fn every_message_of_a_wrong_length_is_refused() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let messages = {
        let x = Rng(60).tensor(&[100], 62);
        Simulation::seeded(60)
            .run_over::<Porthos, _, _>(Tap::wrap(&log, |_| {}), async |me, session: Session| {
                let exec = session.inference(0);
                let x = input(&exec, 0, me, CLIENT, &x).await?;
                exec.relu(OP, &x).await.map(|_| ())
            })
            .unwrap();
        log.lock().unwrap().len()
    };
    assert_eq!(messages, 3 + 3 + 3 + 3 + 5);
    for shorten in [
        |m: &mut Message| m.payload.truncate(m.payload.len() - 1),
        |m: &mut Message| m.payload = [&m.payload[..], &[0]].concat().into(),
    ] {
        let error = relu(shorten).unwrap_err();
        assert!(matches!(error, ProtocolError::Net(NetError::Length { .. })), "{error}");
    }
    // Each message in turn: the error names its operation, whoever sends it.
    macro_rules! each { ($($from:expr => $to:expr, $step:expr;)*) => { $(
        let error = relu(|m| if (m.from, m.to, m.tag.op, m.tag.step) == ($from, $to, OP, $step) { m.payload.truncate(m.payload.len() / 2) }).unwrap_err();
        assert!(matches!(&error, ProtocolError::Net(NetError::Length { at, .. }) if at.op == OP && at.step == $step), "{error}");
    )* } }
    each! {
        CLIENT => HELPER, 0; CLIENT => HELPER, 1; CLIENT => HELPER, 2;
        SERVER => HELPER, 0; SERVER => HELPER, 1; SERVER => HELPER, 2;
        CLIENT => SERVER, 0; CLIENT => SERVER, 1; CLIENT => SERVER, 2;
        SERVER => CLIENT, 0; SERVER => CLIENT, 1; SERVER => CLIENT, 2;
        HELPER => SERVER, 0; HELPER => SERVER, 1; HELPER => SERVER, 2; HELPER => SERVER, 3; HELPER => SERVER, 4;
    }
}
