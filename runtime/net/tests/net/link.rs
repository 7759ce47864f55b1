//! One operation's messages.

use bytes::Bytes;
use treville_net::memory::mesh_seeded;
use treville_net::{Link, NetError, Party, Tag, Transport};

const OP: u32 = 5;

#[tokio::test]
async fn steps_are_counted_by_peer_and_direction() {
    let parties = mesh_seeded(3, [0; 32]);
    let links: Vec<_> = parties.iter().map(|p| Link::new(p, OP, 2, 10)).collect();
    for (from, to, text) in [(0, 1, "a"), (0, 2, "b"), (0, 1, "c"), (1, 0, "d")] {
        links[from].send(Party(to), Bytes::from(text)).await.expect("all live");
    }
    let second = parties[1].recv(Party(0), Tag { op: OP, inference: 2, step: 1 }).await.expect("it is there");
    assert_eq!((second.payload, second.depth), (Bytes::from("c"), 11));
    assert_eq!(links[1].recv(Party(0)).await, Ok(Bytes::from("a")));
    assert_eq!(links[2].recv(Party(0)).await, Ok(Bytes::from("b")));
    assert_eq!(links[0].recv(Party(1)).await, Ok(Bytes::from("d")));
}

#[tokio::test]
async fn depth_is_the_longest_chain_of_dependent_messages() {
    let parties = mesh_seeded(3, [0; 32]);
    let [a, b, c] = std::array::from_fn(|i| Link::new(&parties[i], OP, 0, [4, 0, 0][i]));
    // Sending alone does not lengthen the chain: both messages of a are independent.
    a.send(Party(1), Bytes::new()).await.expect("all live");
    a.send(Party(2), Bytes::new()).await.expect("all live");
    assert_eq!(a.depth(), 4);
    b.recv(Party(0)).await.expect("it is there");
    assert_eq!(b.depth(), 5);
    b.send(Party(2), Bytes::new()).await.expect("all live");
    let both = tokio::join!(c.recv(Party(0)), c.recv(Party(1)));
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(c.depth(), 6);
    c.send(Party(0), Bytes::new()).await.expect("all live");
    a.recv(Party(2)).await.expect("it is there");
    assert_eq!((a.depth(), b.depth()), (7, 5));
}

#[tokio::test]
async fn joined_calls_are_numbered_in_the_order_of_the_calls() {
    let parties = mesh_seeded(2, [0; 32]);
    let [a, b] = std::array::from_fn(|i| Link::new(&parties[i], OP, 0, 0));
    let (first, second) = (a.send(Party(1), Bytes::from("first")), a.send(Party(1), Bytes::from("second")));
    let (wait_first, wait_second) = (b.recv(Party(0)), b.recv(Party(0)));
    let results = tokio::join!(second, wait_second, wait_first, first);
    assert_eq!((results.1, results.2), (Ok(Bytes::from("second")), Ok(Bytes::from("first"))));
}

#[tokio::test]
async fn a_wrong_length_ends_the_session_for_all() {
    let parties = mesh_seeded(2, [0; 32]);
    let [a, b] = std::array::from_fn(|i| Link::new(&parties[i], OP, 0, 0));
    a.send(Party(1), Bytes::from_static(&[0; 8])).await.expect("all live");
    a.send(Party(1), Bytes::from_static(&[0; 7])).await.expect("all live");
    assert_eq!(b.recv_exact(Party(0), 8).await.map(|p| p.len()), Ok(8));
    let expected =
        NetError::Length { peer: "party 0".into(), at: Tag { op: OP, inference: 0, step: 1 }, expected: 8, found: 7 };
    assert_eq!(b.recv_exact(Party(0), 8).await, Err(expected.clone()));
    assert_eq!(b.send(Party(0), Bytes::new()).await, Err(expected));
    assert!(matches!(a.recv(Party(1)).await, Err(NetError::Aborted { .. })));
}

#[tokio::test]
async fn strangers_and_endless_operations_are_errors() {
    let parties = mesh_seeded(2, [0; 32]);
    let a = Link::new(&parties[0], OP, 0, 0);
    for _ in 0..=u16::MAX {
        a.send(Party(1), Bytes::new()).await.expect("a step is left");
    }
    assert!(matches!(a.send(Party(1), Bytes::new()).await, Err(NetError::Misuse { .. })));
    let parties = mesh_seeded(2, [0; 32]);
    let a = Link::new(&parties[0], OP, 0, 0);
    assert!(matches!(a.recv_exact(Party(2), 1).await, Err(NetError::Misuse { .. })));
}
