//! Walks a graph from its outputs and builds the function, collecting every problem on the way.

use crate::graph::{MAX_LABELS, show_dims};
use crate::options::check_options;
use crate::{Graph, Model, Node, Options, Outputs, Port, Problem, Result, Role, Val, cycle_diagnostic};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use treville_hlil::{Elem, Hlil, Tensor, Weights};
use treville_ir::{Arg, ArgKind, Diagnostic, Func, TensorType, ValueId};

/// A graph under import.
pub(crate) struct Importer<'m> {
    pub(crate) model: &'m dyn Model,
    pub(crate) graph: &'m Graph,
    pub(crate) options: &'m Options,
    pub(crate) func: Func<Hlil>,
    pub(crate) weights: Weights,
    /// The outputs of each node that was imported.
    pub(crate) values: HashMap<usize, Vec<Val>>,
    /// The values of the function that constants have become, by the constant's name.
    pub(crate) constants: HashMap<String, ValueId>,
    /// While a node is folded, the values of the arguments of the function that folds it.
    pub(crate) folding: Option<indexmap::IndexMap<String, Tensor>>,
    /// Whether the node that is being folded reads public constants only.
    pub(crate) foldable: bool,
    /// Elements that nodes may still make which do not stand in the file.
    pub(crate) made: usize,
    /// So many branches are open.
    depth: usize,
    /// Dimensions that the file names and the options give.
    pub(crate) symbols: BTreeMap<String, usize>,
    pub(crate) problems: Vec<Diagnostic>,
    pub(crate) notes: Vec<Diagnostic>,
    pub(crate) variables: Vec<usize>,
    /// Data types that are computed as 32-bit floats, with a node of each.
    pub(crate) narrowed: BTreeMap<String, String>,
    /// Constants that are public, though they could have been weights.
    pub(crate) disclosed: BTreeSet<String>,
    /// A stand-in was made, so that the function must not be returned.
    pub(crate) incomplete: bool,
}

/// The parts of [`Imported`](crate::Imported) that come from the graph.
pub struct Parts {
    /// The function `main`.
    pub func: Func<Hlil>,
    /// The values of its weights.
    pub weights: Weights,
    /// What the user should know.
    pub notes: Vec<Diagnostic>,
}

/// A few bytes can ask for any number of elements: indices, masks, tensors of one value. So many may all nodes make together,
/// which keeps a hostile file from exhausting memory and is far above what models need.
const MAX_MADE: usize = 1 << 24;

/// The party that brings inputs and learns results, unless the options say otherwise.
pub(crate) const CLIENT: &str = "client";
/// The party that owns the weights, unless the options say otherwise.
pub(crate) const SERVER: &str = "server";

/// Imports what the outputs of the graph need; none where the model has none, which is reported with the rest.
///
/// # Errors
/// All problems at once.
pub fn import(
    model: &dyn Model,
    outputs: std::result::Result<Outputs, Box<Diagnostic>>,
    options: &Options,
) -> std::result::Result<Parts, Vec<Diagnostic>> {
    let graph = model.graph();
    let mut problems = check_options(graph, options);
    let outputs = outputs.unwrap_or_else(|diagnostic| {
        problems.push(*diagnostic);
        Outputs::default()
    });
    let mut importer = Importer {
        model,
        graph,
        options,
        func: Func::new("main"),
        weights: Weights::default(),
        values: HashMap::new(),
        constants: HashMap::new(),
        folding: None,
        foldable: true,
        made: MAX_MADE,
        depth: 0,
        symbols: BTreeMap::new(),
        problems,
        notes: Vec::new(),
        variables: Vec::new(),
        narrowed: BTreeMap::new(),
        disclosed: BTreeSet::new(),
        incomplete: false,
    };
    importer.name_symbols();
    importer.run(&outputs);
    importer.finish(&outputs)
}

