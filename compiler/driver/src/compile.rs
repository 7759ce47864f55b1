//! Model file to compiled program: import, passes, scale, ranges, price, manifest.

use std::path::{Path, PathBuf};

use treville_codegen::Plan;
use treville_hlil::{Hlil, Weights};
use treville_ir::{ArgKind, Diagnostic, Func, Post, TensorType};
use treville_llil::{Llil, RoundingMode};
use treville_party::{Exit, InputInfo, Manifest, OpInfo, OutputInfo, PartyInfo, RunReport, WeightFile, WeightInfo};
use treville_passes::analysis::error::annotate_err;
use treville_passes::analysis::failure::failure_bound;
use treville_passes::analysis::range;
use treville_passes::analysis::trial::Trials;
use treville_passes::{Manager, Module, Observer, Options, PassError, peak_live_bytes, resolve};
use treville_ring::RingBits;

use crate::backends::Backend;
use crate::cli::ModelArgs;
use crate::failure::Failure;
use crate::model::{Model, Samples};
use crate::package;
use crate::price::{Price, network, price, prices};
use crate::ranges;
use crate::reproducer;
use crate::scales::{self, ChosenScale};
use crate::stopwatch::Stopwatch;

/// A compiled model, with everything that commands show of it.
pub struct Compiled {
    /// The backend.
    pub backend: Backend,
    /// The model as it was imported.
    pub model: Model,
    /// The optimised real-valued program.
    pub hlil: Func<Hlil>,
    /// The weights of the optimised program, folded on demand.
    pub hlil_weights: Weights,
    /// The fixed-point program.
    pub llil: Func<Llil>,
    /// Its weights: those of `hlil_weights`, and aliases of what is used at two scales.
    pub llil_weights: Weights,
    /// The numbers of its operations.
    pub plan: Plan,
    /// The public facts.
    pub manifest: Manifest,
    /// The weights that the owner brings, under a salt.
    pub weights: WeightFile,
    /// The scale, and how it was chosen.
    pub scales: ChosenScale,
    price: Price,
    /// The bound on the difference between the backend's first result and the reference evaluator's, as a real number, where it is known.
    pub error_bound: Option<f64>,
}

/// Hooks for a user who wants to watch.
#[derive(Default)]
pub struct Watch<'a> {
    /// Draws a bar on a terminal while samples are evaluated.
    pub progress: bool,
    /// Times the stages.
    pub stopwatch: Option<&'a mut Stopwatch>,
    /// Looks on at the passes.
    pub observer: Option<&'a mut Observer<'a>>,
    /// Where the reproducer of a pass's bug is written; by default the folder for temporary files.
    pub crash_reproducer: Option<PathBuf>,
}

