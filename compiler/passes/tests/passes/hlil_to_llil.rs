//! `hlil-to-llil`

use treville_hlil::Hlil;
use treville_ir::{Dialect, attrs};
use treville_passes::{Options, PassError, run_passes};

use crate::net::{self, Net, assert_near, count, passes, run, sample};

fn lower(module: treville_passes::Module, scale: u8) -> treville_passes::Module {
    run_passes("hlil-to-llil", module, &Options { scale, ..Options::default() })
        .unwrap_or_else(|e| panic!("{:?}", e.diagnostics()))
}

#[test]
fn random_networks_are_near_their_float_results() {
    for seed in 0..200 {
        let float = passes("hlil-default", net::random(seed));
        let sample = sample(&float, seed);
        let expected = run(&float, &sample);
        assert_near(&expected, &run(&lower(float.clone(), 20), &sample), 1e-3, &format!("seed {seed}"));
        assert_near(&expected, &run(&lower(float, 10), &sample), 0.3, &format!("seed {seed}, scale 10"));
    }
}

/// With dyadic numbers nothing is rounded before the ScaleDown, so a bias of 2^-2f counts.
#[test]
fn a_bias_is_encoded_with_the_products_fraction_bits() {
    let mut net = Net::new(1);
    let (x, w, b) = (net.input(&[1, 2]), net.weight(&[2, 3]), net.weight(&[3]));
    let product = net.op("matmul", &[x, w], attrs! {});
    let sum = net.op("add", &[product, b], attrs! {});
    let module = lower(net.finish(&[sum]), 12);
    let func = module.llil().unwrap();
    let frac = |name: &str| func.arg(name).unwrap().1.ty.elem.fixed().unwrap().frac;
    assert_eq!(["x0", "w1", "w2"].map(frac), [12, 12, 24]);
    assert_eq!(func.ops().map(|(_, op)| op.def.mnemonic).collect::<Vec<_>>(), ["matmul", "add", "scale_down"]);
    assert_eq!(func.ops().map(|(_, op)| op.loc.as_str()).collect::<Vec<_>>(), ["n0/matmul", "n1/add", "n1/add"]);
}

#[test]
fn one_weight_at_two_scales_has_two_names() {
    let mut net = Net::new(1);
    let (x, w) = (net.input(&[2, 2]), net.weight(&[2, 2]));
    let product = net.op("matmul", &[x, w], attrs! {});
    let sum = net.op("add", &[product, w], attrs! {});
    let before = net.finish(&[sum]);
    let after = lower(before.clone(), 12);
    let args: Vec<_> =
        after.llil().unwrap().args().map(|(_, arg)| (arg.name.as_str(), arg.ty.elem.fixed().unwrap().frac)).collect();
    assert_eq!(args, [("x0", 12), ("w1", 12), ("w1@24", 24)]);
    let sample = sample(&before, 1);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-3, "two scales");
}

#[test]
fn a_product_with_two_users_is_scaled_down_once() {
    let mut net = Net::new(1);
    let (x, w, b) = (net.input(&[1, 2]), net.weight(&[2, 3]), net.weight(&[3]));
    let product = net.op("matmul", &[x, w], attrs! {});
    let sum = net.op("add", &[product, b], attrs! {});
    let relu = net.op("relu", &[product], attrs! {});
    assert_eq!(count(&lower(net.finish(&[sum, relu]), 12), "scale_down"), 1);
}

#[test]
fn means_of_a_power_of_two_are_exact_sums() {
    let mut net = Net::new(1);
    let x = net.input(&[1, 2, 4, 8]);
    let mean = net.op("reduce_mean", &[x], attrs! { axes: [2, 3], keepdims: false });
    let other = net.op("reduce_mean", &[x], attrs! { axes: [1], keepdims: true });
    let third = net.op("reduce_mean", &[x], attrs! { axes: [0, 2], keepdims: false });
    let border = net.pool("avg_pool", x, 3);
    let before = net.finish(&[mean, other, third, border]);
    let after = lower(before.clone(), 12);
    let divisors: Vec<_> =
        after.llil().unwrap().ops().filter_map(|(_, op)| op.attrs.get("divisor_frac")?.as_int()).collect();
    assert_eq!(divisors, [5, 1, 2, 12]);
    let sample = sample(&before, 1);
    assert_near(&run(&before, &sample), &run(&after, &sample), 2e-3, "means");
}

