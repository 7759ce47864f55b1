//! A network of given speed, for measuring on one machine what a real one would cost.

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::queue::{ByteQueue, Items};
use crate::{Frame, NetError, Party, PayloadBytes, Tag, Transport};

/// The speed of each link, in each direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// How many payload bytes leave in a second.
    pub bytes_per_second: f64,
    /// How long a byte is under way.
    pub latency: Duration,
}

impl Shape {
    /// 377 MB/s and 0.3 ms: the LAN of the papers.
    pub const LAN: Shape = Shape { bytes_per_second: 377e6, latency: Duration::from_micros(300) };
    /// 40 MB/s and 40 ms: the WAN of the papers.
    pub const WAN: Shape = Shape { bytes_per_second: 40e6, latency: Duration::from_millis(40) };

    /// How long it takes until the last of `bytes` has left.
    fn transmission(&self, bytes: usize) -> Duration {
        Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second)
            .unwrap_or(Duration::MAX)
            .min(Duration::from_secs(86_400))
    }
}

impl FromStr for Shape {
    type Err = ShapeError;

    /// Reads `lan`, `wan` or `MBPS,MS`: megabytes (10^6) in a second and milliseconds of latency.
    fn from_str(text: &str) -> Result<Shape, ShapeError> {
        let malformed = |problem| ShapeError { text: text.to_owned(), problem };
        match text {
            "lan" => return Ok(Shape::LAN),
            "wan" => return Ok(Shape::WAN),
            _ => {}
        }
        let (rate, latency) = text.split_once(',').ok_or_else(|| malformed("there is no comma"))?;
        let rate: f64 = rate.trim().parse().map_err(|_| malformed("the speed is no number"))?;
        let latency: f64 = latency.trim().parse().map_err(|_| malformed("the latency is no number"))?;
        if !(1e-3..=1e9).contains(&rate) {
            return Err(malformed("the speed is not between 0.001 and 10^9"));
        }
        if !(0.0..=3.6e6).contains(&latency) {
            return Err(malformed("the latency is not between 0 and an hour"));
        }
        Ok(Shape { bytes_per_second: rate * 1e6, latency: Duration::from_secs_f64(latency / 1e3) })
    }
}

/// A text that describes no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no network: {problem}; `lan`, `wan` or `MBPS,MS` such as `100,10` is expected")]
pub struct ShapeError {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A transport whose frames arrive as late as over links of a given [`Shape`].
///
/// Each direction of a link sends one frame after the other; latency comes on top and does not hold up the next frame.
/// Errors and keep-alives are not delayed.
pub struct Shaped<T> {
    inner: Arc<T>,
    links: Vec<ByteQueue<Item>>,
    counters: Mutex<PayloadBytes>,
}

enum Item {
    Frame { frame: Frame, sent: Instant },
    Flush(oneshot::Sender<()>),
}

impl<T: Transport + 'static> Shaped<T> {
    /// Slows down what this party sends over `inner`; the peers do the same with theirs. Counts from now.
    ///
    /// # Panics
    /// Outside a tokio runtime with a clock: the links are tasks on it.
    pub fn new(inner: T, shape: Shape) -> Self {
        let inner = Arc::new(inner);
        let link = |peer| {
            let (link, items) = ByteQueue::new(QUEUE_BYTES);
            tokio::spawn(carry(inner.clone(), peer, shape, items));
            link
        };
        let links = (0..inner.parties()).map(|p| link(Party(p))).collect();
        Shaped { counters: Mutex::new(PayloadBytes::new(inner.parties())), links, inner }
    }

    /// The transport beneath.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    fn counters(&self) -> MutexGuard<'_, PayloadBytes> {
        self.counters.lock().expect("invariant: nothing panics while it holds the lock")
    }
}

/// What may be under way on one link.
const QUEUE_BYTES: usize = 256 << 20;

