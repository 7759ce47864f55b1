//! One party's side of a session, whatever carries the frames: who waits for what, what has come, and how it ended.
//!
//! # No deadlock
//! A party that waits for a frame, or for room to send one, always takes in what its peers send, whatever the limit of
//! its inbox. The limit only holds back the peers of a party that is busy computing. So parties that all wait for the
//! transport all drain, every frame under way arrives, and none waits for room for ever.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot, watch};

use crate::seen::Seen;
use crate::{Frame, FrameProblem, NetError, Party, PayloadBytes, Tag};

/// How much a party takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest payload of a frame.
    pub frame_bytes: usize,
    /// What may lie unread from one peer while this party computes; and what may lie unsent to one.
    pub queue_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { frame_bytes: 1 << 30, queue_bytes: 32 << 20 }
    }
}

pub(crate) struct Inbox {
    pub(crate) me: Party,
    pub(crate) names: Vec<String>,
    pub(crate) limits: Limits,
    state: Mutex<State>,
    failure: watch::Sender<Option<NetError>>,
    changed: Notify,
    session: OnceLock<[u8; 8]>,
}

struct State {
    peers: Vec<Peer>,
    blocked: usize,
    last: Tag,
    closing: bool,
    counters: PayloadBytes,
}

#[derive(Default)]
struct Peer {
    seen: Seen,
    arrived: BTreeMap<Tag, Frame>,
    arrived_bytes: usize,
    awaited: BTreeMap<Tag, Awaited>,
    /// The peer sends no more.
    finished: bool,
    /// All that this party has to say to the peer is out.
    flushed: bool,
}

struct Awaited {
    since: Instant,
    frame: oneshot::Sender<Frame>,
}

impl Inbox {
    pub(crate) fn new(me: Party, names: Vec<String>, limits: Limits) -> Self {
        let state = State {
            peers: names.iter().map(|_| Peer::default()).collect(),
            blocked: 0,
            last: Tag::control(0),
            closing: false,
            counters: PayloadBytes::new(names.len()),
        };
        Inbox {
            me,
            names,
            limits,
            state: Mutex::new(state),
            failure: watch::channel(None).0,
            changed: Notify::new(),
            session: OnceLock::new(),
        }
    }

    pub(crate) fn name(&self, peer: Party) -> String {
        self.names[peer.0].clone()
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = Party> + '_ {
        (0..self.names.len()).map(Party).filter(|p| *p != self.me)
    }

    /// Waits for a frame. Dropping the future leaves the frame to a later call.
    pub(crate) async fn recv(&self, from: Party, tag: Tag) -> Result<Frame, NetError> {
        self.check_peer(from, tag)?;
        let mut arrival = {
            let mut state = self.lock()?;
            state.last = tag;
            let peer = &mut state.peers[from.0];
            if let Some(frame) = peer.arrived.remove(&tag) {
                peer.arrived_bytes -= frame.payload.len();
                state.counters.saw(frame.depth);
                self.changed.notify_waiters();
                return Ok(frame);
            }
            let error = if peer.awaited.contains_key(&tag) || peer.seen.contains(tag) {
                Some(NetError::Misuse { at: tag, what: "a frame can be received once" })
            } else if peer.finished {
                Some(NetError::Closed { peer: self.name(from), at: tag })
            } else {
                None
            };
            if let Some(error) = error {
                drop(state);
                return Err(self.fail(error));
            }
            let (sender, receiver) = oneshot::channel();
            peer.awaited.insert(tag, Awaited { since: Instant::now(), frame: sender });
            state.blocked += 1;
            self.changed.notify_waiters();
            Arrival { inbox: self, from, tag, receiver }
        };
        match (&mut arrival.receiver).await {
            Ok(frame) => {
                self.state().counters.saw(frame.depth);
                Ok(frame)
            }
            Err(_) => Err(self.failed().await),
        }
    }

