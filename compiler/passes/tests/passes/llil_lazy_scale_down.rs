//! `llil-lazy-scale-down`

use treville_ir::attrs;
use treville_passes::{Module, Options, run_passes};

use crate::net::{self, Net, assert_near, count, passes, run, sample};

fn order(module: &Module) -> Vec<&'static str> {
    module.llil().unwrap().ops().map(|(_, op)| op.def.mnemonic).collect()
}

fn scaled_down(module: &Module) -> usize {
    let func = module.llil().unwrap();
    func.ops().filter(|(_, op)| op.def.mnemonic == "scale_down").map(|(_, op)| func.ty(op.results[0]).elements()).sum()
}

fn block() -> Module {
    let mut net = Net::new(1);
    let x = net.input(&[1, 2, 6, 6]);
    let y = net.conv(x, 3, 3);
    let bias = net.weight(&[3, 1, 1]);
    let y = net.op("add", &[y, bias], attrs! {});
    let y = net.pool("max_pool", y, 2);
    let y = net.op("relu", &[y], attrs! {});
    let y = net.op("reshape", &[y], attrs! { shape: [1, 27] });
    let w = net.weight(&[27, 4]);
    let y = net.op("matmul", &[y, w], attrs! {});
    let y = net.op("arg_max", &[y], attrs! { axis: 1, keepdims: false });
    passes("hlil-to-llil", net.finish(&[y]))
}

#[test]
fn one_scale_down_after_bias_pool_and_relu() {
    let before = block();
    let after = passes("llil-lazy-scale-down", before.clone());
    assert_eq!(order(&after), ["conv", "add", "max_pool", "relu", "reshape", "scale_down", "matmul", "arg_max"]);
    assert_eq!((scaled_down(&before), scaled_down(&after)), (108 + 4, 27));
    let sample = sample(&before, 1);
    assert_eq!(run(&before, &sample), run(&after, &sample));
}

/// Monotone ops and moves give the same bits before and after a ScaleDown.
#[test]
fn chains_are_exact() {
    for seed in 0..100 {
        let mut net = Net::new(seed);
        let mut x = net.input(&[1, 2, 6, 6]);
        for _ in 0..8 {
            let c = net.shape(x)[1];
            x = match net.random.below(7) {
                0 | 1 => net.conv(x, 2, 3),
                2 => {
                    let bias = net.weight(&[c, 1, 1]);
                    net.op("add", &[x, bias], attrs! {})
                }
                3 => net.op("relu", &[x], attrs! {}),
                4 => net.pool("max_pool", x, 2),
                5 => net.op("transpose", &[x], attrs! { perm: [0, 1, 3, 2] }),
                _ => {
                    let ends: Vec<i64> = net.shape(x).iter().map(|&size| size as i64).collect();
                    net.op("slice", &[x], attrs! { starts: [0, 0, 0, 0], ends: ends, steps: [1, 1, 1, 2] })
                }
            };
        }
        let before = passes("hlil-to-llil", net.finish(&[x]));
        let after = passes("llil-lazy-scale-down", before.clone());
        let sample = sample(&before, seed);
        assert_eq!(run(&before, &sample), run(&after, &sample), "seed {seed}\n{after}");
        assert!(scaled_down(&after) <= scaled_down(&before), "seed {seed}");
    }
}

#[test]
fn random_networks_stay_near_and_never_cost_more() {
    let options = Options { scale: 16, ..Options::default() };
    for seed in 0..200 {
        let float = passes("hlil-default", net::random(seed));
        let sample = sample(&float, seed);
        let before = run_passes("hlil-to-llil", float.clone(), &options).unwrap();
        let after = run_passes("llil-lazy-scale-down", before.clone(), &options).unwrap();
        assert_near(&run(&float, &sample), &run(&after, &sample), 1e-2, &format!("seed {seed}"));
        assert!(scaled_down(&after) <= scaled_down(&before), "seed {seed}");
    }
}

#[test]
fn two_that_meet_become_one_within_one_unit() {
    let mut net = Net::new(9);
    let (x, w, v) = (net.input(&[4, 5]), net.weight(&[5, 6]), net.weight(&[5, 6]));
    let (a, b) = (net.op("matmul", &[x, w], attrs! {}), net.op("matmul", &[x, v], attrs! {}));
    let sum = net.op("add", &[a, b], attrs! {});
    let before = passes("hlil-to-llil", net.finish(&[sum]));
    let after = passes("llil-lazy-scale-down", before.clone());
    assert_eq!([count(&before, "scale_down"), count(&after, "scale_down")], [2, 1]);
    let sample = sample(&before, 1);
    let ring = |module: &Module| net::run_ring(module, &sample, &mut treville_llil::Exact).remove(0);
    let offsets: Vec<i64> = ring(&after).iter().zip(&ring(&before)).map(|(a, b)| a.wrapping_sub(*b) as i64).collect();
    assert!(offsets.iter().all(|offset| [0, 1].contains(offset)) && offsets.contains(&1), "{offsets:?}");
}

/// A sum that broadcasts both operands has more elements than they have together.
#[test]
fn an_outer_sum_is_not_scaled_down_as_a_whole() {
    let mut net = Net::new(9);
    let (x, y, w) = (net.input(&[4, 5]), net.input(&[1, 5]), net.weight(&[5, 1]));
    let v = net.weight(&[5, 4]);
    let (a, b) = (net.op("matmul", &[x, w], attrs! {}), net.op("matmul", &[y, v], attrs! {}));
    let sum = net.op("add", &[a, b], attrs! {});
    let before = passes("hlil-to-llil", net.finish(&[sum]));
    let after = passes("llil-lazy-scale-down", before.clone());
    assert_eq!((scaled_down(&before), scaled_down(&after)), (8, 8));
}

