//! Somebody on the wire, who sees and changes what passes, and has no keys.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use treville_net::tls::loopback_listener;

/// What is done to the next record of every connection, in the direction to the party behind the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Nothing.
    None,
    /// One bit is flipped.
    Flip,
    /// The record comes twice.
    Replay,
    /// The record does not come.
    Drop,
    /// The record comes after the next one.
    Swap,
    /// Half of the record comes, and the connection ends.
    Truncate,
    /// The record claims more bytes than TLS allows.
    Oversize,
    /// A record that nobody sealed comes before it.
    Inject,
    /// The connection ends in both directions.
    Cut,
    /// Nothing passes any more, and the connection stays open.
    Freeze,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    target: OnceLock<SocketAddr>,
    harm: Mutex<Harm>,
    /// Kept open, so that a frozen connection is silent and not closed.
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    pub(crate) fn new() -> Proxy {
        let (listener, address) = loopback_listener().expect("a port is free");
        let shared = Arc::new(Shared { target: OnceLock::new(), harm: Mutex::new(Harm::None), open: Mutex::default() });
        let server = shared.clone();
        thread::spawn(move || serve(&listener, &server));
        Proxy { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn target(&self, target: SocketAddr) {
        self.shared.target.set(target).expect("the target is set once");
    }

    pub(crate) fn harm(&self, harm: Harm) {
        *self.shared.harm.lock().unwrap_or_else(PoisonError::into_inner) = harm;
        if harm == Harm::Cut {
            // The end of a stream is all that a cut shows; records need not flow for it.
            for stream in self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming().map_while(Result::ok) {
        let Some(server) = shared.target.get().and_then(|target| TcpStream::connect(target).ok()) else { continue };
        let clone = |stream: &TcpStream| stream.try_clone().expect("a socket can be cloned");
        shared.open.lock().unwrap_or_else(PoisonError::into_inner).extend([clone(&client), clone(&server)]);
        let (back_from, back_to, back_shared) = (clone(&server), clone(&client), shared.clone());
        thread::spawn(move || pass(back_from, back_to, &back_shared, false));
        let shared = shared.clone();
        thread::spawn(move || pass(client, server, &shared, true));
    }
}

/// Passes records on until a side ends. An error is the end of a connection, which is passed on too.
fn pass(mut from: TcpStream, mut to: TcpStream, shared: &Shared, harming: bool) {
    let mut harmed = false;
    let mut held = None;
    while let Ok(mut record) = read_record(&mut from) {
        let harm = *shared.harm.lock().unwrap_or_else(PoisonError::into_inner);
        if harm == Harm::Freeze {
            continue;
        }
        let mut out = Vec::new();
        if !harming || harmed || harm == Harm::None {
            out.push(record);
            out.extend(held.take());
        } else {
            harmed = true;
            match harm {
                Harm::Flip => {
                    let last = record.len() - 1;
                    record[last] ^= 1;
                    out.push(record);
                }
                Harm::Replay => out.extend([record.clone(), record]),
                Harm::Swap => held = Some(record),
                Harm::Truncate => {
                    record.truncate(record.len() / 2);
                    let _ = to.write_all(&record);
                    break;
                }
                Harm::Oversize => {
                    record[3..5].copy_from_slice(&u16::MAX.to_be_bytes());
                    record.resize(5 + usize::from(u16::MAX), 0);
                    out.push(record);
                }
                Harm::Inject => out.extend([vec![23, 3, 3, 0, 17].into_iter().chain([0; 17]).collect(), record]),
                Harm::None | Harm::Drop | Harm::Cut | Harm::Freeze => {}
            }
        }
        if out.iter().any(|record| to.write_all(record).is_err()) {
            break;
        }
    }
    if *shared.harm.lock().unwrap_or_else(PoisonError::into_inner) != Harm::Freeze {
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// A TLS record with its header.
fn read_record(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record)?;
    let len = usize::from(u16::from_be_bytes([record[3], record[4]]));
    record.resize(5 + len, 0);
    from.read_exact(&mut record[5..])?;
    Ok(record)
}