impl Importer<'_> {
    fn run(&mut self, outputs: &Outputs) {
        self.import_all(outputs.results.iter().map(|(port, _)| port.node));
        for idx in self.graph.order(outputs.constant.iter().copied()).nodes {
            let node = &self.graph.nodes[idx];
            if !self.values.contains_key(&idx) && !self.model.supports(&node.op) {
                let note = "it leads to no input and to no output that is read; name the outputs with --result to leave it out";
                let problem = self.unsupported_op(idx, &[]).with_note(note);
                self.problems.push(problem);
            }
        }
    }

    /// Imports these nodes and those that they need, as far as they are not imported yet.
    fn import_all(&mut self, roots: impl IntoIterator<Item = usize>) {
        let order = self.graph.order(roots);
        for cycle in &order.cycles {
            // A loop's ops are reported one by one.
            if cycle.iter().all(|&n| self.model.supports(&self.graph.nodes[n].op)) {
                self.problems.push(cycle_diagnostic(self.graph, cycle));
            }
        }
        for idx in order.nodes {
            if self.values.contains_key(&idx) {
                continue;
            }
            let vals = match self.import_node(idx) {
                Ok(vals) => vals,
                Err(problem) => {
                    self.report(problem);
                    self.stand_in(idx)
                }
            };
            self.values.insert(idx, vals);
        }
    }

    /// An output of a branch, which is imported now.
    pub(crate) fn branch(&mut self, node: &str, port: Port) -> Result<Val> {
        const MAX_DEPTH: usize = 16;
        if self.depth >= MAX_DEPTH {
            return Err(Diagnostic::error(
                "E0111",
                format!("the branches of `{node}` are nested too deep, or in a circle"),
            )
            .at_node(node, "this node")
            .with_help("export the model without conditions")
            .into());
        }
        self.depth += 1;
        self.import_all([port.node]);
        self.depth -= 1;
        Ok(self.val(port))
    }

    fn import_node(&mut self, idx: usize) -> Result<Vec<Val>> {
        let node = &self.graph.nodes[idx];
        let inputs = node.inputs.iter().map(|port| port.map(|port| self.val(port)));
        let inputs: Vec<Option<Val>> = inputs.collect();
        if node.role == Role::Variable {
            self.variables.push(idx);
            return Err(Problem::Unknown);
        }
        if !self.model.supports(&node.op) {
            return Err(self.unsupported_op(idx, &inputs).into());
        }
        for port in node.inputs.iter().flatten() {
            if self.values.get(&port.node).is_some_and(|vals| port.output >= vals.len()) {
                return Err(self.other_output(idx, *port).into());
            }
        }
        if node.role == Role::Input && self.options.bound.contains_key(&node.name) {
            return self.bound(&node.name).map(|val| vec![val]);
        }
        if let Some(folded) = self.fold(idx, &inputs)? {
            return Ok(folded);
        }
        self.model.import(Node::new(self, idx, inputs))
    }

    pub(crate) fn report(&mut self, problem: Problem) {
        if let Problem::Report(diagnostic) = problem {
            self.problems.push(*diagnostic);
        }
    }

    /// An output of a node that comes before.
    pub(crate) fn val(&self, port: Port) -> Val {
        self.values.get(&port.node).and_then(|vals| vals.get(port.output)).cloned().unwrap_or(Val::Unknown)
    }

    /// What a node that cannot be imported is taken for, so that the nodes behind it are checked too. The function is not
    /// returned then.
    fn stand_in(&mut self, idx: usize) -> Vec<Val> {
        const MAX_OUTPUTS: usize = 64;
        self.incomplete = true;
        let node = &self.graph.nodes[idx];
        let declared = |output| {
            let dims = self.model.declared_shape(Port { node: idx, output })?;
            dims.iter().map(|d| d.known()).collect::<Option<Vec<usize>>>()
        };
        let measured = self.options.sizes.as_ref().and_then(|sizes| sizes.get(&node.name)).map(<[usize]>::to_vec);
        let same = || {
            let input = self.model.keeps_shape(&node.op).then(|| node.inputs.first()).flatten()?;
            self.shape(&self.val((*input)?))
        };
        let first = measured.or_else(|| declared(0)).or_else(same);
        let shapes: Vec<_> =
            std::iter::once(first).chain((1..MAX_OUTPUTS).map(declared).take_while(Option::is_some)).collect();
        let stand_in = |(output, shape): (usize, Option<Vec<usize>>)| {
            let ty = TensorType::new(shape?, Elem::SECRET_F32);
            ty.check().ok()?;
            let name = if output == 0 { node.name.clone() } else { format!("{}:{output}", node.name) };
            Some(Val::Data(self.func.add_arg(Arg::new(name, ty, SERVER, ArgKind::Input))))
        };
        shapes.into_iter().enumerate().map(stand_in).map(|val| val.unwrap_or(Val::Unknown)).collect()
    }

    fn unsupported_op(&self, idx: usize, inputs: &[Option<Val>]) -> Diagnostic {
        let node = &self.graph.nodes[idx];
        let crate::Unsupported { why, help } = self.model.why_unsupported(idx);
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
        let computed = match self.values.get(&port.node).map(Vec::len) {
            None | Some(0 | 1) => "only output 0 is computed".to_owned(),
            Some(n) => format!("only its first {n} outputs are computed"),
        };
        Diagnostic::error("E0111", message)
            .at_node(&read.name, computed)
            .at_node(&reader.name, "read here")
            .with_help("export the model for inference, which uses the first output only")
    }

    // What nodes ask for.

    /// The value as one of the function; a constant becomes one.
    pub(crate) fn data(&mut self, val: &Val) -> Result<ValueId> {
        match val {
            Val::Data(value) => Ok(*value),
            Val::Const(constant) => self.constant(constant),
            Val::Unknown => Err(Problem::Unknown),
        }
    }

    /// The dimensions of a value, if it is known.
    pub(crate) fn shape(&self, val: &Val) -> Option<Vec<usize>> {
        match val {
            Val::Data(value) => Some(self.func.ty(*value).shape.clone()),
            Val::Const(constant) => Some(constant.shape().to_vec()),
            Val::Unknown => None,
        }
    }

    /// One line that shows the inputs of a node and their shapes.
    pub(crate) fn show_inputs(&self, idx: usize, inputs: &[Option<Val>]) -> Option<String> {
        let ports = self.graph.nodes[idx].inputs.iter().zip(inputs);
        let shown = ports.filter_map(|(port, val)| {
            let name = &self.graph.nodes[port.as_ref()?.node].name;
            Some(match self.shape(val.as_ref()?) {
                Some(shape) => format!("{name} {}", show_dims(&shape)),
                None => format!("{name} ?"),
            })
        });
        let shown: Vec<String> = shown.take(MAX_LABELS).collect();
        (!shown.is_empty()).then(|| format!("input shapes: {}", shown.join(", ")))
    }
}
