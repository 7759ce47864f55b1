//! The frames of one connection: a task that writes what is queued, and a task that takes in what comes.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::inbox::Inbox;
use crate::queue::Items;
use crate::wire::{HEADER_BYTES, Header, Kind};
use crate::{Frame, FrameProblem, NetError, Party, Tag};

/// When a peer counts as lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often each party says that it lives.
    pub ping: Duration,
    /// After how long without a byte a peer is lost. Several times `ping`.
    pub silence: Duration,
    /// How long an awaited frame may fail to come from a peer that lives.
    pub stall: Duration,
    /// The same for the frames of the handshake, when nobody computes.
    pub agree: Duration,
    /// How long a failed session waits for its last words to reach the peers.
    pub grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Timing { ping: seconds(2), silence: seconds(8), stall: seconds(600), agree: seconds(30), grace: seconds(1) }
    }
}

/// The most of a reason that is sent or believed.
const REASON_BYTES: usize = 1024;

/// A payload up to this size travels in one piece with its header.
const TOGETHER_BYTES: usize = 16 << 10;

/// What is to be written to a peer.
pub(crate) enum Outgoing {
    Frame(Frame),
    Close,
}

/// Writes what is queued until both sides have closed, or the session fails; in that case the peer is told why.
pub(crate) async fn write_frames(
    inbox: &Inbox,
    peer: Party,
    io: impl AsyncWrite + Unpin,
    mut queue: Items<Outgoing>,
    timing: Timing,
) {
    let mut writer = Writer { io, sequence: 0, buffer: Vec::new() };
    let written = write_queue(inbox, peer, &mut writer, &mut queue, timing).await;
    if let Err(error) = &written
        && inbox.failure().is_none()
        && timeout(timing.grace, inbox.failed()).await.is_err()
    {
        // The reader had time to find the peer's own reason, and did not.
        inbox.fail(lost(inbox, peer, error));
    }
    let farewell = async {
        if let Some(error) = inbox.failure().filter(|_| written.is_ok()) {
            let mut reason = error.to_string();
            reason.truncate(reason.floor_char_boundary(REASON_BYTES));
            writer.write(Kind::Abort, Tag::control(0), 0, [0; 8], reason.as_bytes()).await?;
        }
        writer.io.shutdown().await
    };
    // Whether the last words arrive is the peer's concern: it notices the end in any case.
    let _ = timeout(timing.grace, farewell).await;
    inbox.flushed(peer);
}

