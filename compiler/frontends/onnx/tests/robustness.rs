//! Whatever the bytes: no panic, no endless loop, no memory that the file does not ask for.

mod models;

use models::{accepted, cnn, indices, int, ints, model, node, options, tensor, text, value};
use prost::Message;
use treville_frontend_onnx::import;
use treville_frontend_onnx::proto::{AttributeProto, GraphProto, ModelProto};

const SEED: u64 = 0x7265_7669_6c6c_6521;

fn try_import(bytes: &[u8]) -> bool {
    let imported = import(bytes.to_vec(), &options());
    if let Err(error) = &imported {
        assert!(!error.diagnostics.is_empty());
        // Labels that do not fit the listing would show here.
        treville_ir::render(&error.diagnostics, &error.listing, false);
    }
    imported.is_ok()
}

/// Shape arithmetic, moves of elements, resizing, and what else takes numbers from the file.
fn shapes() -> ModelProto {
    let weights = [
        indices("starts", &[1]),
        indices("ends", &[-1]),
        indices("axes", &[2]),
        indices("pads", &[0, 0, 1, 1, 0, 0, 1, 1]),
        indices("repeats", &[1, 1, 2, 1]),
        indices("two", &[2]),
        indices("sizes", &[1, 2, 5, 7]),
        indices("shape", &[0, -1, 1, 2]),
        tensor("transposed", &[2, 1, 2, 2], &[0.5; 8]),
    ];
    let nodes = [
        node("Slice", &["x", "starts", "ends", "axes"], &["slice"], &[]),
        node("Pad", &["slice", "pads"], &["pad"], &[text("mode", "reflect")]),
        node("Tile", &["pad", "repeats"], &["tile"], &[]),
        node("ConvTranspose", &["tile", "transposed"], &["up"], &[ints("strides", &[2, 2])]),
        node("MaxPool", &["up"], &["pool"], &[ints("kernel_shape", &[2, 3]), int("ceil_mode", 1)]),
        node("Split", &["pool"], &["left", "right"], &[int("axis", 3)]),
        node("Concat", &["right", "left"], &["swapped"], &[int("axis", 1)]),
        node("Resize", &["swapped", "", "", "sizes"], &["resized"], &[text("mode", "linear")]),
        node("Gather", &["resized", "two"], &["row"], &[int("axis", 2)]),
        node("Shape", &["row"], &["dims"], &[]),
        node("ConstantOfShape", &["dims"], &["zeros"], &[]),
        node("Add", &["row", "zeros"], &["sum"], &[]),
        node("Reshape", &["sum", "shape"], &["y"], &[int("allowzero", 0)]),
        node("Einsum", &["y", "y"], &["product"], &[text("equation", "abcd,abce->abde")]),
        node("TopK", &["product", "two"], &["best", "places"], &[int("axis", 1)]),
    ];
    model(17, &[value("x", &["1", "2", "4", "3"])], &weights, &nodes, &["best", "places"])
}

#[test]
fn every_prefix() {
    for model in [cnn(), shapes()] {
        let bytes = model.encode_to_vec();
        accepted(&model, &options());
        for end in 0..bytes.len() {
            try_import(&bytes[..end]);
        }
    }
}

#[test]
fn ten_thousand_mutations() {
    mutate(&cnn().encode_to_vec(), SEED);
    mutate(&shapes().encode_to_vec(), SEED ^ 1);
}

#[test]
fn numbers_at_the_edges() {
    let edges = [
        i64::MIN,
        i64::MIN + 1,
        -(1 << 32),
        -1,
        0,
        1,
        2,
        255,
        65_536,
        1 << 24,
        (1 << 31) - 1,
        1 << 31,
        1 << 32,
        1 << 40,
        i64::MAX - 1,
        i64::MAX,
    ];
    for original in [cnn(), shapes()] {
        for edge in edges {
            each_number(&original, edge, &mut |bytes| {
                try_import(bytes);
            });
        }
    }
}

