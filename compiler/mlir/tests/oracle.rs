//! Machine code that MLIR makes against our evaluator, bit for bit; and MLIR's verifier and printer against ours.

use indexmap::IndexMap;
use ndarray::ArrayD;
use treville_hlil::{FUNCTIONS, Hlil, Scalar, Tensor};
use treville_ir::{Dialect, Func, parse, table};
use treville_llil::{Args, Exact, Llil, evaluate};
use treville_mlir::{Elements, Mlir, MlirError, export};
use treville_ring::tensor::from_vec;

/// Ring elements at edges: 0, 1, the ends of the domain of comparison, powers of two and their neighbours, and others.
fn elements(n: usize, bits: u8, seed: u64) -> Vec<u64> {
    let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Comparisons are of values below a quarter of the ring, and so are their differences.
    let top = if bits > 3 { 1u64 << (bits - 4) } else { 1 };
    (0..n)
        .map(|_| {
            let magnitude = match next() % 8 {
                0 => 0,
                1 => 1,
                2 => top - 1,
                3 => 1 << (next() % u64::from(bits.saturating_sub(4).max(1))),
                4 => (1u64 << (next() % u64::from(bits.saturating_sub(4).max(1)))) - 1,
                _ => next() % top,
            };
            (if next() & 1 == 0 { magnitude } else { magnitude.wrapping_neg() }) & mask
        })
        .collect()
}

/// Both on the same arguments.
fn compare(mlir: &Mlir, func: &Func<Llil>, seed: u64, what: &str) {
    let compiled = mlir.compile(func).unwrap_or_else(|e| panic!("{what}: {e}\n{func}"));
    let (mut args, mut plain) = (Args::new(), Vec::new());
    for (i, (_, arg)) in func.args().enumerate() {
        let values = elements(arg.ty.elements(), arg.ty.elem.ring().get(), seed + i as u64);
        plain.push(Elements::Words(values.clone()));
        args.insert(arg.name.clone(), from_vec(&arg.ty.shape, values));
    }
    let expected = evaluate(func, &args, &mut Exact, &mut |_, _| {}).unwrap_or_else(|e| panic!("{what}: {e}"));
    let found = compiled.run(&plain).unwrap_or_else(|e| panic!("{what}: {e}"));
    for (expected, found) in expected.iter().zip(&found) {
        assert!(
            Elements::Words(expected.iter().copied().collect()) == *found,
            "{what}: MLIR gives {found:?}, the evaluator {expected:?}\n{func}"
        );
    }
}

/// Every op's examples, on rings of other widths too. An op without a lowering fails here.
#[test]
fn every_op_computes_what_the_evaluator_does() {
    let mlir = Mlir::new().unwrap();
    for op in Llil::ops() {
        for (i, line) in op.examples.iter().enumerate() {
            let exact =
                line.replace("rounding = \"local\"", "rounding = \"exact\"").replace("\"probabilistic\"", "\"exact\"");
            let func = table::example::<Llil>(&exact).unwrap();
            for seed in 0..3 {
                compare(&mlir, &func, seed, &format!("{} {i} seed {seed}", op.mnemonic));
            }
        }
    }
}

/// Both on the same reals, which lie between 0.25 and 0.75, where all functions are defined and well conditioned, or around zero.
fn compare_reals(mlir: &Mlir, func: &Func<Hlil>, seed: u64, what: &str) {
    let text = export(func).unwrap_or_else(|e| panic!("{what}: {e}"));
    mlir.round_trip(&text).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"));
    let positive = ["apply", "batch_norm", "div"].iter().any(|op| what.starts_with(op));
    let compiled = mlir.compile_reals(func).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"));
    let (mut args, mut plain) = (IndexMap::new(), Vec::new());
    for (i, (_, arg)) in func.args().enumerate() {
        let words = elements(arg.ty.elements(), 64, seed + i as u64);
        let shape = arg.ty.shape.as_slice();
        match arg.ty.elem.scalar {
            Scalar::F32 => {
                let around = if positive { 0.5 } else { 0.0 };
                let reals: Vec<f32> = words.iter().map(|w| around + (*w as i64 % 1001) as f32 / 4004.0).collect();
                args.insert(arg.name.clone(), Tensor::F32(ArrayD::from_shape_vec(shape, reals.clone()).unwrap()));
                plain.push(Elements::Reals(reals));
            }
            Scalar::I64 => {
                let small: Vec<i64> = words.iter().map(|w| *w as i64 % 3 + 3 * i64::from(positive)).collect();
                plain.push(Elements::Words(small.iter().map(|v| *v as u64).collect()));
                args.insert(arg.name.clone(), Tensor::I64(ArrayD::from_shape_vec(shape, small).unwrap()));
            }
        }
    }
    let expected = treville_hlil::evaluate(func, &args).unwrap_or_else(|e| panic!("{what}: {e}"));
    let found = compiled.run(&plain).unwrap_or_else(|e| panic!("{what}: {e}"));
    for (expected, found) in expected.iter().zip(&found) {
        match (expected, found) {
            (Tensor::F32(a), Elements::Reals(b)) => {
                let near = |(a, b): (&f32, &f32)| a == b || (a - b).abs() <= 1e-5 * a.abs().max(1.0);
                assert!(
                    a.len() == b.len() && a.iter().zip(b).all(near),
                    "{what}: MLIR gives {b:?}, the evaluator {a}\n{text}"
                );
            }
            (Tensor::I64(a), Elements::Words(b)) => {
                assert!(a.iter().map(|v| *v as u64).eq(b.iter().copied()), "{what}: {a} and {b:?}")
            }
            _ => panic!("{what}: {expected:?} and {found:?}"),
        }
    }
}

