//! What `treville cost` says is what a run measures: exactly, in total and for each node.

use ndarray::Axis;
use serde_json::Value;
use treville_party::{Array, read_inputs, write_npy};

use crate::support::{EXAMPLES, example, load, options, path, read_json, root, succeed, write_samples};

#[test]
fn predicted_bytes_and_rounds_are_measured() {
    for (name, input, _) in EXAMPLES {
        let folder = tempfile::tempdir().expect("a folder");
        let model = path(&example(name, &format!("{name}.pb")));
        let (_, samples) = load(name, &options("porthos", "12"));
        let reports: Vec<Value> = (1..=3)
            .map(|n| {
                write_samples(&folder.path().join("in.npy"), &samples, n);
                let input = format!("{input}=in.npy");
                succeed(
                    folder.path(),
                    &["simulate", &model, "--scale", "12", "--input", &input, "--report", "report.json"],
                );
                read_json(&folder.path().join("report.json"))
            })
            .collect();
        let cost: Value =
            serde_json::from_str(&succeed(folder.path(), &["cost", &model, "--scale", "12", "--json"])).expect("JSON");

        assert_eq!(totals(&cost), totals(&reports[0]), "{name}: predicted and measured");
        assert_eq!(nodes(&cost), nodes(&reports[0]), "{name}: predicted and measured, by node");
        for key in ["lan", "wan", "computing"] {
            let of = |part: &Value| part["seconds"][key].as_f64().expect("seconds");
            let sum: f64 = cost["nodes"].as_array().expect("nodes").iter().map(of).sum();
            assert!((sum - of(&cost)).abs() < 1e-9 && sum > 0.0, "{name}: {key} sums to the total");
        }
        let live = cost["nodes"].as_array().expect("nodes").iter().filter_map(|n| n["live_bytes"].as_u64()).max();
        let peak = live.zip(cost["weight_bytes"].as_u64()).map(|(live, weights)| live + weights);
        assert_eq!(peak, cost["peak_memory_bytes"].as_u64(), "{name}: the peak is that of a node");
        assert!(totals(&cost).0 > 1000 && totals(&cost).1 >= 3, "{name}: {:?}", totals(&cost));
        let sums = |r: &Value| nodes(r).iter().fold((0, 0), |(bytes, rounds), n| (bytes + n.2, rounds + n.3));
        for report in &reports {
            assert_eq!(sums(report), totals(report), "{name}: the nodes sum to the total");
        }
        // The set-up is paid once, each inference the same.
        let bytes: Vec<u64> = reports.iter().map(|r| totals(r).0).collect();
        assert_eq!(bytes[2] - bytes[1], bytes[1] - bytes[0], "{name}: bytes of the third and the second inference");
        assert!(bytes[1] - bytes[0] < bytes[0], "{name}: an inference that follows pays no set-up");
    }
}

/// Every model that the repository ships, and two more for what these lack: approximated functions, products of secrets, and branches that
/// run side by side.
#[test]
fn every_model_is_priced_as_it_is_measured() {
    let mut models =
        vec![root().join("tests/onnx_models/attention.onnx"), root().join("tests/onnx_models/inception.onnx")];
    let folders = std::fs::read_dir(root().join("examples")).expect("the examples").flat_map(|folder| {
        std::fs::read_dir(folder.expect("an entry").path())
            .into_iter()
            .flatten()
            .map(|file| file.expect("a file").path())
    });
    models.extend(folders.filter(|file| file.extension().is_some_and(|e| e == "pb" || e == "onnx")));
    assert!(models.len() >= 10, "{models:?}");
    for model in models {
        let folder = tempfile::tempdir().expect("a folder");
        let beside = [model.with_extension("npz"), model.with_file_name("test.npz")];
        // The twins share their data, in TensorFlow's layout.
        let channels_first = model.ends_with("twins/classifier.onnx") || model.ends_with("twins/unet.onnx");
        let data = beside.into_iter().find(|data| data.exists()).expect("a model has data");
        let inputs: Vec<String> = read_inputs(&data, "")
            .expect("inputs and answers")
            .into_iter()
            .filter(|(name, _)| !name.starts_with("expected") && name != "labels")
            .map(|(name, array)| {
                let Array::F32(mut real) = first(array) else { panic!("the inputs of the models are real") };
                if channels_first {
                    real = real.permuted_axes(&[0, 3, 1, 2][..]).as_standard_layout().to_owned();
                }
                let file = folder.path().join(format!("{name}.npy"));
                write_npy(&file, &Array::F32(real)).expect("the folder is ours");
                format!("--input={name}={name}.npy")
            })
            .collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let model = path(&model);
        for backend in ["porthos", "porthos-packed", "securenn"] {
            let options = ["--scale", "12", "--backend", backend];
            let simulate = ["simulate", &model, "--report", "report.json", "--output", "result.npy"];
            succeed(folder.path(), &[&simulate[..], &options, &inputs].concat());
            let measured = read_json(&folder.path().join("report.json"));
            let cost = succeed(folder.path(), &[&["cost", &model, "--json"][..], &options].concat());
            let cost: Value = serde_json::from_str(&cost).expect("JSON");
            assert_eq!(totals(&cost), totals(&measured), "{model} for {backend}");
            assert_eq!(nodes(&cost), nodes(&measured), "{model} for {backend}, by node");
        }
    }
}

/// The first sample of an array.
fn first(array: Array) -> Array {
    let real = array.into_f32();
    Array::F32(real.slice_axis(Axis(0), (0..1).into()).to_owned())
}

fn totals(report: &Value) -> (u64, u64) {
    (number(report, "bytes_total"), number(report, "rounds"))
}

fn nodes(report: &Value) -> Vec<(String, String, u64, u64)> {
    let nodes = report["nodes"].as_array().expect("nodes");
    nodes.iter().map(|n| (word(n, "name"), word(n, "op"), number(n, "bytes"), number(n, "rounds"))).collect()
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("{field} is a number: {value}"))
}

fn word(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("{field} is a string: {value}")).to_string()
}
