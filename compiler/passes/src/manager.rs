//! The pass manager: runs passes in order, verifies after each, times them, and shows the IR between them.

use std::time::{Duration, Instant};

use treville_ir::{Diagnostic, Listing, render};

use crate::{Module, Options, Pass};

/// Sees a pass and its result.
pub type Observer<'a> = dyn FnMut(&Pass, &Module) + 'a;

/// What the manager does beside running passes.
#[derive(Default)]
pub struct Manager<'a> {
    /// Gets the pass and its result after each one: `--print-ir-after-all`.
    pub after_each: Option<&'a mut Observer<'a>>,
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
}

impl PassError {
    /// The diagnostics in it.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::Refused { diagnostics, .. } | Self::Invalid { diagnostics, .. } => diagnostics,
            Self::Level { .. } => &[],
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
            let verify = self.verify_each || i + 1 == passes.len();
            // Only a module that will be checked needs its text before the pass, for the reproducer.
            let before = verify.then(|| module.to_string());
            let start = Instant::now();
            module = (pass.run)(module, options)
                .map_err(|diagnostics| PassError::Refused { pass: pass.name, diagnostics })?;
            timings.push(Timing { pass: pass.name, time: start.elapsed(), n_ops: module.n_ops() });
            if let Some(after_each) = &mut self.after_each {
                after_each(pass, &module);
            }
            if let Some(before) = before {
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
    let comment = |text: &str| text.lines().map(|line| format!("// {line}\n")).collect::<String>();
    let reproducer = format!(
        "// treville opt THIS --passes {}\n// {options:?}\n{}//\n// after the pass:\n{}{before}",
        pass.name,
        comment(&said),
        comment(&after)
    );
    PassError::Invalid { pass: pass.name, diagnostics, reproducer }
}
