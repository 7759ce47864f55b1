//! What a party holds of a secret.

use std::fmt;

use treville_ring::RingTensor;
use zeroize::Zeroize;

/// One party's part of a secret tensor over Z_2^64: an additive share at client and server, the shape alone at the helper.
#[derive(Clone)]
pub struct Share(Part);

#[derive(Clone)]
enum Part {
    Held(RingTensor),
    Absent(Vec<usize>),
}

impl Share {
    /// A share.
    pub(crate) fn held(words: RingTensor) -> Self {
        debug_assert!(words.is_standard_layout());
        Share(Part::Held(words))
    }

    /// The helper's part.
    pub(crate) fn absent(shape: &[usize]) -> Self {
        Share(Part::Absent(shape.to_vec()))
    }

    /// The shape of the secret.
    pub(crate) fn shape(&self) -> &[usize] {
        match &self.0 {
            Part::Held(words) => words.shape(),
            Part::Absent(shape) => shape,
        }
    }

    /// The number of elements of the secret.
    pub(crate) fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// The share, which a holder always has.
    pub(crate) fn tensor(&self) -> &RingTensor {
        match &self.0 {
            Part::Held(words) => words,
            Part::Absent(_) => unreachable!("invariant: client and server make no absent shares"),
        }
    }

    /// The elements of the share.
    pub(crate) fn words(&self) -> &[u64] {
        self.tensor().as_slice().expect("invariant: shares are in standard layout")
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Part::Held(words) = &mut self.0
            && let Some(words) = words.as_slice_memory_order_mut()
        {
            words.zeroize();
        }
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share(shape {:?}, Z_2^64)", self.shape())
    }
}
