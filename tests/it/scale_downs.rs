//! How many ScaleDowns the known models have, and on how many elements: lowered one for each product, and placed lazily.

use crate::support::{path, root, succeed};

/// The number of ScaleDowns in a program and the elements that they take.
fn count(llil: &str) -> (usize, usize) {
    let downs = llil.lines().filter(|line| line.contains("\"llil.scale_down\""));
    let elements = |line: &str| {
        let (_, ty) = line.rsplit_once("-> tensor<").expect("an op has a type");
        let (dims, _) = ty.split_once("x!").expect("a tensor has an element type");
        dims.split('x').map(|n| n.parse::<usize>().expect("a size")).product::<usize>()
    };
    downs.map(elements).fold((0, 0), |(n, sum), elements| (n + 1, sum + elements))
}

#[test]
fn scale_downs_are_few_and_on_small_tensors() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut counts = String::new();
    for model in [
        "breast_cancer_logreg/breast_cancer_logreg.pb",
        "digits_mlp/digits_mlp.pb",
        "digits_cnn/digits_cnn.pb",
        "twins/classifier.onnx",
        "twins/unet.onnx",
        "unet3d/unet3d_tiny.onnx",
    ] {
        let model = path(&root().join("examples").join(model));
        succeed(folder.path(), &["compile", &model, "-o", "package", "--scale", "12"]);
        let lowered = |passes: &str| {
            let args = ["opt", "package/program.hlil", "--passes", passes, "--weights", "package/weights.safetensors"];
            count(&succeed(folder.path(), &args))
        };
        let (naive, lazy) = (lowered("hlil-to-llil"), lowered("hlil-to-llil,llil-default"));
        assert!(lazy.0 <= naive.0 && lazy.1 <= naive.1, "{model}: {naive:?} became {lazy:?}");
        let name = model.rsplit('/').next().unwrap_or_default();
        counts += &format!("{name}: {} on {} elements, placed {} on {}\n", naive.0, naive.1, lazy.0, lazy.1);
        std::fs::remove_dir_all(folder.path().join("package")).expect("the package goes");
    }
    insta::assert_snapshot!(counts);
}

/// Every node's values fit the ring, and what the nodes send is what the program sends.
#[test]
fn the_table_of_scales_says_what_each_node_needs() {
    let model = path(&root().join("examples/digits_cnn/digits_cnn.pb"));
    let args = ["cost", &model, "--scales", "--json", "--scale", "12", "--input-range", "image=0:1"];
    let table: serde_json::Value =
        serde_json::from_str(&succeed(std::path::Path::new("."), &args)).expect("one JSON object");
    let nodes = table["nodes"].as_array().expect("nodes");
    assert!(nodes.len() > 8);
    for node in nodes {
        let (needs, width) = (node["needs"].as_u64().expect("bits"), node["width"].as_u64().expect("bits"));
        assert!((2..=width).contains(&needs), "{node}");
        assert!(node["range"][0].as_f64() <= node["range"][1].as_f64() && node["scale"].as_u64() <= Some(40), "{node}");
    }
    let bytes: u64 = nodes.iter().filter_map(|node| node["bytes"].as_u64()).sum();
    let total: serde_json::Value =
        serde_json::from_str(&succeed(std::path::Path::new("."), &["cost", &model, "--json", "--scale", "12"]))
            .expect("JSON");
    let reveal = total["bytes_total"].as_u64().expect("bytes") - bytes;
    assert_eq!(reveal, 80, "all but the ten logits that are revealed");
}
