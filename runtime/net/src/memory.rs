//! All parties in one process.

use std::sync::Arc;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::inbox::{Inbox, Limits};
use crate::{Frame, NetError, Party, PayloadBytes, Tag, Transport};

/// A mesh of `n` transports that hand frames to each other, named "party 0", "party 1" and so on, with pairwise
/// secrets from the operating system.
///
/// A transport that is dropped counts as a peer that has finished: what it sent can still be received, and whoever
/// waits for more gets an error. Needs no runtime.
///
/// # Errors
/// If the operating system gives no randomness.
pub fn mesh(n: usize) -> Result<Vec<MemoryTransport>, NetError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| NetError::Randomness { message: e.to_string() })?;
    Ok(mesh_with(names(n), seed, Limits::default()))
}

/// A mesh whose pairwise secrets follow from `seed`.
///
/// # Security
/// For tests that must repeat: whoever knows the seed knows all secrets.
pub fn mesh_seeded(n: usize, seed: [u8; 32]) -> Vec<MemoryTransport> {
    mesh_with(names(n), seed, Limits::default())
}

/// A mesh with all choices made by the caller. See [`mesh_seeded`] about the seed.
pub fn mesh_with(names: Vec<String>, seed: [u8; 32], limits: Limits) -> Vec<MemoryTransport> {
    let inboxes: Vec<_> = (0..names.len()).map(|i| Arc::new(Inbox::new(Party(i), names.clone(), limits))).collect();
    (0..names.len())
        .map(|i| MemoryTransport { me: inboxes[i].clone(), all: inboxes.clone(), seed: Zeroizing::new(seed) })
        .collect()
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("party {i}")).collect()
}

/// One party's end of a [`mesh`].
pub struct MemoryTransport {
    me: Arc<Inbox>,
    all: Vec<Arc<Inbox>>,
    seed: Zeroizing<[u8; 32]>,
}

impl MemoryTransport {
    fn peers(&self) -> impl Iterator<Item = &Inbox> {
        self.me.peers().map(|p| self.all[p.0].as_ref())
    }

    fn finish(&self) {
        self.peers().for_each(|peer| peer.finish(self.me.me));
    }

    /// Tells the peers of a failure. They have it from us unless they failed before.
    fn spread<T>(&self, result: Result<T, NetError>) -> Result<T, NetError> {
        if let Err(error) = &result {
            for peer in self.peers().filter(|peer| peer.failure().is_none()) {
                peer.fail(NetError::Aborted {
                    peer: peer.name(self.me.me),
                    at: peer.at(self.me.me),
                    reason: error.to_string(),
                });
            }
        }
        result
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    fn me(&self) -> Party {
        self.me.me
    }

    fn names(&self) -> &[String] {
        &self.me.names
    }

    async fn send(&self, to: Party, frame: Frame) -> Result<(), NetError> {
        self.spread(self.me.sending(to, &frame))?;
        let peer = &self.all[to.0];
        let blocked = self.me.blocked();
        tokio::select! {
            biased;
            error = self.me.failed() => return self.spread(Err(error)),
            // The peer's failure reaches this party by `spread`.
            room = peer.room(self.me.me) => if room.is_err() { return Err(self.me.failed().await) },
        }
        drop(blocked);
        match peer.deliver(self.me.me, frame) {
            Ok(()) => Ok(()),
            Err(error) => {
                let error = NetError::Aborted { peer: self.me.name(to), at: self.me.at(to), reason: error.to_string() };
                self.spread(Err(self.me.fail(error)))
            }
        }
    }

    async fn recv(&self, from: Party, tag: Tag) -> Result<Frame, NetError> {
        self.spread(self.me.recv(from, tag).await)
    }

    fn payload_bytes(&self) -> PayloadBytes {
        self.me.counters()
    }

    fn seed_with(&self, peer: Party) -> [u8; 32] {
        assert!(peer != self.me.me && peer.0 < self.all.len(), "invariant: secrets are shared with another party");
        let (low, high) = (self.me.me.min(peer), self.me.me.max(peer));
        let mut hash = blake3::Hasher::new_keyed(&self.seed);
        hash.update(&(low.0 as u64).to_le_bytes()).update(&(high.0 as u64).to_le_bytes());
        hash.finalize().into()
    }

    fn abort(&self, error: NetError) -> NetError {
        let error = self.me.fail(error);
        let _told = self.spread::<()>(Err(error.clone()));
        error
    }

    async fn failed(&self) -> NetError {
        self.me.failed().await
    }

    async fn close(&self) -> Result<(), NetError> {
        self.me.close();
        self.finish();
        self.me.failure().map_or(Ok(()), Err)
    }
}

impl Drop for MemoryTransport {
    fn drop(&mut self) {
        self.finish();
    }
}
