//! The IR before and after passes, for people: on stderr and as a folder of files.

use std::path::PathBuf;

use treville_ir::{Listing, render};
use treville_passes::{Module, Moment, Pass, resolve};

use crate::cli::WatchArgs;
use crate::failure::Failure;

/// Prints what the options ask for.
#[derive(Debug)]
pub(crate) struct IrPrinter {
    before: Names,
    after: Names,
    folder: Option<PathBuf>,
    n_written: usize,
    failure: Option<Failure>,
}

/// The passes around which the IR is printed.
#[derive(Debug)]
enum Names {
    All,
    These(Vec<&'static str>),
}

impl Names {
    fn new(all: bool, names: &[String]) -> Result<Self, Failure> {
        if all {
            return Ok(Names::All);
        }
        let passes = resolve(&names.join(",")).map_err(|diagnostics| {
            Failure::usage(render(&diagnostics, &Listing::of_text("", ""), false).trim_end().to_string())
        })?;
        Ok(Names::These(passes.iter().map(|pass| pass.name).collect()))
    }

    fn has(&self, pass: &Pass) -> bool {
        match self {
            Names::All => true,
            Names::These(names) => names.contains(&pass.name),
        }
    }
}

impl IrPrinter {
    /// Makes the folder of `--print-ir-tree-dir`.
    ///
    /// # Errors
    /// Exit code 2 for a pass that there is not, 1 for a folder that cannot be made.
    pub(crate) fn new(args: &WatchArgs) -> Result<Self, Failure> {
        if let Some(folder) = &args.print_ir_tree_dir {
            std::fs::create_dir_all(folder).map_err(|e| Failure::file(folder, e))?;
        }
        Ok(IrPrinter {
            before: Names::new(args.print_ir_before_all, &args.print_ir_before)?,
            after: Names::new(args.print_ir_after_all, &args.print_ir_after)?,
            folder: args.print_ir_tree_dir.clone(),
            n_written: 0,
            failure: None,
        })
    }

    /// The observer of the pass manager.
    pub(crate) fn see(&mut self, moment: Moment, pass: &Pass, module: &Module) {
        match moment {
            Moment::Before if self.before.has(pass) => eprintln!("// before {}\n{module}", pass.name),
            Moment::After if self.after.has(pass) => eprintln!("// after {}\n{module}", pass.name),
            _ => {}
        }
        if let (Moment::After, Some(folder)) = (moment, &self.folder) {
            let path = folder.join(format!("{:02}_{}.{}", self.n_written, pass.name, module.level().name()));
            self.n_written += 1;
            if let Err(e) = std::fs::write(&path, module.to_string()) {
                self.failure.get_or_insert(Failure::file(&path, e));
            }
        }
    }

    /// Says whether all files were written.
    ///
    /// # Errors
    /// Exit code 1 and the first file that was not.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.failure.map_or(Ok(()), Err)
    }
}