async fn carry<T: Transport>(inner: Arc<T>, peer: Party, shape: Shape, mut items: Items<Item>) {
    let mut free = Instant::now();
    while let Some((item, _room)) = items.recv().await {
        match item {
            Item::Frame { frame, sent } => {
                free = free.max(sent) + shape.transmission(frame.payload.len());
                tokio::select! {
                    biased;
                    _ = inner.failed() => return,
                    () = wait_until(free + shape.latency) => {}
                }
                // The sender gets the error at its next call.
                if inner.send(peer, frame).await.is_err() {
                    return;
                }
            }
            // Whoever flushes may have gone.
            Item::Flush(done) => drop(done.send(())),
        }
    }
}

/// Waits as precisely as the system can: tokio's timer counts whole milliseconds and rounds up, which would make 1.4 ms of 0.3 ms.
async fn wait_until(deadline: Instant) {
    if let Some(early) = deadline.checked_sub(COARSE) {
        sleep_until(early).await;
    }
    let rest = deadline.saturating_duration_since(Instant::now());
    if !rest.is_zero() {
        // A runtime that shuts down takes no more tasks, and waits for none.
        let _ = tokio::task::spawn_blocking(move || std::thread::sleep(rest.min(COARSE))).await;
    }
    // Where tokio's clock stands still, it has yet to jump.
    if Instant::now() < deadline {
        sleep_until(deadline).await;
    }
}

/// By how much tokio's timer may be late.
const COARSE: Duration = Duration::from_millis(2);

#[async_trait]
impl<T: Transport + 'static> Transport for Shaped<T> {
    fn me(&self) -> Party {
        self.inner.me()
    }

    fn names(&self) -> &[String] {
        self.inner.names()
    }

    async fn send(&self, to: Party, frame: Frame) -> Result<(), NetError> {
        if to == self.me() || to.0 >= self.parties() {
            return self.inner.send(to, frame).await;
        }
        self.counters().sent(to, frame.tag, frame.depth, frame.payload.len());
        let bytes = frame.payload.len();
        self.links[to.0].send(Item::Frame { frame, sent: Instant::now() }, bytes, self.inner.failed()).await
    }

    async fn recv(&self, from: Party, tag: Tag) -> Result<Frame, NetError> {
        let frame = self.inner.recv(from, tag).await?;
        self.counters().saw(frame.depth);
        Ok(frame)
    }

    fn payload_bytes(&self) -> PayloadBytes {
        self.counters().clone()
    }

    fn seed_with(&self, peer: Party) -> [u8; 32] {
        self.inner.seed_with(peer)
    }

    fn abort(&self, error: NetError) -> NetError {
        self.inner.abort(error)
    }

    async fn failed(&self) -> NetError {
        self.inner.failed().await
    }

    async fn close(&self) -> Result<(), NetError> {
        for link in &self.links {
            let (done, flushed) = oneshot::channel();
            link.push(Item::Flush(done));
            // A link that has gone has failed with the transport, which says so itself.
            let _ = flushed.await;
        }
        self.inner.close().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read() {
        assert_eq!("lan".parse(), Ok(Shape::LAN));
        assert_eq!("wan".parse(), Ok(Shape::WAN));
        assert_eq!("377,0.3".parse(), Ok(Shape::LAN));
        assert_eq!("40, 40".parse(), Ok(Shape::WAN));
        for (text, message) in [
            ("", "`` is no network: there is no comma; `lan`, `wan` or `MBPS,MS` such as `100,10` is expected"),
            ("dsl", "there is no comma"),
            ("fast,1", "the speed is no number"),
            ("1,2,3", "the latency is no number"),
            ("0,1", "the speed is not between"),
            ("-5,1", "the speed is not between"),
            ("inf,1", "the speed is not between"),
            ("NaN,1", "the speed is not between"),
            ("1,-1", "the latency is not between"),
            ("1,NaN", "the latency is not between"),
        ] {
            let error = text.parse::<Shape>().expect_err(text).to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
