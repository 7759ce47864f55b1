//! The generated source of the smallest programs, and what must hold for every program.

use std::collections::BTreeSet;
use std::path::Path;

use treville_codegen::{Action, Plan, Runtime, package_files, program_source};
use treville_ir::{Dialect, Func, parse, table};
use treville_llil::Llil;

const LOGISTIC_REGRESSION: &str = r#""func.func"() ({
^bb0(%x: tensor<1x3x!llil.fixed<64, 12, "secret">>, %w: tensor<3x2x!llil.fixed<64, 12, "secret">>, %b: tensor<2x!llil.fixed<64, 24, "secret">>):
  %0 = "llil.matmul"(%x, %w) {llil.frees = [0]} : (tensor<1x3x!llil.fixed<64, 12, "secret">>, tensor<3x2x!llil.fixed<64, 12, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">> loc("dense/MatMul")
  %1 = "llil.add"(%0, %b) {llil.frees = [0]} : (tensor<1x2x!llil.fixed<64, 24, "secret">>, tensor<2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 24, "secret">> loc("dense/BiasAdd")
  %2 = "llil.scale_down"(%1) {shift = 12 : i64, rounding = "local", llil.frees = [0]} : (tensor<1x2x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x!llil.fixed<64, 12, "secret">> loc("dense/BiasAdd")
  %3 = "llil.arg_max"(%2) {axis = 1 : i64, keepdims = false, llil.frees = [0]} : (tensor<1x2x!llil.fixed<64, 12, "secret">>) -> tensor<1x!llil.fixed<64, 0, "secret">> loc("ArgMax")
  "func.return"(%3) : (tensor<1x!llil.fixed<64, 0, "secret">>) -> ()
}) {arg_attrs = [{llil.kind = "input", llil.name = "x", llil.owner = "client"}, {llil.kind = "weight", llil.name = "dense/kernel", llil.owner = "server"}, {llil.kind = "weight", llil.name = "dense/bias", llil.owner = "server"}], function_type = (tensor<1x3x!llil.fixed<64, 12, "secret">>, tensor<3x2x!llil.fixed<64, 12, "secret">>, tensor<2x!llil.fixed<64, 24, "secret">>) -> tensor<1x!llil.fixed<64, 0, "secret">>, res_attrs = [{llil.name = "class", llil.owner = ["client", "server"], llil.post = "none"}], sym_name = "main"} : () -> ()
"#;

const CONVOLUTION: &str = r#""func.func"() ({
^bb0(%x: tensor<1x1x4x4x!llil.fixed<64, 12, "secret">>, %w: tensor<2x1x3x3x!llil.fixed<64, 12, "secret">>):
  %0 = "llil.conv"(%x, %w) {strides = [1, 1], pads = [1, 0, 1, 2], dilations = [1, 1], groups = 1 : i64, llil.frees = [0]} : (tensor<1x1x4x4x!llil.fixed<64, 12, "secret">>, tensor<2x1x3x3x!llil.fixed<64, 12, "secret">>) -> tensor<1x2x4x4x!llil.fixed<64, 24, "secret">> loc("conv/Conv2D")
  %1 = "llil.relu"(%0) : (tensor<1x2x4x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x4x4x!llil.fixed<64, 24, "secret">> loc("Relu")
  %2 = "llil.add"(%0, %1) {llil.frees = [0, 1]} : (tensor<1x2x4x4x!llil.fixed<64, 24, "secret">>, tensor<1x2x4x4x!llil.fixed<64, 24, "secret">>) -> tensor<1x2x4x4x!llil.fixed<64, 24, "secret">> loc("add \"quoted\" fn")
  %3 = "llil.matmul"(%x2, %x2) : (tensor<2x2x!llil.fixed<64, 12, "secret">>, tensor<2x2x!llil.fixed<64, 12, "secret">>) -> tensor<2x2x!llil.fixed<64, 24, "secret">> loc("attention")
"#;

fn logistic_regression() -> Func<Llil> {
    parse::<Llil>(LOGISTIC_REGRESSION).unwrap_or_else(|d| panic!("{}", d[0].message))
}

/// The convolution with both a prepared weight and a product of two secrets.
fn convolution() -> Func<Llil> {
    let text = CONVOLUTION.replace(
        "%w: tensor<2x1x3x3x!llil.fixed<64, 12, \"secret\">>)",
        "%w: tensor<2x1x3x3x!llil.fixed<64, 12, \"secret\">>, %x2: tensor<2x2x!llil.fixed<64, 12, \"secret\">>)",
    ) + r#"  "func.return"(%2, %3) : (tensor<1x2x4x4x!llil.fixed<64, 24, "secret">>, tensor<2x2x!llil.fixed<64, 24, "secret">>) -> ()
}) {arg_attrs = [{llil.kind = "input", llil.name = "x", llil.owner = "client"}, {llil.kind = "weight", llil.name = "1 conv/kernel", llil.owner = "server"}, {llil.kind = "input", llil.name = "x2", llil.owner = "client"}], function_type = (tensor<1x1x4x4x!llil.fixed<64, 12, "secret">>, tensor<2x1x3x3x!llil.fixed<64, 12, "secret">>, tensor<2x2x!llil.fixed<64, 12, "secret">>) -> (tensor<1x2x4x4x!llil.fixed<64, 24, "secret">>, tensor<2x2x!llil.fixed<64, 24, "secret">>), res_attrs = [{llil.name = "y", llil.owner = ["client"], llil.post = "none"}, {llil.name = "z", llil.owner = ["client"], llil.post = "none"}], sym_name = "main"} : () -> ()
"#;
    parse::<Llil>(&text).unwrap_or_else(|d| panic!("{}", d[0].message))
}

