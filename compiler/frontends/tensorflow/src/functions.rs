//! Puts the bodies of functions in the place of their calls, which leaves a graph without functions.
//!
//! A node of a body keeps its name if it is free, else the name of the call goes before it. What reads a function's argument
//! reads what the call gives for it; what reads a call reads what the function returns.
//!
//! # Source
//! TensorFlow's `function.proto`: inside of a body, inputs are `argument` or `node:output:k`, where `output` is the name of
//! one of the op's outputs, which may be a list.

use crate::ops;
use crate::proto::{ArgDef, AttrValue, FunctionDef, GraphDef, NodeDef, Value};
use prost::Message;
use std::collections::{BTreeMap, HashMap, HashSet};
use treville_ir::Diagnostic;

/// A graph without functions.
#[derive(Default)]
pub(crate) struct Flat {
    pub(crate) nodes: Vec<NodeDef>,
    /// The calls that are still there, by name, and what each does that no graph can do without functions.
    pub(crate) refused: BTreeMap<String, String>,
}

/// A graph whose calls are to be replaced.
pub(crate) struct Inliner {
    functions: HashMap<String, FunctionDef>,
    flat: Flat,
    /// The names of the result's nodes, and for each the number that the last one like it has.
    taken: HashMap<String, usize>,
    /// For an output of a call, and for what is fed, what stands for it: `node:k` to `node:k`.
    aliases: HashMap<String, String>,
    /// The functions whose bodies are being put in place, the outermost first.
    open: Vec<String>,
    /// Those that were put in place before.
    seen: HashSet<String>,
    /// Bytes that further copies of bodies may take.
    left: usize,
    problems: Vec<Diagnostic>,
}

/// Calls may be nested this deep.
const MAX_DEPTH: usize = 64;
/// So many bytes of nodes may be copied, so that a small file cannot ask for a huge graph.
const MAX_COPIED: usize = 16 << 20;
/// What a node takes besides its bytes in the file, about.
const NODE_BYTES: usize = 256;

/// The kinds of nodes that call a function which an attribute names.
pub(crate) fn is_call(op: &str) -> bool {
    matches!(op, "PartitionedCall" | "StatefulPartitionedCall")
}

/// The nodes of a graph or a body by name, and what an input that names them means.
struct Scope {
    nodes: HashMap<String, Names>,
}

/// What a name stands for inside of a graph or body.
enum Names {
    /// An argument of a function.
    Argument(String),
    /// A node, its name in the result, and the names of its outputs.
    Node { name: String, outputs: Vec<String> },
}

impl Inliner {
    /// Takes the functions of a graph.
    pub(crate) fn new(functions: Vec<FunctionDef>) -> Self {
        let named = |f: FunctionDef| Some((f.signature.as_ref()?.name.clone(), f));
        Self {
            functions: functions.into_iter().filter_map(named).collect(),
            flat: Flat::default(),
            taken: HashMap::new(),
            aliases: HashMap::new(),
            open: Vec::new(),
            seen: HashSet::new(),
            left: MAX_COPIED,
            problems: Vec::new(),
        }
    }

    /// Keeps a name for a node that will be pushed: this one, or one like it.
    pub(crate) fn reserve(&mut self, name: &str) -> String {
        self.free_name("", name)
    }

    /// Lets all that reads `from` read `to`.
    pub(crate) fn feed(&mut self, from: &str, to: &str) {
        self.aliases.insert(with_output(from), with_output(to));
    }

    /// Adds a node of the result.
    pub(crate) fn push(&mut self, node: NodeDef) {
        self.flat.nodes.push(node);
    }

    /// Adds the nodes of the graph itself, and the bodies of what they call. Returns what the `outputs` of the graph are
    /// called from now on, where there are such.
    pub(crate) fn add_graph(&mut self, nodes: Vec<NodeDef>, outputs: &[&str]) -> Vec<Option<String>> {
        let scope = self.scope(&nodes, "", &[]);
        // What is fed is called as the graph calls it.
        let fed = std::mem::take(&mut self.aliases);
        self.aliases = fed.into_iter().filter_map(|(from, to)| Some((scope.graph_input(&from)?, to))).collect();
        for node in nodes {
            self.add_node(node, &scope, &Scope::graph_input, &BTreeMap::new());
        }
        outputs.iter().map(|output| scope.graph_input(output)).collect()
    }

