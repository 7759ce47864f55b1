//! What a dialect declares: one [`OpDef`] for each op, and the view that its functions get.

use std::fmt::{Debug, Formatter, Result as FmtResult};

use crate::{Attr, AttrKind, Attrs, BuildError, ElemType, TensorType};

/// A dialect: a name, an element type, and the table of its ops.
pub trait Dialect: Copy + Clone + Debug + PartialEq + Eq + Send + Sync + 'static {
    /// The prefix of the dialect's ops, types and attributes in text.
    const NAME: &'static str;
    /// The element type of its tensors.
    type Elem: ElemType;
    /// How an op of the dialect is evaluated; the kernel only carries it.
    type Eval: Copy + Send + Sync + 'static;

    /// The op table.
    fn ops() -> &'static [&'static OpDef<Self>];

    /// The op of this mnemonic.
    fn op(mnemonic: &str) -> Option<&'static OpDef<Self>> {
        Self::ops().iter().copied().find(|op| op.mnemonic == mnemonic)
    }
}

/// The result types of an op, or the constraint that it breaks.
pub type Inferred<D> = Result<Vec<TensorType<<D as Dialect>::Elem>>, Violation>;

/// One op of a dialect: all that is known about it, in one place.
pub struct OpDef<D: Dialect> {
    /// The name without the dialect's prefix.
    pub mnemonic: &'static str,
    /// One line on what it computes.
    pub summary: &'static str,
    /// Where its meaning is defined: a specification or a paper.
    pub source: &'static str,
    /// The operands; only the last one may be variadic.
    pub operands: &'static [OperandDef],
    /// The attributes, all of them always present.
    pub attrs: &'static [AttrDef],
    /// What operands and attributes must fulfil beyond their kinds: `("C1", "the inner dimensions agree")`.
    pub constraints: &'static [(&'static str, &'static str)],
    /// Checks the constraints and computes the result types. Operand count and attribute kinds hold already.
    pub infer: fn(&OpView<D>) -> Inferred<D>,
    /// The reference evaluation, in the dialect's own form.
    pub eval: D::Eval,
    /// Lines of text that the verifier accepts.
    pub examples: &'static [&'static str],
    /// For each constraint, a line of text that breaks it: `("C1", "%0 = ...")`.
    pub counterexamples: &'static [(&'static str, &'static str)],
}

impl<D: Dialect> OpDef<D> {
    /// The name with the dialect's prefix, as text shows it.
    pub fn full_name(&self) -> String {
        format!("{}.{}", D::NAME, self.mnemonic)
    }

    /// The text of a constraint.
    pub fn constraint(&self, id: &str) -> Option<&'static str> {
        self.constraints.iter().find(|(c, _)| *c == id).map(|(_, text)| *text)
    }

    pub(crate) fn is_variadic(&self) -> bool {
        self.operands.last().is_some_and(|o| o.variadic)
    }
}

impl<D: Dialect> Debug for OpDef<D> {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(&self.full_name())
    }
}

impl<D: Dialect> PartialEq for OpDef<D> {
    fn eq(&self, other: &Self) -> bool {
        self.mnemonic == other.mnemonic
    }
}

impl<D: Dialect> Eq for OpDef<D> {}

/// A declared operand.
#[derive(Clone, Copy, Debug)]
pub struct OperandDef {
    /// Its name in documentation and messages.
    pub name: &'static str,
    /// Whether any number of values may stand here.
    pub variadic: bool,
}

impl OperandDef {
    /// A single operand.
    pub const fn one(name: &'static str) -> Self {
        Self { name, variadic: false }
    }

    /// Any number of operands.
    pub const fn many(name: &'static str) -> Self {
        Self { name, variadic: true }
    }
}

/// A declared attribute.
#[derive(Clone, Copy, Debug)]
pub struct AttrDef {
    /// Its name in text.
    pub name: &'static str,
    /// What values it takes.
    pub kind: AttrKind,
    /// One line on what it means.
    pub doc: &'static str,
}

impl AttrDef {
    /// An attribute of this name, kind and meaning.
    pub const fn new(name: &'static str, kind: AttrKind, doc: &'static str) -> Self {
        Self { name, kind, doc }
    }
}

/// A constraint of an op's table entry that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{constraint}: {message}")]
pub struct Violation {
    /// The constraint's number, such as `C1`.
    pub constraint: &'static str,
    /// What was found, with the numbers.
    pub message: String,
}

impl Violation {
    /// The constraint of this number is broken, and how.
    pub fn new(constraint: &'static str, message: impl Into<String>) -> Self {
        Self { constraint, message: message.into() }
    }

    /// Fails with this violation unless `holds`; the message is built only then.
    ///
    /// # Errors
    /// The violation.
    pub fn unless(holds: bool, constraint: &'static str, message: impl FnOnce() -> String) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self::new(constraint, message())) }
    }
}

/// What an op's `infer` and `eval` see: operand types and attributes, checked against the table.
#[derive(Clone, Debug)]
pub struct OpView<'a, D: Dialect> {
    /// The table entry.
    pub def: &'static OpDef<D>,
    /// The operands' types.
    pub operands: Vec<&'a TensorType<D::Elem>>,
    /// The attributes.
    pub attrs: &'a Attrs,
    /// The results' types; empty while they are being inferred.
    pub results: Vec<&'a TensorType<D::Elem>>,
}