async fn write_queue<W: AsyncWrite + Unpin>(
    inbox: &Inbox,
    peer: Party,
    writer: &mut Writer<W>,
    queue: &mut Items<Outgoing>,
    timing: Timing,
) -> io::Result<()> {
    let mut pings = interval(timing.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut closing = false;
    loop {
        let (kind, tag, depth, payload, _room) = tokio::select! {
            biased;
            _ = inbox.failed() => return Ok(()),
            () = inbox.finished(peer), if closing => return Ok(()),
            _ = pings.tick() => {
                inbox.check_stalled(peer, |tag| if tag.op == Tag::CONTROL { timing.agree } else { timing.stall });
                (Kind::Ping, Tag::control(0), 0, Bytes::new(), None)
            }
            next = queue.recv(), if !closing => match next {
                Some((Outgoing::Frame(frame), room)) => (Kind::Data, frame.tag, frame.depth, frame.payload, Some(room)),
                Some((Outgoing::Close, _)) | None => {
                    closing = true;
                    (Kind::Close, Tag::control(0), 0, Bytes::new(), None)
                }
            },
        };
        let session = if kind == Kind::Data { inbox.session_of(tag) } else { Some([0; 8]) };
        let Some(session) = session else {
            inbox.fail(NetError::Misuse { at: tag, what: "a message before the handshake" });
            return Ok(());
        };
        tokio::select! {
            written = writer.write(kind, tag, depth, session, &payload) => written?,
            // A frame that was begun is ended, if the peer takes it soon; else nothing more can be said to it.
            () = async { inbox.failed().await; sleep(timing.grace).await } => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

struct Writer<W> {
    io: W,
    sequence: u64,
    buffer: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    async fn write(&mut self, kind: Kind, tag: Tag, depth: u32, session: [u8; 8], payload: &[u8]) -> io::Result<()> {
        let header = Header { kind, tag, depth, sequence: self.sequence, session, payload_bytes: payload.len() as u64 };
        self.sequence += 1;
        let (first, rest) = payload.split_at(payload.len().min(TOGETHER_BYTES));
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.encode());
        self.buffer.extend_from_slice(first);
        self.io.write_all(&self.buffer).await?;
        self.io.write_all(rest).await?;
        self.io.flush().await
    }
}

/// Takes in what the peer sends until it has closed, or the session fails.
pub(crate) async fn read_frames(inbox: &Inbox, peer: Party, mut io: impl AsyncRead + Unpin, timing: Timing) {
    let read = tokio::select! {
        biased;
        error = inbox.failed() => Err(error),
        read = take_in(inbox, peer, &mut io, timing) => read,
    };
    if read.is_err() {
        // What lies unread when a socket is dropped makes the system reset the connection, and our last words would be lost.
        let _ = timeout(timing.grace, tokio::io::copy(&mut io, &mut tokio::io::sink())).await;
    }
}

async fn take_in(
    inbox: &Inbox,
    peer: Party,
    io: &mut (impl AsyncRead + Unpin),
    timing: Timing,
) -> Result<(), NetError> {
    for sequence in 0.. {
        inbox.room(peer).await?;
        let header = match read_exact(inbox, peer, io, HEADER_BYTES, timing).await {
            Ok(header) => header,
            Err(_) if inbox.is_finished(peer) => return Ok(()),
            Err(error) => return Err(inbox.fail(error)),
        };
        let header = header.as_ref().try_into().expect("invariant: as many bytes as a header has were read");
        let header =
            check(inbox, Header::decode(header), sequence).map_err(|problem| inbox.bad_frame(peer, problem))?;
        let payload_bytes = usize::try_from(header.payload_bytes).expect("invariant: checked against a limit");
        let payload = read_exact(inbox, peer, io, payload_bytes, timing).await.map_err(|error| inbox.fail(error))?;
        match header.kind {
            Kind::Data => inbox.deliver(peer, Frame { tag: header.tag, depth: header.depth, payload })?,
            Kind::Ping => {}
            Kind::Close => inbox.finish(peer),
            Kind::Abort => {
                let reason = String::from_utf8_lossy(&payload).replace(|c: char| c.is_control(), " ");
                return Err(inbox.fail(NetError::Aborted { peer: inbox.name(peer), at: inbox.at(peer), reason }));
            }
        }
    }
    Ok(())
}

fn check(inbox: &Inbox, header: Result<Header, FrameProblem>, sequence: u64) -> Result<Header, FrameProblem> {
    let header = header?;
    if header.sequence != sequence {
        return Err(FrameProblem::Sequence { expected: sequence, found: header.sequence });
    }
    let limit = match header.kind {
        Kind::Data => inbox.limits.frame_bytes,
        Kind::Abort => REASON_BYTES,
        Kind::Ping | Kind::Close => 0,
    } as u64;
    if header.payload_bytes > limit {
        return Err(FrameProblem::Oversized { bytes: header.payload_bytes, limit });
    }
    if header.kind == Kind::Data && inbox.session_of(header.tag) != Some(header.session) {
        return Err(FrameProblem::Session);
    }
    Ok(header)
}

async fn read_exact(
    inbox: &Inbox,
    peer: Party,
    io: &mut (impl AsyncRead + Unpin),
    len: usize,
    timing: Timing,
) -> Result<Bytes, NetError> {
    use bytes::BufMut;
    let mut buffer = BytesMut::with_capacity(len).limit(len);
    while buffer.has_remaining_mut() {
        match timeout(timing.silence, io.read_buf(&mut buffer)).await {
            Ok(Ok(0)) => return Err(NetError::Closed { peer: inbox.name(peer), at: inbox.at(peer) }),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(lost(inbox, peer, &error)),
            Err(_) => {
                return Err(NetError::Silent {
                    peer: inbox.name(peer),
                    at: inbox.at(peer),
                    seconds: timing.silence.as_secs(),
                });
            }
        }
    }
    Ok(buffer.into_inner().freeze())
}

fn lost(inbox: &Inbox, peer: Party, error: &io::Error) -> NetError {
    let (peer, at) = (inbox.name(peer), inbox.at(peer));
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => NetError::Closed { peer, at },
        _ => NetError::Broken { peer, at, message: error.to_string() },
    }
}

#[cfg(test)]
mod tests;