    /// Takes in a frame from a peer.
    pub(crate) fn deliver(&self, from: Party, frame: Frame) -> Result<(), NetError> {
        let mut state = self.lock()?;
        let peer = &mut state.peers[from.0];
        let problem = if peer.finished { Err(FrameProblem::AfterClose) } else { peer.seen.insert(frame.tag) };
        if let Err(problem) = problem {
            drop(state);
            return Err(self.bad_frame(from, problem));
        }
        let frame = match peer.awaited.remove(&frame.tag) {
            Some(awaited) => awaited.frame.send(frame).err(),
            None => Some(frame),
        };
        if let Some(frame) = frame {
            peer.arrived_bytes += frame.payload.len();
            peer.arrived.insert(frame.tag, frame);
        }
        Ok(())
    }

    /// Waits until a frame from `from` may be taken in.
    pub(crate) async fn room(&self, from: Party) -> Result<(), NetError> {
        self.until(|state| state.blocked > 0 || state.peers[from.0].arrived_bytes < self.limits.queue_bytes).await
    }

    /// Waits for `condition`, or for the session's failure.
    async fn until(&self, mut condition: impl FnMut(&State) -> bool) -> Result<(), NetError> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if condition(&*self.lock()?) {
                return Ok(());
            }
            changed.await;
        }
    }

    /// Books a frame to be sent, or says why it cannot be.
    pub(crate) fn sending(&self, to: Party, frame: &Frame) -> Result<(), NetError> {
        self.check_peer(to, frame.tag)?;
        if frame.payload.len() > self.limits.frame_bytes {
            return Err(
                self.fail(NetError::Misuse { at: frame.tag, what: "the frame is larger than the transport's limit" })
            );
        }
        let mut state = self.lock()?;
        state.last = frame.tag;
        let error = if state.closing {
            Some(NetError::Misuse { at: frame.tag, what: "a message after the transport was closed" })
        } else if state.peers[to.0].finished {
            Some(NetError::Closed { peer: self.name(to), at: frame.tag })
        } else {
            None
        };
        if let Some(error) = error {
            drop(state);
            return Err(self.fail(error));
        }
        state.counters.sent(to, frame.tag, frame.depth, frame.payload.len());
        Ok(())
    }

    /// Declares, until the guard is dropped, that this party does nothing but wait for the transport.
    pub(crate) fn blocked(&self) -> Blocked<'_> {
        self.state().blocked += 1;
        self.changed.notify_waiters();
        Blocked(self)
    }

    /// Ends the session, unless it has ended. Returns the error that ended it.
    pub(crate) fn fail(&self, error: NetError) -> NetError {
        let mut state = self.state();
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert(error);
            first
        });
        state.peers.iter_mut().for_each(|peer| peer.awaited.clear());
        drop(state);
        self.changed.notify_waiters();
        self.failure().expect("invariant: the failure was just set")
    }

    pub(crate) fn failure(&self) -> Option<NetError> {
        self.failure.borrow().clone()
    }

    pub(crate) async fn failed(&self) -> NetError {
        let failure = self.failure.subscribe().wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone());
        failure.expect("invariant: the sender lives as long as this inbox, and a failure was waited for")
    }

    pub(crate) fn bad_frame(&self, from: Party, problem: FrameProblem) -> NetError {
        self.fail(NetError::Frame { peer: self.name(from), at: self.at(from), problem })
    }

    /// Where this party stands with `peer`: the first frame that it awaits from it, else its last message.
    pub(crate) fn at(&self, peer: Party) -> Tag {
        let state = self.state();
        state.peers[peer.0].awaited.keys().next().copied().unwrap_or(state.last)
    }

    /// Notes that `peer` sends no more. What has come can still be received.
    pub(crate) fn finish(&self, peer: Party) {
        let mut state = self.state();
        state.peers[peer.0].finished = true;
        let lost = state.peers[peer.0].awaited.keys().next().copied();
        drop(state);
        self.changed.notify_waiters();
        if let Some(at) = lost {
            self.fail(NetError::Closed { peer: self.name(peer), at });
        }
    }

    /// Ends the session if something from `peer` has been awaited for longer than the limit for its tag.
    pub(crate) fn check_stalled(&self, peer: Party, limit: impl Fn(Tag) -> Duration) {
        let stalled = self.state().peers[peer.0]
            .awaited
            .iter()
            .find(|(tag, awaited)| awaited.since.elapsed() > limit(**tag))
            .map(|(tag, _)| *tag);
        if let Some(at) = stalled {
            self.fail(NetError::Stalled { peer: self.name(peer), at, seconds: limit(at).as_secs() });
        }
    }

    /// Notes that nothing more will go out to `peer`.
    pub(crate) fn flushed(&self, peer: Party) {
        self.state().peers[peer.0].flushed = true;
        self.changed.notify_waiters();
    }

    /// Waits until `peer` sends no more. Does not end when the session fails.
    pub(crate) async fn finished(&self, peer: Party) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.is_finished(peer) {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn is_finished(&self, peer: Party) -> bool {
        self.state().peers[peer.0].finished
    }

    /// Forbids to send more.
    pub(crate) fn close(&self) {
        self.state().closing = true;
    }

    /// Waits until all peers have finished, or the session has failed; and then until all peers have been told.
    pub(crate) async fn closed(&self) -> Result<(), NetError> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let failure = self.failure();
            let over = |peer: &Peer| peer.flushed && (failure.is_some() || peer.finished);
            if self.peers().all(|peer| over(&self.state().peers[peer.0])) {
                return failure.map_or(Ok(()), Err);
            }
            changed.await;
        }
    }

    /// Ends the session if something has come that this party never asked for. For the end of a session.
    pub(crate) fn check_unread(&self) -> Result<(), NetError> {
        let state = self.state();
        let unread = self.peers().find_map(|peer| Some((peer, *state.peers[peer.0].arrived.keys().next()?)));
        drop(state);
        unread.map_or(Ok(()), |(peer, tag)| Err(self.bad_frame(peer, FrameProblem::Unread { tag })))
    }

    /// Fixes the session that frames must belong to.
    pub(crate) fn bind(&self, session: [u8; 8]) {
        self.session.get_or_init(|| session);
    }

    /// The session's mark in the header of a frame; zero for those of the handshake.
    pub(crate) fn session_of(&self, tag: Tag) -> Option<[u8; 8]> {
        if tag.op == Tag::CONTROL { Some([0; 8]) } else { self.session.get().copied() }
    }

    pub(crate) fn counters(&self) -> PayloadBytes {
        self.state().counters.clone()
    }

    fn check_peer(&self, peer: Party, at: Tag) -> Result<(), NetError> {
        if peer.0 >= self.names.len() {
            return Err(self.fail(NetError::Misuse { at, what: "there is no such party" }));
        }
        if peer == self.me {
            return Err(self.fail(NetError::Misuse { at, what: "a party sends nothing to itself" }));
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("invariant: nothing panics while it holds the lock")
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, NetError> {
        let state = self.state();
        match self.failure() {
            Some(error) => Err(error),
            None => Ok(state),
        }
    }
}

/// See [`Inbox::blocked`].
pub(crate) struct Blocked<'a>(&'a Inbox);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.state().blocked -= 1;
    }
}

/// A frame that is waited for.
struct Arrival<'a> {
    inbox: &'a Inbox,
    from: Party,
    tag: Tag,
    receiver: oneshot::Receiver<Frame>,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut state = self.inbox.state();
        state.blocked -= 1;
        let peer = &mut state.peers[self.from.0];
        peer.awaited.remove(&self.tag);
        if let Ok(frame) = self.receiver.try_recv() {
            peer.arrived_bytes += frame.payload.len();
            peer.arrived.insert(self.tag, frame);
        }
    }
}
