//! Text: round trips, faults with places, hostile input, and acceptance by MLIR.

mod toy;

use proptest::prelude::*;
use toy::{Elem, Toy};
use treville_ir::{
    Arg, ArgKind, Attr, Attrs, Diagnostic, Func, FuncResult, Listing, Post, TensorType, attrs, irdl, parse, render,
};

fn sample() -> Func<Toy> {
    let mut func = Func::new("main");
    let ty = TensorType::new([2, 2], Elem::Mod { n: -67, secret: true });
    let x = func.add_arg(Arg::new("serving/x:0", ty.clone(), "client", ArgKind::Input));
    let y = func.add_arg(Arg::new("serving/x_0", ty.clone(), "server", ArgKind::Weight));
    let z = func.add_arg(Arg::new("0", TensorType::new([], Elem::F32), "server", ArgKind::Weight));
    func.annotate(z, "range", Attr::from([f64::NEG_INFINITY, 0.1]));
    let sum = func.push1("add", &[x, y], Attrs::new(), "a/\"b\"\n").unwrap();
    func.annotate(sum, "range", Attr::from([-1e-7, 1e16]));
    func.annotate(sum, "range_origin", Attr::from("calibrated"));
    let row = func.push1("join", &[sum, sum], Attrs::new(), "row").unwrap();
    func.annotate(row, "frees", Attr::from(Vec::<i64>::new()));
    let halves = func.push("halves", &[row], Attrs::new(), "").unwrap();
    let attrs = attrs! {
        int: i64::MIN, float: f64::NAN, bool: true, str: "\u{1b}\\ü", ints: [3], floats: [-0.0, f64::MAX, 5e-324],
        strs: ["a, b"], numbers: [1.0],
    };
    let all = func.push1("everything", &[], attrs, "all").unwrap();
    let mut results = vec![FuncResult::new(halves[1], "y", "client"), FuncResult::new(all, "z", "server")];
    results[1].owners.push("client".into());
    results[1].post = Post::Softmax;
    func.set_results(results);
    func
}

fn shown(text: &str) -> String {
    render(&parse::<Toy>(text).unwrap_err(), &Listing::of_text("program.toy", text), false)
}

#[test]
fn printing_parses_to_the_same_function() {
    let func = sample();
    let text = func.to_string();
    let again = parse::<Toy>(&text).unwrap_or_else(|e| panic!("{}", render(&e, &Listing::of_text("t", &*text), false)));
    assert_eq!(again, func);
    assert_eq!(again.to_string(), text);
    insta::assert_snapshot!(text);
}

#[test]
fn names_of_values_and_white_space_carry_no_meaning() {
    let text = sample().to_string();
    let other =
        text.replace("%0 ", "%sum ").replace("(%0,", "(%sum,").replace("%0)", "%sum)").replace(", ", " // c\n,");
    let other = other.replace("\"a // c\n,b\"", "\"a, b\"");
    assert_eq!(parse::<Toy>(&other).map(|f| f.to_string()), Ok(text));
}

#[test]
fn all_faults_are_reported_with_their_places() {
    let text = sample().to_string();
    let text = text.replace("\"toy.join\"(%0, %0)", "\"toy.joint\"(%0, %0)").replace("bool = true", "bool = 3");
    insta::assert_snapshot!(shown(&text));
}

#[test]
fn a_wrong_result_type_names_the_right_one() {
    let text = sample().to_string().replace("-> tensor<8x", "-> tensor<9x");
    insta::assert_snapshot!(shown(&text));
}

#[test]
fn a_syntax_error_says_what_was_expected() {
    let text = sample().to_string();
    insta::assert_snapshot!(shown(&text[..text.find("loc(").unwrap() - 8]));
}

#[test]
fn a_diagnostic_points_into_a_models_listing() {
    let mut listing = Listing::new("model.pb");
    listing.push("x", "x = Placeholder()");
    listing.push("dense/Relu6", "dense/Relu6 = Relu6(x)");
    let known = Diagnostic::error("E0301", "Relu6 is not supported").at_node("dense/Relu6", "this node");
    let known = known.at_node("x", "its input").with_note("found once").with_help("use Relu");
    let unknown = Diagnostic::warning("E0302", "a range was not given").at_node("elsewhere", "calibrated");
    insta::assert_snapshot!(render([&known, &unknown], &listing, false));
    assert!(render([&known], &listing, true).contains('\u{1b}'));
}

#[test]
fn labels_outside_of_the_text_do_no_harm() {
    let listing = Listing::of_text("t", "äö");
    let odd = Diagnostic::error("E0101", "m").at_span(1..3, "inside characters").at_span(80..90, "behind");
    assert!(render([&odd], &listing, false).contains("inside characters"));
}

