//! Networks of a given speed, on tokio's own clock, which jumps ahead whenever all wait.

use std::time::Duration;

use tokio::time::Instant;
use treville_net::memory::mesh_seeded;
use treville_net::{MemoryTransport, NetError, Party, Shape, Shaped, Transport};

use crate::{frame, tag};

fn pair(shape: Shape) -> [Shaped<MemoryTransport>; 2] {
    let pair: Result<[_; 2], _> = mesh_seeded(2, [0; 32]).try_into();
    pair.unwrap_or_else(|_| panic!("two were asked for")).map(|t| Shaped::new(t, shape))
}

/// 1 kB in a millisecond, 10 ms of latency.
const SLOW: Shape = Shape { bytes_per_second: 1e6, latency: Duration::from_millis(10) };

#[tokio::test(start_paused = true)]
async fn a_frame_takes_transmission_and_latency() {
    let [a, b] = pair(SLOW);
    let start = Instant::now();
    a.send(Party(1), frame(0, vec![0; 5000])).await.expect("b lives");
    assert_eq!(start.elapsed(), Duration::ZERO, "a sender does not wait for the arrival");
    b.recv(Party(0), tag(0, 0)).await.expect("it comes");
    assert_eq!(start.elapsed().as_millis(), 15);
}

#[tokio::test(start_paused = true)]
async fn latency_is_paid_once_by_messages_in_a_row_and_each_time_by_dependent_ones() {
    let [a, b] = pair(SLOW);
    let start = Instant::now();
    for op in 0..100 {
        a.send(Party(1), frame(op, vec![0; 1000])).await.expect("b lives");
    }
    b.recv(Party(0), tag(99, 0)).await.expect("it comes");
    assert_eq!(start.elapsed().as_millis(), 110);

    let start = Instant::now();
    for op in 100..110 {
        a.send(Party(1), frame(op, "")).await.expect("b lives");
        b.recv(Party(0), tag(op, 0)).await.expect("it comes");
        b.send(Party(0), frame(op, "")).await.expect("a lives");
        a.recv(Party(1), tag(op, 0)).await.expect("it comes");
    }
    assert_eq!(start.elapsed().as_millis(), 200);
}

/// On the real clock, where a timer that counts whole milliseconds needs 26 ms and more.
#[tokio::test]
async fn a_latency_below_a_millisecond_is_kept() {
    let [a, b] = pair(Shape::LAN);
    let mut fastest = Duration::MAX;
    for attempt in 0..10 {
        let start = Instant::now();
        for op in 10 * attempt..10 * (attempt + 1) {
            a.send(Party(1), frame(op, "")).await.expect("b lives");
            b.recv(Party(0), tag(op, 0)).await.expect("it comes");
            b.send(Party(0), frame(op, "")).await.expect("a lives");
            a.recv(Party(1), tag(op, 0)).await.expect("it comes");
        }
        assert!(start.elapsed() >= 20 * Shape::LAN.latency);
        fastest = fastest.min(start.elapsed());
    }
    assert!(fastest < Duration::from_millis(15), "20 messages of 0.3 ms each took {fastest:?} at best");
}

#[tokio::test(start_paused = true)]
async fn directions_do_not_share_their_speed() {
    let [a, b] = pair(SLOW);
    let start = Instant::now();
    a.send(Party(1), frame(0, vec![0; 50_000])).await.expect("b lives");
    b.send(Party(0), frame(0, vec![0; 50_000])).await.expect("a lives");
    let both = tokio::join!(a.recv(Party(1), tag(0, 0)), b.recv(Party(0), tag(0, 0)));
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(start.elapsed().as_millis(), 60);
}

#[tokio::test(start_paused = true)]
async fn closing_delivers_what_is_under_way_and_counters_run_ahead_of_it() {
    let [a, b] = pair(SLOW);
    a.send(Party(1), frame(3, vec![0; 1000])).await.expect("b lives");
    assert_eq!((a.payload_bytes().total(), a.payload_bytes().op(3)), (1000, 1000));
    a.close().await.expect("all is well");
    drop(a);
    assert_eq!(b.recv(Party(0), tag(3, 0)).await.map(|f| f.payload.len()), Ok(1000));
    assert_eq!(b.payload_bytes().depth(), 1);
}

#[tokio::test(start_paused = true)]
async fn errors_are_not_slowed_down() {
    let [a, b] = pair(Shape { bytes_per_second: 1.0, latency: Duration::from_secs(1000) });
    a.send(Party(1), frame(0, vec![0; 1000])).await.expect("b lives");
    let start = Instant::now();
    let error = a.abort(NetError::Stopped { at: tag(0, 0), reason: "enough".into() });
    assert!(matches!(b.recv(Party(0), tag(0, 0)).await, Err(NetError::Aborted { .. })));
    assert_eq!(a.close().await, Err(error));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(a.seed_with(Party(1)), b.seed_with(Party(0)));
}
