//! The samples that ranges and scale are found on.

use indexmap::IndexMap;
use treville_hlil::{Scalar, Tensor, TensorType};
use treville_passes::analysis::range::Range;
use treville_ring::tensor::from_vec;

use crate::cli::ModelArgs;
use crate::failure::Failure;
use crate::model::{Model, Samples};
use crate::work;

/// Samples are drawn from this range where there is no data and no `--input-range`.
const DEFAULT_RANGE: (f32, f32) = (-4.0, 4.0);

/// How many samples are drawn, unless that were more work than [`DRAWN_WORK`].
const DRAWN_SAMPLES: u64 = 32;

/// How many multiply-accumulates the drawn samples may take, half a minute on a small machine; two are drawn in any case.
const DRAWN_WORK: u64 = 1 << 37;

/// Samples, and where they come from.
pub(crate) struct Calibration {
    /// The samples.
    pub(crate) samples: Samples,
    /// Where they come from, as the summary says it.
    pub(crate) origin: String,
}

impl Calibration {
    /// The samples of `--calibrate`, else `default`, else seeded ones from the inputs' ranges.
    ///
    /// # Errors
    /// Exit code 2 for data or ranges that do not fit the model.
    pub(crate) fn choose(model: &Model, args: &ModelArgs, default: Option<Samples>) -> Result<Self, Failure> {
        match (&args.calibrate, default) {
            (Some(path), _) => {
                let origin = format!("the samples in {}", path.file_name().unwrap_or_default().to_string_lossy());
                Ok(Calibration { samples: Samples::read(path, model)?, origin })
            }
            (None, Some(samples)) => Ok(Calibration { samples, origin: "the first samples of the data".into() }),
            (None, None) => Self::draw(model, args),
        }
    }

    /// Seeded samples from the inputs' ranges.
    fn draw(model: &Model, args: &ModelArgs) -> Result<Self, Failure> {
        let inputs: Vec<(&str, &TensorType)> = model.input_types().collect();
        let given = input_ranges(&inputs, args)?;
        let range = |name: &str| given.get(name).copied().unwrap_or(DEFAULT_RANGE);
        let mut state = 0x7472_6576_696c_6c65_u64;
        let mut next = |(low, high): (f32, f32)| {
            // Marsaglia's xorshift64*: any fixed sequence will do.
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            let unit = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1u64 << 24) as f32;
            low + unit * (high - low)
        };
        let mut samples = Samples::default();
        let n_samples = (DRAWN_WORK / work::total(&model.func).max(1)).clamp(2, DRAWN_SAMPLES);
        for _ in 0..n_samples {
            let sample = inputs.iter().map(|(name, ty)| {
                let values: Vec<f32> = (0..ty.elements()).map(|_| next(range(name))).collect();
                let tensor = match ty.elem.scalar {
                    Scalar::F32 => Tensor::F32(from_vec(&ty.shape, values)),
                    Scalar::I64 => Tensor::I64(from_vec(&ty.shape, values.iter().map(|v| v.round() as i64).collect())),
                };
                (name.to_string(), tensor)
            });
            samples.inputs.push(sample.collect());
        }
        let said: Vec<String> =
            inputs.iter().map(|(name, _)| (name, range(name))).map(|(n, (l, h))| format!("{n}={l}:{h}")).collect();
        let origin = format!(
            "seeded inputs drawn from {}; give real ones with --calibrate, or their range with --input-range",
            said.join(", ")
        );
        Ok(Calibration { samples, origin })
    }
}

/// The ranges that the inputs are said to have, [`DEFAULT_RANGE`] where nothing is said.
///
/// # Errors
/// Exit code 2 for ranges that do not fit the model.
pub(crate) fn declared_ranges(model: &Model, args: &ModelArgs) -> Result<IndexMap<String, Range>, Failure> {
    let inputs: Vec<(&str, &TensorType)> = model.input_types().collect();
    let given = input_ranges(&inputs, args)?;
    let range = |name: &str| given.get(name).copied().unwrap_or(DEFAULT_RANGE);
    let ranges = inputs.iter().map(|(name, _)| (name.to_string(), range(name)));
    Ok(ranges.map(|(name, (low, high))| (name, Range { low: low.into(), high: high.into() })).collect())
}

/// What `--input-range` says, by input.
fn input_ranges(inputs: &[(&str, &TensorType)], args: &ModelArgs) -> Result<IndexMap<String, (f32, f32)>, Failure> {
    let mut ranges = IndexMap::new();
    for text in &args.input_range {
        let parsed = text.rsplit_once('=').and_then(|(name, range)| {
            let (low, high) = range.split_once(':')?;
            Some((name.to_string(), (low.parse::<f32>().ok()?, high.parse::<f32>().ok()?)))
        });
        let (name, range) = parsed
            .filter(|(_, (l, h))| l.is_finite() && h.is_finite() && l < h)
            .ok_or_else(|| Failure::usage(format!("--input-range {text}: expected NAME=LO:HI, LO below HI")))?;
        if inputs.iter().all(|(n, _)| *n != name) {
            let names: Vec<&str> = inputs.iter().map(|(n, _)| *n).collect();
            let what = format!("there is no input `{name}`; there are: {}", names.join(", "));
            return Err(Failure::usage(format!("--input-range {text}: {what}")));
        }
        ranges.insert(name, range);
    }
    Ok(ranges)
}
