//! The op table: its own examples and counterexamples, their evaluation, and the exported dialect.

use std::process::Command;

use treville_ir::{Dialect, table};
use treville_llil::{Args, Exact, Llil, evaluate};

#[test]
fn rows_hold() {
    assert_eq!(table::complaints::<Llil>(), Vec::<String>::new());
}

/// Inference and evaluation agree on shapes, and no result leaves its ring.
#[test]
fn every_example_evaluates_to_its_declared_type() {
    for (op, line) in Llil::ops().iter().flat_map(|op| op.examples.iter().map(move |line| (op, line))) {
        let func = table::example::<Llil>(line).unwrap();
        let encode = |i: usize, bits| ((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) & bits;
        let args: Args = func
            .args()
            .map(|(_, arg)| {
                let values = (0..arg.ty.elements()).map(|i| encode(i, arg.ty.elem.ring().mask())).collect();
                (arg.name.clone(), treville_ring::tensor::from_vec(&arg.ty.shape, values))
            })
            .collect();
        let results = evaluate(&func, &args, &mut Exact, &mut |_, _| {}).unwrap();
        let ty = func.ty(func.results()[0].value);
        assert_eq!(results[0].shape(), ty.shape, "{}", op.mnemonic);
        assert!(results[0].iter().all(|&v| ty.elem.ring().wrap(v) == v), "{}", op.mnemonic);
    }
}

/// Runs where Debian's mlir-22-tools are installed; elsewhere it shows that the export is not empty.
#[test]
fn mlir_accepts_the_examples() {
    let irdl = treville_ir::irdl::<Llil>();
    assert!(irdl.contains("scale_down"));
    let dir = tempfile::tempdir().unwrap();
    let dialect = dir.path().join("llil.irdl.mlir");
    std::fs::write(&dialect, irdl).unwrap();
    let mut module = String::new();
    for (i, line) in Llil::ops().iter().flat_map(|op| op.examples).enumerate() {
        let func = table::example::<Llil>(line).unwrap();
        // MLIR 22 accepts a variadic operand only where all its values have the same type.
        let types: Vec<_> = func.args().map(|(_, arg)| &arg.ty).collect();
        if line.contains("llil.concat") && types.windows(2).any(|pair| pair[0] != pair[1]) {
            continue;
        }
        let text = func.to_string();
        module += &text.replace("sym_name = \"example\"", &format!("sym_name = \"example{i}\""));
        module += "\n";
    }
    let file = dir.path().join("examples.mlir");
    std::fs::write(&file, module).unwrap();
    let Ok(output) = Command::new("mlir-opt-22").arg(format!("--irdl-file={}", dialect.display())).arg(&file).output()
    else {
        eprintln!("mlir-opt-22 is not installed");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
