//! Declared costs: payload bytes of each link and dependent rounds of each call.

use std::collections::BTreeMap;
use std::ops::{Add, AddAssign};

use treville_net::Party;

use crate::select::{Segments, level_sizes};
use crate::{Bilinear, Selection};

/// Payload bytes by (sender, receiver).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic(BTreeMap<(Party, Party), u64>);

impl Traffic {
    /// Traffic on some links; a link may occur more than once.
    pub fn new(links: impl IntoIterator<Item = (Party, Party, u64)>) -> Self {
        let mut traffic = Traffic::default();
        links.into_iter().for_each(|(from, to, bytes)| traffic.add(from, to, bytes));
        traffic
    }

    /// Counts `bytes` more on one link.
    pub fn add(&mut self, from: Party, to: Party, bytes: u64) {
        if bytes > 0 {
            *self.0.entry((from, to)).or_default() += bytes;
        }
    }

    /// The sum over all links.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// What one party sends.
    pub fn sent_by(&self, party: Party) -> u64 {
        self.0.iter().filter(|((from, _), _)| *from == party).map(|(_, b)| b).sum()
    }

    /// All links with traffic, in order.
    pub fn links(&self) -> impl Iterator<Item = (Party, Party, u64)> + '_ {
        self.0.iter().map(|(&(from, to), &bytes)| (from, to, bytes))
    }
}

impl AddAssign<&Traffic> for Traffic {
    fn add_assign(&mut self, other: &Traffic) {
        other.links().for_each(|(from, to, bytes)| self.add(from, to, bytes));
    }
}

/// What a call costs when it follows everything before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// The length of the longest chain of dependent messages.
    pub rounds: u32,
    /// Bytes that depend on the inputs' presence.
    pub online: Traffic,
    /// Bytes that could be sent before the inputs are known, in a backend with a separate offline phase.
    pub offline: Traffic,
}

impl Cost {
    /// A cost without an offline phase.
    pub fn online(rounds: u32, links: impl IntoIterator<Item = (Party, Party, u64)>) -> Self {
        Cost { rounds, online: Traffic::new(links), offline: Traffic::default() }
    }

    /// All bytes of all links.
    pub fn bytes(&self) -> u64 {
        self.online.total() + self.offline.total()
    }
}

impl Add for Cost {
    type Output = Cost;

    /// The cost of one call after another.
    fn add(mut self, other: Cost) -> Cost {
        self.rounds += other.rounds;
        self.online += &other.online;
        self.offline += &other.offline;
        self
    }
}

/// A primitive call with the numbers of elements that its cost depends on.
#[derive(Clone, Debug, PartialEq)]
pub enum Call<'a> {
    /// [`crate::Protocol::input`] of `n` elements.
    Input {
        /// Who knows the tensor.
        owner: Party,
        /// Elements.
        n: usize,
    },
    /// [`crate::Protocol::reveal`] of `n` elements.
    Reveal {
        /// Elements.
        n: usize,
        /// Who learns them.
        to: &'a [Party],
    },
    /// [`crate::Protocol::prepare`] of `n` elements.
    Prepare {
        /// Elements of the second operand.
        n: usize,
    },
    /// [`crate::Protocol::bilinear`].
    Bilinear {
        /// Elements of the first operand, as [`Costs::masked_elements`] counts them.
        x: usize,
        /// Elements of the result.
        y: usize,
    },
    /// [`crate::Protocol::mul`] of `n` elements.
    Mul {
        /// Elements.
        n: usize,
    },
    /// [`crate::Protocol::scale_down`] of `n` elements.
    ScaleDown {
        /// Elements.
        n: usize,
    },
    /// [`crate::Protocol::drelu`] of `n` elements.
    DRelu {
        /// Elements.
        n: usize,
    },
    /// [`crate::Protocol::bits_to_ring`] of `n` elements. The default body costs what [`Call::Mux`] does.
    BitsToRing {
        /// Elements.
        n: usize,
    },
    /// [`crate::Protocol::mux`] of `k` tensors of `n` elements.
    Mux {
        /// Elements of each tensor.
        n: usize,
        /// Tensors under the same bits.
        k: usize,
    },
}

/// A backend's price list.
pub trait Costs {
    /// The cost of a primitive.
    fn primitive(&self, call: &Call<'_>) -> Cost;

    /// The cost of [`crate::Protocol::relu`].
    fn relu(&self, n: usize) -> Cost {
        self.primitive(&Call::DRelu { n }) + self.primitive(&Call::Mux { n, k: 1 })
    }

    /// The elements of a product's first operand as it is masked: what [`Call::Bilinear`] counts.
    fn masked_elements(&self, _: &Bilinear, x: &[usize], _: &[usize], _: &[usize]) -> usize {
        x.iter().product()
    }

    /// The ring elements that a party keeps for a second operand of `n` elements that was made ready; the most that a party does.
    fn prepared_elements(&self, n: usize) -> usize {
        n
    }
}

/// The cost of max pooling or arg max over `segments` with the default bodies.
pub fn max_tree_cost(costs: &dyn Costs, segments: &Segments, selection: Selection) -> Cost {
    let k = match selection {
        Selection::Value => 1,
        Selection::Index | Selection::ValueWithIndex => 2,
    };
    level_sizes(segments.members.iter().map(Vec::len))
        .into_iter()
        .map(|n| n * segments.n_planes)
        .map(|n| costs.primitive(&Call::DRelu { n }) + costs.primitive(&Call::Mux { n, k }))
        .fold(Cost::default(), Add::add)
}
