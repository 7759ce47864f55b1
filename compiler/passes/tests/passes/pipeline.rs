//! A network as TensorFlow writes it, after each pass of the standard pipelines.

use treville_ir::{ArgKind, attrs};
use treville_passes::{Manager, Module, Moment, Pass, resolve};

use crate::hlil_saturate::priced;
use crate::net::{Net, assert_near, run, sample};

fn network() -> Module {
    let mut net = Net::new(42);
    let x = net.input(&[1, 4, 4, 1]);
    let y = net.nchw(x);
    let y = net.conv(y, 2, 3);
    let y = net.nhwc(y);
    let y = net.nchw(y);
    let y = net.batch_norm(y, 1e-3);
    let y = net.nhwc(y);
    let y = net.op("relu", &[y], attrs! {});
    let y = net.nchw(y);
    let y = net.op("max_pool", &[y], attrs! { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1] });
    let y = net.nhwc(y);
    let y = net.op("reshape", &[y], attrs! { shape: [1, 8] });
    let (w, b) = (net.weight(&[8, 3]), net.weight(&[3]));
    let y = net.op("matmul", &[y, w], attrs! {});
    let y = net.op("add", &[y, b], attrs! {});
    net.finish(&[y])
}

/// The ops of a module with their types, without what stands in every text.
fn outline(module: &Module) -> String {
    let text = module.to_string();
    let args = text.lines().find(|line| line.starts_with("^bb0")).unwrap_or_default();
    let ops = text.lines().filter(|line| line.starts_with("  %"));
    std::iter::once(args).chain(ops).map(|line| format!("{line}\n")).collect()
}

#[test]
fn each_pass_of_the_standard_pipelines() {
    let before = network();
    let mut stages = vec![format!("== before ==\n{}", outline(&before))];
    let mut after_each = |moment: Moment, pass: &Pass, module: &Module| {
        if moment == Moment::Before {
            return;
        }
        let outline = outline(module);
        let same = stages.last().is_some_and(|last| last.split_once('\n').is_some_and(|(_, old)| old == outline));
        stages.push(format!("== {} ==\n{}", pass.name, if same { "(unchanged)\n" } else { &outline }));
    };
    let passes = resolve("hlil-default,hlil-to-llil,llil-default").unwrap();
    let mut manager = Manager { observer: Some(&mut after_each), verify_each: true };
    let (after, _) = manager.run(&passes, before.clone(), &priced()).unwrap();
    insta::assert_snapshot!(stages.join("\n"));
    let sample = sample(&before, 1);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-2, "the whole pipeline");
}

#[test]
fn the_result_does_not_depend_on_the_run() {
    let compile = || {
        let passes = resolve("hlil-default,hlil-to-llil,llil-default").unwrap();
        Manager::default().run(&passes, network(), &priced()).unwrap().0
    };
    let (a, b) = (compile(), compile());
    assert_eq!(a.to_string(), b.to_string());
    for (_, arg) in a.llil().unwrap().args().filter(|(_, arg)| arg.kind == ArgKind::Weight) {
        assert_eq!(a.weights().get(&arg.name).unwrap(), b.weights().get(&arg.name).unwrap());
    }
}