#[test]
fn different_shifts_do_not_merge_but_one_after_the_other_does() {
    let mut net = Net::new(9);
    let x = net.input(&[1, 2, 4, 4]);
    let a = net.conv(x, 2, 1);
    let b = net.op("reduce_mean", &[x], attrs! { axes: [2, 3], keepdims: true });
    let sum = net.op("add", &[a, b], attrs! {});
    let before = passes("hlil-to-llil", net.finish(&[sum]));
    let after = passes("llil-lazy-scale-down", before.clone());
    assert_eq!([count(&before, "scale_down"), count(&after, "scale_down")], [2, 2]);

    let mut func = treville_ir::Func::new("main");
    let fixed = treville_llil::Fixed::new(64, 30, treville_llil::Secrecy::Secret).unwrap();
    let ty = treville_ir::TensorType::new([64], treville_llil::Elem::Fixed(fixed));
    let mut x = func.add_arg(treville_ir::Arg::new("x", ty, "client", treville_ir::ArgKind::Input));
    for (shift, rounding) in [(3, "exact"), (5, "exact"), (2, "local"), (4, "local")] {
        x = func.push1("scale_down", &[x], attrs! { shift: shift, rounding: rounding }, "n").unwrap();
    }
    func.set_results(vec![treville_ir::FuncResult::new(x, "y", "client")]);
    let before = Module::Llil(func, Default::default());
    let after = passes("llil-lazy-scale-down", before.clone());
    let shifts: Vec<_> = after.llil().unwrap().ops().map(|(_, op)| op.attrs["shift"].as_int().unwrap()).collect();
    assert_eq!(shifts, [8, 6]);
    let sample = sample(&before, 1);
    assert_eq!(run(&before, &sample), run(&after, &sample));
}

#[test]
fn a_value_with_two_users_is_scaled_down_where_it_is() {
    let mut net = Net::new(1);
    let (x, w) = (net.input(&[1, 4]), net.weight(&[4, 4]));
    let y = net.op("matmul", &[x, w], attrs! {});
    let (a, b) = (net.op("relu", &[y], attrs! {}), net.op("neg", &[y], attrs! {}));
    let before = passes("hlil-to-llil", net.finish(&[a, b]));
    assert_eq!(order(&passes("llil-lazy-scale-down", before)), ["matmul", "scale_down", "relu", "neg"]);
}

/// Without a range the headroom decides; with one, four times the range must stay in the domain of comparison, 2^62.
#[test]
fn nothing_sinks_where_the_wider_value_might_not_fit() {
    let sinks = |scale: u8, range: Option<&str>| {
        let mut net = Net::new(1);
        let (x, w) = (net.input(&[1, 4]), net.weight(&[4, 4]));
        let y = net.op("matmul", &[x, w], attrs! {});
        let y = net.op("relu", &[y], attrs! {});
        let options = Options { scale, ..Options::default() };
        let mut module = run_passes("hlil-to-llil", net.finish(&[y]), &options).unwrap();
        if let (Module::Llil(func, _), Some(high)) = (&mut module, range) {
            let values: Vec<_> = func.values().map(|(value, _)| value).collect();
            for value in values {
                func.annotate(value, "range", treville_ir::Attr::from([0.0, high.parse::<f64>().unwrap()]));
            }
        }
        order(&run_passes("llil-lazy-scale-down", module, &options).unwrap()) == ["matmul", "relu", "scale_down"]
    };
    assert_eq!([sinks(26, None), sinks(27, None)], [true, false], "2 * 26 and 10 bits of headroom are 62");
    assert_eq!([sinks(28, Some("16")), sinks(28, Some("17"))], [true, false]);
    assert!(!sinks(12, Some("1e12")));
}

/// A comparison of two products needs no ScaleDown.
#[test]
fn signs_do_not_depend_on_the_scale() {
    let mut net = Net::new(1);
    let (x, w) = (net.input(&[1, 6]), net.weight(&[6, 4]));
    let (y, v) = (net.input(&[1, 6]), net.weight(&[6, 4]));
    let (a, b) = (net.op("matmul", &[x, w], attrs! {}), net.op("matmul", &[y, v], attrs! {}));
    let greater = net.op("greater", &[a, b], attrs! {});
    let after = passes("hlil-to-llil,llil-lazy-scale-down", net.finish(&[greater]));
    assert_eq!(order(&after), ["matmul", "matmul", "sub", "drelu", "constant", "sub"]);
}

/// Sums of floors are not the floor of the sum, nor is their order that of what they are floors of.
#[test]
fn floors_stay_where_they_are() {
    let mut net = Net::new(1);
    let (x, y) = (net.input(&[64]), net.input(&[64]));
    let five = net.constant(&[], &[5.0]);
    let [a, b] = [x, y].map(|v| {
        let v = net.op("mul", &[v, five], attrs! {});
        net.op("cast", &[v], attrs! { to: "i64" })
    });
    let results = ["add", "sub", "greater"].map(|op| net.op(op, &[a, b], attrs! {}));
    let before = net.finish(&results);
    let after = passes("hlil-to-llil,llil-default", before.clone());
    let sample = sample(&before, 1);
    assert_eq!(run(&before, &sample), run(&after, &sample));
}