    /// The graph without functions, of which what `roots` need, or all of it.
    ///
    /// # Errors
    /// Inputs that nothing makes, and calls that wait for themselves.
    pub(crate) fn finish(mut self, roots: Option<&[String]>) -> Result<Flat, Vec<Diagnostic>> {
        let mut flat = std::mem::take(&mut self.flat);
        for input in flat.nodes.iter_mut().flat_map(|node| &mut node.input).filter(|i| !i.starts_with('^')) {
            self.resolve(input);
        }
        if let Some(roots) = roots {
            flat.nodes = needed(flat.nodes, roots, false);
        }
        if self.problems.is_empty() { Ok(flat) } else { Err(self.problems) }
    }

    /// Names the nodes of a graph or a body as they will be called in the result.
    fn scope(&mut self, nodes: &[NodeDef], prefix: &str, arguments: &[(String, String)]) -> Scope {
        let mut scope = Scope { nodes: HashMap::with_capacity(nodes.len() + arguments.len()) };
        for (argument, value) in arguments {
            scope.nodes.insert(argument.clone(), Names::Argument(value.clone()));
        }
        for node in nodes {
            let outputs = match self.callee(node).and_then(|f| self.functions.get(f)) {
                Some(f) if !is_call(&node.op) => {
                    f.signature.iter().flat_map(|s| &s.output_arg).map(|a| a.name.clone()).collect()
                }
                _ => ops::output_names(&node.op).iter().map(|&name| name.to_owned()).collect(),
            };
            let name = self.free_name(prefix, &node.name);
            scope.nodes.insert(node.name.clone(), Names::Node { name, outputs });
        }
        scope
    }

    fn free_name(&mut self, prefix: &str, name: &str) -> String {
        if !self.taken.contains_key(name) {
            return self.take(name.to_owned());
        }
        let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        loop {
            let name = match self.taken.get_mut(&full) {
                None => return self.take(full),
                Some(n) => {
                    *n += 1;
                    format!("{full}_{n}")
                }
            };
            if !self.taken.contains_key(&name) {
                return self.take(name);
            }
        }
    }

    fn take(&mut self, name: String) -> String {
        self.taken.insert(name.clone(), 0);
        name
    }

