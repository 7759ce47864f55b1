//! Finding all peers: listening for some, connecting to the others.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::TlsConfig;
use super::pinned::{self, Pinned};
use super::stream::SharedStream;
use crate::connection::{Outgoing, read_frames, write_frames};
use crate::inbox::Inbox;
use crate::keys::Fingerprint;
use crate::parties::{Parties, PartyEntry};
use crate::queue::Items;
use crate::{NetError, Party};

/// How long a peer that opened a connection may take to prove who it is.
const PROOF_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before asking an absent peer again.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How many strangers may be proving who they are at once.
const MAX_STRANGERS: usize = 32;

type Found = Result<(Party, TlsStream<TcpStream>), NetError>;

/// Connects with every peer. Each connection is carried by tasks in `connections` as soon as it stands.
/// The result has this party's place empty.
pub(super) async fn connect_all(
    mut config: TlsConfig,
    inbox: &Arc<Inbox>,
    queues: Vec<Items<Outgoing>>,
    connections: &mut JoinSet<()>,
) -> Result<Vec<Option<(Party, SharedStream)>>, NetError> {
    let mut queues: Vec<_> = queues.into_iter().map(Some).collect();
    let mut streams: Vec<Option<(Party, SharedStream)>> = queues.iter().map(|_| None).collect();
    let deadline = Instant::now() + config.connect_timeout;
    let last_words: Arc<[Mutex<Option<String>>]> = queues.iter().map(|_| Mutex::new(None)).collect();
    let (found, mut arrivals) = mpsc::channel(queues.len());
    // Dropped, and with it every search, when this function returns.
    let mut searches = JoinSet::new();

    if config.me.0 + 1 < queues.len() {
        let listener = listen(&mut config).await?;
        let accept = Accept::new(&config, found.clone(), last_words.clone())?;
        searches.spawn(accept.run(listener));
    }
    for peer in (0..config.me.0).map(Party) {
        let entry = config.parties.entries()[peer.0].clone();
        let verifier = Pinned::new(vec![entry.fingerprint]);
        let tls =
            pinned::client(&config.identity, verifier.clone()).map_err(|e| NetError::Config { what: e.to_string() })?;
        let search =
            Search { peer, entry, tls: TlsConnector::from(Arc::new(tls)), verifier, last_words: last_words.clone() };
        let found = found.clone();
        searches.spawn(async move {
            // The receiver ends when the mesh does.
            let _ = found.send(search.run().await).await;
        });
    }

    while let Some(missing) = inbox.peers().find(|p| streams[p.0].is_none()) {
        let (peer, stream) = tokio::select! {
            biased;
            error = inbox.failed() => return Err(error),
            arrival = timeout_at(deadline, arrivals.recv()) => match arrival {
                Ok(Some(found)) => found?,
                Ok(None) | Err(_) => return Err(absent(&config, missing, &last_words)),
            },
        };
        // A party that connects twice has lost its first connection or its mind; the first one counts.
        if let Some(queue) = queues[peer.0].take() {
            let stream = SharedStream::new(stream);
            streams[peer.0] = Some((peer, stream.clone()));
            let (writer_inbox, writer_stream) = (inbox.clone(), stream.clone());
            let (reader_inbox, timing) = (inbox.clone(), config.timing);
            connections.spawn(async move { write_frames(&writer_inbox, peer, writer_stream, queue, timing).await });
            connections.spawn(async move { read_frames(&reader_inbox, peer, stream, timing).await });
        }
    }
    Ok(streams)
}

fn absent(config: &TlsConfig, missing: Party, last_words: &[Mutex<Option<String>>]) -> NetError {
    let detail_at =
        |party: Party| last_words[party.0].lock().expect("invariant: nothing panics while it holds the lock").take();
    let PartyEntry { name, address, .. } = config.parties.entries()[missing.0].clone();
    // Strangers at our own door are noted at our own place: the missing party may be one of them.
    let detail = if missing < config.me { detail_at(missing) } else { detail_at(config.me) };
    NetError::Absent { peer: name, address, seconds: config.connect_timeout.as_secs(), detail }
}

async fn listen(config: &mut TlsConfig) -> Result<TcpListener, NetError> {
    let address = config.parties.entries()[config.me.0].address.clone();
    let listener = match config.listener.take() {
        Some(listener) => listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)),
        None => TcpListener::bind(&address).await,
    };
    listener.map_err(|e| NetError::Listen { address, message: e.to_string() })
}