impl<'a, D: Dialect> OpView<'a, D> {
    /// Checks the number of operands, their types, and the attributes' presence and kinds.
    pub(crate) fn new(
        def: &'static OpDef<D>,
        operands: Vec<&'a TensorType<D::Elem>>,
        attrs: &'a Attrs,
    ) -> Result<Self, BuildError> {
        let op = || def.full_name();
        let fixed = def.operands.len() - usize::from(def.is_variadic());
        if operands.len() < fixed || operands.len() > fixed && !def.is_variadic() {
            let at_least = if def.is_variadic() { "at least " } else { "" };
            let expected = format!("{at_least}{fixed}");
            return Err(BuildError::OperandCount { op: op(), expected, actual: operands.len() });
        }
        for (index, ty) in operands.iter().enumerate() {
            ty.check().map_err(|error| BuildError::OperandType { op: op(), index, error })?;
        }
        for AttrDef { name, kind, .. } in def.attrs {
            let attr = attrs.get(*name).ok_or_else(|| BuildError::MissingAttr { op: op(), attr: name })?;
            if !kind.accepts(attr) {
                let actual = attr.kind();
                return Err(BuildError::WrongAttr { op: op(), attr: name, expected: *kind, actual });
            }
        }
        if let Some(attr) = attrs.keys().find(|key| !def.attrs.iter().any(|a| a.name == *key)) {
            return Err(BuildError::UnknownAttr { op: op(), attr: attr.clone() });
        }
        Ok(Self { def, operands, attrs, results: Vec::new() })
    }

    /// The type of operand `index`.
    ///
    /// # Panics
    /// Where the table declares no such operand.
    pub fn operand(&self, index: usize) -> &'a TensorType<D::Elem> {
        self.operands[index]
    }

    /// The shape of operand `index`.
    ///
    /// # Panics
    /// Where the table declares no such operand.
    pub fn shape(&self, index: usize) -> &'a [usize] {
        &self.operands[index].shape
    }

    /// An attribute of whatever kind.
    ///
    /// # Panics
    /// Where the table declares no such attribute.
    pub fn attr(&self, name: &str) -> &'a Attr {
        self.attrs.get(name).expect(DECLARED)
    }

    /// An integer attribute.
    ///
    /// # Panics
    /// Where the table declares no such integer.
    pub fn int(&self, name: &str) -> i64 {
        self.attr(name).as_int().expect(DECLARED)
    }

    /// A float attribute.
    ///
    /// # Panics
    /// Where the table declares no such float.
    pub fn float(&self, name: &str) -> f64 {
        self.attr(name).as_float().expect(DECLARED)
    }

    /// A boolean attribute.
    ///
    /// # Panics
    /// Where the table declares no such boolean.
    pub fn bool(&self, name: &str) -> bool {
        self.attr(name).as_bool().expect(DECLARED)
    }

    /// A string attribute.
    ///
    /// # Panics
    /// Where the table declares no such string.
    pub fn str(&self, name: &str) -> &'a str {
        self.attr(name).as_str().expect(DECLARED)
    }

    /// A list of integers.
    ///
    /// # Panics
    /// Where the table declares no such list.
    pub fn ints(&self, name: &str) -> &'a [i64] {
        self.attr(name).as_ints().expect(DECLARED)
    }

    /// A list of floats.
    ///
    /// # Panics
    /// Where the table declares no such list.
    pub fn floats(&self, name: &str) -> &'a [f64] {
        self.attr(name).as_floats().expect(DECLARED)
    }

    /// A list of integers as sizes between `min` and 2^31, so that sums and products of two of them cannot overflow.
    ///
    /// # Errors
    /// A violation of `constraint` where one is outside.
    ///
    /// # Panics
    /// Where the table declares no such list.
    pub fn sizes(&self, name: &str, min: usize, constraint: &'static str) -> Result<Vec<usize>, Violation> {
        let size = |&v: &i64| usize::try_from(v).ok().filter(|v| (min..=1 << 31).contains(v));
        let bad = |v: &i64| Violation::new(constraint, format!("`{name}` has {v}, allowed are {min} to 2^31"));
        self.ints(name).iter().map(|v| size(v).ok_or_else(|| bad(v))).collect()
    }
}

const DECLARED: &str = "invariant: the builder checked the attributes against the op table";

/// What [`crate::Func::push`] takes for an op: a table entry, or its mnemonic.
pub trait OpKey<D: Dialect> {
    /// The table entry.
    ///
    /// # Errors
    /// [`BuildError::UnknownOp`] where the dialect has no such op.
    fn resolve(self) -> Result<&'static OpDef<D>, BuildError>;
}

impl<D: Dialect> OpKey<D> for &'static OpDef<D> {
    fn resolve(self) -> Result<&'static OpDef<D>, BuildError> {
        Ok(self)
    }
}

impl<D: Dialect> OpKey<D> for &str {
    fn resolve(self) -> Result<&'static OpDef<D>, BuildError> {
        D::op(self).ok_or_else(|| BuildError::UnknownOp {
            op: format!("{}.{self}", D::NAME),
            known: D::ops().iter().map(|op| op.mnemonic).collect(),
        })
    }
}
