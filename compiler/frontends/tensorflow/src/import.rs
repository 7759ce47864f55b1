//! Walks a graph from its outputs and builds the function, collecting every problem on the way.

use crate::graph::{Graph, MAX_LABELS, Port, quoted, show_dims};
use crate::node::Node;
use crate::ops;
use crate::options::Options;
use crate::outputs::{Outputs, check_options, cycle_diagnostic, find_outputs};
use crate::problem::{Problem, Result};
use crate::source::declared_shape;
use crate::tensor;
use crate::value::Val;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use treville_hlil::{Elem, Hlil, Weights};
use treville_ir::{Arg, ArgKind, Diagnostic, Func, FuncResult, Post, TensorType, ValueId};

/// A graph under import.
pub(crate) struct Importer<'g> {
    graph: &'g Graph,
    pub(crate) options: &'g Options,
    pub(crate) func: Func<Hlil>,
    pub(crate) weights: Weights,
    /// Output 0 of each node that was imported.
    values: HashMap<usize, Val>,
    /// The values of the function that constants have become, by the constant's name.
    pub(crate) constants: HashMap<String, ValueId>,
    problems: Vec<Diagnostic>,
    pub(crate) notes: Vec<Diagnostic>,
    variables: Vec<usize>,
    /// Softmax nodes that other ops read, which is reported once each.
    read_softmaxes: BTreeSet<usize>,
    /// Data types that are computed as 32-bit floats, with a node of each.
    pub(crate) narrowed: BTreeMap<String, String>,
    /// Constants that are public, though they could have been weights.
    pub(crate) disclosed: BTreeSet<String>,
    pub(crate) repeated: usize,
    /// A stand-in was made, so that the function must not be returned.
    incomplete: bool,
}

/// The parts of [`Imported`](crate::Imported) that the importer makes.
pub(crate) struct Parts {
    pub(crate) func: Func<Hlil>,
    pub(crate) weights: Weights,
    pub(crate) notes: Vec<Diagnostic>,
}

/// The party that brings inputs and learns results, unless the options say otherwise.
pub(crate) const CLIENT: &str = "client";
/// The party that owns the weights, unless the options say otherwise.
pub(crate) const SERVER: &str = "server";

/// Imports what the outputs of the graph need.
pub(crate) fn import(graph: &Graph, options: &Options) -> std::result::Result<Parts, Vec<Diagnostic>> {
    let mut problems = check_options(graph, options);
    let outputs = find_outputs(graph, options).unwrap_or_else(|diagnostic| {
        problems.push(*diagnostic);
        Outputs::default()
    });
    let mut importer = Importer {
        graph,
        options,
        func: Func::new("main"),
        weights: Weights::default(),
        values: HashMap::new(),
        constants: HashMap::new(),
        problems,
        notes: Vec::new(),
        variables: Vec::new(),
        read_softmaxes: BTreeSet::new(),
        narrowed: BTreeMap::new(),
        disclosed: BTreeSet::new(),
        repeated: tensor::MAX_REPEATED,
        incomplete: false,
    };
    importer.run(&outputs);
    importer.finish(&outputs)
}

impl<'g> Importer<'g> {
    fn run(&mut self, outputs: &Outputs) {
        let order = self.graph.order(outputs.nodes.iter().copied());
        for cycle in &order.cycles {
            // A loop's ops are reported one by one.
            if cycle.iter().all(|&n| ops::find(&self.graph.nodes[n].op).is_some()) {
                self.problems.push(cycle_diagnostic(self.graph, cycle));
            }
        }
        for idx in order.nodes {
            let val = match self.import_node(idx) {
                Ok(val) => val,
                Err(problem) => {
                    if let Problem::Report(diagnostic) = problem {
                        self.problems.push(*diagnostic);
                    }
                    self.stand_in(idx)
                }
            };
            self.values.insert(idx, val);
        }
        for idx in self.graph.order(outputs.constant.iter().copied()).nodes {
            let node = &self.graph.nodes[idx];
            if !self.values.contains_key(&idx) && ops::find(&node.op).is_none() {
                let note = "it leads to no input and to no output that is read; name the outputs with --result to leave it out";
                let problem = self.unsupported_op(idx, &[]).with_note(note);
                self.problems.push(problem);
            }
        }
    }

    fn import_node(&mut self, idx: usize) -> Result<Val> {
        let (graph, def) = (self.graph, &self.graph.nodes[idx]);
        let inputs = graph.inputs[idx].iter().map(|port| self.values.get(&port.node).cloned().unwrap_or(Val::Unknown));
        let inputs: Vec<Val> = inputs.collect();
        if ops::is_variable(&def.op) {
            self.variables.push(idx);
            return Err(Problem::Unknown);
        }
        let Some(op) = ops::find(&def.op) else {
            return Err(self.unsupported_op(idx, &inputs).into());
        };
        for port in &graph.inputs[idx] {
            if port.output != 0 {
                return Err(self.other_output(idx, *port).into());
            }
        }
        let mut node = Node::new(self, graph, idx, inputs);
        let known = |name: &str| name.starts_with('_') || op.attrs.split(' ').any(|a| a == name);
        if let Some(attr) = def.attr.keys().find(|name| !known(name)) {
            let why = format!("its attribute `{attr}` = {} is not known to this importer", node.show_attr(attr));
            return Err(node.problem("E0112", why, "it may change what the op computes; export without it"));
        }
        (op.import)(&mut node)
    }

