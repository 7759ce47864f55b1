//! `hlil-infer-scales`: each tensor gets as many fraction bits as make its elements equally precise.
//!
//! With one scale for all, a tensor of thousands has more digits than its user has use for, and a filter of hundredths has few. What a
//! product is off by is the step of each factor times the magnitude of the other, so for a given sum of fraction bits it is least where
//! both have the same number of significant bits. The pass gives a tensor of mean magnitude 2^m `scale - m` fraction bits: the base scale is
//! what a tensor of mean magnitude 1 has.
//!
//! - Values that are added, chosen from or moved have the fraction bits of one family, so that nothing is shifted to and fro; the largest
//!   mean magnitude in it counts.
//! - What a smooth function takes or gives has the base scale: there the absolute error counts.
//! - Products that meet in a sum or a concatenation are to have the same fraction bits before their ScaleDown, so that these can be merged:
//!   the weights of the others give up what they have more than the least.
//!
//! The annotation `frac` says what was found, and `hlil-to-llil` obeys it. A value without a mean magnitude has the base scale. Weights are
//! read for their mean magnitude; its power of two is public with the scales.

mod families;
mod meetings;

use treville_hlil::{Hlil, Scalar, Weights, WeightsError};
use treville_ir::{ArgKind, Attr, Diagnostic, Func, ValueId};

use crate::analysis::mean;
use crate::{Domain, Example, Level, Module, Options, Pass};
use families::Families;

/// The pass.
pub static PASS: Pass = Pass {
    name: "hlil-infer-scales",
    summary: "gives each tensor the fraction bits that make all tensors equally precise",
    takes: &[Level::Hlil],
    domain: Domain::Real,
    example: Example { before: include_str!("before.mlir"), after: include_str!("after.mlir") },
    run,
};

fn run(module: Module, options: &Options) -> Result<Module, Vec<Diagnostic>> {
    let Module::Hlil(mut func, weights) = module else { return Ok(module) };
    let scales = Scales::balanced(&func, &weights).map_err(|e| vec![Diagnostic::error("E0411", e.to_string())])?;
    scales.annotate(&mut func, options.scale);
    Ok(Module::Hlil(func, weights))
}

/// How many fraction bits each value has above or below a base scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scales {
    /// By value; none for integers, and for what has the base scale for want of anything better.
    offsets: Vec<Option<i32>>,
}

impl Scales {
    /// The most fraction bits by which a value departs from the base scale.
    const MOST: i32 = 12;

    /// The scales under which all tensors are equally precise.
    ///
    /// # Errors
    /// A weight that cannot be had.
    pub fn balanced(func: &Func<Hlil>, weights: &Weights) -> Result<Self, WeightsError> {
        let mut families = Families::of(func);
        let mut offsets = vec![None; func.values().len()];
        for (value, _) in func.values().filter(|(_, value)| value.ty.elem.scalar == Scalar::F32) {
            offsets[value.index()] = families.mean(value).map(offset);
        }
        for (value, arg) in func.args().filter(|(_, arg)| arg.kind == ArgKind::Weight) {
            let tensor = weights.get(&arg.name)?;
            let sum: f64 = tensor.iter().map(|v| f64::from(v.abs())).sum();
            offsets[value.index()] = Some(offset(sum / tensor.len().max(1) as f64));
        }
        meetings::align(func, &mut offsets);
        Ok(Self { offsets })
    }

    /// Annotates each value with its fraction bits above a base scale.
    ///
    /// # Panics
    /// Where the scales are of another function.
    pub fn annotate(&self, func: &mut Func<Hlil>, scale: u8) {
        assert_eq!(func.values().len(), self.offsets.len(), "scales of another function");
        func.clear_annotation(KEY);
        let values: Vec<ValueId> = func.values().map(|(value, _)| value).collect();
        for (value, offset) in values.into_iter().zip(&self.offsets) {
            if let Some(offset) = offset {
                let frac = (i32::from(scale) + offset).max(1);
                func.annotate(value, KEY, Attr::Int(frac.into()));
            }
        }
    }
}

const KEY: &str = "frac";

/// The fraction bits that a value is annotated with.
pub fn frac_of(func: &Func<Hlil>, value: ValueId) -> Option<u8> {
    func.annotation(value, KEY).and_then(Attr::as_int).and_then(|frac| u8::try_from(frac).ok())
}

/// The fraction bits beyond the base scale of a tensor of this mean magnitude.
fn offset(mean: f64) -> i32 {
    if mean > 0.0 { (-mean.log2().round() as i32).clamp(-Scales::MOST, Scales::MOST) } else { 0 }
}
