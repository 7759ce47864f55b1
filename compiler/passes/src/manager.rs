//! The pass manager: runs passes in order, verifies after each, times them, shows the IR between them, and survives their bugs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use treville_ir::{Diagnostic, Listing, render};

use crate::{Module, Options, Pass};

/// Sees each pass twice: with the module that it gets, and with its result.
pub type Observer<'a> = dyn FnMut(Moment, &Pass, &Module) + 'a;

/// When an observer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before the pass.
    Before,
    /// After it; the result is not verified yet.
    After,
}

/// What the manager does beside running passes.
#[derive(Default)]
pub struct Manager<'a> {
    /// Looks on: `--print-ir-after-all` and its like.
    pub observer: Option<&'a mut Observer<'a>>,
    /// Verifies between passes too; the last result is verified always.
    pub verify_each: bool,
}

/// A pass that was run.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The pass.
    pub pass: &'static str,
    /// How long it took.
    pub time: Duration,
    /// Ops in its result.
    pub n_ops: usize,
}

/// Why a sequence of passes has no result.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The module cannot be compiled; the diagnostics say why.
    #[error("{} found {} problem(s) in the model", .pass, .diagnostics.len())]
    Refused {
        /// The pass that refused.
        pass: &'static str,
        /// Everything that it found.
        diagnostics: Vec<Diagnostic>,
    },
    /// A pass was given a module of the other dialect.
    #[error("{pass} does not take {level}")]
    Level {
        /// The pass.
        pass: &'static str,
        /// The dialect of the module.
        level: &'static str,
    },
    /// A pass made a module that the verifier refuses: a bug of ours.
    #[error("internal: {pass} made an invalid module; this is a bug of treville, please report it with its reproducer")]
    Invalid {
        /// The pass.
        pass: &'static str,
        /// What the verifier says.
        diagnostics: Vec<Diagnostic>,
        /// A file that shows the bug again: `treville opt FILE --passes PASS`.
        reproducer: String,
    },
    /// A pass panicked: a bug of ours.
    #[error("internal: {pass} panicked: {message}; this is a bug of treville, please report it with its reproducer")]
    Panicked {
        /// The pass.
        pass: &'static str,
        /// What it said.
        message: String,
        /// A file that shows the bug again: `treville opt FILE --passes PASS`.
        reproducer: String,
    },
}

impl PassError {
    /// The diagnostics in it.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Refused { diagnostics, .. } | Self::Invalid { diagnostics, .. } => diagnostics,
            Self::Level { .. } | Self::Panicked { .. } => &[],
        }
    }

    /// The pass that has a bug and the module that shows it, where there is one.
    pub fn bug(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Invalid { pass, reproducer, .. } | Self::Panicked { pass, reproducer, .. } => {
                Some((pass, reproducer))
            }
            Self::Refused { .. } | Self::Level { .. } => None,
        }
    }
}

impl Manager<'_> {
    /// Runs the passes one after the other.
    ///
    /// # Errors
    /// What the first pass that fails says, or what the verifier says of its result.
    pub fn run(
        &mut self,
        passes: &[&'static Pass],
        mut module: Module,
        options: &Options,
    ) -> Result<(Module, Vec<Timing>), PassError> {
        let mut timings = Vec::with_capacity(passes.len());
        for (i, &pass) in passes.iter().enumerate() {
            if !pass.takes.contains(&module.level()) {
                return Err(PassError::Level { pass: pass.name, level: module.level().name() });
            }
            if let Some(observer) = &mut self.observer {
                observer(Moment::Before, pass, &module);
            }
            // A pass takes its module, so the reproducer of a bug needs its text beforehand.
            let before = module.to_string();
            let start = Instant::now();
            // A pass is a pure function: nothing that it leaves half done outlives it.
            module = catch_unwind(AssertUnwindSafe(|| (pass.run)(module, options)))
                .map_err(|payload| panicked(pass, &before, options, payload.as_ref()))?
                .map_err(|diagnostics| PassError::Refused { pass: pass.name, diagnostics })?;
            timings.push(Timing { pass: pass.name, time: start.elapsed(), n_ops: module.n_ops() });
            if let Some(observer) = &mut self.observer {
                observer(Moment::After, pass, &module);
            }
            if self.verify_each || i + 1 == passes.len() {
                module.verify().map_err(|diagnostics| invalid(pass, &before, &module, options, diagnostics))?;
            }
        }
        Ok((module, timings))
    }
}

/// Runs passes and pipelines by name, verifying after each.
///
/// # Errors
/// As [`Manager::run`]; a name that there is not is a [`PassError::Refused`] too.
pub fn run_passes(names: &str, module: Module, options: &Options) -> Result<Module, PassError> {
    let passes =
        crate::resolve(names).map_err(|diagnostics| PassError::Refused { pass: "the pass manager", diagnostics })?;
    let mut manager = Manager { verify_each: true, ..Manager::default() };
    Ok(manager.run(&passes, module, options)?.0)
}

fn invalid(pass: &Pass, before: &str, after: &Module, options: &Options, diagnostics: Vec<Diagnostic>) -> PassError {
    let after = after.to_string();
    let said = render(&diagnostics, &Listing::of_text("after the pass", &*after), false);
    let reproducer = reproducer(pass, before, options, &format!("{said}\nafter the pass:\n{after}"));
    PassError::Invalid { pass: pass.name, diagnostics, reproducer }
}

fn panicked(pass: &Pass, before: &str, options: &Options, payload: &(dyn std::any::Any + Send)) -> PassError {
    let message = (payload.downcast_ref::<&str>().copied())
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
        .to_string();
    let reproducer = reproducer(pass, before, options, &format!("the pass panicked: {message}"));
    PassError::Panicked { pass: pass.name, message, reproducer }
}

/// The module before the pass, under comments that say how to show the bug again and what it was.
fn reproducer(pass: &Pass, before: &str, options: &Options, what: &str) -> String {
    let what: String = what.lines().map(|line| format!("// {line}\n")).collect();
    format!("// treville opt THIS --passes {}\n// {options:?}\n{what}{before}", pass.name)
}
