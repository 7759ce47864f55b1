//! What passes work on: a function of one of the two dialects, and the weights beside it.

use std::fmt::{Debug, Display, Formatter, Result as FmtResult};

use treville_hlil::{Hlil, Weights};
use treville_ir::{Diagnostic, Func, parse};
use treville_llil::Llil;

/// A function and its weights.
#[derive(Clone)]
pub enum Module {
    /// Real-valued.
    Hlil(Func<Hlil>, Weights),
    /// Fixed-point. A weight argument is the weight of that name, encoded as the argument's type says.
    Llil(Func<Llil>, Weights),
}

/// The dialects, as passes name what they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// HLIL.
    Hlil,
    /// LLIL.
    Llil,
}

impl Module {
    /// Reads a function of whichever dialect the text's ops are of.
    ///
    /// # Errors
    /// What is wrong with the text as LLIL if it mentions that dialect, as HLIL otherwise.
    pub fn parse(text: &str, weights: Weights) -> Result<Self, Vec<Diagnostic>> {
        if text.contains("llil.") {
            Ok(Self::Llil(parse(text)?, weights))
        } else {
            Ok(Self::Hlil(parse(text)?, weights))
        }
    }

    /// The function's dialect.
    pub fn level(&self) -> Level {
        match self {
            Self::Hlil(..) => Level::Hlil,
            Self::Llil(..) => Level::Llil,
        }
    }

    /// The weights.
    pub fn weights(&self) -> &Weights {
        match self {
            Self::Hlil(_, weights) | Self::Llil(_, weights) => weights,
        }
    }

    /// The function, if it is HLIL.
    pub fn hlil(&self) -> Option<&Func<Hlil>> {
        if let Self::Hlil(func, _) = self { Some(func) } else { None }
    }

    /// The function, if it is LLIL.
    pub fn llil(&self) -> Option<&Func<Llil>> {
        if let Self::Llil(func, _) = self { Some(func) } else { None }
    }

    /// Checks the function.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn verify(&self) -> Result<(), Vec<Diagnostic>> {
        match self {
            Self::Hlil(func, _) => func.verify(),
            Self::Llil(func, _) => func.verify(),
        }
    }

    /// The number of ops.
    pub fn n_ops(&self) -> usize {
        match self {
            Self::Hlil(func, _) => func.ops().len(),
            Self::Llil(func, _) => func.ops().len(),
        }
    }
}

impl Level {
    /// The dialect's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hlil => "hlil",
            Self::Llil => "llil",
        }
    }
}

/// The function's text.
impl Display for Module {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::Hlil(func, _) => Display::fmt(func, f),
            Self::Llil(func, _) => Display::fmt(func, f),
        }
    }
}

/// The function's text and no weights: these are secret.
impl Debug for Module {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        Display::fmt(self, f)
    }
}