/// The model with each of its integers in turn replaced.
fn each_number(original: &ModelProto, edge: i64, check: &mut dyn FnMut(&[u8])) {
    let mut model = original.clone();
    let count = |graph: &GraphProto| (graph.node.len(), graph.initializer.len(), graph.input.len());
    let (n_nodes, n_initializers, _) = count(model.graph.as_ref().unwrap());
    macro_rules! with {
        ($place:expr) => {{
            let before = $place.clone();
            $place = edge;
            check(&model.encode_to_vec());
            $place = before;
        }};
    }
    for node in 0..n_nodes {
        for attr in 0..model.graph.as_ref().unwrap().node[node].attribute.len() {
            with!(model.graph.as_mut().unwrap().node[node].attribute[attr].i);
            for i in 0..model.graph.as_ref().unwrap().node[node].attribute[attr].ints.len() {
                with!(model.graph.as_mut().unwrap().node[node].attribute[attr].ints[i]);
            }
        }
    }
    for tensor in 0..n_initializers {
        for i in 0..model.graph.as_ref().unwrap().initializer[tensor].dims.len() {
            with!(model.graph.as_mut().unwrap().initializer[tensor].dims[i]);
        }
        for i in 0..model.graph.as_ref().unwrap().initializer[tensor].int64_data.len() {
            with!(model.graph.as_mut().unwrap().initializer[tensor].int64_data[i]);
        }
    }
    with!(model.opset_import[0].version);
}

#[test]
fn deep_nesting() {
    for depth in [10, 90, 110, 2_000] {
        let mut graph = GraphProto { node: vec![node("Relu", &["x"], &["y"], &[])], ..GraphProto::default() };
        let mut bytes = graph.encode_to_vec();
        for _ in 0..depth {
            // A graph whose node has a graph as its attribute.
            bytes = nested(1, &nested(5, &nested(6, &bytes)));
        }
        graph.node.clear();
        assert!(!try_import(&nested(7, &bytes)));
    }
}

/// A field that holds a message.
fn nested(tag: u32, inner: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_key(tag, prost::encoding::WireType::LengthDelimited, &mut bytes);
    prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
    bytes.extend(inner);
    bytes
}

#[test]
fn lengths_that_lie() {
    for tag in 0..=255u8 {
        for length in [u64::MAX, 1 << 63, 1 << 40, u64::from(u32::MAX), 100] {
            let mut bytes = vec![tag];
            prost::encoding::encode_varint(length, &mut bytes);
            bytes.extend([0; 50]);
            assert!(!try_import(&bytes));
        }
    }
}