    /// What a node that cannot be imported is taken for, so that the nodes behind it are checked too. The function is not
    /// returned then.
    fn stand_in(&mut self, idx: usize) -> Val {
        self.incomplete = true;
        let node = &self.graph.nodes[idx];
        let declared = declared_shape(node).and_then(|s| s.dim.iter().map(|d| usize::try_from(d.size).ok()).collect());
        let measured = self.options.sizes.as_ref().and_then(|sizes| sizes.get(&node.name)).map(<[usize]>::to_vec);
        let same = || {
            let input = ops::keeps_shape(&node.op).then(|| self.graph.inputs[idx].first()).flatten()?;
            self.shape(self.values.get(&input.node)?)
        };
        let Some(shape) = measured.or(declared).or_else(same) else { return Val::Unknown };
        let ty = TensorType::new(shape, Elem::SECRET_F32);
        if ty.check().is_err() {
            return Val::Unknown;
        }
        Val::Data(self.func.add_arg(Arg::new(&node.name, ty, SERVER, ArgKind::Input)))
    }

    fn unsupported_op(&self, idx: usize, inputs: &[Val]) -> Diagnostic {
        let node = &self.graph.nodes[idx];
        let (why, help) = match self.graph.refused.get(&node.name) {
            Some(why) => (why.as_str(), "export the model without this call, with its function put in place"),
            None => ops::why_unsupported(&node.op),
        };
        let message = format!("{} `{}` {why}", node.op, node.name);
        let diagnostic = Diagnostic::error("E0110", message).at_node(&node.name, "this node").with_help(help);
        match self.show_inputs(idx, inputs) {
            Some(inputs) => diagnostic.with_note(inputs),
            None => diagnostic,
        }
    }

    fn other_output(&self, idx: usize, port: Port) -> Diagnostic {
        let (reader, read) = (&self.graph.nodes[idx], &self.graph.nodes[port.node]);
        let message = format!(
            "`{}` reads output {} of {} `{}`, which is not supported",
            reader.name, port.output, read.op, read.name
        );
        Diagnostic::error("E0111", message)
            .at_node(&read.name, "only output 0 is computed")
            .at_node(&reader.name, "read here")
            .with_help("export the model for inference, which uses the first output only")
    }

    // What nodes ask for.

    /// The value as one of the function; a constant becomes one.
    pub(crate) fn data(&mut self, val: &Val, reader: &str) -> Result<ValueId> {
        match val {
            Val::Data(value) => Ok(*value),
            Val::Const(constant) => self.constant(constant),
            Val::Softmax { logits, node } => {
                if self.read_softmaxes.insert(*node) {
                    let name = &self.graph.nodes[*node].name;
                    let message = format!("Softmax `{name}` is not the end of the graph: `{reader}` reads it");
                    self.problems.push(
                        Diagnostic::error("E0116", message)
                            .at_node(name, "this softmax would have to be computed in secret")
                            .at_node(reader, "read here")
                            .with_note(format!("input shapes: {}", show_dims(&self.func.ty(*logits).shape)))
                            .with_help(
                                "a softmax is supported as an output only: name the output before it with --result",
                            ),
                    );
                }
                Ok(*logits)
            }
            Val::Unknown => Err(Problem::Unknown),
        }
    }

    /// The dimensions of a value, if it is known.
    pub(crate) fn shape(&self, val: &Val) -> Option<Vec<usize>> {
        match val {
            Val::Data(value) | Val::Softmax { logits: value, .. } => Some(self.func.ty(*value).shape.clone()),
            Val::Const(constant) => Some(constant.shape().to_vec()),
            Val::Unknown => None,
        }
    }

    /// One line that shows the inputs of a node and their shapes.
    pub(crate) fn show_inputs(&self, idx: usize, inputs: &[Val]) -> Option<String> {
        let names = self.graph.inputs[idx].iter().map(|port| &self.graph.nodes[port.node].name);
        let shown = names.zip(inputs).map(|(name, val)| match self.shape(val) {
            Some(shape) => format!("{name} {}", show_dims(&shape)),
            None => format!("{name} ?"),
        });
        let shown: Vec<String> = shown.take(MAX_LABELS).collect();
        (!shown.is_empty()).then(|| format!("input shapes: {}", shown.join(", ")))
    }

    // The end.

    fn finish(mut self, outputs: &Outputs) -> std::result::Result<Parts, Vec<Diagnostic>> {
        let from_input = self.graph.depends_on(|node| node.op == "Placeholder");
        let mut results = Vec::new();
        for &idx in &outputs.nodes {
            let name = &self.graph.nodes[idx].name;
            let owner = self.owner(name, CLIENT);
            match self.values.get(&idx) {
                Some(Val::Data(value)) if from_input[idx] => results.push(FuncResult::new(*value, name, owner)),
                Some(Val::Softmax { logits, .. }) if from_input[idx] => {
                    let message =
                        format!("the softmax `{name}` is computed in the clear by `{owner}`, which learns the logits");
                    self.notes.push(Diagnostic::note("N0102", message).at_node(name, "this softmax is the last op"));
                    results.push(FuncResult { post: Post::Softmax, ..FuncResult::new(*logits, name, owner) });
                }
                Some(Val::Const(_)) if self.options.outputs.is_empty() => {}
                Some(Val::Unknown) | None => {}
                Some(_) => self.problems.push(
                    Diagnostic::error("E0107", format!("the output `{name}` does not depend on an input"))
                        .at_node(name, "this node")
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
        const MAX_NAMES: usize = 64;
        if self.variables.is_empty() {
            return;
        }
        let show = |&idx: &usize| {
            let node = &self.graph.nodes[idx];
            let shape = node.attr.get("shape").map(crate::graph::show).unwrap_or_default();
            format!("{} {shape}", node.name).trim_end().to_owned()
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
        self.problems.push(diagnostic.with_help(
            "freeze the graph: tf.compat.v1.graph_util.convert_variables_to_constants (sessions), \
             or convert_variables_to_constants_v2 (TensorFlow 2)",
        ));
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
