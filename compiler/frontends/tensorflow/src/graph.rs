//! The graph behind a GraphDef: names resolved to indices, and which nodes matter.

use crate::dtype::DType;
use crate::functions::Flat;
use crate::proto::{AttrValue, NodeDef, TensorShapeProto, Value};
use std::collections::{BTreeMap, HashMap};
use treville_ir::{Diagnostic, Listing};

/// A graph whose inputs are resolved.
pub(crate) struct Graph {
    pub(crate) nodes: Vec<NodeDef>,
    /// For each node the outputs that it reads, without control inputs.
    pub(crate) inputs: Vec<Vec<Port>>,
    /// The calls of functions, by name, that cannot be replaced by their bodies, and what each does.
    pub(crate) refused: BTreeMap<String, String>,
    by_name: HashMap<String, usize>,
}

/// An output of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Port {
    pub(crate) node: usize,
    pub(crate) output: usize,
}

/// Nodes in an order in which inputs precede their users.
pub(crate) struct Order {
    pub(crate) nodes: Vec<usize>,
    /// The cycles that stand in the way, the first few; the order is as if one edge of each were not there.
    pub(crate) cycles: Vec<Vec<usize>>,
}

/// So many cycles are worth reporting.
const MAX_CYCLES: usize = 8;

impl Graph {
    /// Resolves the inputs of all nodes.
    ///
    /// # Errors
    /// A diagnostic for each name that two nodes have, and each input that no node makes.
    pub(crate) fn new(Flat { nodes, refused }: Flat) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut by_name = HashMap::with_capacity(nodes.len());
        for (idx, node) in nodes.iter().enumerate() {
            if by_name.insert(node.name.clone(), idx).is_some() {
                let message = format!("two nodes are called `{}`", node.name);
                let diagnostic = Diagnostic::error("E0104", message).at_node(&node.name, "this name is taken twice");
                problems
                    .push(diagnostic.with_help("names must be unique: the file is damaged, or two graphs were joined"));
            }
        }
        let mut inputs = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let mut ports = Vec::new();
            for input in node.input.iter().filter(|input| !input.starts_with('^')) {
                match resolve(input, &by_name) {
                    Some(port) => ports.push(port),
                    None => problems.push(
                        Diagnostic::error(
                            "E0105",
                            format!("node `{}` reads `{input}`, which no node makes", node.name),
                        )
                        .at_node(&node.name, format!("reads `{input}`"))
                        .with_help("the file may be cut off: write it again"),
                    ),
                }
            }
            inputs.push(ports);
        }
        if problems.is_empty() { Ok(Self { nodes, inputs, refused, by_name }) } else { Err(problems) }
    }

    /// The node of this name; `name:0` is `name`.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(name.strip_suffix(":0").unwrap_or(name)).copied()
    }

    /// For each node whether its value depends on a node that `is_root` accepts.
    pub(crate) fn depends_on(&self, is_root: impl Fn(&NodeDef) -> bool) -> Vec<bool> {
        let mut users = vec![Vec::new(); self.nodes.len()];
        for (user, inputs) in self.inputs.iter().enumerate() {
            inputs.iter().for_each(|port| users[port.node].push(user));
        }
        let mut depends: Vec<bool> = self.nodes.iter().map(is_root).collect();
        let mut todo: Vec<usize> = (0..depends.len()).filter(|&n| depends[n]).collect();
        while let Some(node) = todo.pop() {
            for &user in &users[node] {
                if !std::mem::replace(&mut depends[user], true) {
                    todo.push(user);
                }
            }
        }
        depends
    }

    /// The nodes whose outputs nobody reads.
    pub(crate) fn sinks(&self) -> Vec<usize> {
        let mut read = vec![false; self.nodes.len()];
        self.inputs.iter().flatten().for_each(|port| read[port.node] = true);
        (0..read.len()).filter(|&n| !read[n]).collect()
    }

    /// The nodes that `roots` need, inputs first, in an order that depends on the graph alone.
    pub(crate) fn order(&self, roots: impl IntoIterator<Item = usize>) -> Order {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut state = vec![State::New; self.nodes.len()];
        let mut order = Order { nodes: Vec::new(), cycles: Vec::new() };
        for root in roots {
            // The path from the root, with the number of inputs already visited at each node.
            let mut path = vec![(root, 0)];
            while let Some((node, next)) = path.last_mut() {
                let node = *node;
                if *next == 0 && state[node] != State::New {
                    if state[node] == State::Open && order.cycles.len() < MAX_CYCLES {
                        let cycle = path.iter().map(|(n, _)| *n).skip_while(|n| *n != node);
                        let members: Vec<usize> = cycle.collect();
                        order.cycles.push(members[..members.len() - 1].to_vec());
                    }
                    path.pop();
                } else if let Some(port) = self.inputs[node].get(*next) {
                    state[node] = State::Open;
                    *next += 1;
                    path.push((port.node, 0));
                } else {
                    state[node] = State::Done;
                    order.nodes.push(node);
                    path.pop();
                }
            }
        }
        order
    }

    /// One line for each node, for diagnostics to point at.
    pub(crate) fn listing(file: &str, nodes: &[NodeDef]) -> Listing {
        let mut listing = Listing::new(file);
        for node in nodes {
            let attrs = node.attr.iter().filter(|(name, _)| !name.starts_with('_'));
            let attrs: Vec<String> = attrs.map(|(name, value)| format!("{name} = {}", show(value))).collect();
            let attrs = if attrs.is_empty() { String::new() } else { format!(" {{{}}}", attrs.join(", ")) };
            let line = format!("{} = {}({}){attrs}", node.name, node.op, node.input.join(", "));
            match line.char_indices().nth(MAX_LINE) {
                Some((end, _)) => listing.push(&node.name, &format!("{} ...", &line[..end])),
                None => listing.push(&node.name, &line),
            }
        }
        listing
    }
}

