//! The mesh in one process.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use treville_net::memory::{mesh, mesh_seeded, mesh_with};
use treville_net::{FrameProblem, Limits, MemoryTransport, NetError, Party, Transport};

use crate::{frame, tag};

fn three() -> [MemoryTransport; 3] {
    mesh_seeded(3, [7; 32]).try_into().unwrap_or_else(|_| panic!("three were asked for"))
}

#[tokio::test]
async fn branches_wait_side_by_side_for_different_tags() {
    let [a, b, c] = three();
    let (first, second, third) = tokio::join!(a.recv(Party(1), tag(1, 0)), a.recv(Party(1), tag(2, 0)), async {
        b.send(Party(0), frame(2, "two")).await?;
        c.send(Party(0), frame(1, "from c")).await?;
        b.send(Party(0), frame(1, "one")).await?;
        a.recv(Party(2), tag(1, 0)).await
    });
    assert_eq!(first, Ok(frame(1, "one")));
    assert_eq!(second, Ok(frame(2, "two")));
    assert_eq!(third, Ok(frame(1, "from c")));
}

#[tokio::test]
async fn a_frame_is_sent_and_received_once() {
    let [a, b, _c] = three();
    b.send(Party(0), frame(1, "x")).await.expect("the first is fine");
    a.recv(Party(1), tag(1, 0)).await.expect("it is there");
    let sent = b.send(Party(0), frame(1, "x")).await.expect_err("a duplicate");
    assert!(sent.to_string().contains("a second time"), "{sent}");
    let received = a.recv(Party(2), tag(5, 0)).await.expect_err("the session has ended");
    assert!(
        matches!(&received, NetError::Frame { peer, problem: FrameProblem::Duplicate { .. }, .. } if peer == "party 1"),
        "{received}"
    );

    let [a, b, _c] = three();
    b.send(Party(0), frame(1, "x")).await.expect("the first is fine");
    a.recv(Party(1), tag(1, 0)).await.expect("it is there");
    let again = a.recv(Party(1), tag(1, 0)).await;
    assert_eq!(again, Err(NetError::Misuse { at: tag(1, 0), what: "a frame can be received once" }));
}

#[tokio::test]
async fn one_error_ends_all_pending_and_later_calls_of_all_parties() {
    let [a, b, c] = three();
    let reason = NetError::Stopped { at: tag(3, 0), reason: "disk full".into() };
    let (at_a, at_b, at_c, too) =
        tokio::join!(a.recv(Party(1), tag(1, 0)), b.recv(Party(2), tag(1, 0)), c.failed(), async {
            c.abort(reason.clone())
        });
    assert_eq!((&at_c, &too), (&reason, &reason));
    for (party, error) in [(&a, at_a), (&b, at_b)] {
        let error = error.expect_err("the session has ended");
        assert_eq!(error, NetError::Aborted { peer: "party 2".into(), at: tag(1, 0), reason: reason.to_string() });
        assert_eq!(party.send(Party(2), frame(9, "")).await, Err(error.clone()));
        assert_eq!(party.recv(Party(2), tag(9, 0)).await, Err(error.clone()));
        assert_eq!(party.abort(reason.clone()), error);
        assert_eq!(party.close().await, Err(error));
    }
}

#[tokio::test]
async fn a_party_that_ends_is_named_with_what_was_awaited_and_its_last_frames_are_kept() {
    let [a, b, c] = three();
    b.send(Party(0), frame(4, "last")).await.expect("a lives");
    drop(b);
    assert_eq!(a.recv(Party(1), tag(4, 0)).await, Ok(frame(4, "last")));
    let (at_c, at_a) = tokio::join!(c.recv(Party(0), tag(5, 0)), a.recv(Party(1), tag(5, 0)));
    let closed = NetError::Closed { peer: "party 1".into(), at: tag(5, 0) };
    assert_eq!(at_a, Err(closed.clone()));
    assert_eq!(at_c, Err(NetError::Aborted { peer: "party 0".into(), at: tag(5, 0), reason: closed.to_string() }));

    let [a, b, c] = three();
    let (pending, ()) = tokio::join!(a.recv(Party(1), tag(6, 0)), async { drop(b) });
    assert_eq!(pending, Err(NetError::Closed { peer: "party 1".into(), at: tag(6, 0) }));
    assert!(c.send(Party(1), frame(1, "")).await.is_err());
}

#[tokio::test]
async fn parties_that_only_send_take_in_each_others_frames_beyond_the_limit() {
    let parties = mesh_with(vec!["a".into(), "b".into()], [0; 32], Limits { frame_bytes: 1 << 20, queue_bytes: 1000 });
    let exchange = async |me: &MemoryTransport, other: Party| {
        for op in 0..100 {
            me.send(other, frame(op, vec![op as u8; 900])).await?;
        }
        for op in (0..100).rev() {
            assert_eq!(me.recv(other, tag(op, 0)).await?.payload, vec![op as u8; 900]);
        }
        me.close().await
    };
    let both = tokio::join!(exchange(&parties[0], Party(1)), exchange(&parties[1], Party(0)));
    assert_eq!(both, (Ok(()), Ok(())));
}

