//! The printer: a function as MLIR's generic form.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter, Result as FmtResult};

use crate::attr::StrText;
use crate::{ArgKind, Attr, Attrs, Dialect, Func, Post, TensorType, ValueId};

impl<D: Dialect> Display for Func<D> {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let names = value_names(self);
        let named = |v: &ValueId| names[v.index()].as_str();
        f.write_str("\"func.func\"() ({\n")?;
        if self.args().len() > 0 {
            let args = self.args().map(|(v, arg)| format!("{}: {}", named(&v), arg.ty));
            writeln!(f, "^bb0({}):", commas(args))?;
        }
        for (id, op) in self.ops() {
            f.write_str("  ")?;
            if !op.results.is_empty() {
                write!(f, "{} = ", commas(op.results.iter().map(named)))?;
            }
            write!(f, "\"{}\"({})", op.def.full_name(), commas(op.operands.iter().map(named)))?;
            if !(op.attrs.is_empty() && op.annotations.is_empty()) {
                let attrs = op.attrs.iter().map(|(key, attr)| format!("{key} = {attr}"));
                write!(f, " {{{}}}", commas(attrs.chain(prefixed::<D>(&op.annotations))))?;
            }
            let view = self.view(id);
            write!(f, " : {}", signature(view.operands.iter().copied(), view.results.iter().copied()))?;
            if !op.loc.is_empty() {
                write!(f, " loc({})", StrText(&op.loc))?;
            }
            f.write_str("\n")?;
        }
        let results = || self.results().iter().map(|r| &r.value);
        write!(f, "  \"func.return\"({})", commas(results().map(named)))?;
        writeln!(f, " : {}", signature(results().map(|v| self.ty(*v)), []))?;
        write!(
            f,
            "}}) {{arg_attrs = [{}], ",
            commas(self.args().map(|(_, arg)| {
                let own = attr_text::<D>([
                    ("kind", arg.kind.as_str().into()),
                    ("name", arg.name.as_str().into()),
                    ("owner", arg.owner.as_str().into()),
                ]);
                format!("{{{}}}", commas(own.chain(prefixed::<D>(&arg.annotations))))
            }))
        )?;
        let arg_types = self.args().map(|(_, arg)| &arg.ty);
        write!(f, "function_type = {}, ", signature(arg_types, results().map(|v| self.ty(*v))))?;
        write!(
            f,
            "res_attrs = [{}], ",
            commas(self.results().iter().map(|r| {
                let own = attr_text::<D>([
                    ("name", r.name.as_str().into()),
                    ("owner", r.owners.clone().into()),
                    ("post", r.post.as_str().into()),
                ]);
                format!("{{{}}}", commas(own))
            }))
        )?;
        writeln!(f, "sym_name = {}}} : () -> ()", StrText(self.name()))
    }
}

impl ArgKind {
    /// The word in the text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Weight => "weight",
        }
    }
}

impl Post {
    /// The word in the text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Softmax => "softmax",
        }
    }
}

fn attr_text<D: Dialect>(entries: [(&'static str, Attr); 3]) -> impl Iterator<Item = String> {
    entries.into_iter().map(|(key, attr)| format!("{}.{key} = {attr}", D::NAME))
}

fn prefixed<D: Dialect>(annotations: &Attrs) -> impl Iterator<Item = String> + '_ {
    annotations.iter().map(|(key, attr)| format!("{}.{key} = {attr}", D::NAME))
}

fn signature<'a, E: Display + 'a>(
    operands: impl IntoIterator<Item = &'a TensorType<E>>,
    results: impl IntoIterator<Item = &'a TensorType<E>>,
) -> String {
    let results: Vec<_> = results.into_iter().map(|t| t.to_string()).collect();
    let operands = commas(operands.into_iter().map(|t| t.to_string()));
    match &results[..] {
        [one] => format!("({operands}) -> {one}"),
        many => format!("({operands}) -> ({})", many.join(", ")),
    }
}

fn commas<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
    let mut text = String::new();
    for (i, item) in items.into_iter().enumerate() {
        text.push_str(if i > 0 { ", " } else { "" });
        text.push_str(item.as_ref());
    }
    text
}

/// The SSA names: arguments by their names, made valid and unique, ops' results by number.
fn value_names<D: Dialect>(func: &Func<D>) -> Vec<String> {
    let mut names = vec![String::new(); func.values().len()];
    let mut taken = BTreeSet::new();
    for (value, arg) in func.args() {
        let valid = |c: char| if c.is_ascii_alphanumeric() || "_$.-".contains(c) { c } else { '_' };
        let mut name: String = arg.name.chars().map(valid).collect();
        if name.chars().next().is_none_or(|c| c.is_ascii_digit()) {
            name.insert(0, '_');
        }
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        names[value.index()] = format!("%{name}");
    }
    let results = func.ops().flat_map(|(_, op)| &op.results);
    for (number, value) in results.enumerate() {
        names[value.index()] = format!("%{number}");
    }
    names
}
