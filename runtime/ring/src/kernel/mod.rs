//! The inner loops of products mod 2^k, one module an instruction set, chosen at run time. All give identical results.
//!
//! A tile kernel multiplies two packed panels: for each depth, `rows` elements of the left operand and `columns` elements of the
//! right one, in the form that it wants (see [`Panel`]).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_ifma;
mod panel;
mod scalar;

use std::sync::LazyLock;

pub(crate) use panel::Panel;

use crate::RingBits;

/// An implementation of the products, exact mod 2^k for all k up to its [`Kernel::ring`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Plain Rust, on every machine.
    Scalar,
    /// AVX2: 64-bit products of 32-bit halves.
    Avx2,
    /// AVX2, mod 2^32: the 32-bit multiplier.
    Avx2Of32,
    /// AVX-512F and DQ: the 64-bit multiplier. The best where it runs at full rate (AMD since Zen 4).
    Avx512,
    /// AVX-512F and DQ, mod 2^32: the 32-bit multiplier.
    Avx512Of32,
    /// AVX-512 IFMA and VNNI: 64-bit products of 52-bit ones. The best where the 64-bit multiplier is slow (Intel).
    Avx512Ifma,
    /// AVX-512 IFMA, mod 2^52: one instruction a product.
    Avx512IfmaOf52,
}

impl Kernel {
    /// All of them, the portable one first.
    pub const ALL: [Kernel; 7] = [
        Kernel::Scalar,
        Kernel::Avx2,
        Kernel::Avx2Of32,
        Kernel::Avx512,
        Kernel::Avx512Of32,
        Kernel::Avx512Ifma,
        Kernel::Avx512IfmaOf52,
    ];

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            Kernel::Scalar => true,
            Kernel::Avx2 | Kernel::Avx2Of32 => is_x86_feature_detected!("avx2"),
            Kernel::Avx512 | Kernel::Avx512Of32 => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")
            }
            Kernel::Avx512Ifma => Kernel::Avx512IfmaOf52.is_available() && is_x86_feature_detected!("avx512vnni"),
            Kernel::Avx512IfmaOf52 => Kernel::Avx512.is_available() && is_x86_feature_detected!("avx512ifma"),
        }
        #[cfg(not(target_arch = "x86_64"))]
        return self == Kernel::Scalar;
    }

    /// The widest ring in which its results are exact.
    pub fn ring(self) -> RingBits {
        match self {
            Kernel::Scalar | Kernel::Avx2 | Kernel::Avx512 | Kernel::Avx512Ifma => RingBits::FULL,
            Kernel::Avx512IfmaOf52 => RingBits::of::<52>(),
            Kernel::Avx2Of32 | Kernel::Avx512Of32 => RingBits::of::<32>(),
        }
    }

    /// The fastest one on this machine that is exact in `ring`.
    pub fn best(ring: RingBits) -> Self {
        static FAST_MULTIPLIER: LazyLock<bool> = LazyLock::new(has_fast_wide_multiplier);
        let narrow = [Kernel::Avx512Of32, Kernel::Avx512IfmaOf52];
        let wide =
            if *FAST_MULTIPLIER { [Kernel::Avx512, Kernel::Avx512Ifma] } else { [Kernel::Avx512Ifma, Kernel::Avx512] };
        let by_speed = narrow.into_iter().chain(wide).chain([Kernel::Avx2Of32, Kernel::Avx2]);
        let mut fit = by_speed.filter(|kernel| ring <= kernel.ring() && kernel.is_available());
        fit.next().unwrap_or(Kernel::Scalar)
    }

    /// The inner loops.
    ///
    /// # Panics
    /// When this machine cannot run them.
    pub(crate) fn loops(self) -> Loops {
        assert!(self.is_available(), "this machine has no {self:?} instructions");
        match self {
            Kernel::Scalar => scalar::LOOPS,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2 => avx2::LOOPS,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2Of32 => avx2::LOOPS_32,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512 => avx512::LOOPS,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Of32 => avx512::LOOPS_32,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Ifma => avx512_ifma::LOOPS,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512IfmaOf52 => avx512_ifma::LOOPS_52,
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("not available on this architecture"),
        }
    }
}

/// The inner loops of one kernel. They exist only inside this module, so that [`Kernel::loops`] has checked the machine.
#[derive(Clone, Copy)]
pub(crate) struct Loops {
    /// Rows of a tile.
    pub(crate) rows: usize,
    /// Columns of a tile.
    pub(crate) columns: usize,
    /// The form of the left panels.
    pub(crate) row_panel: Panel,
    /// The form of the right panels.
    pub(crate) column_panel: Panel,
    tile: unsafe fn(&[u64], &[u64], &mut [u64]),
    dot: unsafe fn(&[u64], &[u64]) -> u64,
    axpy: unsafe fn(&[u64; AXPY], [&[u64]; AXPY], &mut [u64]),
}

/// Vectors that one pass of [`Loops::axpy`] adds.
pub(crate) const AXPY: usize = 4;

/// Elements of the largest tile.
pub(crate) const MAX_TILE: usize = 12 * 32;

impl Loops {
    /// The product of two packed panels, row by row into the first `rows * columns` elements of `out`.
    pub(crate) fn tile(&self, left: &[u64], right: &[u64], out: &mut [u64; MAX_TILE]) {
        // SAFETY: `Kernel::loops` has checked that the machine has the instructions.
        unsafe { (self.tile)(left, right, out) }
    }

    /// The scalar product of two vectors of the same length.
    pub(crate) fn dot(&self, a: &[u64], b: &[u64]) -> u64 {
        // SAFETY: `Kernel::loops` has checked that the machine has the instructions.
        unsafe { (self.dot)(a, b) }
    }

    /// out += sum of factors[i] * vectors[i], all of the same length.
    pub(crate) fn axpy(&self, factors: &[u64; AXPY], vectors: [&[u64]; AXPY], out: &mut [u64]) {
        // SAFETY: `Kernel::loops` has checked that the machine has the instructions.
        unsafe { (self.axpy)(factors, vectors, out) }
    }
}

/// Has the caches fetch what is read or written soon.
pub(crate) fn prefetch(values: &[u64]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(8) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: fetches a line that is readable; the instruction is part of every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Whether the 64-bit vector multiplier does a product per lane in one pass, as AMD's does and Intel's does not.
fn has_fast_wide_multiplier() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        let id = std::arch::x86_64::__cpuid(0);
        [id.ebx, id.edx, id.ecx].map(u32::to_le_bytes).concat() == b"AuthenticAMD"
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}
