//! A model's graph: names resolved to indices, and which nodes matter.

use std::collections::HashMap;
use treville_ir::Diagnostic;

/// The nodes of a model, whose inputs are resolved.
#[derive(Default)]
pub struct Graph {
    /// The nodes, in the file's order.
    pub nodes: Vec<GraphNode>,
    /// Names of outputs.
    pub names: HashMap<String, Port>,
    /// For a node that chooses between branches, the outputs of these. They are imported when the node asks for them.
    pub branches: HashMap<usize, Vec<Port>>,
}

/// A node of a graph.
pub struct GraphNode {
    /// Unique in the graph.
    pub name: String,
    /// The format's name of the op.
    pub op: String,
    /// The outputs that it reads; none where an optional input is left out.
    pub inputs: Vec<Option<Port>>,
    /// What it is for.
    pub role: Role,
}

/// What a node is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A value that a party brings.
    Input,
    /// A value that stands in the file.
    Constant,
    /// A value that should stand in the file, and does not.
    Variable,
    /// A computation.
    Op,
}

/// An output of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Port {
    /// The node's index.
    pub node: usize,
    /// Which of its outputs.
    pub output: usize,
}

/// Nodes in an order in which inputs precede their users.
pub struct Order {
    /// The order.
    pub nodes: Vec<usize>,
    /// The cycles that stand in the way, the first few; the order is as if one edge of each were not there.
    pub cycles: Vec<Vec<usize>>,
}

/// So many cycles are worth reporting.
const MAX_CYCLES: usize = 8;

impl Graph {
    /// The output of this name.
    pub fn find(&self, name: &str) -> Option<Port> {
        self.names.get(name).copied()
    }

    /// The role of the node that makes the output of this name.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.find(name).map(|port| self.nodes[port.node].role)
    }

    /// For each node whether its value depends on a node that `is_root` accepts.
    pub fn depends_on(&self, is_root: impl Fn(&GraphNode) -> bool) -> Vec<bool> {
        let mut users = vec![Vec::new(); self.nodes.len()];
        for (user, node) in self.nodes.iter().enumerate() {
            let branches = self.branches.get(&user).into_iter().flatten();
            node.inputs.iter().flatten().chain(branches).for_each(|port| users[port.node].push(user));
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
    pub fn sinks(&self) -> Vec<usize> {
        let mut read = vec![false; self.nodes.len()];
        self.nodes.iter().flat_map(|node| &node.inputs).flatten().for_each(|port| read[port.node] = true);
        (0..read.len()).filter(|&n| !read[n]).collect()
    }

    /// The nodes that `roots` need, inputs first, in an order that depends on the graph alone.
    pub fn order(&self, roots: impl IntoIterator<Item = usize>) -> Order {
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
                } else if let Some(port) = self.nodes[node].inputs.get(*next) {
                    state[node] = State::Open;
                    *next += 1;
                    if let Some(port) = port {
                        path.push((port.node, 0));
                    }
                } else {
                    state[node] = State::Done;
                    order.nodes.push(node);
                    path.pop();
                }
            }
        }
        order
    }
}

/// What a cycle of nodes is reported as.
pub fn cycle_diagnostic(graph: &Graph, cycle: &[usize]) -> Diagnostic {
    let names: Vec<&str> = cycle.iter().map(|&n| graph.nodes[n].name.as_str()).collect();
    let start = Diagnostic::error("E0106", format!("the nodes {} wait for each other", quoted(&names)));
    let labelled = names.iter().take(MAX_LABELS).fold(start, |d, name| d.at_node(*name, "waits for itself"));
    labelled.with_help("a graph for inference has no cycles: export it without loops")
}

/// Dimensions as people write them.
pub fn show_dims(dims: &[usize]) -> String {
    format!("{dims:?}")
}

/// Names between backticks, the first few of them.
pub fn quoted(names: &[&str]) -> String {
    const MAX_NAMES: usize = 16;
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    if more == 0 { shown.join(", ") } else { format!("{}, and {more} more", shown.join(", ")) }
}

/// A node's line in the listing, cut off where it is too long to read.
pub fn listing_line(line: &str) -> String {
    const MAX_LINE: usize = 160;
    match line.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line.to_owned(),
    }
}

/// So many nodes are pointed at in one diagnostic.
pub const MAX_LABELS: usize = 6;
