//! Online time over TLS on loopback: logistic regression 784 -> 10 with ArgMax, the paper's smallest benchmark.
//!
//! Published: Porthos 6.5 ms, Aramis 10.2 ms, ABY 227 ms (CrypTFlow, IEEE S&P 2020, section VI.D, three machines). Here all three parties
//! share one machine, each with a thread and TLS connections of its own; weights are shared and opened before the clock starts.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use treville_net::handshake::Hello;
use treville_net::keys::{Identity, generate};
use treville_net::parties::{Parties, PartyEntry};
use treville_net::tls::{TlsConfig, connect, loopback_listener};
use treville_net::{Party, Transport};
use treville_porthos::Porthos;
use treville_protocol::{Env, Exec, Prepared, Rounding, ScaleDown, Session, Value};
use treville_ring::{RingBits, RingTensor, encode, tensor::from_vec};

const ROLES: [&str; 3] = ["client", "server", "helper"];
const CLIENT: Party = Party(0);
const SERVER: Party = Party(1);
const FRAC: u8 = 12;

/// A party that waits for orders: run so many inferences, and say how long they took.
struct Worker {
    orders: Sender<(u32, Sender<Duration>)>,
}

fn fixed(shape: &[usize], frac: u8) -> RingTensor {
    let n: usize = shape.iter().product();
    let values = (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) / 100.0).collect();
    encode(&from_vec(shape, values), frac, RingBits::FULL).expect("small values")
}

async fn infer(x: &Exec<'_>, me: Party, w: &Prepared, b: &Value) -> u64 {
    let image = x.input(0, CLIENT, &[1, 784], (me == CLIENT).then(|| fixed(&[1, 784], FRAC))).await.expect("input");
    let scores = x.matmul(1, &image, w).await.expect("matmul");
    let scores = x.add(2, &scores, b, &[1, 10]).await.expect("add");
    let spec = ScaleDown { shift: FRAC.into(), rounding: Rounding::Local };
    let scores = x.scale_down(3, &scores, spec).await.expect("scale_down");
    let class = x.arg_max(4, &scores, 1, false).await.expect("arg_max");
    let class = x.reveal(5, &class, &[CLIENT]).await.expect("reveal");
    class.map_or(0, |c| c[[0]])
}

/// Three parties over TLS on loopback, with weights shared and prepared.
fn parties() -> Vec<Worker> {
    let mut entries = Vec::new();
    let mut ends = Vec::new();
    for role in ROLES {
        let (keys, (listener, address)) = (generate(role).expect("keys"), loopback_listener().expect("a free port"));
        let identity = Identity::from_pem(&keys.certificate_pem, &keys.private_key_pem).expect("fresh keys");
        entries.push(PartyEntry {
            name: role.into(),
            role: role.into(),
            address: address.to_string(),
            fingerprint: keys.fingerprint,
        });
        ends.push((identity, listener));
    }
    let table = Parties::new(entries).expect("a table");
    ends.into_iter()
        .enumerate()
        .map(|(i, (identity, listener))| {
            let mut config = TlsConfig::new(identity, table.clone(), Party(i));
            config.listener = Some(listener);
            let (orders, inbox) = channel::<(u32, Sender<Duration>)>();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(async {
                    let tls = connect(config, Hello::default()).await.expect("a connection");
                    let transport: Arc<dyn Transport> = Arc::new(tls);
                    let env = Env { transport: transport.clone(), recorder: None, audit: None };
                    let session = Session::new::<Porthos>(env, RingBits::FULL).expect("a session");
                    let me = transport.me();
                    let setup = session.setup();
                    let own = |shape: &[usize], frac| (me == SERVER).then(|| fixed(shape, frac));
                    let w = setup.input(6, SERVER, &[784, 10], own(&[784, 10], FRAC)).await.expect("weights");
                    let b = setup.input(7, SERVER, &[10], own(&[10], 2 * FRAC)).await.expect("bias");
                    let w = setup.prepare(8, &w).await.expect("prepare");
                    let mut index = 0;
                    while let Ok((n, done)) = inbox.recv() {
                        let start = Instant::now();
                        for _ in 0..n {
                            std::hint::black_box(infer(&session.inference(index), me, &w, &b).await);
                            index += 1;
                        }
                        done.send(start.elapsed()).expect("the bench waits");
                    }
                });
            });
            Worker { orders }
        })
        .collect()
}

fn logistic_regression(c: &mut Criterion) {
    let workers = parties();
    c.bench_function("logistic regression 784 -> 10 with ArgMax, porthos, TLS on loopback, online", |b| {
        b.iter_custom(|n| {
            let (done, times) = channel();
            for worker in &workers {
                worker.orders.send((n as u32, done.clone())).expect("the party waits");
            }
            drop(done);
            // The slowest party's time.
            times.iter().max().expect("three times")
        })
    });
}

criterion_group!(benches, logistic_regression);
criterion_main!(benches);
