//! The op table by its own examples, the text of a small program, and its acceptance by MLIR.

use treville_hlil::{Elem, Func, Hlil, TensorType};
use treville_ir::{Arg, ArgKind, Attrs, FuncResult, Listing, Post, attrs, irdl, parse, render, table};

#[test]
fn the_table_keeps_its_promises() {
    assert_eq!(table::complaints::<Hlil>(), Vec::<String>::new());
}

/// A small CNN: conv, bias, relu, pool, flatten, dense.
fn cnn() -> Func {
    let mut f = Func::new("main");
    let weight = |f: &mut Func, name: &str, shape: &[usize]| {
        f.add_arg(Arg::new(name, TensorType::new(shape, Elem::SECRET_F32), "server", ArgKind::Weight))
    };
    let x = f.add_arg(Arg::new("x", TensorType::new([1, 1, 8, 8], Elem::SECRET_F32), "client", ArgKind::Input));
    let (w, b) = (weight(&mut f, "conv/kernel", &[4, 1, 3, 3]), weight(&mut f, "conv/bias", &[4, 1, 1]));
    let d = weight(&mut f, "dense/kernel", &[64, 10]);
    let conv_attrs = attrs! { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 };
    let y = f.push1("conv", &[x, w], conv_attrs, "conv/Conv2D").unwrap();
    let y = f.push1("add", &[y, b], Attrs::new(), "conv/BiasAdd").unwrap();
    let y = f.push1("relu", &[y], Attrs::new(), "conv/Relu").unwrap();
    let pool_attrs = attrs! { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] };
    let y = f.push1("max_pool", &[y], pool_attrs, "pool/MaxPool").unwrap();
    let y = f.push1("reshape", &[y], attrs! { shape: [1, 64] }, "flatten/Reshape").unwrap();
    let y = f.push1("matmul", &[y, d], Attrs::new(), "dense/MatMul").unwrap();
    let best = f.push1("arg_max", &[y], attrs! { axis: 1, keepdims: false }, "ArgMax").unwrap();
    let mut results = vec![FuncResult::new(y, "probabilities", "client"), FuncResult::new(best, "class", "client")];
    results[0].post = Post::Softmax;
    f.set_results(results);
    f
}

#[test]
fn a_small_program_as_text() {
    let text = cnn().to_string();
    assert_eq!(parse::<Hlil>(&text), Ok(cnn()));
    insta::assert_snapshot!(text);
}

#[test]
fn the_dialect_as_irdl() {
    insta::assert_snapshot!(irdl::<Hlil>());
}

#[test]
fn a_broken_constraint_is_shown_with_its_rule() {
    let text = cnn().to_string().replace("shape = [1, 64]", "shape = [1, 65]");
    let faults = parse::<Hlil>(&text).unwrap_err();
    insta::assert_snapshot!(render(&faults, &Listing::of_text("cnn.hlil", text), false));
}

#[test]
fn hostile_attributes_are_refused() {
    let text = cnn().to_string();
    for (good, bad) in [
        ("pads = [1, 1, 1, 1]", "pads = [1, 1, 1, 9223372036854775807]"),
        ("pads = [1, 1, 1, 1]", "pads = [2147483648, 2147483648, 2147483648, 2147483648]"),
        ("strides = [2, 2]", "strides = [-9223372036854775808, 2]"),
        ("kernel = [2, 2]", "kernel = [2147483648, 2147483648]"),
        ("shape = [1, 64]", "shape = [9223372036854775807, 9223372036854775807]"),
        ("axis = 1", "axis = -9223372036854775808"),
        ("groups = 1", "groups = 9223372036854775807"),
    ] {
        assert!(text.contains(good), "{good}");
        assert!(parse::<Hlil>(&text.replace(good, bad)).is_err(), "{bad}");
    }
}

/// Runs `mlir-opt` on dumps with `// -----` between them; `None` where it is not installed.
fn mlir_opt(dump: &str) -> Option<std::process::Output> {
    let names = std::env::var("MLIR_OPT").into_iter().chain(["mlir-opt-22".into(), "mlir-opt".into()]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (dialect, dump) = (path("hlil.irdl.mlir", &irdl::<Hlil>()), path("dump.mlir", dump));
    let run = |name: String| {
        std::process::Command::new(name)
            .arg(format!("--irdl-file={}", dialect.display()))
            .arg("--split-input-file")
            .arg(&dump)
            .output()
            .ok()
    };
    let output = names.into_iter().find_map(run);
    if output.is_none() {
        eprintln!("skipped: mlir-opt is not installed");
    }
    output
}

#[test]
fn mlir_accepts_the_program_and_all_examples() {
    // MLIR 22 binds one constraint to all values of a variadic operand, so it refuses `concat` of different types.
    let ops = treville_hlil::ops::OPS.iter().filter(|def| def.mnemonic != "concat");
    let examples = ops.flat_map(|def| def.examples).map(|line| table::example::<Hlil>(line).unwrap().to_string());
    let dump = std::iter::once(cnn().to_string()).chain(examples).collect::<Vec<_>>().join("// -----\n");
    let Some(output) = mlir_opt(&dump) else { return };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn mlir_refuses_what_is_not_in_the_table() {
    for (good, bad) in
        [("hlil.relu", "hlil.relo"), (", groups = 1 : i64", ""), ("hlil.secret<f32>", "hlil.secret<f64>")]
    {
        let Some(output) = mlir_opt(&cnn().to_string().replace(good, bad)) else { return };
        assert!(!output.status.success(), "{bad} was accepted");
    }
}