    /// The function that a node calls.
    fn callee<'n>(&self, node: &'n NodeDef) -> Option<&'n str> {
        if !is_call(&node.op) {
            return self.functions.contains_key(&node.op).then_some(&node.op);
        }
        match node.attr.get("f")?.value.as_ref()? {
            Value::Func(f) => Some(&f.name),
            _ => None,
        }
    }

    fn add_node(
        &mut self,
        mut node: NodeDef,
        scope: &Scope,
        input: &dyn Fn(&Scope, &str) -> Option<String>,
        attrs: &BTreeMap<String, AttrValue>,
    ) {
        let original = node.name.clone();
        if let Some(Names::Node { name, .. }) = scope.nodes.get(&node.name) {
            node.name.clone_from(name);
        }
        for name in &mut node.input {
            match input(scope, name) {
                Some(resolved) => *name = resolved,
                None => {
                    let message =
                        format!("node `{original}` reads `{name}`, which nothing in its function or graph makes");
                    let diagnostic = Diagnostic::error("E0105", message);
                    self.problems.push(diagnostic.with_help("the file may be cut off: write it again"));
                }
            }
        }
        for value in node.attr.values_mut() {
            if let Some(Value::Placeholder(name)) = &value.value
                && let Some(given) = attrs.get(name)
            {
                *value = given.clone();
            }
        }
        match self.callee(&node).map(str::to_owned) {
            Some(function) => self.call(node, &function),
            None => self.flat.nodes.push(node),
        }
    }

    /// Puts a function's body in the place of a call whose inputs are already those of the result.
    fn call(&mut self, call: NodeDef, function: &str) {
        let body = match self.body(&call, function) {
            Ok(body) => body,
            Err(why) => return self.refuse(call, why),
        };
        let signature = body.signature.unwrap_or_default();
        let given = call.input.iter().filter(|i| !i.starts_with('^')).cloned();
        let arguments: Vec<_> = signature.input_arg.iter().map(|a| a.name.clone()).zip(given).collect();
        let mut attrs = call.attr.clone();
        if let Some(Value::Func(f)) = call.attr.get("f").and_then(|v| v.value.as_ref()) {
            attrs.extend(f.attr.clone());
        }
        let scope = self.scope(&body.node_def, &call.name, &arguments);
        for (k, output) in signature.output_arg.iter().enumerate() {
            match body.ret.get(&output.name).and_then(|returned| scope.body_input(returned)) {
                Some(returned) => drop(self.aliases.insert(format!("{}:{k}", call.name), returned)),
                None => {
                    return self
                        .refuse(call, format!("calls `{function}`, which does not say what `{}` is", output.name));
                }
            }
        }
        self.open.push(function.to_owned());
        for node in body.node_def {
            self.add_node(node, &scope, &Scope::body_input, &attrs);
        }
        self.open.pop();
    }

    /// The function that a call is replaced with, or why it cannot be.
    fn body(&mut self, call: &NodeDef, function: &str) -> Result<FunctionDef, String> {
        let Some(body) = self.functions.get(function) else {
            return Err(format!("calls the function `{function}`, which is not in the file"));
        };
        if self.open.iter().any(|open| open == function) {
            return Err(format!("calls `{function}`, inside of which it stands: recursion is not supported"));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(format!("is a call inside of {MAX_DEPTH} others"));
        }
        let signature = body.signature.clone().unwrap_or_default();
        let single = |a: &ArgDef| a.number_attr.is_empty() && a.type_list_attr.is_empty();
        if !signature.input_arg.iter().chain(&signature.output_arg).all(single) {
            return Err(format!("calls `{function}`, which takes or returns lists"));
        }
        let (n_given, n) = (call.input.iter().filter(|i| !i.starts_with('^')).count(), signature.input_arg.len());
        if n_given != n {
            return Err(format!("gives {n_given} arguments to `{function}`, which takes {n}"));
        }
        if !self.seen.insert(function.to_owned()) {
            let size: usize = body.node_def.iter().map(|node| node.encoded_len() + NODE_BYTES).sum();
            self.left =
                self.left.checked_sub(size).ok_or("is one call too many: the graph without functions is too large")?;
        }
        Ok(body.clone())
    }

    /// Leaves a call where it is.
    fn refuse(&mut self, call: NodeDef, why: impl Into<String>) {
        self.flat.refused.insert(call.name.clone(), why.into());
        self.flat.nodes.push(call);
    }

    /// Follows aliases from an input to what it stands for. All that lies on the way learns it, so that no way is gone twice.
    fn resolve(&mut self, input: &mut String) {
        let mut way = Vec::new();
        while let Some(alias) = self.aliases.remove(&with_output(input)) {
            way.push(with_output(&std::mem::replace(input, alias)));
        }
        // The way ends where it leads back to, since that alias is gone.
        if way.contains(&with_output(input)) {
            let message = format!("the call that gives `{input}` waits for itself");
            let diagnostic = Diagnostic::error("E0106", message);
            self.problems.push(diagnostic.with_help("a graph for inference has no cycles: export it without loops"));
        } else {
            self.aliases.extend(way.into_iter().map(|key| (key, input.clone())));
        }
    }
}

impl Scope {
    /// What an input means that is written as in a graph: `node`, `node:k` or `^node`.
    fn graph_input(&self, input: &str) -> Option<String> {
        let (mark, name) = split_mark(input);
        let (name, output) = name.rsplit_once(':').unwrap_or((name, "0"));
        match self.nodes.get(name)? {
            Names::Node { name, .. } if mark.is_empty() => Some(format!("{name}:{}", output.parse::<usize>().ok()?)),
            Names::Node { name, .. } => Some(format!("^{name}")),
            Names::Argument(_) => None,
        }
    }

