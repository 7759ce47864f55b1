//! `hlil-expand-quotients`

use indexmap::IndexMap;
use treville_hlil::Tensor;
use treville_ir::attrs;
use treville_passes::analysis::calibrate::calibrate;
use treville_passes::{Module, Options, run_passes};

use crate::net::{Net, assert_near, count, passes, run, sample};

#[test]
fn quotients_keep_their_meaning() {
    let mut net = Net::new(2);
    let (x, w) = (net.input(&[2, 3, 4]), net.variance(&[4]));
    let by_weight = net.op("div", &[x, w], attrs! {});
    let soft = net.op("softmax", &[by_weight], attrs! { axis: 1 });
    let ratio = net.op("div", &[x, soft], attrs! {});
    let before = net.finish(&[by_weight, soft, ratio]);
    let after = passes("hlil-expand-quotients", before.clone());
    assert_eq!([count(&after, "div"), count(&after, "softmax"), count(&after, "apply")], [0, 0, 4]);
    let sample = sample(&before, 1);
    assert_near(&run(&before, &sample), &run(&after, &sample), 1e-6, "expanded");
    // The divisor that needs no input becomes a weight.
    let folded = passes("hlil-expand-quotients,hlil-fold-constants", before);
    assert_eq!(count(&folded, "apply"), 3);
}

#[test]
fn integers_are_not_divided_by_reciprocals() {
    let mut net = Net::new(2);
    let x = net.input(&[4]);
    let index = net.op("cast", &[x], attrs! { to: "i64" });
    let ten = net.op("constant", &[], attrs! { shape: [1], values: [10] });
    let y = net.op("div", &[index, ten], attrs! {});
    let module = net.finish(&[y]);
    assert_eq!(count(&passes("hlil-expand-quotients", module.clone()), "div"), 1);
    let error = run_passes("hlil-default,hlil-to-llil", module, &Options::default()).unwrap_err();
    assert_eq!(error.diagnostics()[0].node(), Some("n2/div"));
}

/// A softmax over a thousand classes, where each exponential is a few units of the last place.
#[test]
fn softmaxes_of_many_classes_sum_to_one() {
    let mut net = Net::new(7);
    let x = net.input(&[3, 1000]);
    let factor = net.constant(&[], &[4.0]);
    let logits = net.op("mul", &[x, factor], attrs! {});
    let y = net.op("softmax", &[logits], attrs! { axis: 1 });
    let z = net.op("neg", &[y], attrs! {});
    let Module::Hlil(mut func, weights) = passes("hlil-default", net.finish(&[y, z])) else { panic!() };
    let sample: IndexMap<String, Tensor> = sample(&Module::Hlil(func.clone(), weights.clone()), 4);
    calibrate(&func, &weights, std::slice::from_ref(&sample)).unwrap().annotate(&mut func);
    let float = Module::Hlil(func, weights);
    for scale in [12, 16] {
        let options = Options { scale, ..Options::default() };
        let fixed = run_passes("hlil-to-llil,llil-default", float.clone(), &options).unwrap();
        let (want, got) = (&run(&float, &sample)[0], &run(&fixed, &sample)[0]);
        let (want, got) = (want.as_f32().unwrap(), got.as_f32().unwrap());
        let worst = want.iter().zip(got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 4.0 * 2f32.powi(-i32::from(scale)), "off by {worst} at {scale}");
        let sums = got.rows().into_iter().map(|row| row.sum()).collect::<Vec<_>>();
        // Each of a thousand roundings down takes half a unit.
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1000.0 * 2f32.powi(-i32::from(scale))), "{sums:?}");
    }
}