/// Compiles a model. Ranges come from `--ranges`, else from a [`Calibration`] in which `default_calibration` stands for data not given.
///
/// # Errors
/// Exit code 2 for unusable options, 3 for what is not supported, 4 where a range or the failure bound does not fit.
pub fn compile(
    model: Model,
    args: &ModelArgs,
    default_calibration: Option<Samples>,
    watch: Watch<'_>,
) -> Result<Compiled, Failure> {
    let backend = Backend::by_name(&args.backend)?;
    let info = backend.info();
    let refuse =
        |exit: Exit, diagnostics: &[Diagnostic]| Failure::diagnostics(exit, diagnostics, &model.listing, false);
    check_owners(&model.func, info.roles)?;
    check_weights_owner(&model.func)?;
    let rounding =
        RoundingMode::from_name(info.rounding.name()).expect("invariant: the runtime and LLIL have the same roundings");
    let ring = ring_bits(&args.ring_bits, backend)?;
    let prices = Some(prices(backend, ring));
    let mut options = Options { ring, rounding, prices, network: network(&args.net)?, ..Options::default() };
    let max_failure = max_failure(args.max_failure.as_deref(), info.default_max_failure_log2)?;
    let mut notes: Vec<String> = model.notes.iter().map(|n| n.message.clone()).collect();

    let mut manager = Manager { observer: watch.observer, verify_each: true };
    let at = watch.crash_reproducer.as_deref();
    let mut untimed = Stopwatch::start();
    let stopwatch = watch.stopwatch.unwrap_or(&mut untimed);
    let mut run = |pipeline: &str, module: Module, options: &Options, stopwatch: &mut Stopwatch| {
        let passes = resolve(pipeline).map_err(|d| refuse(Exit::Failure, &d))?;
        let (module, timings) =
            manager.run(&passes, module, options).map_err(|e| pass_failure(&e, &model, options, at))?;
        stopwatch.lap_passes(&timings);
        Ok::<_, Failure>(module)
    };
    let optimised = run("hlil-default", Module::Hlil(model.func.clone(), model.weights.clone()), &options, stopwatch)?;
    let Module::Hlil(mut hlil, hlil_weights) = optimised else { unreachable!("invariant: hlil-default ends in HLIL") };

    let deferred = hlil.results().iter().filter(|result| result.post == Post::Softmax);
    notes.extend(deferred.map(|result| {
        let owners = result.owners.join("`, `");
        format!("the softmax of `{}` is computed in the clear by `{owners}`, which learns the logits", result.name)
    }));

    let found = ranges::find(&mut hlil, &hlil_weights, &model, args, default_calibration, ring, watch.progress)?;
    notes.extend(found.notes);
    stopwatch.lap("find ranges");

    let chosen = {
        let origin = found.calibration.as_ref().map(|calibration| calibration.origin.as_str());
        let samples = found.calibration.as_ref().map(|calibration| &calibration.samples);
        let trials = Trials {
            func: &hlil,
            weights: &hlil_weights,
            samples: samples.map_or(&[], |samples| &samples.inputs),
            float: &found.float,
            labels: samples.and_then(|samples| samples.labels.as_deref()),
            options: &options,
            max_failure_log2: max_failure,
        };
        scales::choose(&args.scale, &trials, origin, &model)?
    };
    options.scale = chosen.scale;
    if let Some(scales) = &chosen.scales {
        scales.annotate(&mut hlil, chosen.scale);
    }
    stopwatch.lap("find the scale");
    let lowered =
        run("hlil-to-llil,llil-default", Module::Hlil(hlil.clone(), hlil_weights.clone()), &options, stopwatch)?;
    let Module::Llil(mut llil, llil_weights) = lowered else { unreachable!("invariant: hlil-to-llil makes LLIL") };

    let failure = failure_bound(&llil);
    let mut misfits = range::misfits(&llil);
    misfits.extend(failure.refusal(max_failure));
    if !misfits.is_empty() {
        return Err(refuse(Exit::Range, &misfits));
    }
    let bounds = annotate_err(&mut llil, &llil_weights);
    let error_bound = llil
        .results()
        .iter()
        .zip(&bounds)
        .next()
        .and_then(|(r, b)| Some(b.as_ref()? / 2f64.powi(llil.ty(r.value).elem.fixed()?.frac.into())));

    stopwatch.lap("bound failures and errors");

    let plan = Plan::new(&llil);
    let price = price(&llil, &plan, options.ring, backend)?;
    stopwatch.lap("price");
    let weights = owned_weights(&llil, &llil_weights)?;
    let commitment = weights.commitment()?;
    stopwatch.lap("commit to the weights");
    let mut manifest = Manifest {
        schema: 1,
        model: model.name.clone(),
        backend: info.name.to_string(),
        ring_bits: options.ring.get(),
        scale: options.scale.into(),
        rounding: rounding.name().to_string(),
        program_hash: package::program_hash(&llil.to_string(), info.name),
        weights_commitment: commitment,
        failure_log2: failure.log2.is_finite().then_some(failure.log2),
        parties: info.roles.iter().map(|r| PartyInfo { role: r.to_string() }).collect(),
        inputs: Vec::new(),
        weights: Vec::new(),
        outputs: Vec::new(),
        ops: Vec::new(),
        notes,
    };
    describe(&mut manifest, &llil, info.roles);
    describe_ops(&mut manifest, &plan, &price);
    Ok(Compiled {
        backend,
        model,
        hlil,
        hlil_weights,
        llil,
        llil_weights,
        plan,
        manifest,
        weights,
        scales: chosen,
        price,
        error_bound,
    })
}

impl Compiled {
    /// Predicted bytes and rounds, as the report of a run would have them.
    pub fn predicted(&self) -> RunReport {
        self.price.as_report(&self.manifest)
    }

    /// What a party keeps of the weights, in bytes.
    pub fn weight_bytes(&self) -> u64 {
        self.price.weight_bytes
    }

    /// What a party holds at most, in bytes: its weights, and the tensors that are alive at once. What an operation needs while it works
    /// comes on top.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.weight_bytes() + peak_live_bytes(&self.llil)
    }

    /// The bound on the difference between the backend's first result and the reference evaluator's, as a real number; 0 where it is unknown.
    pub fn output_error_bound(&self) -> f64 {
        self.error_bound.unwrap_or(0.0)
    }
}

/// The role that plays a party of the program: in a backend of one party, that one plays all.
pub fn role_of<'a>(owner: &'a str, roles: &'a [&'a str]) -> &'a str {
    if roles.len() == 1 { roles[0] } else { owner }
}

fn check_owners(func: &Func<Hlil>, roles: &[&str]) -> Result<(), Failure> {
    let owners = func
        .args()
        .map(|(_, a)| (&a.name, &a.owner))
        .chain(func.results().iter().flat_map(|r| r.owners.iter().map(|o| (&r.name, o))));
    for (name, owner) in owners {
        if !roles.contains(&role_of(owner, roles)) {
            return Err(Failure::usage(format!(
                "`{name}` belongs to `{owner}`, but the backend's parties are: {}; say --owner NAME=PARTY",
                roles.join(", ")
            )));
        }
    }
    Ok(())
}

