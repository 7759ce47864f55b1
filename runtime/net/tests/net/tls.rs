//! Three parties in one process over real connections.

mod proxy;

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use treville_net::handshake::Hello;
use treville_net::keys::{self, Identity, NewKeys};
use treville_net::parties::{Parties, PartyEntry};
use treville_net::tls::{TlsConfig, connect, loopback_listener};
use treville_net::{Limits, Link, NetError, Party, TlsTransport, Transport};

use self::proxy::{Harm, Proxy};
use crate::{frame, tag};

const NAMES: [&str; 3] = ["client", "server", "helper"];

/// What three parties need to start, to be spoilt by a test.
struct Setting {
    configs: [TlsConfig; 3],
    hellos: [Hello; 3],
}

/// Three parties; where `proxy` is given, the others reach party 0 through it.
fn setting(proxy: Option<&Proxy>) -> Setting {
    let listeners: [(TcpListener, SocketAddr); 3] =
        std::array::from_fn(|_| loopback_listener().expect("a port is free"));
    let keys: [NewKeys; 3] = NAMES.map(|name| keys::generate(name).expect("keys can be made"));
    let mut addresses: [SocketAddr; 3] = std::array::from_fn(|i| listeners[i].1);
    if let Some(proxy) = proxy {
        proxy.target(addresses[0]);
        addresses[0] = proxy.address();
    }
    let entry = |i: usize| PartyEntry {
        name: NAMES[i].into(),
        role: NAMES[i].into(),
        address: addresses[i].to_string(),
        fingerprint: keys[i].fingerprint,
    };
    let parties = Parties::new((0..3).map(entry).collect()).expect("the table is good");
    let hello = Hello { backend: "porthos".into(), parties_hash: parties.hash(), ..Hello::default() };
    let mut me = 0;
    let configs = listeners.map(|(listener, _)| {
        let identity =
            Identity::from_pem(&keys[me].certificate_pem, &keys[me].private_key_pem).expect("fresh keys fit");
        let mut config = TlsConfig::new(identity, parties.clone(), Party(me));
        config.listener = Some(listener);
        me += 1;
        config
    });
    Setting { configs, hellos: [hello.clone(), hello.clone(), hello] }
}

impl Setting {
    async fn start(self) -> [Result<TlsTransport, NetError>; 3] {
        let ([a, b, c], [x, y, z]) = (self.configs, self.hellos);
        tokio::join!(connect(a, x), connect(b, y), connect(c, z)).into()
    }

    async fn running(self) -> [TlsTransport; 3] {
        self.start().await.map(|t| t.expect("all is well"))
    }
}

#[tokio::test]
async fn three_parties_meet_talk_and_part() {
    let [a, b, c] = setting(None).running().await;
    assert_eq!(a.session(), b.session());
    assert_eq!(a.session(), c.session());
    assert!(
        a.seed_with(Party(1)) == b.seed_with(Party(0))
            && a.seed_with(Party(2)) == c.seed_with(Party(0))
            && b.seed_with(Party(2)) == c.seed_with(Party(1))
    );
    assert!(a.seed_with(Party(1)) != a.seed_with(Party(2)) && a.seed_with(Party(1)) != b.seed_with(Party(2)));
    let run = async |me: &TlsTransport| {
        let link = Link::new(me, 1, 0, 0);
        let next = Party((me.me().0 + 1) % 3);
        let previous = Party((me.me().0 + 2) % 3);
        for round in 0..50u8 {
            // Empty, small, and of more than one TLS record.
            for len in [0, 10, 100_000] {
                link.send(next, vec![round; len].into()).await?;
            }
            for len in [0, 10, 100_000] {
                assert_eq!(link.recv_exact(previous, len).await?, vec![round; len]);
            }
        }
        assert_eq!(
            (link.depth(), me.payload_bytes().to(next), me.payload_bytes().total()),
            (50, 50 * 100_010, 50 * 100_010)
        );
        me.close().await
    };
    assert_eq!(tokio::join!(run(&a), run(&b), run(&c)), (Ok(()), Ok(()), Ok(())));
}

#[tokio::test]
async fn seeds_are_fresh_in_every_session() {
    let mut seeds = Vec::new();
    let keys = keys::generate("client").expect("keys can be made");
    for _ in 0..2 {
        let mut setting = setting(None);
        // The same certificates both times would need one table; the first party's key alone is reused here.
        setting.configs[0].identity =
            Identity::from_pem(&keys.certificate_pem, &keys.private_key_pem).expect("fresh keys fit");
        repin(&mut setting, 0, &keys);
        seeds.push(setting.running().await[0].seed_with(Party(1)));
    }
    assert_ne!(seeds[0], seeds[1]);
}

/// Writes the fingerprint of `keys` into the tables of all.
fn repin(setting: &mut Setting, party: usize, keys: &NewKeys) {
    for config in &mut setting.configs {
        let mut entries = config.parties.entries().to_vec();
        entries[party].fingerprint = keys.fingerprint;
        config.parties = Parties::new(entries).expect("the table is good");
    }
}