#[test]
fn small_files_that_ask_for_much() {
    let x = [value("x", &["1", "1", "4", "4"])];
    let huge = |name: &str| indices(name, &[1 << 20, 1 << 20, 1 << 10, 1 << 10]);
    let grown = |op: &str| model(17, &x, &[huge("n")], &[node(op, &["x", "n"], &["y"], &[])], &["y"]);
    for op in ["Tile", "Expand", "Reshape"] {
        assert!(!try_import(&grown(op).encode_to_vec()), "{op}");
    }
    let filled = [node("ConstantOfShape", &["n"], &["c"], &[]), node("Add", &["x", "c"], &["y"], &[])];
    assert!(!try_import(&model(17, &x, &[huge("n")], &filled, &["y"]).encode_to_vec()));
    let bounds = [indices("a", &[0]), indices("b", &[i64::MAX]), indices("one", &[1])];
    let mut counted = bounds;
    counted.iter_mut().for_each(|t| t.dims.clear());
    let range = [node("Range", &["a", "b", "one"], &["c"], &[]), node("Gather", &["x", "c"], &["y"], &[])];
    assert!(!try_import(&model(17, &x, &counted, &range, &["y"]).encode_to_vec()));
    // The input is as large as tensors may be: what makes a list of its elements must not begin.
    let long = [value("x", &["1024", "1073741824"])];
    let weights = [
        indices("zero", &[-1]),
        indices("first", &[i64::MIN]),
        indices("one", &[1]),
        indices("back", &[-1]),
        indices("many", &[1 << 30]),
        indices("lengths", &[1; 1024]),
        tensor("hot", &[2], &[0.0, 1.0]),
    ];
    let wide = |op: &str, inputs: &[&str], attrs: &[AttributeProto]| {
        let nodes = [node(op, inputs, &["y", "mask"], attrs), node("Identity", &["mask"], &["z"], &[])];
        let outputs: &[&str] = if op == "Dropout" { &["y", "z"] } else { &["y"] };
        model(17, &long, &weights, &nodes, outputs)
    };
    for (op, inputs, attrs) in [
        ("Slice", vec!["x", "zero", "first", "one", "back"], vec![]),
        ("Trilu", vec!["x"], vec![]),
        ("TopK", vec!["x", "many"], vec![int("axis", 1)]),
        ("Dropout", vec!["x"], vec![]),
        ("ReverseSequence", vec!["x", "lengths"], vec![int("time_axis", 1), int("batch_axis", 0)]),
        ("ArgMax", vec!["x"], vec![int("axis", 1), int("select_last_index", 1)]),
        ("Hardmax", vec!["x"], vec![int("axis", 1)]),
        ("EyeLike", vec!["x"], vec![]),
        ("CumSum", vec!["x", "one"], vec![]),
        ("Einsum", vec!["x", "x"], vec![text("equation", "ij,kj->ik"), int("unknown", 1)]),
        ("Pad", vec!["x", "lengths"], vec![text("mode", "edge")]),
        ("ScatterND", vec!["x", "lengths", "hot"], vec![]),
        ("Resize", vec!["x", "", "", "many"], vec![]),
    ] {
        assert!(!try_import(&wide(op, &inputs, &attrs).encode_to_vec()), "{op}");
    }
    // Each node doubles the one before.
    let mut nodes = vec![node("Concat", &["x", "x"], &["c0"], &[int("axis", 0)])];
    for i in 1..60 {
        let (from, to) = (format!("c{}", i - 1), format!("c{i}"));
        nodes.push(node("Concat", &[&from, &from], &[&to], &[int("axis", 0)]));
    }
    assert!(!try_import(&model(17, &x, &[], &nodes, &["c59"]).encode_to_vec()));
    let shaped = |op: AttributeProto| model(17, &x, &[], &[node("MaxPool", &["x"], &["y"], &[op])], &["y"]);
    assert!(!try_import(&shaped(ints("kernel_shape", &[1 << 40, 1])).encode_to_vec()));
}

#[test]
fn long_chains_take_no_stack() {
    let n = 20_000;
    let name = |i: usize| if i == 0 { "x".to_owned() } else { format!("v{i}") };
    let nodes: Vec<_> = (0..n).map(|i| node("Neg", &[&name(i)], &[&name(i + 1)], &[])).collect();
    assert!(try_import(&model(17, &[value("x", &["1"])], &[], &nodes, &[&name(n)]).encode_to_vec()));
    let backwards: Vec<_> = nodes.into_iter().rev().collect();
    assert!(try_import(&model(17, &[value("x", &["1"])], &[], &backwards, &[&name(n)]).encode_to_vec()));
}

/// Changes a file at a few places, 10,000 times over.
fn mutate(original: &[u8], seed: u64) {
    let mut random = Random(seed);
    for _ in 0..10_000 {
        let mut bytes = original.to_vec();
        for _ in 0..=random.below(3) {
            if bytes.is_empty() {
                break;
            }
            let at = random.below(bytes.len());
            let length = random.below(16).min(bytes.len() - at);
            match random.below(6) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)],
                2 => drop(bytes.drain(at..at + length)),
                3 => {
                    let piece = bytes[at..at + length].to_vec();
                    let to = random.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                4 => bytes.insert(at, random.below(256) as u8),
                _ => {
                    let piece = bytes[at..at + length].to_vec();
                    let to = random.below(bytes.len() - length + 1);
                    bytes[to..to + length].copy_from_slice(&piece);
                }
            }
        }
        try_import(&bytes);
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }
}