/// Every op of reals, and every function, in linalg, arith and math.
#[test]
fn every_op_of_reals_computes_what_the_evaluator_does() {
    let mlir = Mlir::new().unwrap();
    for op in Hlil::ops() {
        for (i, line) in op.examples.iter().enumerate() {
            let func = table::example::<Hlil>(line).unwrap();
            for seed in 0..3 {
                compare_reals(&mlir, &func, seed, &format!("{} {i} seed {seed}", op.mnemonic));
            }
        }
    }
    for function in FUNCTIONS {
        let parameter = if function.takes_parameter { 1.5 } else { 0.0 };
        let line = format!(
            "%0 = \"hlil.apply\"(%x) {{function = \"{}\", parameter = {parameter:?} : f64}} : (tensor<40xf32>) -> tensor<40xf32>",
            function.name
        );
        let func = table::example::<Hlil>(&line).unwrap();
        let what = if function.name == "acosh" { "above 1" } else { "apply" };
        if what == "apply" {
            compare_reals(&mlir, &func, 7, &format!("apply {}", function.name));
        } else {
            mlir.round_trip(&export(&func).unwrap()).unwrap();
        }
    }
}

#[test]
fn local_rounding_is_refused() {
    let line = Llil::op("scale_down").unwrap().examples.iter().find(|line| line.contains("local")).unwrap();
    let func = table::example::<Llil>(line).unwrap();
    let error = Mlir::new().unwrap().compile(&func).map(|_| ()).unwrap_err();
    assert!(matches!(error, MlirError::Unsupported { op, .. } if op == "llil.scale_down"));
}

fn round_trips<D: Dialect>(mlir: &Mlir, text: &str, what: &str) {
    let func: Func<D> = parse(text).unwrap_or_else(|e| panic!("{what}: {e:?}"));
    let printed = mlir.round_trip(&func.to_string()).unwrap_or_else(|e| panic!("{what}: {e}\n{text}"));
    let again: Func<D> = parse(&printed).unwrap_or_else(|e| panic!("{what}: {e:?}\n{printed}"));
    // MLIR sorts attributes by name; equality does not look at their order.
    assert!(again == func, "{what}: MLIR makes of it\n{again}\nwhat was\n{func}");
}

/// What the op tables, the passes' examples and the test suite's dumps show.
#[test]
fn mlir_verifies_and_prints_our_dumps() {
    let mlir = Mlir::new().unwrap();
    let mut n = 0;
    for line in Hlil::ops().iter().flat_map(|op| op.examples) {
        let func = table::example::<Hlil>(line).unwrap();
        if !is_uneven_concat(line) {
            round_trips::<Hlil>(&mlir, &func.to_string(), line);
            n += 1;
        }
    }
    for line in Llil::ops().iter().flat_map(|op| op.examples) {
        let func = table::example::<Llil>(line).unwrap();
        if !is_uneven_concat(line) {
            round_trips::<Llil>(&mlir, &func.to_string(), line);
            n += 1;
        }
    }
    let passes = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../passes/src");
    for folder in std::fs::read_dir(passes).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for file in
            ["before.mlir", "after.mlir"].map(|file| folder.join(file)).into_iter().filter(|file| file.is_file())
        {
            let text = std::fs::read_to_string(&file).unwrap();
            let what = file.display().to_string();
            if text.contains("llil.") {
                round_trips::<Llil>(&mlir, &text, &what)
            } else {
                round_trips::<Hlil>(&mlir, &text, &what)
            }
            n += 1;
        }
    }
    assert!(n > 80, "only {n} dumps");
}

/// IRDL of MLIR 22 makes all operands of a variadic one have the same type.
fn is_uneven_concat(line: &str) -> bool {
    let Some((_, types)) = line.split_once("concat").and_then(|(_, rest)| rest.split_once(" : (")) else {
        return false;
    };
    let types: Vec<&str> = types.split(") -> ").next().unwrap_or_default().split(", tensor").collect();
    types.windows(2).any(|pair| pair[0].trim_start_matches("tensor") != pair[1])
}

#[test]
fn what_breaks_a_constraint_is_refused() {
    let mlir = Mlir::new().unwrap();
    let line = Llil::op("relu").unwrap().examples[0];
    let text = table::example::<Llil>(line).unwrap().to_string();
    let error = mlir.round_trip(&text.replace("llil.relu", "llil.no_op")).unwrap_err();
    assert!(matches!(error, MlirError::Refused(said) if said.contains("no_op")));
}
