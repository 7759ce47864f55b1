//! The verifier: all that the builder guarantees, checked again, and what it cannot know while a function grows.

use std::collections::BTreeSet;

use crate::{Attrs, Diagnostic, Dialect, Func, OpId, ValueDef};

impl<D: Dialect> Func<D> {
    /// Checks the whole function: names, types by inference, order, annotations.
    ///
    /// # Errors
    /// Everything that is wrong, each with the node that it came from.
    pub fn verify(&self) -> Result<(), Vec<Diagnostic>> {
        let mut faults = Vec::new();
        self.verify_signature(&mut faults);
        for (id, _) in self.ops() {
            self.verify_op(id, &mut faults);
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn verify_signature(&self, faults: &mut Vec<Diagnostic>) {
        let mut fault =
            |message: String, node: &str| faults.push(Diagnostic::error("E0206", message).at_node(node, "here"));
        let mut names = BTreeSet::new();
        for (_, arg) in self.args() {
            if arg.name.is_empty() || arg.owner.is_empty() {
                fault(format!("argument `{}` of owner `{}` lacks a name", arg.name, arg.owner), &arg.name);
            }
            if !names.insert(&arg.name) {
                fault(format!("two arguments are named `{}`", arg.name), &arg.name);
            }
            if let Err(e) = arg.ty.check() {
                fault(format!("argument `{}` is malformed: {e}", arg.name), &arg.name);
            }
        }
        if self.name().is_empty() {
            fault("the function has no name".into(), "");
        }
        if self.results().is_empty() {
            fault(format!("function `{}` has no results", self.name()), "");
        }
        let n_values = self.values().len();
        let mut names = BTreeSet::new();
        for result in self.results() {
            if result.name.is_empty() || result.owners.is_empty() || result.owners.iter().any(String::is_empty) {
                fault(format!("result `{}` lacks its name or the parties that learn it", result.name), &result.name);
            }
            if !names.insert(&result.name) {
                fault(format!("two results are named `{}`", result.name), &result.name);
            }
            if result.value.index() >= n_values {
                fault(format!("result `{}` is no value of this function", result.name), &result.name);
            }
        }
        for (_, arg) in self.args() {
            self.verify_annotations(None, &arg.annotations, &arg.name, faults);
        }
    }

    fn verify_op(&self, id: OpId, faults: &mut Vec<Diagnostic>) {
        let op = self.op(id);
        let early = |v: &crate::ValueId| match self.value(*v).def {
            ValueDef::Arg(_) => true,
            ValueDef::Op(def, _) => def < id,
        };
        if !op.operands.iter().all(early) {
            let message = format!("an operand of `{}` does not precede it", op.def.full_name());
            faults.push(Diagnostic::error("E0207", message).at_node(&op.loc, "here"));
        }
        match self.infer(op.def, &op.operands, &op.attrs) {
            Err(e) => faults.push(Diagnostic::from(e).at_node(&op.loc, "here")),
            Ok(types) => {
                if !types.iter().eq(op.results.iter().map(|v| self.ty(*v))) {
                    let message = format!("the result types of `{}` are not the inferred ones", op.def.full_name());
                    faults.push(Diagnostic::error("E0208", message).at_node(&op.loc, "here"));
                }
            }
        }
        self.verify_annotations(Some(id), &op.annotations, &op.loc, faults);
    }

    fn verify_annotations(&self, op: Option<OpId>, annotations: &Attrs, node: &str, faults: &mut Vec<Diagnostic>) {
        let found = annotations.iter().filter_map(|(key, attr)| self.annotation_fault(op, key, attr));
        faults.extend(found.map(|message| Diagnostic::error("E0209", message).at_node(node, "here")));
    }
}
