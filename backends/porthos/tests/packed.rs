//! Packed digits: the same results, an eighth less of digits on the wire, exactly as declared.

mod common;

use common::{Rng, Session, input};
use treville_porthos::{CLIENT, HELPER, PorthosPacked, SERVER};
use treville_protocol::simulate::Simulation;
use treville_protocol::{Cost, Protocol, ProtocolError, Traffic};

#[test]
fn a_relu_is_480_bytes_and_right() {
    let links = [
        (CLIENT, SERVER, 40),
        (CLIENT, HELPER, 120),
        (SERVER, CLIENT, 40),
        (SERVER, HELPER, 120),
        (HELPER, SERVER, 160),
    ];
    assert_eq!(PorthosPacked::info().costs.relu(1), Cost::online(9, links));
    for n in [1, 63, 64, 65, 40_000] {
        let x = Rng(70).tensor(&[n], 62);
        let parties = Simulation::seeded(70)
            .run::<PorthosPacked, _, ProtocolError>(async |me, session: Session| {
                let exec = session.inference(0);
                let shared = input(&exec, 0, me, CLIENT, &x).await?;
                let y = exec.relu(1, &shared).await?;
                let depth = session.depth();
                Ok((exec.reveal(2, &y, &[CLIENT]).await?, depth, session.reports()))
            })
            .unwrap();
        let y = parties[0].0.clone().unwrap();
        assert!(x.iter().zip(&y).all(|(x, y)| (*x as i64).max(0) == *y as i64));
        let mut online = Traffic::default();
        parties.iter().for_each(|(_, _, reports)| online += &reports[&1].sent);
        let rounds = parties.iter().map(|party| party.1).max().unwrap();
        assert_eq!(Cost { rounds, online, offline: Traffic::default() }, PorthosPacked::info().costs.relu(n));
    }
}
