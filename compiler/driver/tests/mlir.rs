//! Whole models as machine code that MLIR has made, against our evaluator, bit for bit. Needs the feature `mlir`.

use std::path::Path;

use treville_driver::ModelArgs;
use treville_driver::compile::{Watch, compile};
use treville_driver::model::{Model, Samples};
use treville_llil::{Exact, evaluate};
use treville_mlir::{Elements, Mlir, export};
use treville_passes::{encode_inputs, encode_weights};

#[test]
fn example_models_give_the_same_bits() {
    let mlir = Mlir::new().expect("MLIR takes our dialects");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for (model, data, n) in [
        ("breast_cancer_logreg/breast_cancer_logreg.pb", "breast_cancer_logreg/test.npz", 20),
        ("digits_mlp/digits_mlp.pb", "digits_mlp/test.npz", 20),
        ("digits_cnn/digits_cnn.pb", "digits_cnn/test.npz", 20),
        ("twins/classifier.pb", "twins/classifier.npz", 2),
        ("twins/unet.pb", "twins/unet.npz", 2),
        ("unet3d/unet3d_tiny.onnx", "unet3d/unet3d_tiny.npz", 1),
    ] {
        let args = ModelArgs { scale: "12".into(), ..ModelArgs::for_backend("cleartext") };
        let read = Model::read(&examples.join(model), &args).expect("a model");
        let samples = Samples::read(&examples.join(data), &read).expect("samples").first(n);
        let compiled = compile(read, &args, Some(samples.clone()), Watch::default()).expect("it compiles");
        let func = &compiled.llil;
        let machine_code = mlir.compile(func).unwrap_or_else(|e| panic!("{model}: {e}"));
        let weights = encode_weights(func, &compiled.llil_weights).expect("weights");
        for sample in &samples.inputs {
            let mut args = weights.clone();
            args.extend(encode_inputs(func, sample).expect("inputs"));
            let words = |name: &str| Elements::Words(args[name].iter().copied().collect());
            let plain: Vec<Elements> = func.args().map(|(_, arg)| words(&arg.name)).collect();
            let expected = evaluate(func, &args, &mut Exact, &mut |_, _| {}).expect("it is evaluated");
            let found = machine_code.run(&plain).expect("it runs");
            let same = |(a, b): (_, &Elements)| Elements::Words(ndarray::ArrayD::into_iter(a).collect()) == *b;
            assert!(expected.into_iter().zip(&found).all(same), "{model}: other bits");
        }
        mlir.round_trip(&export(&compiled.hlil).expect("it is exported")).unwrap_or_else(|e| panic!("{model}: {e}"));
        // Uneven concatenations are what MLIR's verifier does not take.
        if !func.ops().any(|(_, op)| op.def.mnemonic == "concat") {
            mlir.round_trip(&func.to_string()).unwrap_or_else(|e| panic!("{model}: {e}"));
            mlir.round_trip(&compiled.hlil.to_string()).unwrap_or_else(|e| panic!("{model}: {e}"));
        }
    }
}
