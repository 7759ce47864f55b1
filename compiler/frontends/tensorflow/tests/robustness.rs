//! Whatever the bytes: no panic, no endless loop, no memory that the file does not ask for.

mod models;

use prost::Message;
use treville_frontend_tensorflow::{Format, Options, import, text};

const SEED: u64 = 0x7265_7669_6c6c_6521;

fn binary(text: &str) -> Vec<u8> {
    text::parse(text).unwrap().encode_to_vec()
}

fn try_import(bytes: &[u8], format: Format) -> bool {
    let imported = import(bytes, format, &Options::default());
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

/// Changes a file at a few places, 10,000 times over.
fn mutate(original: &[u8], format: Format, seed: u64) {
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
        try_import(&bytes, format);
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
