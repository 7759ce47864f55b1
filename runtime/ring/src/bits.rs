//! The width of a ring.

/// The k of Z_2^k, between 1 and 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingBits(u8);

/// A ring width outside 1..=64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ring has 1 to 64 bits, not {bits}")]
pub struct RingBitsError {
    /// The width that was asked for.
    pub bits: u64,
}

impl RingBits {
    /// Z_2^64, where the arithmetic of the machine is the arithmetic of the ring.
    pub const FULL: RingBits = RingBits::of::<64>();

    /// The ring of `bits` bits.
    pub fn new(bits: u8) -> Result<Self, RingBitsError> {
        if (1..=64).contains(&bits) { Ok(Self(bits)) } else { Err(RingBitsError { bits: bits.into() }) }
    }

    /// The ring of `K` bits, checked when the program is built.
    pub const fn of<const K: u8>() -> Self {
        const { assert!(1 <= K && K <= 64, "a ring has 1 to 64 bits") };
        Self(K)
    }

    /// k.
    pub fn get(self) -> u8 {
        self.0
    }

    /// 2^k - 1.
    pub fn mask(self) -> u64 {
        u64::MAX >> (64 - self.0)
    }

    /// `value` mod 2^k.
    pub fn wrap(self, value: u64) -> u64 {
        value & self.mask()
    }

    /// The representative of `value` mod 2^k in -2^(k-1) .. 2^(k-1).
    pub fn to_signed(self, value: u64) -> i64 {
        let unused = 64 - self.0;
        ((value << unused) as i64) >> unused
    }
}

impl std::fmt::Display for RingBits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_checked() {
        assert!(RingBits::new(0).is_err());
        assert!(RingBits::new(65).is_err());
        assert_eq!(RingBits::new(64).unwrap(), RingBits::FULL);
    }

    #[test]
    fn signed_values_wrap_at_the_width() {
        let ring = RingBits::new(5).unwrap();
        assert_eq!(ring.mask(), 31);
        assert_eq!(ring.wrap(33), 1);
        assert_eq!(ring.to_signed(15), 15);
        assert_eq!(ring.to_signed(16), -16);
        assert_eq!(ring.to_signed(31), -1);
        assert_eq!(RingBits::FULL.to_signed(u64::MAX), -1);
        assert_eq!(RingBits::new(1).unwrap().to_signed(1), -1);
    }
}