/// The search for a peer that listens.
struct Search {
    peer: Party,
    entry: PartyEntry,
    tls: TlsConnector,
    verifier: Arc<Pinned>,
    last_words: Arc<[Mutex<Option<String>>]>,
}

impl Search {
    /// Tries until the peer answers. Only what trying again cannot mend is an error.
    async fn run(self) -> Found {
        loop {
            match self.attempt().await {
                Ok(stream) => return Ok((self.peer, stream.into())),
                Err(error) => {
                    if let Some(found) = self.verifier.refused() {
                        let expected = self.entry.fingerprint.to_string();
                        return Err(NetError::Certificate {
                            peer: self.entry.name,
                            expected,
                            found: found.to_string(),
                        });
                    }
                    if error.kind() == io::ErrorKind::InvalidData {
                        return Err(NetError::Tls { peer: self.entry.name, message: error.to_string() });
                    }
                    *self.last_words[self.peer.0].lock().expect("invariant: nothing panics while it holds the lock") =
                        Some(error.to_string());
                }
            }
            sleep(RETRY_AFTER).await;
        }
    }

    async fn attempt(&self) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let proof = async {
            let stream = TcpStream::connect(&self.entry.address).await?;
            stream.set_nodelay(true)?;
            // The name is not sent and not looked at.
            let name = ServerName::try_from("party.invalid").map_err(io::Error::other)?;
            self.tls.connect(name, stream).await
        };
        timeout(PROOF_TIMEOUT, proof).await?
    }
}

/// The door for peers that connect to this party.
struct Accept {
    tls: TlsAcceptor,
    verifier: Arc<Pinned>,
    me: Party,
    parties: Parties,
    found: mpsc::Sender<Found>,
    last_words: Arc<[Mutex<Option<String>>]>,
}

impl Accept {
    fn new(
        config: &TlsConfig,
        found: mpsc::Sender<Found>,
        last_words: Arc<[Mutex<Option<String>>]>,
    ) -> Result<Arc<Self>, NetError> {
        let verifier = Pinned::new(config.parties.entries()[config.me.0 + 1..].iter().map(|e| e.fingerprint).collect());
        let tls =
            pinned::server(&config.identity, verifier.clone()).map_err(|e| NetError::Config { what: e.to_string() })?;
        Ok(Arc::new(Accept {
            tls: TlsAcceptor::from(Arc::new(tls)),
            verifier,
            me: config.me,
            parties: config.parties.clone(),
            found,
            last_words,
        }))
    }

    /// Lets peers in. Whoever cannot prove to be one is sent away, and cannot end the session.
    async fn run(self: Arc<Self>, listener: TcpListener) {
        let mut strangers = JoinSet::new();
        loop {
            let Ok((stream, address)) = listener.accept().await else {
                sleep(RETRY_AFTER).await;
                continue;
            };
            while strangers.try_join_next().is_some() {}
            if strangers.len() >= MAX_STRANGERS {
                continue;
            }
            let door = self.clone();
            strangers.spawn(async move {
                match timeout(PROOF_TIMEOUT, door.prove(stream)).await.unwrap_or_else(|late| Err(late.into())) {
                    // The receiver ends when the mesh does.
                    Ok(peer) => drop(door.found.send(Ok(peer)).await),
                    Err(error) => {
                        let shown = door
                            .verifier
                            .refused()
                            .map(|f| format!(", which showed certificate {f}"))
                            .unwrap_or_default();
                        let words = format!("a connection from {address}{shown} was refused: {error}");
                        *door.last_words[door.me.0]
                            .lock()
                            .expect("invariant: nothing panics while it holds the lock") = Some(words);
                    }
                }
            });
        }
    }

    async fn prove(&self, stream: TcpStream) -> io::Result<(Party, TlsStream<TcpStream>)> {
        stream.set_nodelay(true)?;
        let stream = self.tls.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(Fingerprint::of);
        let peer = self.parties.entries().iter().position(|entry| Some(entry.fingerprint) == shown);
        let peer = peer.ok_or_else(|| io::Error::other("the certificate is not in the party table"))?;
        Ok((Party(peer), stream.into()))
    }
}
