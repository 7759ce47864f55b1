//! A party against a raw peer that sends what it likes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};

use super::*;
use crate::Limits;

const SESSION: [u8; 8] = *b"session1";
const PEER: Party = Party(1);

/// Party 0 of two, in a session, with a raw stream to its peer.
struct Setting {
    inbox: Arc<Inbox>,
    queue: crate::queue::ByteQueue<Outgoing>,
    reads: ReadHalf<DuplexStream>,
    writes: WriteHalf<DuplexStream>,
}

fn tag(op: u32, step: u16) -> Tag {
    Tag { op, inference: 0, step }
}

fn data(sequence: u64, op: u32, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        kind: Kind::Data,
        tag: tag(op, 0),
        depth: 1,
        sequence,
        session: SESSION,
        payload_bytes: payload.len() as u64,
    };
    [&header.encode()[..], payload].concat()
}

fn control(sequence: u64, kind: Kind, payload: &[u8]) -> Vec<u8> {
    let header =
        Header { kind, tag: Tag::control(0), depth: 0, sequence, session: [0; 8], payload_bytes: payload.len() as u64 };
    [&header.encode()[..], payload].concat()
}

fn setting(limits: Limits) -> Setting {
    let inbox = Arc::new(Inbox::new(Party(0), vec!["client".into(), "server".into()], limits));
    let (queue, items) = crate::queue::ByteQueue::new(limits.queue_bytes);
    let (ours, theirs) = duplex(1 << 20);
    let ((read, write), (reads, writes)) = (split(ours), split(theirs));
    let (reader, writer) = (inbox.clone(), inbox.clone());
    tokio::spawn(async move { read_frames(&reader, PEER, read, Timing::default()).await });
    tokio::spawn(async move { write_frames(&writer, PEER, write, items, Timing::default()).await });
    Setting { inbox, queue, reads, writes }
}

fn in_session() -> Setting {
    let setting = setting(Limits { frame_bytes: 1000, queue_bytes: 4000 });
    setting.inbox.bind(SESSION);
    setting
}

/// What the party says about a peer that sends `bytes` while op 7 is awaited.
async fn error_after(bytes: Vec<u8>) -> NetError {
    let mut setting = in_session();
    let inbox = setting.inbox.clone();
    let pending = tokio::spawn(async move { inbox.recv(PEER, tag(7, 0)).await });
    tokio::task::yield_now().await;
    setting.writes.write_all(&bytes).await.expect("the stream has room");
    let error = pending.await.expect("no panic").expect_err("the peer misbehaves");
    assert_eq!(setting.inbox.recv(PEER, tag(9, 9)).await, Err(error.clone()), "later calls fail alike");
    let mut said = Vec::new();
    setting.reads.read_to_end(&mut said).await.expect("the party ends the connection");
    assert!(String::from_utf8_lossy(&said).contains(&error.to_string()), "the peer is told: {error}");
    error
}

fn bad(problem: FrameProblem) -> NetError {
    NetError::Frame { peer: "server".into(), at: tag(7, 0), problem }
}

