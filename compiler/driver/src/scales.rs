//! `--scale`: one that is given, the paper's sweep, or the search over scales for each tensor.

use treville_ir::Diagnostic;
use treville_party::Exit;
use treville_passes::Options;
use treville_passes::analysis::scale::{ScaleError, ScaleSearch, search_scale};
use treville_passes::analysis::sweep::sweep;
use treville_passes::analysis::trial::{ScaleRow, Trials};
use treville_passes::hlil_infer_scales::Scales;

use crate::compile::pass_failure;
use crate::failure::Failure;
use crate::model::Model;
use crate::table::table;

/// Samples that scales are tried on, at most.
const MOST_SAMPLES: usize = 32;

/// A scale, and how it was chosen.
pub struct ChosenScale {
    /// The base scale.
    pub scale: u8,
    /// The scales of the tensors, where they are not the same for all.
    pub scales: Option<Scales>,
    /// `given`, or what the scale was chosen on.
    pub origin: String,
    /// The scales that were tried on calibration samples.
    rows: Vec<ScaleRow>,
    n_samples: usize,
    float_correct: Option<usize>,
}

/// Chooses a scale as `--scale` says. `samples_origin` says where the samples of the trials come from, if there are any.
///
/// # Errors
/// Exit code 2 for a scale that is none, 3 for what is not supported, 4 where no scale fits.
pub(crate) fn choose(
    given: &str,
    trials: &Trials<'_>,
    samples_origin: Option<&str>,
    model: &Model,
) -> Result<ChosenScale, Failure> {
    let n_samples = trials.samples.len().min(MOST_SAMPLES);
    let few = Trials {
        samples: &trials.samples[..n_samples],
        float: &trials.float[..n_samples],
        labels: trials.labels.map(|labels| &labels[..n_samples]),
        ..*trials
    };
    let found = match (given, samples_origin) {
        ("auto", _) => {
            let scales = Scales::balanced(trials.func, trials.weights).map_err(|e| Failure::other(e.to_string()))?;
            search_scale(&few, scales)
        }
        ("sweep", Some(_)) => sweep(trials),
        ("sweep", None) => {
            return Err(Failure::usage("--ranges evaluates nothing, so there is no `--scale sweep`"));
        }
        _ => {
            let scale = given.parse().ok().filter(|s| (1..=40).contains(s));
            let scale =
                scale.ok_or_else(|| Failure::usage(format!("--scale {given}: expected `auto`, `sweep` or 1 to 40")))?;
            let origin = "given".into();
            return Ok(ChosenScale {
                scale,
                scales: None,
                origin,
                rows: Vec::new(),
                n_samples: 0,
                float_correct: None,
            });
        }
    };
    let ScaleSearch { scale, scales, rows } = found.map_err(|e| failure(e, model, trials.options))?;
    let (tried, what) = if given == "sweep" { (*trials, "swept") } else { (few, "chosen") };
    Ok(ChosenScale {
        scale,
        scales,
        origin: match samples_origin {
            Some(origin) => format!("{what} on {origin}"),
            None => "chosen by the proven error bound".into(),
        },
        rows: rows.into_iter().filter(|row| row.fits).collect(),
        n_samples: tried.samples.len(),
        float_correct: tried.float_correct(),
    })
}

impl ChosenScale {
    /// The scales that were tried, as a table; empty where none was.
    pub fn table(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let percent = |n: usize| format!("{:.1} %", 100.0 * n as f64 / self.n_samples.max(1) as f64);
        let mut header = vec!["scale", "decides as float", "largest error", ""];
        let row = |r: &ScaleRow| {
            let mut cells = vec![r.scale.to_string(), percent(r.agreeing), format!("{:.1e}", r.max_abs_err)];
            cells.extend(r.correct.map(percent));
            cells.push(if r.scale == self.scale { "chosen" } else { "" }.into());
            cells
        };
        let mut text = format!("\nscales tried on {} calibration samples", self.n_samples);
        if let Some(correct) = self.float_correct {
            text += &format!(", of which float decides {} rightly", percent(correct));
            header.insert(3, "top-1");
        }
        text + ":\n" + &table(&header, &self.rows.iter().map(row).collect::<Vec<_>>())
    }

    /// What the base scale means for the tensors.
    pub fn describe(&self) -> String {
        let each = if self.scales.is_some() { "each tensor its own, for magnitude 1 " } else { "" };
        format!("scale {each}{} ({})", self.scale, self.origin)
    }
}

fn failure(error: ScaleError, model: &Model, options: &Options) -> Failure {
    let refuse = |diagnostics: &[Diagnostic]| Failure::diagnostics(Exit::Range, diagnostics, &model.listing, false);
    match error {
        ScaleError::Calibrate(e) => Failure::new(Exit::Range, format!("calibration: {e}")),
        ScaleError::Pass(e) => pass_failure(&e, model, options, None),
        ScaleError::NoFit { diagnostics } => refuse(&diagnostics),
    }
}
