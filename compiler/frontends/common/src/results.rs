//! The end of an import: results, and what there is to say about the whole graph.

use crate::graph::{MAX_LABELS, quoted};
use crate::import::{CLIENT, Importer, Parts};
use crate::model::show_shape;
use crate::{Outputs, Port, Role, Val};
use treville_ir::{Diagnostic, FuncResult};

impl Importer<'_> {
    pub(crate) fn finish(mut self, outputs: &Outputs) -> std::result::Result<Parts, Vec<Diagnostic>> {
        let bound = &self.options.bound;
        let from_input = self.graph.depends_on(|node| node.role == Role::Input && !bound.contains_key(&node.name));
        let mut results = Vec::new();
        for (port, name) in &outputs.results {
            let node = &self.graph.nodes[port.node].name;
            let owner = self.owner(name, CLIENT);
            let from_input = from_input[port.node];
            match self.values.get(&port.node).and_then(|vals| vals.get(port.output)).cloned() {
                Some(Val::Data(value)) if from_input => results.push(FuncResult::new(value, name, owner)),
                Some(Val::Const(_)) if !outputs.named => {}
                Some(Val::Unknown) => {}
                None if !self.values.contains_key(&port.node) => {}
                None => {
                    let message = format!("the output `{name}` of the graph is output {} of its node", port.output);
                    self.problems.push(
                        Diagnostic::error("E0111", message)
                            .at_node(node, "this output is not computed")
                            .with_help("name other outputs with --result"),
                    );
                }
                Some(_) => self.problems.push(
                    Diagnostic::error("E0107", format!("the output `{name}` does not depend on an input"))
                        .at_node(node, "this node")
                        .with_help("revealing it would reveal weights or nothing new; name another output"),
                ),
            }
        }
        if results.is_empty() && self.problems.is_empty() && self.variables.is_empty() {
            let diagnostic = Diagnostic::error("E0107", "the graph has no output that depends on an input");
            self.problems.push(diagnostic.with_help("name the outputs with --result"));
        }
        self.report_variables();
        self.add_notes(outputs);
        if self.incomplete && self.problems.is_empty() {
            let diagnostic = Diagnostic::error("E0199", "some nodes have no value, and the importer does not say why");
            self.problems.push(diagnostic.with_help("this is a fault of Treville: please report it with the model"));
        }
        self.func.set_results(results);
        if self.problems.is_empty()
            && let Err(problems) = self.func.verify()
        {
            self.problems = problems;
        }
        if self.problems.is_empty() {
            Ok(Parts { func: self.func, weights: self.weights, notes: self.notes })
        } else {
            Err(self.problems)
        }
    }

    fn report_variables(&mut self) {
        const MAX_NAMES: usize = 1024;
        if self.variables.is_empty() {
            return;
        }
        let show = |&idx: &usize| {
            let shape = self.model.declared_shape(Port { node: idx, output: 0 });
            let shape = shape.map(|dims| show_shape(&dims)).unwrap_or_default();
            format!("{} {shape}", self.graph.nodes[idx].name).trim_end().to_owned()
        };
        let shown: Vec<String> = self.variables.iter().take(MAX_NAMES).map(show).collect();
        let more = self.variables.len().saturating_sub(MAX_NAMES);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let n = self.variables.len();
        let message = format!(
            "the graph is not frozen: the values of {n} variable{} are not in the file",
            if n == 1 { "" } else { "s" }
        );
        let mut diagnostic =
            Diagnostic::error("E0115", message).with_note(format!("variables: {}{more}", shown.join(", ")));
        for &idx in self.variables.iter().take(MAX_LABELS) {
            diagnostic = diagnostic.at_node(&self.graph.nodes[idx].name, "a variable without value");
        }
        self.problems.push(diagnostic.with_help(self.model.variables_help()));
    }

    fn add_notes(&mut self, outputs: &Outputs) {
        if !self.disclosed.is_empty() {
            let names: Vec<&str> = self.disclosed.iter().map(String::as_str).collect();
            let message = format!("the constants {} are public", quoted(&names));
            let note = "constants of one element are public, larger ones are the weights' owner's secret";
            self.notes.push(
                Diagnostic::note("N0103", message).with_note(note).with_help("make one secret with --secret NAME"),
            );
        }
        for (dtype, name) in &self.narrowed {
            let message = format!("values of {dtype} are computed as 32-bit floats and then in fixed point");
            self.notes.push(Diagnostic::note("N0104", message).at_node(name, "for example this one"));
        }
        if !outputs.constant.is_empty() {
            let names: Vec<&str> = outputs.constant.iter().map(|&n| self.graph.nodes[n].name.as_str()).collect();
            let message = format!("the nodes {} depend on no input and are left out", quoted(&names));
            self.notes.push(Diagnostic::note("N0105", message));
        }
    }
}