#[tokio::test(start_paused = true)]
async fn frames_come_out_by_tag_in_any_order() {
    let mut setting = in_session();
    let all = [data(0, 8, b"eight"), control(1, Kind::Ping, b""), data(2, 7, b""), data(3, 9, b"nine")].concat();
    setting.writes.write_all(&all).await.expect("the stream has room");
    for (op, payload) in [(9, "nine"), (7, ""), (8, "eight")] {
        let frame = setting.inbox.recv(PEER, tag(op, 0)).await.expect("the frame is there");
        assert_eq!(frame, Frame { tag: tag(op, 0), depth: 1, payload: Bytes::from(payload) });
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_at_the_limit_passes_and_one_above_does_not() {
    let mut setting = in_session();
    setting.writes.write_all(&data(0, 7, &[5; 1000])).await.expect("the stream has room");
    assert_eq!(setting.inbox.recv(PEER, tag(7, 0)).await.expect("the frame is there").payload, vec![5; 1000]);
    assert_eq!(error_after(data(0, 7, &[5; 1001])).await, bad(FrameProblem::Oversized { bytes: 1001, limit: 1000 }));
}

#[tokio::test(start_paused = true)]
async fn a_size_that_is_only_claimed_is_refused_before_memory_is_taken() {
    let mut huge = data(0, 7, b"");
    huge[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(error_after(huge).await, bad(FrameProblem::Oversized { bytes: u64::MAX, limit: 1000 }));
    let mut ping = control(0, Kind::Ping, b"");
    ping[32] = 1;
    assert_eq!(error_after(ping).await, bad(FrameProblem::Oversized { bytes: 1, limit: 0 }));
}

#[tokio::test(start_paused = true)]
async fn replayed_dropped_and_moved_frames_are_found_by_their_number() {
    let first = data(0, 1, b"x");
    assert_eq!(error_after([&first[..], &first].concat()).await, bad(FrameProblem::Sequence { expected: 1, found: 0 }));
    assert_eq!(
        error_after([first, data(2, 3, b"z")].concat()).await,
        bad(FrameProblem::Sequence { expected: 1, found: 2 })
    );
    assert_eq!(
        error_after([data(1, 2, b"y"), data(0, 1, b"x")].concat()).await,
        bad(FrameProblem::Sequence { expected: 0, found: 1 })
    );
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_comes_twice_is_refused_though_its_number_is_fresh() {
    assert_eq!(
        error_after([data(0, 1, b"x"), data(1, 1, b"x")].concat()).await,
        bad(FrameProblem::Duplicate { tag: tag(1, 0) })
    );
    let mut setting = in_session();
    setting.writes.write_all(&data(0, 1, b"x")).await.expect("the stream has room");
    setting.inbox.recv(PEER, tag(1, 0)).await.expect("the frame is there");
    setting.writes.write_all(&data(1, 1, b"x")).await.expect("the stream has room");
    let error = setting.inbox.failed().await;
    assert!(
        matches!(error, NetError::Frame { problem: FrameProblem::Duplicate { .. }, .. }),
        "consumed tags count too: {error}"
    );
}

#[tokio::test(start_paused = true)]
async fn frames_of_another_session_or_of_none_are_refused() {
    let mut other = data(0, 7, b"x");
    other[24] ^= 1;
    assert_eq!(error_after(other).await, bad(FrameProblem::Session));
    let mut unbound = setting(Limits::default());
    unbound.writes.write_all(&data(0, 7, b"x")).await.expect("the stream has room");
    assert!(matches!(unbound.inbox.failed().await, NetError::Frame { problem: FrameProblem::Session, .. }));
}

#[tokio::test(start_paused = true)]
async fn flipped_header_bits_are_refused() {
    let frame = data(0, 7, b"x");
    // Kind, reserved byte, sequence, session, length: TLS protects the rest, whose values are all legal.
    for byte in [0, 1].into_iter().chain(16..32).chain(34..40) {
        let mut flipped = frame.clone();
        flipped[byte] ^= 0x80;
        let error = error_after(flipped).await;
        assert!(matches!(error, NetError::Frame { .. }), "byte {byte}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_within_a_frame_or_without_a_word_is_an_error() {
    for cut in [0, 1, HEADER_BYTES, HEADER_BYTES + 2] {
        let mut setting = in_session();
        setting.writes.write_all(&data(0, 7, b"abc")[..cut]).await.expect("the stream has room");
        setting.writes.shutdown().await.expect("the stream can end");
        assert_eq!(
            setting.inbox.recv(PEER, tag(7, 0)).await,
            Err(NetError::Closed { peer: "server".into(), at: tag(7, 0) })
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_last_word_a_peer_is_silent_and_what_came_before_is_kept() {
    assert_eq!(
        error_after([control(0, Kind::Close, b""), data(1, 8, b"x")].concat()).await,
        NetError::Closed { peer: "server".into(), at: tag(7, 0) }
    );
    let mut setting = in_session();
    setting
        .writes
        .write_all(&[data(0, 7, b"last"), control(1, Kind::Close, b"")].concat())
        .await
        .expect("the stream has room");
    setting.inbox.finished(PEER).await;
    assert_eq!(setting.inbox.recv(PEER, tag(7, 0)).await.expect("the frame is there").payload, "last");
    setting.writes.write_all(&data(2, 8, b"x")).await.expect("the stream has room");
    assert!(matches!(setting.inbox.failed().await, NetError::Frame { problem: FrameProblem::AfterClose, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_peers_reason_is_passed_on_without_its_control_characters() {
    let error = error_after(control(0, Kind::Abort, b"out of \x1b[2Jmemory")).await;
    assert_eq!(error, NetError::Aborted { peer: "server".into(), at: tag(7, 0), reason: "out of  [2Jmemory".into() });
    assert_eq!(
        error_after(control(0, Kind::Abort, &[b'x'; 1025])).await,
        bad(FrameProblem::Oversized { bytes: 1025, limit: 1024 })
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_lost_and_one_that_pings_is_not() {
    let mut setting = in_session();
    let start = tokio::time::Instant::now();
    // The clock is tokio's, which runs ahead whenever all wait.
    for sequence in 0..10 {
        tokio::time::sleep(Duration::from_secs(7)).await;
        setting.writes.write_all(&control(sequence, Kind::Ping, b"")).await.expect("the stream has room");
    }
    assert_eq!(setting.inbox.failure(), None);
    assert_eq!(
        setting.inbox.recv(PEER, tag(7, 0)).await,
        Err(NetError::Silent { peer: "server".into(), at: tag(7, 0), seconds: 8 })
    );
    assert_eq!(start.elapsed().as_secs(), 78);
}

#[tokio::test(start_paused = true)]
async fn a_party_pings_while_it_has_nothing_to_say() {
    let mut setting = in_session();
    // As many as fit into the time in which its own peer may be silent.
    for sequence in 0..4 {
        let mut header = [0; HEADER_BYTES];
        setting.reads.read_exact(&mut header).await.expect("a ping comes");
        assert_eq!(header[..], control(sequence, Kind::Ping, b"")[..]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_party_holds_its_peer_back_and_a_waiting_one_does_not() {
    let mut setting = in_session();
    // Nobody waits: the inbox takes 4000 bytes and lets the rest lie in the stream of 1 MiB.
    let frames: Vec<u8> = (0..2000).flat_map(|i| data(i, i as u32, &[1; 1000])).collect();
    let writer = tokio::spawn(async move {
        setting.writes.write_all(&frames).await.expect("the party takes it all in the end");
        setting.writes
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!writer.is_finished());
    // Somebody waits for the last frame: everything before it is taken in, beyond the limit.
    assert_eq!(setting.inbox.recv(PEER, tag(1999, 0)).await.expect("the frame comes").payload.len(), 1000);
    assert!(setting.inbox.recv(PEER, tag(0, 0)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_for_room_and_is_released_by_a_failure() {
    let setting = in_session();
    let frame = |op| Frame { tag: tag(op, 0), depth: 0, payload: Bytes::from(vec![0; 1000]) };
    // The peer reads nothing: 1 MiB fits into the stream, 4000 bytes into the queue.
    let inbox = setting.inbox.clone();
    let sender = tokio::spawn(async move {
        for op in 0.. {
            setting.queue.send(Outgoing::Frame(frame(op)), 1000, setting.inbox.failed()).await?;
        }
        Ok::<_, NetError>(())
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!sender.is_finished());
    let error = inbox.fail(NetError::Stopped { at: tag(0, 0), reason: "enough".into() });
    assert_eq!(sender.await.expect("no panic"), Err(error));
    assert!(inbox.closed().await.is_err(), "the farewell does not wait for ever");
}
