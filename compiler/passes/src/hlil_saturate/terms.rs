//! Terms: an e-graph over HLIL whose nodes are ops of the table, whatever they are.
//!
//! Beside the e-graph there is a function that holds one value for each e-class, so that types, secrecy and constraints are those that
//! [`Func::try_push`] infers: a term that is not well-typed cannot be built.

use std::collections::BTreeMap;
use std::rc::Rc;

use egg::{Analysis, DidMerge, EGraph, Id, Language};
use treville_hlil::{Elem, Hlil};
use treville_ir::{Attr, Attrs, Dialect, Func, OpDef, TensorType, ValueId};

use crate::origin::Origin;

/// An e-node: an op with its attributes, or an argument, over e-classes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Node {
    head: HeadId,
    children: Vec<Id>,
}

/// A [`Head`], by its place in the table of the heads that have occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct HeadId(u32);

/// What a node is, apart from its children.
#[derive(Debug)]
pub(super) enum Head {
    /// An argument of the function.
    Arg(ValueId),
    /// An op.
    Op(&'static OpDef<Hlil>, Attrs),
}

impl Language for Node {
    type Discriminant = HeadId;

    fn discriminant(&self) -> HeadId {
        self.head
    }

    fn matches(&self, other: &Self) -> bool {
        self.head == other.head && self.children.len() == other.children.len()
    }

    fn children(&self) -> &[Id] {
        &self.children
    }

    fn children_mut(&mut self) -> &mut [Id] {
        &mut self.children
    }
}

/// What is known of all terms.
pub(super) struct Facts {
    /// A value for each term.
    func: Func<Hlil>,
    origins: Vec<Origin>,
    heads: Vec<Rc<Head>>,
    places: BTreeMap<String, HeadId>,
    /// The model's node that new terms belong to.
    loc: String,
}

/// What is known of an e-class: the value of its oldest term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClassFacts(pub(super) ValueId);

impl Analysis<Node> for Facts {
    type Data = ClassFacts;

    fn make(graph: &mut Graph, node: &Node, _: Id) -> ClassFacts {
        let head = graph.analysis.heads[node.head.0 as usize].clone();
        match &*head {
            Head::Arg(value) => ClassFacts(*value),
            Head::Op(def, attrs) => {
                let operands: Vec<ValueId> = node.children.iter().map(|&child| graph[child].data.0).collect();
                let facts = &mut graph.analysis;
                let loc = facts.loc.clone();
                let value = facts.func.push1(*def, &operands, attrs.clone(), &loc).expect(CHECKED);
                let (_, op) = facts.func.defining_op(value).expect("invariant: an op was just pushed");
                let origin = Origin::of_op(op, |v| &facts.origins[v.index()]);
                facts.origins.push(origin);
                ClassFacts(value)
            }
        }
    }

    fn remake(graph: &mut Graph, _: &Node, id: Id) -> ClassFacts {
        graph[id].data
    }

    fn merge(&mut self, to: &mut ClassFacts, from: ClassFacts) -> DidMerge {
        let oldest = ClassFacts(to.0.min(from.0));
        let changed = DidMerge(oldest != *to, oldest != from);
        *to = oldest;
        changed
    }
}

const CHECKED: &str = "invariant: terms are type-checked before they are added";

/// The e-graph.
pub(super) type Graph = EGraph<Node, Facts>;

/// An op of a term, as rules see it.
#[derive(Clone, Debug)]
pub(super) struct Term {
    head: Rc<Head>,
    /// The e-classes of the operands.
    pub(super) operands: Vec<Id>,
}

impl Term {
    /// What it is.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The op's mnemonic; empty for an argument.
    pub(super) fn op(&self) -> &'static str {
        match &*self.head {
            Head::Op(def, _) => def.mnemonic,
            Head::Arg(_) => "",
        }
    }

    /// The op's attributes.
    ///
    /// # Panics
    /// For an argument.
    pub(super) fn attrs(&self) -> &Attrs {
        match &*self.head {
            Head::Op(_, attrs) => attrs,
            Head::Arg(_) => unreachable!("invariant: rules look at ops"),
        }
    }

    /// A list of integers among the attributes; empty where there is none.
    pub(super) fn ints(&self, name: &str) -> &[i64] {
        self.attrs().get(name).and_then(Attr::as_ints).unwrap_or_default()
    }

    /// A number among the attributes.
    pub(super) fn float(&self, name: &str) -> Option<f64> {
        self.attrs().get(name)?.as_float()
    }
}

/// The terms of an e-graph, to look at and to add to.
pub(super) struct Terms<'g>(pub(super) &'g mut Graph);

