//! Rewriting: walk one function, build the next.

use crate::{Arg, Attr, Attrs, Diagnostic, Dialect, Func, FuncResult, Op, OpDef, OpId, OpKey, Use, ValueId};

/// Builds a new function from an old one, with a map from old values to new ones. `From` and `To` may be different dialects.
///
/// ```text
/// let mut rw = Rewriter::new(&old);
/// rw.copy_args();
/// for (id, op) in old.ops() {
///     if let Some(simpler) = pattern(&mut rw, op)? {
///         rw.replace(op.results[0], simpler);
///     } else {
///         rw.copy(id)?;
///     }
/// }
/// let new = rw.finish()?;
/// ```
#[derive(Debug)]
pub struct Rewriter<'a, From: Dialect, To: Dialect = From> {
    old: &'a Func<From>,
    new: Func<To>,
    map: Vec<Option<ValueId>>,
}

impl<'a, From: Dialect, To: Dialect> Rewriter<'a, From, To> {
    /// An empty new function of the same name.
    pub fn new(old: &'a Func<From>) -> Self {
        Self { old, new: Func::new(old.name()), map: vec![None; old.values().len()] }
    }

    /// The old function.
    pub fn old(&self) -> &'a Func<From> {
        self.old
    }

    /// The new function as far as it is built.
    pub fn func(&self) -> &Func<To> {
        &self.new
    }

    /// The new function, to annotate it.
    pub fn func_mut(&mut self) -> &mut Func<To> {
        &mut self.new
    }

    /// Adds an argument to the new function.
    pub fn add_arg(&mut self, arg: Arg<To::Elem>) -> ValueId {
        self.new.add_arg(arg)
    }

    /// Appends an op with one result to the new function; operands are new values.
    ///
    /// # Errors
    /// As [`Func::push`].
    pub fn push(
        &mut self,
        op: impl OpKey<To>,
        operands: &[ValueId],
        attrs: Attrs,
        loc: &str,
    ) -> Result<ValueId, Diagnostic> {
        self.new.push1(op, operands, attrs, loc)
    }

    /// From here on, uses of the old value mean the new one.
    pub fn replace(&mut self, old: ValueId, new: ValueId) {
        self.map[old.index()] = Some(new);
    }

    /// The new value that stands for an old one.
    ///
    /// # Errors
    /// An internal error where the pass has not said what becomes of it.
    pub fn get(&self, old: ValueId) -> Result<ValueId, Diagnostic> {
        self.map[old.index()].ok_or_else(|| {
            let node = self.old.loc(old);
            Diagnostic::error("E0299", format!("internal: a pass dropped the value of `{node}` that is still used"))
                .at_node(node, "here")
        })
    }

    /// The new values that stand for old ones.
    ///
    /// # Errors
    /// As [`Rewriter::get`].
    pub fn get_all(&self, old: &[ValueId]) -> Result<Vec<ValueId>, Diagnostic> {
        old.iter().map(|v| self.get(*v)).collect()
    }

    /// The new function, with the old results mapped.
    ///
    /// # Errors
    /// As [`Rewriter::get`], for the results.
    pub fn finish(self) -> Result<Func<To>, Diagnostic> {
        let results = self.old.results().iter().map(|r| Ok(FuncResult { value: self.get(r.value)?, ..r.clone() }));
        let results = results.collect::<Result<_, Diagnostic>>()?;
        Ok(self.finish_with(results))
    }

    /// The new function, with results of its own.
    pub fn finish_with(mut self, results: Vec<FuncResult>) -> Func<To> {
        self.new.set_results(results);
        self.new
    }
}

impl<'a, D: Dialect> Rewriter<'a, D, D> {
    /// Copies all arguments.
    pub fn copy_args(&mut self) {
        for (value, arg) in self.old.args() {
            let new = self.new.add_arg(arg.clone());
            self.replace(value, new);
        }
    }

