//! Element types: fixed-point ring elements, and bits.

use std::fmt::{Display, Formatter, Result as FmtResult};

use treville_ir::{ElemType, TypeNode, TypeParam};
use treville_ring::RingBits;

/// The element type of an LLIL tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elem {
    /// `!llil.fixed<64, 24, "secret">`
    Fixed(Fixed),
    /// `!llil.bit<"secret">`
    Bit(Secrecy),
}

/// A ring element that stands for value / 2^frac. An index has no fraction bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fixed {
    /// The ring's width.
    pub ring: RingBits,
    /// The number of fraction bits, below the ring's width.
    pub frac: u8,
    /// Who may know it.
    pub secrecy: Secrecy,
}

/// Whether all parties may know a value. What depends on a secret is secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Secrecy {
    /// Known to all parties.
    Public,
    /// Known to no party that does not own it.
    Secret,
}

/// A fixed-point type that there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FixedError {
    /// No such ring.
    #[error("a ring has 1 to 64 bits, not {ring}")]
    Ring {
        /// The width that was asked for.
        ring: i64,
    },
    /// Fraction bits that leave no room for a sign.
    #[error("{frac} fraction bits do not fit a ring of {ring} bits")]
    Frac {
        /// The fraction bits that were asked for.
        frac: i64,
        /// The ring's width.
        ring: u8,
    },
}

impl Fixed {
    /// The type with these ring and fraction bits.
    ///
    /// # Errors
    /// [`FixedError`] where there is no such ring, or the fraction leaves no bit for the sign.
    pub fn new(ring: i64, frac: i64, secrecy: Secrecy) -> Result<Self, FixedError> {
        let bits =
            u8::try_from(ring).ok().and_then(|bits| RingBits::new(bits).ok()).ok_or(FixedError::Ring { ring })?;
        let fits = (0..i64::from(bits.get())).contains(&frac);
        if fits {
            Ok(Self { ring: bits, frac: frac as u8, secrecy })
        } else {
            Err(FixedError::Frac { frac, ring: bits.get() })
        }
    }

    /// The same ring and secrecy with other fraction bits.
    ///
    /// # Errors
    /// [`FixedError::Frac`] where the fraction leaves no bit for the sign.
    pub fn with_frac(self, frac: i64) -> Result<Self, FixedError> {
        Self::new(self.ring.get().into(), frac, self.secrecy)
    }
}

impl Secrecy {
    /// The secrecy of what depends on both.
    pub fn join(self, other: Self) -> Self {
        if self == Self::Secret { self } else { other }
    }

    /// The name in text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Secret => "secret",
        }
    }

    fn parse(param: &TypeParam) -> Option<Self> {
        let TypeParam::Str(name) = param else { return None };
        [Self::Public, Self::Secret].into_iter().find(|secrecy| secrecy.name() == name)
    }
}

impl Elem {
    /// The fixed-point type, if it is one.
    pub fn fixed(&self) -> Option<Fixed> {
        if let Self::Fixed(fixed) = self { Some(*fixed) } else { None }
    }

    /// Who may know a value of this type.
    pub fn secrecy(&self) -> Secrecy {
        match self {
            Self::Fixed(fixed) => fixed.secrecy,
            Self::Bit(secrecy) => *secrecy,
        }
    }

    /// The ring that values of this type live in; bits live in Z_2.
    pub fn ring(&self) -> RingBits {
        match self {
            Self::Fixed(fixed) => fixed.ring,
            Self::Bit(_) => RingBits::new(1).expect("invariant: 1 is a ring width"),
        }
    }

    /// The same type with another secrecy.
    pub fn with_secrecy(self, secrecy: Secrecy) -> Self {
        match self {
            Self::Fixed(fixed) => Self::Fixed(Fixed { secrecy, ..fixed }),
            Self::Bit(_) => Self::Bit(secrecy),
        }
    }
}

impl ElemType for Elem {
    fn parse(node: &TypeNode) -> Result<Self, String> {
        let TypeNode::Dialect { dialect, name, params } = node else {
            return Err("an LLIL element is `!llil.fixed<..>` or `!llil.bit<..>`".into());
        };
        match (dialect.as_str(), name.as_str(), params.as_slice()) {
            ("llil", "fixed", [TypeParam::Int(ring), TypeParam::Int(frac), secrecy]) => {
                let secrecy = Secrecy::parse(secrecy).ok_or(SECRECY)?;
                Fixed::new(*ring, *frac, secrecy).map(Self::Fixed).map_err(|error| error.to_string())
            }
            ("llil", "bit", [secrecy]) => Ok(Self::Bit(Secrecy::parse(secrecy).ok_or(SECRECY)?)),
            ("llil", "fixed", _) => {
                Err("`!llil.fixed` takes ring bits, fraction bits and \"secret\" or \"public\"".into())
            }
            ("llil", "bit", _) => Err("`!llil.bit` takes \"secret\" or \"public\"".into()),
            _ => Err(format!("there is no element type `!{dialect}.{name}` in LLIL")),
        }
    }

    fn irdl() -> String {
        [
            "irdl.type @fixed {",
            "  %ring = irdl.any",
            "  %frac = irdl.any",
            "  %secrecy = irdl.any",
            "  irdl.parameters(ring: %ring, frac: %frac, secrecy: %secrecy)",
            "}",
            "irdl.type @bit {",
            "  %secrecy = irdl.any",
            "  irdl.parameters(secrecy: %secrecy)",
            "}",
        ]
        .join("\n")
    }
}

const SECRECY: &str = "the last parameter is \"secret\" or \"public\"";

impl Display for Elem {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::Fixed(Fixed { ring, frac, secrecy }) => {
                write!(f, "!llil.fixed<{ring}, {frac}, \"{}\">", secrecy.name())
            }
            Self::Bit(secrecy) => write!(f, "!llil.bit<\"{}\">", secrecy.name()),
        }
    }
}

impl From<Fixed> for Elem {
    fn from(fixed: Fixed) -> Self {
        Self::Fixed(fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_parse_are_inverse() {
        let node = |name: &str, params| TypeNode::Dialect { dialect: "llil".into(), name: name.into(), params };
        let (i, s) = (TypeParam::Int, |s: &str| TypeParam::Str(s.into()));
        let fixed = Elem::parse(&node("fixed", vec![i(64), i(24), s("secret")])).unwrap();
        assert_eq!(fixed.to_string(), "!llil.fixed<64, 24, \"secret\">");
        assert_eq!(Elem::parse(&node("bit", vec![s("public")])).unwrap().to_string(), "!llil.bit<\"public\">");
        for params in [
            vec![i(65), i(0), s("secret")],
            vec![i(0), i(0), s("secret")],
            vec![i(8), i(8), s("secret")],
            vec![i(8), i(-1), s("secret")],
            vec![i(8), i(4), s("hidden")],
            vec![i(8), i(4)],
        ] {
            assert!(Elem::parse(&node("fixed", params.clone())).is_err(), "{params:?}");
        }
        assert!(Elem::parse(&TypeNode::Builtin("f32".into())).is_err());
    }

    #[test]
    fn what_depends_on_a_secret_is_secret() {
        use Secrecy::*;
        assert_eq!([Public.join(Public), Public.join(Secret), Secret.join(Public)], [Public, Secret, Secret]);
    }
}