    /// What an input means that is written as in a body: `argument`, `node:output:k` or `^node`.
    fn body_input(&self, input: &str) -> Option<String> {
        let (mark, rest) = split_mark(input);
        let mut parts = rest.split(':');
        match (self.nodes.get(parts.next()?)?, parts.next()) {
            (Names::Argument(value), _) if mark.is_empty() => Some(value.clone()),
            (Names::Argument(value), _) => Some(format!("^{}", value.split(':').next()?)),
            (Names::Node { name, .. }, _) if !mark.is_empty() => Some(format!("^{name}")),
            (Names::Node { name, outputs }, Some(output)) => {
                let first = outputs.iter().position(|o| o == output).unwrap_or(0);
                let k = parts.next().map_or(Some(0), |k| k.parse::<usize>().ok())?;
                Some(format!("{name}:{}", first.checked_add(k)?))
            }
            (Names::Node { name, .. }, None) => Some(format!("{name}:0")),
        }
    }
}

/// The nodes that `roots` need, by their inputs as they are written.
pub(crate) fn needed(nodes: Vec<NodeDef>, roots: &[String], with_control: bool) -> Vec<NodeDef> {
    let index: HashMap<&str, usize> = nodes.iter().enumerate().map(|(idx, node)| (node.name.as_str(), idx)).collect();
    let find = |input: &str| {
        let (_, name) = split_mark(input);
        index.get(name).or_else(|| index.get(name.rsplit_once(':')?.0)).copied()
    };
    let mut needed = vec![false; nodes.len()];
    let mut todo: Vec<usize> = roots.iter().filter_map(|root| find(root)).collect();
    while let Some(idx) = todo.pop() {
        if !std::mem::replace(&mut needed[idx], true) {
            let inputs = nodes[idx].input.iter().filter(|input| with_control || !input.starts_with('^'));
            todo.extend(inputs.filter_map(|input| find(input)));
        }
    }
    drop(index);
    nodes.into_iter().zip(needed).filter_map(|(node, needed)| needed.then_some(node)).collect()
}

/// The `^` of a control input, and the rest.
fn split_mark(input: &str) -> (&str, &str) {
    input.split_at(usize::from(input.starts_with('^')))
}

/// `node` as `node:0`.
fn with_output(input: &str) -> String {
    if input.contains(':') { input.to_owned() } else { format!("{input}:0") }
}

/// Takes the functions out of a graph: of their bodies, what the graph's own nodes need stays.
///
/// # Errors
/// As [`Inliner::finish`].
pub(crate) fn inline(graph: GraphDef) -> Result<Flat, Vec<Diagnostic>> {
    let mut inliner = Inliner::new(graph.library.unwrap_or_default().function);
    let nodes = graph.node;
    if !nodes.iter().any(|node| inliner.callee(node).is_some()) {
        return Ok(Flat { nodes, refused: BTreeMap::new() });
    }
    let mut roots: Vec<String> =
        nodes.iter().filter(|node| inliner.callee(node).is_none()).map(|node| node.name.clone()).collect();
    // A call that no node reads is an output of the graph, and leaves a node behind.
    let read: HashSet<&str> = nodes.iter().flat_map(|n| &n.input).filter_map(|i| i.split(':').next()).collect();
    let last: Vec<NodeDef> = nodes
        .iter()
        .filter(|node| inliner.callee(node).is_some() && !read.contains(node.name.as_str()))
        .map(|node| identity(&format!("{}/result", node.name), &node.name))
        .collect();
    roots.extend(last.iter().map(|node| node.name.clone()));
    inliner.add_graph(nodes.into_iter().chain(last).collect(), &[]);
    inliner.finish(Some(&roots))
}

/// A node that gives an output another name.
pub(crate) fn identity(name: &str, input: &str) -> NodeDef {
    NodeDef { name: name.to_owned(), op: "Identity".to_owned(), input: vec![input.to_owned()], ..NodeDef::default() }
}
