//! The pass table: every pass by name, with what it takes and an example that a test runs.

use treville_ir::Diagnostic;
use treville_llil::RoundingMode;
use treville_ring::RingBits;

use crate::{Level, Module, Network, Prices};

/// A pass: a pure function of module and options.
#[derive(Debug)]
pub struct Pass {
    /// The name in pipelines, a verb phrase in kebab case.
    pub name: &'static str,
    /// One line on what it does.
    pub summary: &'static str,
    /// The dialects that it takes.
    pub takes: &'static [Level],
    /// Where its rewrites are identities: of the reals, or of the ring.
    pub domain: Domain,
    /// A module before and after it, as text.
    pub example: Example,
    /// The pass.
    pub run: fn(Module, &Options) -> Result<Module, Vec<Diagnostic>>,
}

/// Where a rewrite is an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// Over the reals; results differ by roundings.
    Real,
    /// Bit for bit in the ring (and in f32, for HLIL), under the same roundings.
    RingExact,
}

impl Domain {
    /// The name in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::RingExact => "ring-exact",
        }
    }
}

/// A module before and after a pass.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Before.
    pub before: &'static str,
    /// After, under the default options.
    pub after: &'static str,
}

/// What passes can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Fraction bits of values, inputs and weights.
    pub scale: u8,
    /// The ring of all values.
    pub ring: RingBits,
    /// The rounding of every ScaleDown.
    pub rounding: RoundingMode,
    /// Bits left of the point that a comparison must keep where no range is known.
    pub headroom_bits: u8,
    /// What the backend asks for a program; passes that choose by price do nothing without.
    pub prices: Option<Prices>,
    /// The network that rounds and bytes are weighed on.
    pub network: Network,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scale: 12,
            ring: RingBits::FULL,
            rounding: RoundingMode::Exact,
            headroom_bits: 10,
            prices: None,
            network: Network::LAN,
        }
    }
}

/// All passes, in the order in which the standard pipelines use them first.
pub static PASSES: &[&Pass] = &[
    &crate::canonicalize::PASS,
    &crate::hlil_defer_softmax::PASS,
    &crate::hlil_expand_quotients::PASS,
    &crate::hlil_fold_batch_norm::PASS,
    &crate::hlil_fold_constants::PASS,
    &crate::hlil_saturate::PASS,
    &crate::dce::PASS,
    &crate::hlil_infer_scales::PASS,
    &crate::hlil_to_llil::PASS,
    &crate::llil_lazy_scale_down::PASS,
    &crate::llil_schedule_rounds::PASS,
    &crate::llil_liveness::PASS,
];

/// A named sequence of passes.
#[derive(Clone, Copy, Debug)]
pub struct Pipeline {
    /// Its name, which may stand wherever a pass's name may.
    pub name: &'static str,
    /// One line on what it is for.
    pub summary: &'static str,
    /// The names of its passes.
    pub passes: &'static [&'static str],
}

/// The standard pipelines.
pub static PIPELINES: &[Pipeline] = &[
    Pipeline {
        name: "hlil-default",
        summary: "everything that is done to a real-valued program",
        passes: &[
            "canonicalize",
            "hlil-defer-softmax",
            "hlil-expand-quotients",
            "hlil-fold-batch-norm",
            "hlil-fold-constants",
            "canonicalize",
            "hlil-saturate",
            "hlil-fold-constants",
            "dce",
        ],
    },
    Pipeline {
        name: "llil-default",
        summary: "everything that is done to a fixed-point program",
        passes: &["llil-lazy-scale-down", "dce", "llil-schedule-rounds", "llil-liveness"],
    },
];

/// The pass of this name.
pub fn pass(name: &str) -> Option<&'static Pass> {
    PASSES.iter().copied().find(|pass| pass.name == name)
}

/// The passes that a comma-separated list names, with pipelines spelled out.
///
/// # Errors
/// A diagnostic for each name that there is not.
pub fn resolve(names: &str) -> Result<Vec<&'static Pass>, Vec<Diagnostic>> {
    let mut passes = Vec::new();
    let mut faults = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match (PIPELINES.iter().find(|pipeline| pipeline.name == name), pass(name)) {
            (Some(pipeline), _) => passes.extend(pipeline.passes.iter().filter_map(|name| pass(name))),
            (None, Some(pass)) => passes.push(pass),
            (None, None) => faults.push(unknown(name)),
        }
    }
    if faults.is_empty() { Ok(passes) } else { Err(faults) }
}

fn unknown(name: &str) -> Diagnostic {
    let known = PIPELINES.iter().map(|pipeline| pipeline.name).chain(PASSES.iter().map(|pass| pass.name));
    Diagnostic::error("E0501", format!("there is no pass `{name}`"))
        .with_help(format!("there are {}", known.collect::<Vec<_>>().join(", ")))
}
