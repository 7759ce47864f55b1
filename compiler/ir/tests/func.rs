//! The builder, the verifier, rewriting and the graph view.

mod toy;

use toy::{ADD, Elem, Toy};
use treville_ir::{
    Arg, ArgKind, Attr, Attrs, BuildError, Func, FuncResult, GraphNode, Rewriter, TensorType, Use, ValueId, attrs,
    table,
};

fn vector(n: usize) -> TensorType<Elem> {
    TensorType::new([n], Elem::F32)
}

/// y = (a + b) + (a + b), beside a dead op and an unused weight.
fn sample() -> Func<Toy> {
    let mut func = Func::new("main");
    let a = func.add_arg(Arg::new("a", vector(4), "client", ArgKind::Input));
    let b = func.add_arg(Arg::new("b", vector(4), "server", ArgKind::Weight));
    func.add_arg(Arg::new("unused", vector(4), "server", ArgKind::Weight));
    let sum = func.push1("add", &[a, b], Attrs::new(), "sum").unwrap();
    func.push("halves", &[sum], Attrs::new(), "dead").unwrap();
    let y = func.push1(&ADD, &[sum, sum], Attrs::new(), "twice").unwrap();
    func.set_results(vec![FuncResult::new(y, "y", "client")]);
    func
}

#[test]
fn the_table_keeps_its_promises() {
    assert_eq!(table::complaints::<Toy>(), Vec::<String>::new());
}

#[test]
fn ill_typed_ops_cannot_be_built() {
    let mut func = sample();
    let (a, wide) = (func.arg("a").unwrap().0, func.add_arg(Arg::new("w", vector(5), "client", ArgKind::Input)));
    let before = func.to_string();
    let codes = |r: Result<Vec<ValueId>, BuildError>| r.unwrap_err().code();
    assert_eq!(codes(func.try_push("sub", &[a, a], Attrs::new(), "")), "E0201");
    assert_eq!(codes(func.try_push("add", &[a], Attrs::new(), "")), "E0202");
    assert_eq!(codes(func.try_push("add", &[a, a], attrs! { axis: 1 }, "")), "E0203");
    assert_eq!(codes(func.try_push("everything", &[], attrs! { int: true }, "")), "E0203");
    assert_eq!(codes(func.try_push("add", &[a, wide], Attrs::new(), "")), "E0204");
    let zero = func.push("everything", &[], everything([0, 2]), "zero").unwrap_err();
    assert_eq!((zero.code, zero.node()), ("E0205", Some("zero")));
    assert_eq!(codes(func.try_push("everything", &[], everything([1 << 31, 1 << 31]), "")), "E0205");
    assert_eq!(func.to_string(), before, "a refused op leaves no trace");
}

fn everything(ints: [i64; 2]) -> Attrs {
    attrs! { bool: true, int: 1, float: 1.0, str: "", ints: ints, floats: [0.5], strs: ["s"], numbers: [1] }
}

#[test]
fn attributes_stand_in_the_order_of_the_table() {
    let mut func = sample();
    func.push("everything", &[], everything([1, 2]), "e").unwrap();
    let op = func.op(func.last_op().unwrap());
    assert_eq!(op.attrs.keys().next_back().unwrap(), "numbers");
    assert_eq!(op.attrs.keys().next().unwrap(), "int");
}

#[test]
fn the_verifier_finds_what_the_builder_cannot_know() {
    let mut func = sample();
    assert_eq!(func.verify(), Ok(()));
    func.add_arg(Arg::new("a", vector(0), "", ArgKind::Input));
    func.set_results(Vec::new());
    let op = func.ops().next().unwrap().0;
    func.annotate(op, "colour", Attr::from("blue"));
    func.annotate(op, "range", Attr::from([2.0, 1.0]));
    let found: Vec<_> = func.verify().unwrap_err().iter().map(|d| d.code).collect();
    assert_eq!(found, ["E0206", "E0206", "E0206", "E0206", "E0209", "E0209"]);
}

#[test]
fn frees_must_be_the_last_use() {
    let mut func = sample();
    let ops: Vec<_> = func.ops().map(|(id, _)| id).collect();
    func.annotate(ops[0], "frees", Attr::from([0, 1]));
    func.annotate(ops[2], "frees", Attr::from([0]));
    assert_eq!(func.verify(), Ok(()));
    func.annotate(ops[1], "frees", Attr::from([0]));
    assert_eq!(func.verify().unwrap_err()[0].code, "E0209");
}

#[test]
fn uses_and_graph_agree() {
    let func = sample();
    let (a, _) = func.arg("a").unwrap();
    let uses = func.uses();
    let ops: Vec<_> = func.ops().map(|(id, _)| id).collect();
    assert_eq!(uses.of(a), [Use::Operand(ops[0], 0)]);
    assert_eq!(uses.of(func.results()[0].value), [Use::Result(0)]);
    let graph = func.graph();
    assert_eq!((graph.node_count(), graph.edge_count()), (3 + 3 + 1, 6));
    assert!(petgraph::algo::toposort(&graph, None).is_ok());
    let result = graph.node_indices().find(|n| graph[*n] == GraphNode::Result(0)).unwrap();
    let before: Vec<_> = graph.neighbors_directed(result, petgraph::Incoming).map(|n| graph[n]).collect();
    assert_eq!(before, [GraphNode::Op(ops[2])]);
}

#[test]
fn rewriting_replaces_and_keeps_the_rest() {
    let mut func = sample();
    let first = func.ops().next().unwrap().0;
    func.annotate(first, "range", Attr::from([0.0, 1.0]));
    // x + x -> halves, joined again: stands for any expansion of one op into several.
    let new = func
        .rewrite(|rw, _, op| {
            if op.def != &ADD || op.operands[0] != op.operands[1] {
                return Ok(None);
            }
            let x = rw.get(op.operands[0])?;
            Ok(Some(vec![rw.push("join", &[x], Attrs::new(), &op.loc)?]))
        })
        .unwrap();
    let mnemonics: Vec<_> = new.ops().map(|(_, op)| op.def.mnemonic).collect();
    assert_eq!(mnemonics, ["add", "halves", "join"]);
    assert_eq!(new.verify(), Ok(()));
    assert_eq!(new.op(first).annotations, func.op(first).annotations);
    assert_eq!(new.loc(new.results()[0].value), "twice");
}

#[test]
fn a_pass_that_forgets_a_value_is_told() {
    let func = sample();
    let mut rw: Rewriter<'_, Toy> = Rewriter::new(&func);
    rw.copy_args();
    let fault = rw.finish().unwrap_err();
    assert_eq!((fault.code, fault.node()), ("E0299", Some("twice")));
}

#[test]
fn dead_ops_and_unused_weights_go() {
    let func = sample().without_dead_ops().without_unused_args(|arg| arg.kind == ArgKind::Weight);
    assert_eq!(func.ops().len(), 2);
    assert_eq!(func.args().map(|(_, arg)| arg.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(func.verify(), Ok(()));
}
