//! Three parties over memory with fixed seeds, and edge-weighted values.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a module of several test binaries, each of which uses a part of it"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use treville_net::{Frame, MemoryTransport, NetError, Party, PayloadBytes, Tag, Transport};
use treville_porthos::{CLIENT, Porthos, SERVER};
use treville_protocol::simulate::Simulation;
use treville_protocol::{Protocol, ProtocolError, Result};
use treville_ring::{RingTensor, tensor};

pub use treville_protocol::{Exec, Session, Value};

pub const BOTH: &[Party] = &[CLIENT, SERVER];

pub fn three_parties<T: Send>(seed: u8, program: impl AsyncFn(Party, Session) -> Result<T> + Sync) -> Result<Vec<T>> {
    three_parties_of::<Porthos, T>(seed, program)
}

/// As [`three_parties`], with a backend of the caller's choice.
pub fn three_parties_of<P: Protocol, T: Send>(
    seed: u8,
    program: impl AsyncFn(Party, Session) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    Simulation::seeded(seed).run::<P, _, _>(program)
}

/// The value that `owner` knows, as `input` wants it.
pub async fn input(exec: &Exec<'_>, op: u32, me: Party, owner: Party, value: &RingTensor) -> Result<Value> {
    exec.input(op, owner, value.shape(), (me == owner).then(|| value.clone())).await
}

/// Shares the tensors (from client and server in turn), runs `body` on them, and opens what it returns.
///
/// Operations 0..100 are inputs, 100.. belong to the body, 1000 opens the result.
pub fn compute(
    seed: u8,
    inputs: &[&RingTensor],
    body: impl AsyncFn(&Exec<'_>, &[Value]) -> Result<Value> + Sync,
) -> Result<RingTensor> {
    let mut results = three_parties(seed, async |me, session| {
        let exec = session.inference(0);
        let mut values = Vec::new();
        for (i, x) in inputs.iter().enumerate() {
            values.push(input(&exec, i as u32, me, BOTH[i % 2], x).await?);
        }
        exec.reveal(1000, &body(&exec, &values).await?, BOTH).await
    })?;
    assert_eq!(results[0], results[1]);
    assert_eq!(results[2], None);
    Ok(results.remove(0).expect("the client is a receiver"))
}

/// A generator for tests (splitmix64).
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// |x| < 2^bits: an edge in one case of four, else of a uniform bit length.
    pub fn signed(&mut self, bits: u32) -> i64 {
        let limit = ((1u64 << bits) - 1) as i64;
        let magnitude = match self.next() % 8 {
            0 => [0, 1, 2, limit, limit - 1][self.next() as usize % 5],
            1 => {
                let power = 1i64 << (self.next() % u64::from(bits));
                power.wrapping_sub((self.next() % 3) as i64).wrapping_add(1)
            }
            _ => (self.next() >> (self.next() % 64)) as i64,
        };
        let value = magnitude & limit;
        if self.next() & 1 == 0 { value } else { -value }
    }

    pub fn tensor(&mut self, shape: &[usize], bits: u32) -> RingTensor {
        tensor::from_vec(shape, (0..shape.iter().product()).map(|_| self.signed(bits) as u64).collect())
    }
}

pub fn signed(x: &RingTensor) -> Vec<i64> {
    x.iter().map(|&v| v as i64).collect()
}

pub fn vector(values: impl IntoIterator<Item = i64>) -> RingTensor {
    let values: Vec<u64> = values.into_iter().map(|v| v as u64).collect();
    tensor::from_vec(&[values.len()], values)
}

pub fn is_unsupported<T>(result: &Result<T>) -> bool {
    matches!(result, Err(ProtocolError::Unsupported { .. }))
}

/// A message as it was sent.
#[derive(Clone, Debug)]
pub struct Message {
    pub from: Party,
    pub to: Party,
    pub tag: Tag,
    pub payload: Bytes,
}

/// A transport that notes what its party sends, after `alter` has had its way with it, and hands out what it receives later than it came.
pub struct Tap {
    inner: MemoryTransport,
    log: Arc<Mutex<Vec<Message>>>,
    alter: fn(&mut Message),
    latency: Duration,
}

impl Tap {
    /// Wraps transports; all note in the same log.
    pub fn wrap(
        log: &Arc<Mutex<Vec<Message>>>,
        alter: fn(&mut Message),
    ) -> impl Fn(MemoryTransport) -> Arc<dyn Transport> + Sync {
        move |inner| Arc::new(Tap { inner, log: log.clone(), alter, latency: Duration::ZERO })
    }

    /// Wraps transports with a latency for each party.
    pub fn late(latencies_ms: [u64; 3]) -> impl Fn(MemoryTransport) -> Arc<dyn Transport> + Sync {
        move |inner| {
            let latency = Duration::from_millis(latencies_ms[inner.me().0]);
            Arc::new(Tap { inner, log: Arc::default(), alter: |_| {}, latency })
        }
    }
}

#[async_trait::async_trait]
impl Transport for Tap {
    fn me(&self) -> Party {
        self.inner.me()
    }
    fn names(&self) -> &[String] {
        self.inner.names()
    }
    async fn send(&self, to: Party, frame: Frame) -> std::result::Result<(), NetError> {
        let mut message = Message { from: self.me(), to, tag: frame.tag, payload: frame.payload };
        (self.alter)(&mut message);
        self.log.lock().unwrap().push(message.clone());
        self.inner.send(to, Frame { payload: message.payload, ..frame }).await
    }
    async fn recv(&self, from: Party, tag: Tag) -> std::result::Result<Frame, NetError> {
        let frame = self.inner.recv(from, tag).await?;
        if self.latency > Duration::ZERO {
            tokio::time::sleep(self.latency).await;
        }
        Ok(frame)
    }
    fn payload_bytes(&self) -> PayloadBytes {
        self.inner.payload_bytes()
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
    async fn close(&self) -> std::result::Result<(), NetError> {
        self.inner.close().await
    }
}