    /// Copies one argument.
    ///
    /// # Panics
    /// Where the old value is no argument.
    pub fn copy_arg(&mut self, value: ValueId) -> ValueId {
        let arg = self.old.as_arg(value).expect("invariant: copy_arg is for arguments");
        let new = self.new.add_arg(arg.clone());
        self.replace(value, new);
        new
    }

    /// Copies an op with its annotations (but `strand` and `frees`, which a rewrite can make wrong) and maps its results.
    ///
    /// # Errors
    /// As [`Rewriter::get`] and [`Func::push`].
    pub fn copy(&mut self, id: OpId) -> Result<(), Diagnostic> {
        let op = self.old.op(id);
        self.copy_as(op, op.def, op.attrs.clone())
    }

    /// Copies an op with other attributes.
    ///
    /// # Errors
    /// As [`Rewriter::copy`].
    pub fn copy_with(&mut self, id: OpId, changes: impl IntoIterator<Item = (String, Attr)>) -> Result<(), Diagnostic> {
        let op = self.old.op(id);
        let mut attrs = op.attrs.clone();
        attrs.extend(changes);
        self.copy_as(op, op.def, attrs)
    }

    fn copy_as(&mut self, op: &Op<D>, def: &'static OpDef<D>, attrs: Attrs) -> Result<(), Diagnostic> {
        let operands = self.get_all(&op.operands)?;
        let results = self.new.push(def, &operands, attrs, &op.loc)?;
        for (old, new) in op.results.iter().zip(&results) {
            self.replace(*old, *new);
        }
        let id = self.new.last_op().expect("invariant: an op was just pushed");
        for (key, attr) in op.annotations.iter().filter(|(key, _)| !matches!(key.as_str(), "strand" | "frees")) {
            self.new.annotate(id, key, attr.clone());
        }
        Ok(())
    }
}

impl<D: Dialect> Func<D> {
    /// Rewrites op by op: `rule` gives new values for the op's results, or `None` to copy it. Arguments are kept.
    ///
    /// # Errors
    /// The first one of `rule` or of a copy.
    pub fn rewrite(
        &self,
        mut rule: impl FnMut(&mut Rewriter<'_, D>, OpId, &Op<D>) -> Result<Option<Vec<ValueId>>, Diagnostic>,
    ) -> Result<Self, Diagnostic> {
        let mut rw = Rewriter::new(self);
        rw.copy_args();
        for (id, op) in self.ops() {
            match rule(&mut rw, id, op)? {
                None => rw.copy(id)?,
                Some(new) => op.results.iter().zip(new).for_each(|(old, new)| rw.replace(*old, new)),
            }
        }
        rw.finish()
    }

    /// The same function without ops whose results nobody uses. Arguments are kept.
    pub fn without_dead_ops(&self) -> Self {
        let live = self.live_ops();
        let mut rw = Rewriter::new(self);
        rw.copy_args();
        for (id, _) in self.ops().filter(|(id, _)| live[id.index()]) {
            rw.copy(id).expect(COPY);
        }
        rw.finish().expect(COPY)
    }

    /// The same function without the arguments that `drop` picks among the unused ones.
    pub fn without_unused_args(&self, drop: impl Fn(&Arg<D::Elem>) -> bool) -> Self {
        let uses = self.uses();
        let mut rw = Rewriter::new(self);
        for (value, arg) in self.args() {
            if !(uses.of(value).is_empty() && drop(arg)) {
                rw.copy_arg(value);
            }
        }
        for (id, _) in self.ops() {
            rw.copy(id).expect(COPY);
        }
        rw.finish().expect(COPY)
    }

    /// Whether each op, by index, has a result that a result of the function depends on.
    fn live_ops(&self) -> Vec<bool> {
        let uses = self.uses();
        let mut live = vec![false; self.ops.len()];
        for (id, op) in self.ops().rev() {
            live[id.index()] = op.results.iter().flat_map(|v| uses.of(*v)).any(|u| match u {
                Use::Operand(user, _) => live[user.index()],
                Use::Result(_) => true,
            });
        }
        live
    }
}

const COPY: &str = "invariant: a part of a valid function that holds its operands is valid";
