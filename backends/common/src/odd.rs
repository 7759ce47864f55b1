//! The ring Z_(2^64 - 1), in which doubling moves the top bit to the bottom. Elements are canonical: below `u64::MAX`.

/// The representative of `a` below the modulus.
pub(crate) fn canonical(a: u64) -> u64 {
    a.wrapping_add(u64::from(a == u64::MAX))
}

/// a + b. One end-around carry at most, since both are canonical.
pub(crate) fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    canonical(sum.wrapping_add(u64::from(carry)))
}

/// -a.
pub(crate) fn neg(a: u64) -> u64 {
    canonical(!a)
}

/// a - b.
pub(crate) fn sub(a: u64, b: u64) -> u64 {
    add(a, neg(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_wide_arithmetic_at_the_edges() {
        const M: u128 = u64::MAX as u128;
        let edges = [0, 1, 2, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 2, u64::MAX - 1];
        for a in edges {
            assert_eq!(u128::from(neg(a)), (M - u128::from(a)) % M);
            for b in edges {
                assert_eq!(u128::from(add(a, b)), (u128::from(a) + u128::from(b)) % M, "{a} + {b}");
                assert_eq!(u128::from(sub(a, b)), (u128::from(a) + M - u128::from(b)) % M, "{a} - {b}");
            }
        }
        assert_eq!(canonical(u64::MAX), 0);
    }
}