const ROLES: &[&str] = &["client", "server", "helper"];

#[test]
fn logistic_regression_source() {
    let func = logistic_regression();
    insta::assert_snapshot!(program_source(&func, &Plan::new(&func), "treville_porthos::Porthos", ROLES));
}

#[test]
fn convolution_and_secret_product_source() {
    let func = convolution();
    insta::assert_snapshot!(program_source(&func, &Plan::new(&func), "treville_porthos::Porthos", ROLES));
}

/// The compiler's time for an `async` function grows faster than the number of its calls.
#[test]
fn a_large_model_is_divided_among_functions_of_bounded_size() {
    let n_layers = 100;
    let ty = r#"tensor<2x!llil.fixed<64, 12, "secret">>"#;
    let mut body = String::new();
    for i in 0..n_layers {
        // Every layer adds the input, which is therefore alive all the time, and the tenth value is used again by the last layer.
        let (a, b) = match i {
            0 => ("%x".to_string(), "%x".to_string()),
            _ if i == n_layers - 1 => (format!("%{}", i - 1), "%10".to_string()),
            _ => (format!("%{}", i - 1), "%x".to_string()),
        };
        body += &format!("  %{i} = \"llil.add\"({a}, {b}) : ({ty}, {ty}) -> {ty} loc(\"part_{i}\")\n");
    }
    let text = format!(
        "\"func.func\"() ({{\n^bb0(%x: {ty}):\n{body}  \"func.return\"(%{}) : ({ty}) -> ()\n}}) {{arg_attrs = [{{llil.kind = \"input\", \
         llil.name = \"x\", llil.owner = \"client\"}}], function_type = ({ty}) -> {ty}, res_attrs = [{{llil.name = \"y\", llil.owner = \
         [\"client\"], llil.post = \"none\"}}], sym_name = \"main\"}} : () -> ()\n",
        n_layers - 1
    );
    let func = parse::<Llil>(&text).unwrap_or_else(|d| panic!("{}", d[0].message));
    let source = program_source(&func, &Plan::new(&func), "treville_porthos::Porthos", ROLES);
    assert!(source.split("async fn").all(|function| function.matches(".await").count() <= 20), "{source}");
    let heads: Vec<&str> = source.lines().filter(|line| line.starts_with("async fn part_")).collect();
    assert_eq!(heads[0], "async fn part_0(x: &Exec<'_>, w: &Weights, v0: &Value) -> Result<[Value; 2]> {");
    assert_eq!(
        heads[6],
        "async fn part_6(x: &Exec<'_>, w: &Weights, v96: &Value, v0: &Value, v11: &Value) -> Result<[Value; 1]> {"
    );
    let names: BTreeSet<&str> =
        source.lines().filter_map(|line| line.split("async fn ").nth(1)?.split('(').next()).collect();
    assert_eq!(names.len(), 2 + 7 + n_layers, "no layer has the name of a part");
}

