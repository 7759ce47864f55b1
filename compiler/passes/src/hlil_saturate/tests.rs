//! Every rule against the evaluators, on values that lie at edges; and one that is wrong, to see that it is found.

use treville_hlil::{Hlil, Tensor};
use treville_ir::{Attrs, Func, ValueId, attrs};
use treville_llil::{Exact, evaluate};

use super::{RULES, Rule, variants};
use crate::{Domain, Module, Options, encode_inputs, encode_weights, run_passes};

#[path = "../../tests/passes/net.rs"]
#[allow(dead_code, reason = "a module of the integration tests, of which this needs a part")]
mod net;
use net::{Net, Random};

/// A program on which a rule finds something.
fn program(rule: &str) -> Module {
    let mut n = Net::new(11);
    let x = n.input(&[1, 4, 6, 6]);
    let y = match rule {
        "sub-as-add" => {
            let (b, c) = (n.weight(&[1, 4, 1, 1]), n.weight(&[4, 1, 1]));
            let y = n.op("sub", &[x, b], attrs! {});
            n.op("sub", &[c, y], attrs! {})
        }
        "merge-shifts" => twice(&mut n, x, "add", "add"),
        "merge-scales" => twice(&mut n, x, "mul", "mul"),
        "scale-before-shift" => twice(&mut n, x, "add", "mul"),
        "scale-parts" => {
            let y = n.conv(x, 3, 3);
            let z = n.op("concat", &[x, y], attrs! { axis: 1 });
            let s = n.weight(&[1, 7, 1, 1]);
            n.op("mul", &[z, s], attrs! {})
        }
        "scale-before-pad" => {
            let y = n.op("pad", &[x], attrs! { begin: [0, 0, 1, 0], end: [0, 0, 2, 1], value: 0.0 });
            let s = n.weight(&[4, 1, 1]);
            n.op("mul", &[y, s], attrs! {})
        }
        "scale-after-move" => {
            let s = n.weight(&[1]);
            let y = n.op("mul", &[x, s], attrs! {});
            let y = n.op("transpose", &[y], attrs! { perm: [0, 2, 3, 1] });
            n.op("reshape", &[y], attrs! { shape: [1, 144] })
        }
        "scale-into-filter" => {
            let y = n.conv(x, 3, 3);
            let s = n.weight(&[3, 1, 1]);
            let y = n.op("mul", &[y, s], attrs! {});
            let flat = n.op("reshape", &[y], attrs! { shape: [1, 108] });
            let (w, s) = (n.weight(&[108, 5]), n.weight(&[5]));
            let z = n.op("matmul", &[flat, w], attrs! {});
            n.op("mul", &[z, s], attrs! {})
        }
        "scale-through-filter" => {
            let s = n.weight(&[4, 1, 1]);
            let y = n.op("mul", &[x, s], attrs! {});
            let w = n.weight(&[4, 1, 3, 3]);
            // Depthwise, then dense.
            let window = attrs! { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 4 };
            let y = n.op("conv", &[y, w], window);
            let s = n.weight(&[1, 4, 1, 1]);
            let y = n.op("mul", &[y, s], attrs! {});
            n.conv(y, 3, 3)
        }
        "shift-through-filter" => {
            let (b, w) = (n.weight(&[4, 1, 1]), n.weight(&[3, 4, 3, 3]));
            let y = n.op("add", &[x, b], attrs! {});
            let window = attrs! { strides: [2, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 };
            let y = n.op("conv", &[y, w], window);
            let flat = n.op("reshape", &[y], attrs! { shape: [2, 12] });
            let (b, w) = (n.weight(&[12]), n.weight(&[12, 5]));
            let z = n.op("add", &[flat, b], attrs! {});
            n.op("matmul", &[z, w], attrs! {})
        }
        "compose-filters" => {
            let y = n.conv(x, 5, 3);
            let y = n.conv(y, 3, 1);
            let flat = n.op("reshape", &[y], attrs! { shape: [1, 108] });
            let (v, w) = (n.weight(&[108, 5]), n.weight(&[5, 2]));
            let z = n.op("matmul", &[flat, v], attrs! {});
            n.op("matmul", &[z, w], attrs! {})
        }
        "relu-after-pool" => {
            let y = n.op("relu", &[x], attrs! {});
            let y = n.op("pad", &[y], attrs! { begin: [0, 0, 1, 1], end: [0, 0, 0, 1], value: 0.0 });
            let y = n.pool("max_pool", y, 2);
            let y = n.op("clip", &[y], attrs! { min: -0.5, max: 1.5 });
            n.pool("max_pool", y, 2)
        }
        "relu-before-pool" => {
            let y = n.pool("max_pool", x, 2);
            n.op("relu", &[y], attrs! {})
        }
        "filter-after-mean" => {
            let y = n.conv(x, 3, 1);
            n.pool("avg_pool", y, 2)
        }
        "affine-after-mean" => {
            let y = twice(&mut n, x, "mul", "add");
            let z = n.pool("avg_pool", y, 2);
            n.op("reduce_mean", &[z], attrs! { axes: [2, 3], keepdims: false })
        }
        "mean-as-sum" => n.op("reduce_mean", &[x], attrs! { axes: [2, 3], keepdims: true }),
        "join-activations" => {
            let (a, b) = (n.op("relu", &[x], attrs! {}), n.conv(x, 2, 1));
            let b = n.op("relu", &[b], attrs! {});
            n.op("concat", &[a, b], attrs! { axis: 1 })
        }
        "join-maxima" => {
            let (a, b) = (n.conv(x, 4, 1), n.op("neg", &[x], attrs! {}));
            let (c, d) = (n.op("max", &[x, a], attrs! {}), n.op("max", &[a, b], attrs! {}));
            n.op("concat", &[c, d], attrs! { axis: 2 })
        }
        "join-filters" => {
            let (a, b) = (n.conv(x, 2, 3), n.conv(x, 3, 3));
            let y = n.op("concat", &[a, b], attrs! { axis: 1 });
            let flat = n.op("reshape", &[y], attrs! { shape: [2, 90] });
            let (v, w) = (n.weight(&[90, 2]), n.weight(&[90, 3]));
            let (a, b) = (n.op("matmul", &[flat, v], attrs! {}), n.op("matmul", &[flat, w], attrs! {}));
            n.op("concat", &[a, b], attrs! { axis: 1 })
        }
        "negative-part" => {
            let y = n.op("neg", &[x], attrs! {});
            let a = n.op("relu", &[y], attrs! {});
            let z = n.conv(x, 4, 1);
            let d = n.op("sub", &[z, a], attrs! {});
            n.op("relu", &[d], attrs! {})
        }
        "parts-make-whole" => {
            let y = n.op("neg", &[x], attrs! {});
            let (a, b) = (n.op("relu", &[x], attrs! {}), n.op("relu", &[y], attrs! {}));
            n.op("sub", &[a, b], attrs! {})
        }
        "max-as-relu" => {
            let y = n.op("neg", &[x], attrs! {});
            let a = n.op("max", &[x, y], attrs! {});
            let b = n.conv(x, 4, 1);
            n.op("max", &[a, b], attrs! {})
        }
        "clip-as-relus" => {
            let y = n.op("clip", &[x], attrs! { min: 0.0, max: 1.0 });
            let z = n.op("clip", &[x], attrs! { min: -1.25, max: 0.5 });
            n.op("add", &[y, z], attrs! {})
        }
        "choice-as-relu" => {
            let zero = n.constant(&[], &[0.0]);
            let c = n.op("greater", &[x, zero], attrs! {});
            n.op("select", &[c, x, zero], attrs! {})
        }
        other => panic!("rule {other} has no program here"),
    };
    n.finish(&[y])
}

/// An op with a weight along the channels after another one.
fn twice(n: &mut Net, x: ValueId, first: &str, second: &str) -> ValueId {
    let (b, c) = (n.weight(&[1, 4, 1, 1]), n.weight(&[4, 1, 1]));
    let y = n.op(first, &[x, b], Attrs::new());
    n.op(second, &[y, c], Attrs::new())
}

/// A sample of values at edges: zero, one, powers of two and their neighbours on the grid of 12 bits, the ends of the range, and others.
fn sample(func: &Func<Hlil>, seed: u64) -> indexmap::IndexMap<String, Tensor> {
    let mut random = Random(seed);
    let mut sample = net::sample(&Module::Hlil(func.clone(), treville_hlil::Weights::new()), seed);
    let unit = 2f32.powi(-12);
    for tensor in sample.values_mut() {
        let Tensor::F32(x) = tensor else { continue };
        let kinds = random.tensor(x.shape());
        x.zip_mut_with(&kinds, |x, kind| {
            let power = 2f32.powi((kind * 1000.0) as i32 % 7 - 4);
            let sign = x.signum();
            *x = match (kind.abs() * 7919.0) as i32 % 9 {
                0 => 0.0,
                1 => sign,
                2 => sign * unit,
                3 => sign * power,
                4 => sign * (power + unit),
                5 => sign * (power - unit),
                6 => sign * 8.0,
                _ => *x,
            };
        });
    }
    sample
}

/// How far two programs are apart on edge-weighted samples: in f32, or for rules that are exact in the ring as ring elements.
fn difference(before: &Module, after: &Func<Hlil>, domain: Domain) -> f64 {
    let after = Module::Hlil(after.clone(), before.weights().clone());
    let mut most = 0f64;
    for seed in 0..16 {
        let sample = sample(before.hlil().unwrap(), seed);
        match domain {
            Domain::Real => {
                for (a, b) in net::run(before, &sample).iter().zip(&net::run(&after, &sample)) {
                    let (Tensor::F32(a), Tensor::F32(b)) = (a, b) else { panic!("reals") };
                    let scale = a.iter().fold(1f32, |most, v| most.max(v.abs()));
                    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    most = most.max(f64::from(apart / scale));
                }
            }
            Domain::RingExact => {
                let ring = |module: &Module| {
                    let lowered = run_passes(
                        "hlil-fold-constants,hlil-to-llil,llil-default",
                        module.clone(),
                        &Options::default(),
                    );
                    let lowered = lowered.unwrap();
                    let func = lowered.llil().unwrap();
                    let mut args = encode_weights(func, lowered.weights()).unwrap();
                    args.extend(encode_inputs(func, &sample).unwrap());
                    evaluate(func, &args, &mut Exact, &mut |_, _| {}).unwrap()
                };
                if ring(before) != ring(&after) {
                    most = f64::INFINITY;
                }
            }
        }
    }
    most
}

#[test]
fn every_rule_makes_equal_programs() {
    for rule in RULES {
        let before = program(rule.name);
        let found = variants(before.hlil().unwrap(), rule).unwrap();
        assert!(!found.is_empty(), "{} finds nothing in its program", rule.name);
        for after in &found {
            after.verify().unwrap_or_else(|e| panic!("{}: {e:?}", rule.name));
            assert_ne!(after.to_string(), before.hlil().unwrap().to_string(), "{}", rule.name);
            let apart = difference(&before, after, rule.domain);
            assert!(apart < 1e-5, "{}: {apart} apart\n{before}\n{after}", rule.name);
        }
    }
}

/// An average is no maximum: the same rule for the wrong pool.
static WRONG: Rule = Rule {
    name: "wrong",
    set: super::rules::Set::Pool,
    domain: Domain::RingExact,
    summary: "avg_pool(relu(x)) = relu(avg_pool(x)), which is wrong",
    roots: &["avg_pool"],
    apply: |terms, _, pool| {
        let relus = terms.ops(pool.operands[0], "relu");
        let exchanged = relus.iter().map(|relu| {
            let pooled = terms.again(pool, &[relu.operands[0]])?;
            terms.again(relu, &[pooled])
        });
        exchanged.collect::<Vec<_>>().into_iter().flatten().collect()
    },
};

#[test]
fn a_wrong_rule_is_found() {
    for domain in [Domain::RingExact, Domain::Real] {
        let mut net = Net::new(3);
        let x = net.input(&[1, 2, 6, 6]);
        let y = net.op("relu", &[x], attrs! {});
        let y = net.pool("avg_pool", y, 2);
        let before = net.finish(&[y]);
        let found = variants(before.hlil().unwrap(), &WRONG).unwrap();
        assert_eq!(found.len(), 1);
        assert!(difference(&before, &found[0], domain) > 1e-3);
    }
}

#[test]
fn rules_have_names_of_their_own() {
    let mut names: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), RULES.len());
    assert!(RULES.iter().all(|rule| !rule.summary.is_empty() && !rule.roots.is_empty()));
}