/// A shape as people write it, `?` for what is unknown.
pub(crate) fn show_shape(shape: &TensorShapeProto) -> String {
    if shape.unknown_rank {
        return "?".to_owned();
    }
    let dim = |size: i64| if size < 0 { "?".to_owned() } else { size.to_string() };
    format!("[{}]", shape.dim.iter().map(|d| dim(d.size)).collect::<Vec<_>>().join(", "))
}

/// Dimensions as people write them.
pub(crate) fn show_dims(dims: &[usize]) -> String {
    format!("{dims:?}")
}

/// Names between backticks, the first few of them.
pub(crate) fn quoted(names: &[&str]) -> String {
    const MAX_NAMES: usize = 16;
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    if more == 0 { shown.join(", ") } else { format!("{}, and {more} more", shown.join(", ")) }
}

/// So many characters of a node are shown.
const MAX_LINE: usize = 160;
/// So many nodes are pointed at in one diagnostic.
pub(crate) const MAX_LABELS: usize = 6;

/// An attribute's value, short enough for a line.
pub(crate) fn show(value: &AttrValue) -> String {
    const MAX_ITEMS: usize = 8;
    fn join<T>(items: &[T], show: impl Fn(&T) -> String) -> Option<String> {
        let more = if items.len() > MAX_ITEMS { ", ..." } else { "" };
        let shown: Vec<String> = items.iter().take(MAX_ITEMS).map(show).collect();
        (!items.is_empty()).then(|| format!("[{}{more}]", shown.join(", ")))
    }
    let text = |bytes: &[u8]| {
        let text: String = String::from_utf8_lossy(bytes).chars().take(64).collect();
        format!("{text:?}")
    };
    match &value.value {
        None => "?".to_owned(),
        Some(Value::S(s)) => text(s),
        Some(Value::I(i)) => i.to_string(),
        Some(Value::F(f)) => f.to_string(),
        Some(Value::B(b)) => b.to_string(),
        Some(Value::Type(t)) => DType(*t).to_string(),
        Some(Value::Shape(shape)) => show_shape(shape),
        Some(Value::Tensor(t)) => {
            format!("{} {}", DType(t.dtype), show_shape(&t.tensor_shape.clone().unwrap_or_default()))
        }
        Some(Value::Placeholder(name)) => format!("${name}"),
        Some(Value::Func(f)) => format!("@{}", f.name),
        Some(Value::List(l)) => join(&l.i, i64::to_string)
            .or_else(|| join(&l.f, f32::to_string))
            .or_else(|| join(&l.b, bool::to_string))
            .or_else(|| join(&l.s, |s| text(s)))
            .or_else(|| join(&l.r#type, |t| DType(*t).to_string()))
            .or_else(|| join(&l.shape, show_shape))
            .or_else(|| join(&l.func, |f| format!("@{}", f.name)))
            .or_else(|| join(&l.tensor, |t| DType(t.dtype).to_string()))
            .unwrap_or_else(|| "[]".to_owned()),
    }
}

fn resolve(input: &str, by_name: &HashMap<String, usize>) -> Option<Port> {
    let (name, output) = match input.rsplit_once(':') {
        Some((name, output)) => (name, output.parse().ok()?),
        None => (input, 0),
    };
    by_name.get(name).map(|&node| Port { node, output })
}
