//! Mutual TLS 1.3 between processes, with the certificates of the party table and no others.
//!
//! A party listens for those of a higher index and connects to those of a lower one. Connections live on threads of
//! their own, so that a party which computes still answers its peers.
//!
//! # Security
//! Both sides show the certificate that the party table pins, and prove by the handshake's signature that they have its
//! key. Names, issuers and dates in certificates mean nothing here. There is no resumption, no early data and no
//! session ticket, so every connection has fresh secrets; the pairwise seeds are exported from them for the session id.

mod mesh;
mod pinned;
mod stream;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::connection::{Outgoing, Timing};
use crate::handshake::{self, Hello, Session};
use crate::inbox::{Inbox, Limits};
use crate::keys::Identity;
use crate::parties::Parties;
use crate::queue::ByteQueue;
use crate::{Frame, NetError, Party, PayloadBytes, Tag, Transport};

/// How a party joins a session.
pub struct TlsConfig {
    /// This party's certificate and key.
    pub identity: Identity,
    /// All parties, in the order of the protocol's roles.
    pub parties: Parties,
    /// This party's index.
    pub me: Party,
    /// Where to listen, if it is not the address in the table, such as behind a forwarded port.
    pub listener: Option<TcpListener>,
    /// How long to wait for all peers to appear.
    pub connect_timeout: Duration,
    /// How much is taken in.
    pub limits: Limits,
    /// When a peer counts as lost.
    pub timing: Timing,
}

impl TlsConfig {
    /// The defaults: the table's address, 30 s for the peers to appear.
    pub fn new(identity: Identity, parties: Parties, me: Party) -> Self {
        let (limits, timing) = (Limits::default(), Timing::default());
        TlsConfig { identity, parties, me, listener: None, connect_timeout: Duration::from_secs(30), limits, timing }
    }
}

/// A listener on a free port of this machine, with its address: for tests and for parties that all run here.
///
/// # Errors
/// If the system has no free port.
pub fn loopback_listener() -> Result<(TcpListener, SocketAddr), NetError> {
    let failed = |e: std::io::Error| NetError::Listen { address: "127.0.0.1:0".into(), message: e.to_string() };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Connects to all peers and agrees with them on the session.
///
/// # Errors
/// [`NetError::Absent`] names a peer that did not appear in time; [`NetError::Certificate`] and [`NetError::Tls`] one that is
/// not whom the table says; [`NetError::Handshake`] one that runs something else.
pub async fn connect(config: TlsConfig, hello: Hello) -> Result<TlsTransport, NetError> {
    let (names, me) = (config.parties.names(), config.me);
    let Some(own) = config.parties.entries().get(me.0) else {
        return Err(NetError::Config {
            what: format!("this party's index is {}, but the table has {} parties", me.0, names.len()),
        });
    };
    if own.fingerprint != config.identity.fingerprint() {
        let what = format!(
            "the party table pins {} for {}, but this party's certificate is {}",
            own.fingerprint,
            own.name,
            config.identity.fingerprint()
        );
        return Err(NetError::Config { what });
    }
    let inbox = Arc::new(Inbox::new(me, names, config.limits));
    let (done, settled) = oneshot::channel();
    let spawned =
        std::thread::Builder::new().name("treville-net".into()).spawn(move || carry(config, hello, inbox, done));
    spawned.map_err(|e| NetError::Config { what: format!("cannot start a thread: {e}") })?;
    settled.await.unwrap_or_else(|_| Err(NetError::Config { what: "the network thread could not be started".into() }))
}

/// The thread that carries the connections of one party, until they have all ended.
fn carry(
    config: TlsConfig,
    hello: Hello,
    inbox: Arc<Inbox>,
    mut done: oneshot::Sender<Result<TlsTransport, NetError>>,
) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("treville-net").enable_all().build();
    let Ok(runtime) = runtime else { return };
    let grace = config.timing.grace;
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        let settled = tokio::select! {
            settled = settle(config, hello, inbox.clone(), &mut connections) => settled,
            () = done.closed() => Err(NetError::Stopped { at: Tag::control(0), reason: "it no longer wants to connect".into() }),
        };
        if let Err(error) = &settled {
            inbox.fail(error.clone());
            // The peers should hear the reason before the caller can exit the process.
            let _ = timeout(2 * grace, async { while connections.join_next().await.is_some() {} }).await;
        }
        // If the caller has gone, the transport is dropped here, which ends the session.
        let _ = done.send(settled);
        while connections.join_next().await.is_some() {}
    });
    runtime.shutdown_background();
}

