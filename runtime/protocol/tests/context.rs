//! The context of an operation, against peers and callers that go too far.

use bytes::Bytes;
use treville_net::{Frame, Party, Tag, Transport, memory};
use treville_protocol::Cx;
use treville_ring::RingBits;

const OP: u32 = 3;

fn cx(transport: &dyn Transport) -> Cx<'_> {
    Cx::new(transport, OP, 0, RingBits::FULL, 0)
}

#[tokio::test]
async fn no_depth_that_a_peer_claims_overflows() {
    let mesh = memory::mesh_seeded(2, [0; 32]);
    let tag = Tag { op: OP, inference: 0, step: 0 };
    mesh[1].send(Party(0), Frame { tag, depth: u32::MAX, payload: Bytes::from_static(&[0; 8]) }).await.unwrap();
    let cx = cx(&mesh[0]);
    assert_eq!(cx.recv(Party(1), 8).await.unwrap().len(), 8);
    cx.send(Party(1), Bytes::from_static(&[0; 8])).await.unwrap();
    assert_eq!(cx.depth(), u32::MAX);
    assert_eq!(mesh[1].recv(Party(0), tag).await.unwrap().depth, u32::MAX);
}

/// The address of a stream has 16 bits for the step: a number that came again would bring its masks again.
#[test]
#[should_panic(expected = "at most 2^16 primitives")]
fn steps_never_come_round() {
    let mesh = memory::mesh_seeded(2, [0; 32]);
    let cx = cx(&mesh[0]);
    assert!((0..=u16::MAX).all(|step| cx.next_step() == step));
    cx.next_step();
}