#[test]
fn numbers_that_do_not_fit_are_faults() {
    for (good, bad) in [
        ("int = -9223372036854775808", "int = 9223372036854775808"),
        ("float = 0x7FF8000000000000", "float = 0x17FF8000000000000"),
        ("float = 0x7FF8000000000000 : f64", "float = 1.0e999 : f64"),
        ("float = 0x7FF8000000000000 : f64", "float = 1 : f64"),
        ("strs = [\"a, b\"]", "strs = [\"a, b\", 1]"),
        ("str = \"", "str = \"\\FF"),
        ("tensor<2x2x", "tensor<99999999999999999999x2x"),
        ("tensor<2x2x", "tensor<0x2x"),
        ("tensor<2x2x", "tensor<9999999999x9999999999x"),
        ("!toy.mod<-67", "!toy.mad<-67"),
        ("sym_name = \"main\"", "sym_name = 1"),
        ("sym_name = \"main\"", "sym_name = \"\""),
        ("toy.kind = \"input\"", "toy.kind = \"gift\""),
        ("toy.kind = \"input\", ", ""),
        ("toy.kind = \"input\"", "kind = \"input\""),
        ("{toy.kind = \"input\"", "{toy.kind = \"input\", toy.kind = \"input\""),
        ("%serving_x_0_: ", "%serving_x_0: "),
        ("func.return", "func.call"),
    ] {
        let text = sample().to_string();
        assert!(text.contains(good), "{good} is in {text}");
        assert!(parse::<Toy>(&text.replace(good, bad)).is_err(), "{bad} was accepted");
    }
}

#[test]
fn irdl_text() {
    insta::assert_snapshot!(irdl::<Toy>());
}

/// Runs `mlir-opt` on a dump; `None` where it is not installed.
fn mlir_opt(dump: &str) -> Option<std::process::Output> {
    let names = std::env::var("MLIR_OPT").into_iter().chain(["mlir-opt-22".into(), "mlir-opt".into()]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (dialect, dump) = (path("toy.irdl.mlir", &irdl::<Toy>()), path("dump.mlir", dump));
    let run = |name: String| {
        std::process::Command::new(name).arg(format!("--irdl-file={}", dialect.display())).arg(&dump).output().ok()
    };
    let output = names.into_iter().find_map(run);
    if output.is_none() {
        eprintln!("skipped: mlir-opt is not installed");
    }
    output
}

#[test]
fn mlir_accepts_dumps_and_refuses_wrong_ones() {
    let text = sample().to_string();
    let Some(output) = mlir_opt(&text) else { return };
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    for (good, bad) in
        [("toy.join", "toy.joint"), ("int = -9223372036854775808 : i64, ", ""), ("!toy.mod<-67, ", "!toy.mod<")]
    {
        let output = mlir_opt(&text.replace(good, bad)).expect("it ran before");
        assert!(!output.status.success(), "{bad} was accepted");
    }
}

/// The text with some bytes replaced, removed or repeated, cut to UTF-8.
fn mutate(text: &str, edits: &[(usize, u8, u8)]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for &(at, kind, byte) in edits {
        let at = at % bytes.len();
        match kind % 4 {
            0 => bytes[at] = byte,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, byte),
            _ => {
                let end = (at + usize::from(byte)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_text_never_panics(edits in prop::collection::vec((any::<usize>(), any::<u8>(), prop::sample::select(
        b"\"\\%(){}[]<>,:=-!.x0129aefn \n\xff\x00".to_vec())), 1..6)) {
        let text = mutate(&sample().to_string(), &edits);
        match parse::<Toy>(&text) {
            Ok(func) => prop_assert_eq!(parse::<Toy>(&func.to_string()).map(|f| f.to_string()), Ok(func.to_string())),
            Err(faults) => prop_assert!(render(&faults, &Listing::of_text("t", text), false).contains("error[E")),
        }
    }

    #[test]
    fn floats_and_strings_survive(bits: u64, other: u64, text: String) {
        let attrs = attrs! {
            int: bits as i64, float: f64::from_bits(bits), bool: true, str: text.as_str(), ints: [1], floats: [f64::from_bits(other)],
            strs: [text.as_str(), ""], numbers: [other as i64],
        };
        let mut func = Func::<Toy>::new("f");
        let y = func.push1("everything", &[], attrs, &text).unwrap();
        func.set_results(vec![FuncResult::new(y, "y", "client")]);
        prop_assert_eq!(parse::<Toy>(&func.to_string()), Ok(func));
    }
}

#[test]
fn truncated_text_never_panics() {
    let text = sample().to_string();
    for end in (0..text.trim_end().len()).filter(|i| text.is_char_boundary(*i)) {
        let faults = parse::<Toy>(&text[..end]).expect_err("a prefix is not a function");
        assert!(!render(&faults, &Listing::of_text("t", &text[..end]), false).is_empty());
    }
}