#[test]
fn no_two_calls_share_a_number() {
    for func in [logistic_regression(), convolution()] {
        let plan = Plan::new(&func);
        let mut numbers: Vec<u32> = plan.args.iter().flat_map(|a| [Some(a.input), a.prepare]).flatten().collect();
        numbers.extend(plan.ops.iter().flat_map(|o| [Some(o.op), o.prepare]).flatten());
        numbers.extend(&plan.reveals);
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{plan:?}");
        assert_eq!(plan.rows.iter().map(|r| r.op).collect::<Vec<_>>(), (0..numbers.len() as u32).collect::<Vec<_>>());
    }
    let plan = Plan::new(&convolution());
    let kinds: Vec<&str> = plan.rows.iter().map(|r| r.kind).collect();
    assert_eq!(
        kinds,
        ["input", "input", "prepare", "input", "conv", "relu", "add", "prepare", "matmul", "reveal", "reveal"]
    );
}

#[test]
fn every_op_of_the_dialect_is_known() {
    for op in Llil::ops() {
        for example in op.examples {
            let func = table::example::<Llil>(example).unwrap_or_else(|d| panic!("{}: {:?}", op.mnemonic, d));
            let (id, _) = func.ops().next_back().expect("an example has its op");
            // A panic here names the op that codegen and the interpreter do not know yet.
            let action = Action::decode(&func, id);
            let name = format!("{action:?}").to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "");
            assert!(name.starts_with(&op.mnemonic.replace('_', "")), "{action:?} for {}", op.mnemonic);
        }
    }
}

#[test]
fn vendored_packages_are_workspaces_of_their_own() {
    let sources = vec![
        ("runtime/net/Cargo.toml".to_string(), "[package]\nname = \"treville-net\"\nversion.workspace = true\n[dev-dependencies]\nproptest.workspace = true\n[[bench]]\nname = \"x\"\n".to_string()),
        ("runtime/net/src/lib.rs".to_string(), "//! net\n".to_string()),
    ];
    let root = "[workspace]\nresolver = \"3\"\nmembers = [\"a\"]\n[workspace.package]\nversion = \"0.1.0\"\n[workspace.dependencies]\ntreville-net = { path = \"runtime/net\" }\ntreville-ir = { path = \"compiler/ir\" }\nserde = \"1\"\n";
    let files = package_files(
        "My model!",
        ("treville-porthos", "backends/porthos"),
        "// program",
        "lock",
        &Runtime::Vendored { files: sources, workspace_manifest: root.into() },
    )
    .expect("the manifest parses");
    let text =
        |path: &str| files.iter().find(|(p, _)| p == Path::new(path)).map(|(_, t)| t.as_str()).unwrap_or_default();
    insta::assert_snapshot!(text("Cargo.toml"));
    assert!(!text("runtime/net/Cargo.toml").contains("bench"), "benches stay behind");
    assert!(!text("runtime/net/Cargo.toml").contains("proptest"), "and what they need");
    assert_eq!(text("src/program.rs"), "// program");
}