/// Weights have one owner: they are written to one file, which nobody else may read, under one commitment.
fn check_weights_owner(func: &Func<Hlil>) -> Result<(), Failure> {
    let mut weights = func.args().map(|(_, a)| a).filter(|a| a.kind == ArgKind::Weight);
    let Some(first) = weights.next() else { return Ok(()) };
    match weights.find(|w| w.owner != first.owner) {
        None => Ok(()),
        Some(other) => Err(Failure::new(
            Exit::Unsupported,
            format!(
                "weight `{}` belongs to the {}, but `{}` to the {}: weights of several owners are not supported yet\nhelp: --owner weights=PARTY gives all of them to one party",
                other.name, other.owner, first.name, first.owner
            ),
        )),
    }
}

pub(crate) fn ring_bits(given: &str, backend: Backend) -> Result<RingBits, Failure> {
    let supported = &backend.info().ring_bits;
    let bits = if given == "auto" { Some(*supported.end()) } else { given.parse().ok() };
    let bits = bits.filter(|b| supported.contains(b)).and_then(|b| RingBits::new(b).ok());
    bits.ok_or_else(|| {
        let (first, last) = (supported.start(), supported.end());
        let range = if first == last { first.to_string() } else { format!("{first} to {last}") };
        Failure::usage(format!("--ring-bits {given}: {} supports `auto` or {range}", backend.info().name))
    })
}

fn max_failure(given: Option<&str>, default: f64) -> Result<f64, Failure> {
    let Some(text) = given else { return Ok(default) };
    let log2 =
        text.strip_prefix("2^").and_then(|e| e.parse::<f64>().ok()).or_else(|| text.parse::<f64>().ok().map(f64::log2));
    log2.filter(|l| *l <= 0.0)
        .ok_or_else(|| Failure::usage(format!("--max-failure {text}: expected a probability such as 2^-40")))
}

pub(crate) fn pass_failure(
    error: &PassError,
    model: &Model,
    options: &Options,
    crash_reproducer: Option<&Path>,
) -> Failure {
    match error {
        // The shapes were checked on the real-valued program: what breaks a constraint here has too many fraction bits.
        PassError::Refused { pass: "hlil-to-llil", diagnostics } if diagnostics.iter().all(|d| d.code == "E0204") => {
            let help = "a smaller --scale, or, where the backend has one, a wider ring (--ring-bits)";
            let diagnostics: Vec<Diagnostic> = diagnostics.iter().map(|d| d.clone().with_help(help)).collect();
            Failure::diagnostics(Exit::Range, &diagnostics, &model.listing, false)
        }
        PassError::Refused { diagnostics, .. } => {
            Failure::diagnostics(Exit::Unsupported, diagnostics, &model.listing, false)
        }
        PassError::Invalid { .. } | PassError::Panicked { .. } => {
            reproducer::bug(error, options, None, crash_reproducer, &model.listing)
        }
        PassError::Level { .. } => Failure::other(error.to_string()),
    }
}

/// The weights that the program still has, folded one at a time when they are asked for.
fn owned_weights(llil: &Func<Llil>, weights: &Weights) -> Result<WeightFile, Failure> {
    let used = llil.args().map(|(_, a)| a).filter(|a| a.kind == ArgKind::Weight);
    let shapes = used.map(|a| (a.name.clone(), a.ty.shape.clone())).collect();
    let weights = weights.clone();
    Ok(WeightFile::new(shapes, Box::new(move |name| weights.get(name).map_err(|e| e.to_string())))?)
}

/// Fills in what goes into the program and comes out of it.
pub(crate) fn describe(manifest: &mut Manifest, llil: &Func<Llil>, roles: &[&str]) {
    (manifest.inputs, manifest.weights, manifest.outputs) = (Vec::new(), Vec::new(), Vec::new());
    let frac = |ty: &TensorType<treville_llil::Elem>| ty.elem.fixed().map_or(0, |f| f.frac);
    for (_, arg) in llil.args() {
        let (name, shape, owner, frac) =
            (arg.name.clone(), arg.ty.shape.clone(), role_of(&arg.owner, roles).to_string(), frac(&arg.ty));
        match arg.kind {
            ArgKind::Input => manifest.inputs.push(InputInfo { name, shape, owner, frac }),
            ArgKind::Weight => manifest.weights.push(WeightInfo { name, shape, owner, frac }),
        }
    }
    for result in llil.results() {
        let ty = llil.ty(result.value);
        let post = match result.post {
            Post::None => "none",
            Post::Softmax => "softmax",
        };
        let owners = result.owners.iter().map(|o| role_of(o, roles).to_string()).collect();
        manifest.outputs.push(OutputInfo {
            name: result.name.clone(),
            shape: ty.shape.clone(),
            owners,
            frac: frac(ty),
            post: post.into(),
        });
    }
}

/// Fills in the operations and their price.
fn describe_ops(manifest: &mut Manifest, plan: &Plan, price: &Price) {
    let prices = price.by_op(plan);
    for row in &plan.rows {
        let (bytes, rounds) = prices.get(&row.op).copied().unwrap_or_default();
        manifest.ops.push(OpInfo { op: row.op, node: row.node.clone(), kind: row.kind.to_string(), bytes, rounds });
    }
}
