//! Whatever the bytes: no panic, no endless loop, no memory that the file does not ask for.

mod models;

use bytes::Bytes;
use prost::Message;
use treville_frontend_tensorflow::{Format, Options, import, import_saved_model, text};

const SEED: u64 = 0x7265_7669_6c6c_6521;

fn binary(text: &str) -> Vec<u8> {
    text::parse(text).unwrap().encode_to_vec()
}

fn try_import(bytes: &[u8], format: Format) -> bool {
    let imported = import(&Bytes::copy_from_slice(bytes), format, &Options::default());
    if let Err(error) = &imported {
        assert!(!error.diagnostics.is_empty());
        // Labels that do not fit the listing would show here.
        treville_ir::render(&error.diagnostics, &error.listing, false);
    }
    imported.is_ok()
}

#[test]
fn every_prefix_of_a_text_file() {
    let text = models::dense();
    assert!(try_import(text.as_bytes(), Format::Text));
    for end in 0..text.len() {
        try_import(&text.as_bytes()[..end], Format::Text);
    }
}

#[test]
fn every_prefix_of_a_binary_file() {
    let bytes = binary(&models::cnn());
    assert!(try_import(&bytes, Format::Binary));
    for end in 0..bytes.len() {
        try_import(&bytes[..end], Format::Binary);
    }
}

#[test]
fn ten_thousand_mutations_of_a_binary_file() {
    mutate(&binary(&models::cnn()), Format::Binary, SEED);
}

#[test]
fn ten_thousand_mutations_of_a_text_file() {
    mutate(models::dense().as_bytes(), Format::Text, SEED ^ 1);
}

#[test]
fn numbers_at_the_edges() {
    let text = models::cnn();
    let edges = [
        "0",
        "-1",
        "2",
        "255",
        "65536",
        "2147483647",
        "2147483648",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "nan",
        "inf",
    ];
    let is_number = |t: &str| t.chars().all(|c| c.is_ascii_digit() || c == '-' || c == '.');
    let tokens: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
    for (idx, token) in tokens.iter().enumerate().filter(|(_, t)| is_number(t.trim()) && !t.trim().is_empty()) {
        for edge in edges {
            let edited = [
                tokens[..idx].concat(),
                edge.to_owned(),
                token[token.trim_end().len()..].to_owned(),
                tokens[idx + 1..].concat(),
            ];
            let edited = edited.concat();
            try_import(edited.as_bytes(), Format::Text);
            if let Ok(graph) = text::parse(&edited) {
                try_import(&graph.encode_to_vec(), Format::Binary);
            }
        }
    }
}

#[test]
fn deep_nesting() {
    for (open, close) in [("node {", "}"), ("a <", ">"), ("a: [{", "}]"), ("{", "}"), ("a: [", "]"), ("a: [[", "]]")] {
        for depth in [50, 99, 101, 10_000] {
            assert!(!try_import(open.repeat(depth).as_bytes(), Format::Text));
            let closed = format!("{}{}", open.repeat(depth), close.repeat(depth));
            assert!(!try_import(closed.as_bytes(), Format::Text));
        }
    }
    // In the binary format each level is a field that holds the rest: attribute values of functions of attribute values.
    let mut bytes = Vec::new();
    for depth in 0..5_000u32 {
        let tag = if depth % 2 == 0 { 0x52 } else { 0x12 };
        let mut outer = vec![tag];
        prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.append(&mut bytes);
        bytes = outer;
    }
    assert!(!try_import(&bytes, Format::Binary));
}

#[test]
fn lengths_that_lie() {
    for tag in [0x0A, 0x12, 0x22] {
        for length in [u64::MAX, 1 << 63, 1 << 40, u64::from(u32::MAX), 100] {
            let mut bytes = vec![tag];
            prost::encoding::encode_varint(length, &mut bytes);
            bytes.extend([0; 50]);
            assert!(!try_import(&bytes, Format::Binary));
        }
    }
}

#[test]
fn small_files_that_ask_for_a_lot() {
    let t = ("T", "type: DT_FLOAT");
    let ints = |name: &str, values: &str, n: i64| models::constant(name, "DT_INT32", &[n], values);
    let long = models::placeholder("x", &[1 << 40]);
    let one = models::placeholder("x", &[1]);
    let many = (1i64 << 24).to_string();
    let node = |name: &str, op: &str, inputs: &[&str]| models::node(name, op, inputs, &[t]);
    let mut tiles = one.clone() + &ints("times", &format!("int_val: {many}"), 1);
    let mut fills = one.clone() + &ints("dims", "int_val: 4194304", 1) + &models::weight("value", &[]);
    for k in 0..200 {
        tiles += &node(&format!("tile{k}"), "Tile", &["x", "times"]);
        fills += &node(&format!("fill{k}"), "Fill", &["dims", "value"]);
        fills += &node(&format!("sum{k}"), "Add", &["x", &format!("fill{k}")]);
    }
    let graphs = [
        tiles,
        fills,
        long.clone() + &models::node("parts", "Unpack", &["x"], &[t, ("num", "i: 1099511627776")]),
        long.clone() + &ints("axis", "int_val: 0", 1) + &node("reversed", "ReverseV2", &["x", "axis"]),
        long.clone() + &ints("k", "int_val: 1000000", 1) + &node("top", "TopKV2", &["x", "k"]),
        long.clone() + &ints("axes", "int_val: 0", 1) + &node("sums", "Cumsum", &["x", "axes"]),
        long + &ints("axes", "int_val: 0", 1) + &node("product", "Prod", &["x", "axes"]),
        one + &ints("shape", &format!("int_val: {many} int_val: {many}"), 2)
            + &node("wide", "BroadcastTo", &["x", "shape"]),
    ];
    for graph in graphs {
        try_import(graph.as_bytes(), Format::Text);
    }
}

