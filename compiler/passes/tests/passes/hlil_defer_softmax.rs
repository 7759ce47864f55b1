//! `hlil-defer-softmax`

use treville_ir::{Post, ValueId, attrs};
use treville_passes::Module;

use crate::net::{Net, assert_near, count, passes, run, sample};

/// The program after the pass, with its softmaxes and what the first result's receivers do.
fn deferred(shape: &[usize], build: impl Fn(&mut Net, ValueId) -> Vec<ValueId>) -> (Module, Module, usize, Post) {
    let mut net = Net::new(3);
    let x = net.input(shape);
    let results = build(&mut net, x);
    let before = net.finish(&results);
    let after = passes("hlil-defer-softmax", before.clone());
    let post = after.hlil().unwrap().results()[0].post;
    let n_left = count(&after, "softmax");
    (before, after, n_left, post)
}

#[test]
fn the_receiver_computes_the_last_softmax() {
    let (before, after, n_left, post) = deferred(&[2, 5], |net, x| {
        let y = net.op("neg", &[x], attrs! {});
        vec![net.op("softmax", &[y], attrs! { axis: 1 })]
    });
    assert_eq!((n_left, post), (0, Post::Softmax));
    // What the receiver does with it gives the old result.
    let sample = sample(&before, 1);
    let Module::Hlil(func, weights) = after else { panic!() };
    let mut rw = treville_ir::Rewriter::new(&func);
    rw.copy_args();
    for (id, _) in func.ops() {
        rw.copy(id).unwrap();
    }
    let result = rw.get(func.results()[0].value).unwrap();
    let softmax = rw.push("softmax", &[result], attrs! { axis: 1 }, "post").unwrap();
    rw.replace(func.results()[0].value, softmax);
    let posted = Module::Hlil(rw.finish().unwrap(), weights);
    assert_near(&run(&before, &sample), &run(&posted, &sample), 1e-6, "post");
}

#[test]
fn moves_below_the_softmax_stay() {
    let through = |shape: &[usize], axis: i64, perm: Option<Vec<i64>>, reshape: Vec<i64>| {
        let (_, after, n_left, post) = deferred(shape, |net, x| {
            let mut y = net.op("softmax", &[x], attrs! { axis: axis });
            if let Some(perm) = &perm {
                y = net.op("transpose", &[y], attrs! { perm: perm.clone() });
            }
            vec![net.op("reshape", &[y], attrs! { shape: reshape.clone() })]
        });
        assert_eq!(n_left == 0, post == Post::Softmax, "{after}");
        post == Post::Softmax
    };
    assert!(through(&[1, 10, 1, 1], 1, None, vec![1, 10]));
    assert!(through(&[2, 3, 4], 1, Some(vec![0, 2, 1]), vec![8, 3]));
    assert!(!through(&[2, 3, 4], 1, None, vec![6, 4]), "another axis is the last one");
    assert!(!through(&[2, 3, 4], 2, None, vec![24]), "rows are joined");
    assert!(!through(&[2, 8], 1, None, vec![2, 2, 4]), "rows are parted");
}

#[test]
fn a_softmax_that_others_use_stays() {
    let (_, _, n_left, post) = deferred(&[2, 5], |net, x| {
        let y = net.op("softmax", &[x], attrs! { axis: 1 });
        vec![y, net.op("neg", &[y], attrs! {})]
    });
    assert_eq!((n_left, post), (1, Post::None));
    let (_, _, n_left, post) = deferred(&[2, 5], |net, x| vec![net.op("softmax", &[x], attrs! { axis: 0 })]);
    assert_eq!((n_left, post), (1, Post::None));
}