impl Terms<'_> {
    /// The type of a class.
    pub(super) fn ty(&self, id: Id) -> &TensorType<Elem> {
        ty(self.0, id)
    }

    /// The shape of a class.
    pub(super) fn shape(&self, id: Id) -> &[usize] {
        &self.ty(id).shape
    }

    /// Whether a class needs no input: it is folded into a weight or constant.
    pub(super) fn is_fixed(&self, id: Id) -> bool {
        origin(self.0, id).is_fixed()
    }

    /// The ops of this mnemonic in a class.
    pub(super) fn ops(&self, id: Id, mnemonic: &str) -> Vec<Term> {
        terms(self.0, id).filter(|term| term.op() == mnemonic).collect()
    }

    /// Whether nothing but sums and products uses a class.
    pub(super) fn is_affine_only(&self, id: Id) -> bool {
        let graph = &self.0;
        let users = graph[id].parents().flat_map(|user| terms(graph, user));
        let users = users.filter(|term| term.operands.iter().any(|&operand| graph.find(operand) == graph.find(id)));
        users.into_iter().all(|term| matches!(term.op(), "add" | "sub" | "mul"))
    }

    /// The class of an op over classes; `None` where that is not well-typed.
    pub(super) fn add(&mut self, mnemonic: &str, operands: &[Id], attrs: Attrs) -> Option<Id> {
        let def = Hlil::op(mnemonic)?;
        let mut attrs = attrs;
        attrs.sort_by_cached_key(|name, _| def.attrs.iter().position(|a| a.name == name));
        let values: Vec<ValueId> = operands.iter().map(|&id| self.0[id].data.0).collect();
        let node = Node { head: self.0.analysis.head(Head::Op(def, attrs)), children: operands.to_vec() };
        if let Some(id) = self.0.lookup(node.clone()) {
            return Some(id);
        }
        let head = self.0.analysis.heads[node.head.0 as usize].clone();
        let Head::Op(def, attrs) = &*head else { unreachable!("invariant: the head is an op") };
        self.0.analysis.func.infer(def, &values, attrs).ok()?;
        Some(self.0.add(node))
    }

    /// The class of an op of a term over other classes.
    pub(super) fn again(&mut self, term: &Term, operands: &[Id]) -> Option<Id> {
        self.add(term.op(), operands, term.attrs().clone())
    }

    /// From here on, new terms belong to the node of the model that a class came from.
    pub(super) fn at(&mut self, id: Id) {
        let value = self.0[id].data.0;
        let loc = self.0.analysis.func.loc(value).to_string();
        self.0.analysis.loc = loc;
    }
}

/// The ops and arguments of a class, in order.
pub(super) fn terms(graph: &Graph, id: Id) -> impl Iterator<Item = Term> + '_ {
    graph[id].nodes.iter().map(|node| term(graph, node))
}

/// A node with its head.
pub(super) fn term(graph: &Graph, node: &Node) -> Term {
    Term { head: graph.analysis.heads[node.head.0 as usize].clone(), operands: node.children.clone() }
}

/// The type of a class.
pub(super) fn ty(graph: &Graph, id: Id) -> &TensorType<Elem> {
    graph.analysis.func.ty(graph[id].data.0)
}

/// What a class depends on.
pub(super) fn origin(graph: &Graph, id: Id) -> &Origin {
    &graph.analysis.origins[graph[id].data.0.index()]
}

/// The model's node that a class came from.
pub(super) fn loc(graph: &Graph, id: Id) -> &str {
    graph.analysis.func.loc(graph[id].data.0)
}

impl Facts {
    /// The facts of no terms.
    pub(super) fn none() -> Self {
        Self {
            func: Func::new("terms"),
            origins: Vec::new(),
            heads: Vec::new(),
            places: BTreeMap::new(),
            loc: String::new(),
        }
    }

    fn head(&mut self, head: Head) -> HeadId {
        let key = match &head {
            Head::Arg(value) => format!("argument {}", value.index()),
            Head::Op(def, attrs) => format!("{} {attrs:?}", def.mnemonic),
        };
        let next = HeadId(self.heads.len() as u32);
        let id = *self.places.entry(key).or_insert(next);
        if id == next {
            self.heads.push(Rc::new(head));
        }
        id
    }
}

/// The e-graph of a function, with the class of each of its values.
pub(super) fn graph_of(func: &Func<Hlil>) -> (Graph, Vec<Id>) {
    let mut facts = Facts::none();
    let mut heads = Vec::new();
    for (_, arg) in func.args() {
        let value = facts.func.add_arg(arg.clone());
        facts.origins.push(Origin::of_arg(arg));
        heads.push(facts.head(Head::Arg(value)));
    }
    let mut graph = Graph::new(facts);
    let mut classes = vec![Id::from(0); func.values().len()];
    for ((value, _), head) in func.args().zip(heads) {
        classes[value.index()] = graph.add(Node { head, children: Vec::new() });
    }
    for (_, op) in func.ops() {
        let children = op.operands.iter().map(|v| classes[v.index()]).collect();
        graph.analysis.loc.clone_from(&op.loc);
        let head = graph.analysis.head(Head::Op(op.def, op.attrs.clone()));
        classes[op.results[0].index()] = graph.add(Node { head, children });
    }
    graph.rebuild();
    (graph, classes)
}
