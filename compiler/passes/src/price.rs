//! What a program costs, as passes see it. The backend declares it; whoever runs the passes brings it along.

use std::fmt::{Debug, Formatter, Result as FmtResult};
use std::ops::Sub;
use std::sync::Arc;

use treville_ir::{Diagnostic, Func, Op, ValueId};
use treville_llil::Llil;

/// What one inference costs in a session of its own, set-up included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Payload bytes, summed over all links.
    pub bytes: u64,
    /// The longest chain of dependent messages.
    pub rounds: u32,
    /// Multiplications in the ring that one party does, at least.
    pub multiplications: u64,
}

impl Sub for Price {
    type Output = Price;

    /// What is saved by paying `other` instead; nothing where that is more.
    fn sub(self, other: Self) -> Self {
        Price {
            bytes: self.bytes.saturating_sub(other.bytes),
            rounds: self.rounds.saturating_sub(other.rounds),
            multiplications: self.multiplications.saturating_sub(other.multiplications),
        }
    }
}

/// A network and the machines on it: what turns a price into time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Bytes that a link carries a second.
    pub bytes_per_second: u64,
    /// How long a message travels.
    pub latency_us: u64,
}

impl Network {
    /// 377 MB/s and 0.3 ms: the LAN of the papers.
    pub const LAN: Self = Self { bytes_per_second: 377_000_000, latency_us: 300 };
    /// 40 MB/s and 40 ms: the WAN of the papers.
    pub const WAN: Self = Self { bytes_per_second: 40_000_000, latency_us: 40_000 };

    /// Links that carry traffic at once: one between each pair of three parties.
    const LINKS: f64 = 3.0;

    /// Ring multiplications that a party does a second, on two cores.
    const MULTIPLICATIONS_PER_SECOND: f64 = 20e9;

    /// Seconds that a price takes: all rounds one after the other, all bytes over three links, and computing.
    pub fn seconds(&self, price: Price) -> f64 {
        f64::from(price.rounds) * self.latency_us as f64 * 1e-6
            + price.bytes as f64 / (Self::LINKS * self.bytes_per_second as f64)
            + price.multiplications as f64 / Self::MULTIPLICATIONS_PER_SECOND
    }
}

/// The multiplications of a program's products, once each.
pub fn multiplications(func: &Func<Llil>) -> u64 {
    func.ops().map(|(_, op)| multiplications_of(func, op)).sum()
}

/// The multiplications of one op.
pub fn multiplications_of(func: &Func<Llil>, op: &Op<Llil>) -> u64 {
    let elements = |value| func.ty(value).elements() as u64;
    let (x, w, y) = (op.operands.first(), op.operands.get(1), op.results[0]);
    let shape = |value: Option<&ValueId>| value.map(|&v| func.ty(v).shape.as_slice()).unwrap_or_default();
    let depth = match op.def.mnemonic {
        "matmul" => shape(x).last().copied().unwrap_or(1) as u64,
        "conv" => shape(w).iter().skip(1).product::<usize>() as u64,
        // Each element of the operand meets the filter's elements of its channel.
        "conv_transpose" => {
            return x.map_or(0, |&x| elements(x)) * shape(w).iter().skip(1).product::<usize>() as u64;
        }
        "mul" => 1,
        _ => 0,
    };
    elements(y) * depth
}

/// A backend's price of a fixed-point program.
#[derive(Clone)]
pub struct Prices {
    backend: &'static str,
    price: Arc<PriceFn>,
}

/// Prices a program, of which nothing but types and operations matters.
pub type PriceFn = dyn Fn(&Func<Llil>) -> Result<Price, Diagnostic> + Send + Sync;

impl Prices {
    /// The prices of the backend of this name.
    pub fn new(backend: &'static str, price: Arc<PriceFn>) -> Self {
        Self { backend, price }
    }

    /// The backend's name.
    pub fn backend(&self) -> &'static str {
        self.backend
    }

    /// The price of a program.
    ///
    /// # Errors
    /// What the backend has no protocol for.
    pub fn of(&self, func: &Func<Llil>) -> Result<Price, Diagnostic> {
        (self.price)(func)
    }
}

impl Debug for Prices {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.debug_tuple("Prices").field(&self.backend).finish()
    }
}

/// By the backend's name.
impl PartialEq for Prices {
    fn eq(&self, other: &Self) -> bool {
        self.backend == other.backend
    }
}

impl Eq for Prices {}