#[test]
fn a_sender_is_held_back_while_its_peer_computes_and_a_dropped_wait_loses_nothing() {
    let parties = mesh_with(vec!["a".into(), "b".into()], [0; 32], Limits { frame_bytes: 1 << 20, queue_bytes: 1000 });
    let cx = &mut Context::from_waker(Waker::noop());
    let mut poll = |future: &mut std::pin::Pin<Box<dyn Future<Output = Result<(), NetError>> + Send + '_>>| {
        future.as_mut().poll(cx).is_ready()
    };
    assert!(poll(&mut parties[0].send(Party(1), frame(0, vec![0; 1000]))));
    let mut second = parties[0].send(Party(1), frame(1, vec![0; 1000]));
    assert!(!poll(&mut second));
    let cx = &mut Context::from_waker(Waker::noop());
    {
        let mut wait = parties[1].recv(Party(0), tag(1, 0));
        assert!(wait.as_mut().poll(cx).is_pending());
        assert!(second.as_mut().poll(cx).is_ready());
        // The frame is on its way to the wait that is dropped here.
    }
    let kept = parties[1].recv(Party(0), tag(1, 0)).as_mut().poll(cx);
    assert_eq!(kept, Poll::Ready(Ok(frame(1, vec![0; 1000]))));
}

#[tokio::test]
async fn wrong_addresses_sizes_and_late_messages_are_errors() {
    for (to, what) in
        [(0, "a party sends nothing to itself"), (3, "there is no such party"), (usize::MAX, "there is no such party")]
    {
        let [a, ..] = three();
        assert_eq!(a.send(Party(to), frame(1, "")).await, Err(NetError::Misuse { at: tag(1, 0), what }));
        let [a, ..] = three();
        assert_eq!(a.recv(Party(to), tag(1, 0)).await, Err(NetError::Misuse { at: tag(1, 0), what }));
    }
    let parties = mesh_with(vec!["a".into(), "b".into()], [0; 32], Limits { frame_bytes: 10, queue_bytes: 1000 });
    assert_eq!(parties[0].send(Party(1), frame(1, vec![0; 10])).await, Ok(()));
    assert!(matches!(parties[0].send(Party(1), frame(2, vec![0; 11])).await, Err(NetError::Misuse { .. })));
    let [a, ..] = three();
    a.close().await.expect("nothing is wrong yet");
    assert!(matches!(a.send(Party(1), frame(1, "")).await, Err(NetError::Misuse { .. })));
}

#[tokio::test]
async fn payload_bytes_are_counted_by_operation_and_peer_and_depth_by_the_highest() {
    let [a, b, c] = three();
    let deep = |op, depth, payload: &'static str| treville_net::Frame { depth, ..frame(op, payload) };
    a.send(Party(1), deep(1, 1, "123")).await.expect("b lives");
    a.send(Party(2), deep(1, 2, "12345")).await.expect("c lives");
    a.send(Party(1), deep(9, 3, "1")).await.expect("b lives");
    a.send(Party(1), deep(treville_net::Tag::CONTROL, 99, "not counted")).await.expect("b lives");
    let counted = a.payload_bytes();
    assert_eq!(counted.ops().collect::<Vec<_>>(), [(1, &[0, 3, 5][..]), (9, &[0, 1, 0][..])]);
    assert_eq!((counted.total(), counted.to(Party(1)), counted.op(1), counted.depth()), (9, 4, 8, 3));
    assert_eq!(b.payload_bytes().depth(), 0);
    b.recv(Party(0), tag(9, 0)).await.expect("it is there");
    assert_eq!(b.payload_bytes().depth(), 3);
    assert_eq!(c.payload_bytes().total(), 0);
    let table = counted.to_string();
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.lines().nth(2).is_some_and(|l| l.split_whitespace().eq(["total", "0", "4", "5", "9"])), "{table}");
}

#[test]
fn pairs_share_secrets_that_no_other_pair_has() {
    for parties in [mesh(3).expect("the system has randomness"), three().into()] {
        let seed = |i: usize, j: usize| parties[i].seed_with(Party(j));
        assert_eq!((seed(0, 1), seed(0, 2), seed(1, 2)), (seed(1, 0), seed(2, 0), seed(2, 1)));
        assert!(seed(0, 1) != seed(0, 2) && seed(0, 1) != seed(1, 2) && seed(0, 2) != seed(1, 2));
    }
    let fresh = || mesh(2).expect("the system has randomness")[0].seed_with(Party(1));
    assert_ne!(fresh(), fresh());
    assert_eq!(three()[0].seed_with(Party(1)), three()[0].seed_with(Party(1)));
}
