//! Small models in TensorFlow's text format.

/// A node as TensorFlow's text format has it; `attrs` are pairs of a key and the text of a value.
pub(crate) fn node(name: &str, op: &str, inputs: &[&str], attrs: &[(&str, &str)]) -> String {
    let inputs: String = inputs.iter().map(|i| format!("  input: \"{i}\"\n")).collect();
    let attr = |(key, value): &(&str, &str)| {
        format!("  attr {{\n    key: \"{key}\"\n    value {{\n      {value}\n    }}\n  }}\n")
    };
    let attrs: String = attrs.iter().map(attr).collect();
    format!("node {{\n  name: \"{name}\"\n  op: \"{op}\"\n{inputs}{attrs}}}\n")
}

/// A `Placeholder` of floats.
pub(crate) fn placeholder(name: &str, dims: &[i64]) -> String {
    let shape = format!("shape {{ {} }}", dims_text(dims));
    node(name, "Placeholder", &[], &[("dtype", "type: DT_FLOAT"), ("shape", &shape)])
}

/// A `Const` whose elements are all the same.
pub(crate) fn constant(name: &str, dtype: &str, dims: &[i64], values: &str) -> String {
    let value = format!("tensor {{ dtype: {dtype} tensor_shape {{ {} }} {values} }}", dims_text(dims));
    node(name, "Const", &[], &[("dtype", &format!("type: {dtype}")), ("value", &value)])
}

/// A `Const` of floats.
pub(crate) fn weight(name: &str, dims: &[i64]) -> String {
    constant(name, "DT_FLOAT", dims, "float_val: 0.25")
}

/// One dense layer with bias.
#[allow(dead_code, reason = "not every test file uses every model")]
pub(crate) fn dense() -> String {
    let t = ("T", "type: DT_FLOAT");
    [
        placeholder("x", &[-1, 3]),
        weight("kernel", &[3, 2]),
        constant("bias", "DT_FLOAT", &[2], "float_val: 1.5 float_val: -2e-3"),
        node("product", "MatMul", &["x", "kernel"], &[t]),
        node("sum", "BiasAdd", &["product:0", "bias"], &[t]),
        node("output", "Softmax", &["sum"], &[t]),
    ]
    .concat()
}

/// Convolution, bias, pool, flatten by `Shape`, dense layer, softmax.
#[allow(dead_code, reason = "not every test file uses every model")]
pub(crate) fn cnn() -> String {
    let t = ("T", "type: DT_FLOAT");
    let int = |name: &str, value: i64| constant(name, "DT_INT32", &[], &format!("int_val: {value}"));
    let ints = |name: &str, value: i64| constant(name, "DT_INT32", &[1], &format!("int_val: {value}"));
    let ones = "list { i: 1 i: 1 i: 1 i: 1 }";
    let twos = "list { i: 1 i: 2 i: 2 i: 1 }";
    let same = ("padding", "s: \"SAME\"");
    let nhwc = ("data_format", "s: \"NHWC\"");
    let content = r#"tensor_content: "\000\000\200?\000\000\000@""#;
    [
        placeholder("image", &[-1, 4, 4, 1]),
        weight("filter", &[3, 3, 1, 2]),
        constant("bias", "DT_FLOAT", &[2], content),
        node("conv", "Conv2D", &["image", "filter"], &[t, ("strides", ones), ("dilations", ones), same, nhwc]),
        node("conv/bias", "BiasAdd", &["conv", "bias"], &[t, nhwc]),
        node("relu", "Relu", &["conv/bias"], &[t]),
        node("pool", "MaxPool", &["relu"], &[t, ("ksize", twos), ("strides", twos), same, nhwc]),
        node("shape", "Shape", &["pool"], &[t, ("out_type", "type: DT_INT32")]),
        ints("zero", 0),
        ints("one", 1),
        node("batch", "StridedSlice", &["shape", "zero", "one", "one"], &[("shrink_axis_mask", "i: 1")]),
        int("features", 8),
        node("flat/shape", "Pack", &["batch", "features"], &[("N", "i: 2"), ("axis", "i: 0")]),
        node("flat", "Reshape", &["pool", "flat/shape"], &[t]),
        weight("dense/kernel", &[8, 3]),
        node("dense/kernel/read", "Identity", &["dense/kernel", "^relu"], &[t]),
        node("dense", "MatMul", &["flat", "dense/kernel/read"], &[t, ("transpose_b", "b: false")]),
        node("probabilities", "Softmax", &["dense"], &[t]),
        "versions {\n  producer: 1882\n}\n".to_owned(),
    ]
    .concat()
}

fn dims_text(dims: &[i64]) -> String {
    dims.iter().map(|d| format!("dim {{ size: {d} }} ")).collect()
}