async fn settle(
    config: TlsConfig,
    hello: Hello,
    inbox: Arc<Inbox>,
    connections: &mut JoinSet<()>,
) -> Result<TlsTransport, NetError> {
    let (outboxes, queues) = inbox.names.iter().map(|_| ByteQueue::new(inbox.limits.queue_bytes)).unzip();
    let streams = mesh::connect_all(config, &inbox, queues, connections).await.map_err(|error| inbox.fail(error))?;

    let mut transport = TlsTransport { inbox, outboxes, seeds: Vec::new(), session: None };
    let inbox = &transport.inbox;
    let bind = |id: &[u8; 32]| inbox.bind(*id.first_chunk().expect("invariant: 32 bytes are at least 8"));
    let session = handshake::exchange(&transport, hello, bind).await?;
    for stream in streams {
        let seed = match stream {
            Some((peer, stream)) => stream
                .export(b"treville prg v1", &session.id)
                .map_err(|message| inbox.fail(NetError::Tls { peer: inbox.name(peer), message }))?,
            None => Zeroizing::new([0; 32]),
        };
        transport.seeds.push(seed);
    }
    transport.session = Some(session);
    Ok(transport)
}

/// One party's connections to all others, after the handshake. Made by [`connect`].
///
/// [`Transport::close`] returns when every peer has closed too, so that what was sent has arrived. A transport that is
/// dropped before ends the session for all.
pub struct TlsTransport {
    inbox: Arc<Inbox>,
    outboxes: Vec<ByteQueue<Outgoing>>,
    seeds: Vec<Zeroizing<[u8; 32]>>,
    session: Option<Session>,
}

impl TlsTransport {
    /// What the parties agreed on.
    pub fn session(&self) -> &Session {
        self.session.as_ref().expect("invariant: a transport is handed out after the handshake")
    }
}

#[async_trait]
impl Transport for TlsTransport {
    fn me(&self) -> Party {
        self.inbox.me
    }

    fn names(&self) -> &[String] {
        &self.inbox.names
    }

    async fn send(&self, to: Party, frame: Frame) -> Result<(), NetError> {
        self.inbox.sending(to, &frame)?;
        let _blocked = self.inbox.blocked();
        let bytes = frame.payload.len();
        self.outboxes[to.0].send(Outgoing::Frame(frame), bytes, self.inbox.failed()).await
    }

    async fn recv(&self, from: Party, tag: Tag) -> Result<Frame, NetError> {
        self.inbox.recv(from, tag).await
    }

    fn payload_bytes(&self) -> PayloadBytes {
        self.inbox.counters()
    }

    fn seed_with(&self, peer: Party) -> [u8; 32] {
        let seed = self.seeds.get(peer.0).filter(|_| peer != self.me());
        **seed.expect("invariant: secrets are shared with another party")
    }

    fn abort(&self, error: NetError) -> NetError {
        self.inbox.fail(error)
    }

    async fn failed(&self) -> NetError {
        self.inbox.failed().await
    }

    async fn close(&self) -> Result<(), NetError> {
        self.inbox.close();
        self.inbox.peers().for_each(|peer| self.outboxes[peer.0].push(Outgoing::Close));
        self.inbox.closed().await?;
        self.inbox.check_unread()
    }
}

impl Drop for TlsTransport {
    fn drop(&mut self) {
        // No effect where the session has ended, be it well or not.
        self.inbox.fail(NetError::Stopped { at: self.inbox.at(self.inbox.me), reason: "its program stopped".into() });
    }
}