#[test]
fn indices_have_no_fraction_bits() {
    let mut net = Net::new(4);
    let x = net.input(&[3, 5]);
    let index = net.op("arg_max", &[x], attrs! { axis: 1, keepdims: true });
    let flat = net.op("reshape", &[index], attrs! { shape: [3] });
    let before = net.finish(&[flat]);
    let after = lower(before.clone(), 12);
    let sample = sample(&before, 1);
    assert_eq!(run(&before, &sample), run(&after, &sample));
}

#[test]
fn everything_unsupported_is_reported_at_once_by_node() {
    let mut net = Net::new(1);
    let x = net.input(&[1, 2, 3, 3]);
    let a = net.op("div", &[x, x], attrs! {});
    let b = net.op("softmax", &[x], attrs! { axis: 1 });
    let sum = net.op("add", &[a, b], attrs! {});
    let s = net.input(&[2]);
    let c = net.op("batch_norm", &[x, s, s, s, s], attrs! { epsilon: 0.0 });
    let huge = net.constant(&[], &[1e30]);
    let d = net.op("mul", &[x, huge], attrs! {});
    let error = run_passes("hlil-to-llil", net.finish(&[sum, c, d]), &Options::default()).unwrap_err();
    let found: Vec<_> = error.diagnostics().iter().map(|d| (d.code, d.node().unwrap(), d.help.is_some())).collect();
    assert_eq!(
        found,
        [
            ("E0301", "n0/div", true),
            ("E0301", "n1/softmax", true),
            ("E0301", "n3/batch_norm", true),
            ("E0303", "n4/constant", true)
        ]
    );
    assert!(matches!(error, PassError::Refused { pass: "hlil-to-llil", .. }));
}

/// A new HLIL op must be lowered or refused by name: the catch-all message is for neither.
#[test]
fn every_op_is_lowered_or_refused_by_name() {
    for def in Hlil::ops() {
        let func = treville_ir::table::example::<Hlil>(def.examples[0]).unwrap();
        let module = treville_passes::Module::Hlil(func, Default::default());
        match run_passes("hlil-to-llil", module, &Options::default()) {
            Ok(_) => {}
            Err(error) => {
                let refused = ["batch_norm", "softmax", "apply"];
                let open = [
                    "div",
                    "max",
                    "clip",
                    "select",
                    "greater",
                    "equal",
                    "gather",
                    "reduce_sum",
                    "reduce_max",
                    "cast",
                    "floor",
                    "round",
                    "conv_transpose",
                ];
                if open.contains(&def.mnemonic) {
                    continue;
                }
                assert!(refused.contains(&def.mnemonic), "{}: {:?}", def.mnemonic, error.diagnostics());
                assert!(
                    !error.diagnostics()[0].help.as_ref().unwrap().contains("no fixed-point form yet"),
                    "{}",
                    def.mnemonic
                );
            }
        }
    }
}

#[test]
fn a_scale_that_does_not_fit_the_ring_is_a_diagnostic() {
    let lower = |scale: u8| {
        let mut net = Net::new(1);
        let (x, w) = (net.input(&[1, 2]), net.weight(&[2, 3]));
        let y = net.op("matmul", &[x, w], attrs! {});
        run_passes("hlil-to-llil", net.finish(&[y]), &Options { scale, ..Options::default() })
    };
    let node = |scale| lower(scale).unwrap_err().diagnostics()[0].node().map(str::to_string);
    assert!(lower(31).is_ok());
    assert_eq!(
        [node(0), node(32), node(64), node(255)],
        [None, Some("n0/matmul".into()), Some("x0".into()), Some("x0".into())]
    );
}
