//! MLIR with our dialects in it.

use std::cell::RefCell;
use std::rc::Rc;

use melior::Context;
use melior::dialect::DialectRegistry;
use melior::ir::operation::{OperationLike, OperationPrintingFlags};
use melior::ir::{BlockLike, Module};
use melior::utility::{load_irdl_dialects, register_all_dialects, register_all_llvm_translations, register_all_passes};
use treville_hlil::Hlil;
use treville_ir::irdl;
use treville_llil::Llil;

/// MLIR with HLIL, LLIL and all upstream dialects.
pub struct Mlir {
    pub(crate) context: Context,
    said: Rc<RefCell<Vec<String>>>,
}

/// What MLIR does not accept.
#[derive(Debug, thiserror::Error)]
pub enum MlirError {
    /// It cannot be parsed, or the verifier refuses it.
    #[error("MLIR refuses it: {0}")]
    Refused(String),
    /// A pass of MLIR fails.
    #[error("MLIR cannot lower it: {0}")]
    Lowering(String),
    /// An op has no form in upstream dialects.
    #[error("`{op}` at `{node}` has no form in upstream MLIR dialects here")]
    Unsupported {
        /// The op.
        op: String,
        /// The model's node.
        node: String,
    },
    /// The arguments are not those of the function.
    #[error("argument {index} is missing, or has not the elements of its type")]
    Argument {
        /// Its place.
        index: usize,
    },
}

impl Mlir {
    /// Starts MLIR and loads the dialects.
    ///
    /// # Errors
    /// MLIR refuses our own dialects.
    pub fn new() -> Result<Self, MlirError> {
        let registry = DialectRegistry::new();
        register_all_dialects(&registry);
        register_all_passes();
        let context = Context::new();
        context.append_dialect_registry(&registry);
        context.load_all_available_dialects();
        register_all_llvm_translations(&context);
        let said = Rc::new(RefCell::new(Vec::new()));
        let heard = said.clone();
        context.attach_diagnostic_handler(move |diagnostic| {
            heard.borrow_mut().push(format!("{}: {diagnostic}", diagnostic.location()));
            true
        });
        let mlir = Self { context, said };
        for dialect in [irdl::<Hlil>(), irdl::<Llil>()] {
            let module = mlir.parse(&dialect)?;
            if !load_irdl_dialects(&module) {
                return Err(MlirError::Refused(mlir.complaints()));
            }
        }
        Ok(mlir)
    }

    /// Has MLIR parse and verify a function, and print it in the generic form with locations.
    ///
    /// # Errors
    /// What MLIR does not accept.
    pub fn round_trip(&self, text: &str) -> Result<String, MlirError> {
        let module = self.parse(text)?;
        let flags = OperationPrintingFlags::new()
            .print_generic_operation_form()
            .enable_debug_info(true, false)
            .use_local_scope();
        let function =
            module.body().first_operation().ok_or_else(|| MlirError::Refused("there is no function".into()))?;
        let printed = function.to_string_with_flags(flags).map_err(|e| MlirError::Refused(e.to_string()))?;
        Ok(plain(&printed))
    }

    pub(crate) fn parse(&self, text: &str) -> Result<Module<'_>, MlirError> {
        self.said.borrow_mut().clear();
        let module = Module::parse(&self.context, text).ok_or_else(|| MlirError::Refused(self.complaints()))?;
        if module.as_operation().verify() { Ok(module) } else { Err(MlirError::Refused(self.complaints())) }
    }

    /// What MLIR has said since the last parse.
    pub(crate) fn complaints(&self) -> String {
        self.said.borrow().join("\n")
    }
}

/// The text as our parser reads it: the function's attributes behind its body, where MLIR prints them before it as properties; no types
/// of the numbers in types; and no places in the text itself where a node's name was not given.
fn plain(printed: &str) -> String {
    let mut text = printed.to_string();
    if let Some((before, rest)) = text.split_once(" <{")
        && let Some((attributes, rest)) = rest.split_once("}> ({\n")
        && let Some((body, types)) = rest.rsplit_once("\n}) : ")
    {
        text = format!("{before} ({{\n{body}\n}}) {{{attributes}}} : {types}");
    }
    let mut parts = text.split("!llil.fixed<");
    let first = parts.next().unwrap_or_default().to_string();
    let text = parts.fold(first, |text, part| {
        let (numbers, rest) = part.split_once('>').unwrap_or((part, ""));
        format!("{text}!llil.fixed<{}>{rest}", numbers.replace(" : i64", ""))
    });
    let mut parts = text.split(" loc(\"-\":");
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| text + part.split_once(')').map_or("", |(_, rest)| rest)) + "\n"
}