/// The files of a SavedModel.
struct Directory {
    files: Vec<(&'static str, Vec<u8>)>,
}

impl Directory {
    fn new(name: &str) -> Self {
        let folder = format!("{}/../../../tests/saved_models/{name}/", env!("CARGO_MANIFEST_DIR"));
        let paths = ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"];
        Self { files: paths.map(|path| (path, std::fs::read(format!("{folder}{path}")).unwrap())).into() }
    }

    /// Imports it with another content for the file `idx`.
    fn try_import(&self, idx: usize, bytes: &[u8]) -> bool {
        let read = |path: &str| match self.files.iter().position(|(p, _)| *p == path) {
            Some(i) if i == idx => Ok(Bytes::copy_from_slice(bytes)),
            Some(i) => Ok(Bytes::copy_from_slice(&self.files[i].1)),
            None => Err(std::io::ErrorKind::NotFound.into()),
        };
        let imported = import_saved_model(&read, &Options::default());
        if let Err(error) = &imported {
            assert!(!error.diagnostics.is_empty());
            treville_ir::render(&error.diagnostics, &error.listing, false);
        }
        imported.is_ok()
    }
}

#[test]
fn every_prefix_of_a_checkpoint_index() {
    let directory = Directory::new("session");
    let index = &directory.files[1].1;
    assert!(directory.try_import(1, index));
    for end in 0..index.len() {
        assert!(!directory.try_import(1, &index[..end]));
    }
}

#[test]
fn a_thousand_mutations_of_each_file_of_a_saved_model() {
    let directory = Directory::new("module");
    for (idx, (_, bytes)) in directory.files.iter().enumerate() {
        let mut random = Random(SEED ^ idx as u64);
        for _ in 0..1_000 {
            directory.try_import(idx, &mutated(bytes, &mut random));
        }
    }
}

/// Damage that the checksums do not show.
#[test]
fn five_thousand_mutations_of_an_index_with_true_checksums() {
    let directory = Directory::new("session");
    let index = &directory.files[1].1;
    let checksum = |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    // The first block ends where its checksum is true.
    let is_end = |&end: &usize| index[end + 1..end + 5] == checksum(&index[..=end]);
    let end = (1..index.len() - 5).find(is_end).unwrap();
    let mut random = Random(SEED ^ 7);
    let mut accepted = 0;
    for _ in 0..5_000 {
        let mut block = mutated(&index[..end], &mut random);
        block.resize(end, 0);
        block.push(0);
        let checksum = checksum(&block);
        accepted += usize::from(directory.try_import(1, &[&block[..], &checksum, &index[end + 5..]].concat()));
    }
    assert!(accepted > 50 && accepted < 4_500, "{accepted} of 5,000 were accepted");
}

#[test]
fn functions_that_call_themselves_or_far_too_often() {
    let call = |name: &str, function: &str, input: &str| {
        format!(
            "node_def {{ name: \"{name}\" op: \"PartitionedCall\" input: \"{input}\" \
             attr {{ key: \"f\" value {{ func {{ name: \"{function}\" }} }} }} }}\n"
        )
    };
    let function = |name: &str, body: &str, result: &str| {
        format!(
            "function {{ signature {{ name: \"{name}\" input_arg {{ name: \"x\" }} output_arg {{ name: \"y\" }} }}\n\
             {body} ret {{ key: \"y\" value: \"{result}\" }} }}\n"
        )
    };
    let graph = |start: &str, functions: &str| {
        let call = call("call", start, "x").replace("node_def", "node");
        format!("{}{call}library {{ {functions} }}", models::placeholder("x", &[2]))
    };
    let imports = |text: &str| try_import(text.as_bytes(), Format::Text);
    assert!(imports(&graph("f", &function("f", "", "x"))));
    assert!(!imports(&graph("f", &function("f", &call("a", "f", "x"), "a:output:0"))));
    // Each of 40 functions calls the next one twice.
    let doubling = |k: usize| {
        let next = format!("f{}", k + 1);
        function(&format!("f{k}"), &(call("a", &next, "x") + &call("b", &next, "a:output:0")), "b:output:0")
    };
    let bomb: String = (0..40).map(doubling).collect();
    assert!(!imports(&graph("f0", &(bomb + &function("f40", "", "x")))));
    let chain = |k: usize| function(&format!("f{k}"), &call("a", &format!("f{}", k + 1), "x"), "a:output:0");
    let deep: String = (0..500).map(chain).collect();
    assert!(!imports(&graph("f0", &(deep + &function("f500", "", "x")))));
    // Two calls that wait for each other.
    let crossed = function("g", &(call("a", "f", "b:output:0") + &call("b", "f", "a:output:0")), "a:output:0");
    assert!(!imports(&graph("g", &(crossed + &function("f", "", "x")))));
}

/// Changes a file at a few places, 10,000 times over.
fn mutate(original: &[u8], format: Format, seed: u64) {
    let mut random = Random(seed);
    for _ in 0..10_000 {
        try_import(&mutated(original, &mut random), format);
    }
}

/// A file that is changed at a few places.
fn mutated(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        let length = random.below(16).min(bytes.len() - at);
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF, b'{', b'}', b'"', b'\\'][random.below(9)],
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
    bytes
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
