//! The inner loops of products mod 2^64, one module an instruction set, chosen at run time. All give identical results.
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

use std::sync::OnceLock;

pub(crate) use panel::Panel;

/// An implementation of the products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Plain Rust, on every machine.
    Scalar,
    /// AVX2: 64-bit products of 32-bit halves.
    Avx2,
    /// AVX-512F and DQ: the 64-bit multiplier. The best where it runs at full rate (AMD since Zen 4).
    Avx512,
    /// AVX-512 IFMA and VNNI: 64-bit products of 52-bit ones. The best where the 64-bit multiplier is slow (Intel).
    Avx512Ifma,
}

impl Kernel {
    /// All of them, the portable one first.
    pub const ALL: [Kernel; 4] = [Kernel::Scalar, Kernel::Avx2, Kernel::Avx512, Kernel::Avx512Ifma];

    /// Whether this machine can run it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        match self {
            Kernel::Scalar => true,
            Kernel::Avx2 => is_x86_feature_detected!("avx2"),
            Kernel::Avx512 => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq"),
            Kernel::Avx512Ifma => {
                Kernel::Avx512.is_available()
                    && is_x86_feature_detected!("avx512ifma")
                    && is_x86_feature_detected!("avx512vnni")
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        return self == Kernel::Scalar;
    }

    /// The fastest one on this machine.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| {
            let fast_multiplier = has_fast_wide_multiplier() && Kernel::Avx512.is_available();
            let by_speed = [Kernel::Avx512Ifma, Kernel::Avx512, Kernel::Avx2];
            let best = by_speed.into_iter().find(|kernel| kernel.is_available()).unwrap_or(Kernel::Scalar);
            if fast_multiplier { Kernel::Avx512 } else { best }
        })
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
            Kernel::Avx512 => avx512::LOOPS,
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512Ifma => avx512_ifma::LOOPS,
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
pub(crate) const MAX_TILE: usize = 8 * 24;

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