#[tokio::test]
async fn gigabytes_in_all_directions_at_once_do_not_deadlock() {
    let mut setting = setting(None);
    for config in &mut setting.configs {
        config.limits = Limits { frame_bytes: 64 << 20, queue_bytes: 4 << 20 };
    }
    let [a, b, c] = setting.running().await;
    // 64 MB to each peer before anything is received, with queues for 4 MB.
    let run = async |me: &TlsTransport| {
        let peers = (0..3).map(Party).filter(|p| *p != me.me());
        for op in 0..4 {
            for peer in peers.clone() {
                me.send(peer, frame(op, vec![op as u8; 16 << 20])).await?;
            }
        }
        for peer in peers {
            for op in 0..4 {
                let payload = me.recv(peer, tag(op, 0)).await?.payload;
                assert!(payload == vec![op as u8; 16 << 20]);
            }
        }
        me.close().await
    };
    assert_eq!(tokio::join!(run(&a), run(&b), run(&c)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(a.payload_bytes().total(), 128 << 20);
}

#[tokio::test]
async fn a_party_that_is_dropped_mid_run_ends_the_others() {
    let [a, b, c] = setting(None).running().await;
    let (at_b, at_c, ()) = tokio::join!(b.recv(Party(0), tag(7, 3)), c.recv(Party(1), tag(8, 0)), async { drop(a) });
    for (error, at) in [(&at_b, tag(7, 3)), (&at_c, tag(8, 0))] {
        // Either hears it from the party itself or from the other one that heard it first.
        assert!(matches!(error, Err(NetError::Aborted { at: found, .. }) if *found == at), "{error:?}");
        assert!(error.as_ref().is_err_and(|e| e.to_string().contains("its program stopped")), "{error:?}");
    }
    assert_eq!(b.send(Party(2), frame(9, "")).await, at_b.map(drop));
    assert_eq!(c.close().await, at_c.map(drop));
}

#[tokio::test]
async fn a_killed_party_ends_even_those_that_only_compute_or_send() {
    let proxy = Proxy::new();
    let [a, b, c] = setting(Some(&proxy)).running().await;
    let sending = async {
        for op in 0.. {
            c.send(Party(1), frame(op, vec![0; 1 << 20])).await?;
        }
        Ok::<_, NetError>(())
    };
    let (at_a, at_b, at_c, ()) =
        tokio::join!(a.recv(Party(1), tag(5, 2)), b.failed(), sending, async { proxy.harm(Harm::Cut) });
    let at_a = at_a.expect_err("the connection is cut");
    assert!(
        matches!(&at_a, NetError::Closed { peer, at } if (peer == "server" || peer == "helper") && *at == tag(5, 2)),
        "{at_a}"
    );
    assert!(matches!(&at_b, NetError::Closed { .. } | NetError::Aborted { .. }), "{at_b}");
    assert!(at_c.is_err());
}

#[tokio::test]
async fn a_connection_that_goes_silent_is_lost_for_all() {
    let proxy = Proxy::new();
    let mut setting = setting(Some(&proxy));
    for config in &mut setting.configs {
        config.timing.ping = Duration::from_millis(50);
        config.timing.silence = Duration::from_secs(1);
    }
    let [a, b, c] = setting.running().await;
    let harm = async { proxy.harm(Harm::Freeze) };
    let errors =
        tokio::join!(a.recv(Party(1), tag(5, 2)), b.recv(Party(2), tag(5, 0)), c.recv(Party(1), tag(5, 0)), harm);
    let silent = errors.0.expect_err("nothing comes through");
    assert!(matches!(&silent, NetError::Silent { at, seconds: 1, .. } if *at == tag(5, 2)), "{silent}");
    assert!(errors.1.is_err() && errors.2.is_err());
}

#[tokio::test]
async fn a_live_peer_that_never_sends_ends_the_session_too() {
    let mut setting = setting(None);
    for config in &mut setting.configs {
        config.timing.ping = Duration::from_millis(50);
        config.timing.stall = Duration::from_millis(500);
    }
    let [a, b, c] = setting.running().await;
    let (at_a, at_b) = tokio::join!(a.recv(Party(1), tag(5, 2)), b.failed());
    assert!(
        matches!(&at_a, Err(NetError::Stalled { peer, at, .. }) if peer == "server" && *at == tag(5, 2)),
        "{at_a:?}"
    );
    assert!(matches!(&at_b, NetError::Aborted { .. }), "{at_b}");
    drop(c);
}

#[tokio::test]
async fn every_harm_to_the_bytes_on_the_way_is_detected() {
    for harm in [Harm::Flip, Harm::Replay, Harm::Drop, Harm::Swap, Harm::Truncate, Harm::Oversize, Harm::Inject] {
        let proxy = Proxy::new();
        let mut setting = setting(Some(&proxy));
        for config in &mut setting.configs {
            config.timing.ping = Duration::from_millis(20);
        }
        let [a, b, c] = setting.running().await;
        let errors = tokio::join!(a.recv(Party(1), tag(5, 2)), b.failed(), c.failed(), async { proxy.harm(harm) });
        let at_a = errors.0.expect_err("the bytes were harmed");
        let named = match &at_a {
            NetError::Broken { peer, at, .. } | NetError::Closed { peer, at } => peer != "client" && *at == tag(5, 2),
            _ => false,
        };
        assert!(named, "{harm:?}: {at_a:?}");
        for error in [errors.1, errors.2] {
            assert!(
                !matches!(error, NetError::Misuse { .. } | NetError::Stalled { .. } | NetError::Silent { .. }),
                "{harm:?}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn a_program_that_differs_is_named_by_every_party() {
    let mut setting = setting(None);
    setting.hellos[1].program_hash[0] ^= 1;
    let errors = setting.start().await.map(|t| t.err().expect("the programs differ"));
    for (error, blamed) in errors.iter().zip(["server", "client", "server"]) {
        assert!(matches!(error, NetError::Handshake { peer, field: "program hash", .. } if peer == blamed), "{error}");
    }
}

#[tokio::test]
async fn a_listening_party_with_another_certificate_is_refused() {
    let mut setting = setting(None);
    let stranger = keys::generate("server").expect("keys can be made");
    let pinned = setting.configs[2].parties.entries()[0].fingerprint;
    setting.configs[0].identity =
        Identity::from_pem(&stranger.certificate_pem, &stranger.private_key_pem).expect("fresh keys fit");
    // It believes in itself, or it would not even start.
    let mut own_table = setting.configs[0].parties.entries().to_vec();
    own_table[0].fingerprint = stranger.fingerprint;
    setting.configs[0].parties = Parties::new(own_table).expect("the table is good");
    setting.configs[0].connect_timeout = Duration::from_secs(1);
    let [a, b, c] = setting.start().await.map(|t| t.err().expect("the certificate is wrong"));
    let refused = NetError::Certificate {
        peer: "client".into(),
        expected: pinned.to_string(),
        found: stranger.fingerprint.to_string(),
    };
    // One refuses it; the other does so too, or hears of it.
    assert!(b == refused || c == refused, "{b} / {c}");
    assert!(
        matches!(&a, NetError::Absent { peer, detail: Some(detail), .. } if peer == "server" && detail.contains("was refused")),
        "{a}"
    );
}

#[tokio::test]
async fn a_connecting_party_with_another_certificate_is_refused_and_cannot_end_the_session() {
    let mut honest = setting(None);
    let stranger = keys::generate("helper").expect("keys can be made");
    let mut config = TlsConfig::new(
        Identity::from_pem(&stranger.certificate_pem, &stranger.private_key_pem).expect("fresh keys fit"),
        honest.configs[2].parties.clone(),
        Party(2),
    );
    let mut own_table = config.parties.entries().to_vec();
    own_table[2].fingerprint = stranger.fingerprint;
    config.parties = Parties::new(own_table).expect("the table is good");
    config.listener = honest.configs[2].listener.take();
    let hello = honest.hellos[0].clone();
    // The stranger meets the two honest parties, is refused, and then the right helper comes.
    let ([first, second, third], [x, y, z]) = (honest.configs, honest.hellos);
    let (a, b, (refused, c)) = tokio::join!(connect(first, x), connect(second, y), async {
        let refused = connect(config, hello).await;
        (refused, connect(third, z).await)
    });
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    let refused = refused.err().expect("nobody knows it");
    assert!(
        matches!(&refused, NetError::Broken { peer, message, .. } if peer != "helper" && message.contains("alert")),
        "{refused}"
    );
}

#[tokio::test]
async fn an_absent_party_is_named_with_its_address() {
    let mut setting = setting(None);
    setting.configs.iter_mut().for_each(|c| c.connect_timeout = Duration::from_secs(1));
    let address = setting.configs[0].parties.entries()[1].address.clone();
    drop(setting.configs[1].listener.take());
    let ([a, _, c], [x, _, z]) = (setting.configs, setting.hellos);
    let (a, c) = tokio::join!(connect(a, x), connect(c, z));
    let (a, c) = (a.err().expect("one is absent"), c.err().expect("one is absent"));
    let names = |error: &NetError| matches!(error, NetError::Absent { peer, address: at, seconds: 1, .. } if peer == "server" && *at == address);
    // Both run out of time together, and either may hear of it from the other first.
    assert!(names(&a) || names(&c), "{a} / {c}");
    assert!([a, c].iter().all(|e| e.to_string().contains("server is absent") && e.to_string().contains(&address)));
}

#[tokio::test]
async fn a_party_that_is_not_in_the_table_does_not_start() {
    let Setting { configs: [mut config, ..], hellos: [hello, ..] } = setting(None);
    config.me = Party(1);
    assert!(
        matches!(connect(config, hello.clone()).await.err(), Some(NetError::Config { what }) if what.contains("pins"))
    );
    let Setting { configs: [mut config, ..], .. } = setting(None);
    config.me = Party(3);
    assert!(matches!(connect(config, hello.clone()).await.err(), Some(NetError::Config { .. })));
    let Setting { configs: [mut config, ..], .. } = setting(None);
    // Somebody else listens on the table's address: the listener that is still open.
    let _taken = config.listener.take();
    assert!(matches!(connect(config, hello).await.err(), Some(NetError::Listen { .. })));
}
