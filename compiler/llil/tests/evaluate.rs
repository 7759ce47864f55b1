//! The reference evaluator: values against arithmetic on plain integers, and what it refuses.

use indexmap::IndexMap;
use ndarray::{Array, IxDyn};
use treville_ir::{ArgKind, Diagnostic, Func, FuncResult, TensorType, attrs};
use treville_llil::{Args, Elem, EvalError, Exact, Fault, Fixed, Llil, Local, Replay, Secrecy, evaluate};
use treville_ring::{RingBits, RingTensor};

fn fixed(ring: i64, frac: i64) -> Elem {
    Fixed::new(ring, frac, Secrecy::Secret).unwrap().into()
}

fn tensor(shape: &[usize], values: &[i64], ring: u8) -> RingTensor {
    let ring = RingBits::new(ring).unwrap();
    Array::from_shape_vec(IxDyn(shape), values.iter().map(|&v| ring.wrap(v as u64)).collect()).unwrap()
}

/// A function of one op over the argument `x`.
fn unary(ring: i64, frac: i64, shape: &[usize], op: &str, attrs: treville_ir::Attrs) -> Func<Llil> {
    let mut func = Func::new("main");
    let x =
        func.add_arg(treville_ir::Arg::new("x", TensorType::new(shape, fixed(ring, frac)), "client", ArgKind::Input));
    let y = func.push1(op, &[x], attrs, "the/node").unwrap();
    func.set_results(vec![FuncResult::new(y, "y", "client")]);
    func
}

fn run(func: &Func<Llil>, x: RingTensor) -> Result<RingTensor, EvalError> {
    let args: Args = IndexMap::from([("x".to_string(), x)]);
    evaluate(func, &args, &mut Exact, &mut |_, _| {}).map(|mut results| results.pop().unwrap())
}

#[test]
fn matmul_wraps_at_the_ring() {
    let mut func = Func::new("main");
    let ty = |shape: [usize; 2]| TensorType::new(shape, fixed(8, 2));
    let x = func.add_arg(treville_ir::Arg::new("x", ty([1, 2]), "client", ArgKind::Input));
    let w = func.add_arg(treville_ir::Arg::new("w", ty([2, 2]), "server", ArgKind::Weight));
    let y = func.push1("matmul", &[x, w], attrs! {}, "fc").unwrap();
    func.set_results(vec![FuncResult::new(y, "y", "client")]);
    assert_eq!(func.ty(y).elem, fixed(8, 4));
    let args: Args =
        [("x".to_string(), tensor(&[1, 2], &[3, -5], 8)), ("w".to_string(), tensor(&[2, 2], &[7, 100, -2, 100], 8))]
            .into_iter()
            .collect();
    let mut seen = Vec::new();
    let y = evaluate(&func, &args, &mut Exact, &mut |value, tensor| seen.push((value.index(), tensor.len()))).unwrap();
    assert_eq!(y[0], tensor(&[1, 2], &[31, -200], 8));
    assert_eq!(seen, [(0, 2), (1, 4), (2, 2)]);
}

#[test]
fn max_ignores_padding_and_arg_max_takes_the_first() {
    let pool = attrs! { kernel: [2, 2], strides: [2, 2], pads: [1, 1, 0, 0], dilations: [1, 1] };
    let func = unary(16, 4, &[1, 1, 3, 3], "max_pool", pool);
    let y = run(&func, tensor(&[1, 1, 3, 3], &[-9, -8, -7, -6, -5, -4, -3, -2, -1], 16)).unwrap();
    assert_eq!(y, tensor(&[1, 1, 2, 2], &[-9, -7, -3, -1], 16));

    let func = unary(16, 4, &[2, 4], "arg_max", attrs! { axis: 1, keepdims: false });
    let y = run(&func, tensor(&[2, 4], &[1, 7, -3, 7, -4, -5, -4, -6], 16)).unwrap();
    assert_eq!(y, tensor(&[2], &[1, 0], 16));
    let func = unary(16, 4, &[2, 4], "arg_max", attrs! { axis: 0, keepdims: true });
    let y = run(&func, tensor(&[2, 4], &[1, 7, -3, 7, -4, 8, -2, 6], 16)).unwrap();
    assert_eq!(y, tensor(&[1, 4], &[0, 1, 1, 0], 16));
}

#[test]
fn comparisons_outside_their_domain_are_errors() {
    let relu = unary(16, 4, &[3], "relu", attrs! {});
    let edge = (1 << 14) - 1;
    assert_eq!(run(&relu, tensor(&[3], &[edge, -edge, 0], 16)), Ok(tensor(&[3], &[edge, 0, 0], 16)));
    for value in [edge + 1, -edge - 1, i64::from(i16::MIN)] {
        let error = run(&relu, tensor(&[3], &[0, value, 0], 16)).unwrap_err();
        let fault = Fault::Domain { what: "the value", index: 1, value: value.into(), bits: 14 };
        assert_eq!(error, EvalError::Op { op: "llil.relu".into(), index: 0, loc: "the/node".into(), fault });
        assert_eq!(Diagnostic::from(error).node(), Some("the/node"));
    }
    let far = tensor(&[1, 1, 4], &[edge, 0, 0, -edge], 16);
    let pool = |kernel: i64| attrs! { kernel: [kernel], strides: [1], pads: [0, 0], dilations: [1] };
    assert!(
        run(&unary(16, 4, &[1, 1, 4], "max_pool", pool(2)), far.clone()).is_ok(),
        "no window compares the two ends"
    );
    assert!(run(&unary(16, 4, &[1, 1, 4], "max_pool", pool(4)), far.clone()).is_err());
    let line = unary(16, 4, &[1, 1, 4], "arg_max", attrs! { axis: 2, keepdims: false });
    assert!(matches!(run(&line, far), Err(EvalError::Op { fault: Fault::Domain { value: 32766, .. }, .. })));
}

#[test]
fn average_divides_by_the_rounded_reciprocal() {
    let pool =
        attrs! { kernel: [3], strides: [2], pads: [1, 1], dilations: [1], count_include_pad: false, divisor_frac: 6 };
    let func = unary(32, 4, &[1, 1, 3], "avg_pool", pool);
    // Two elements in each window: round(64 / 2) = 32.
    assert_eq!(run(&func, tensor(&[1, 1, 3], &[5, -7, 20], 32)).unwrap(), tensor(&[1, 1, 2], &[-64, 416], 32));
}

#[test]
fn exact_scale_down_ignores_the_rounding_of_the_run() {
    let x: Vec<i64> = (0..64).map(|i| i * 37 - 1000).collect();
    let args: Args = IndexMap::from([("x".to_string(), tensor(&[64], &x, 32))]);
    let scale_down = |rounding: &str| unary(32, 8, &[64], "scale_down", attrs! { shift: 5, rounding: rounding });
    let exact = evaluate(&scale_down("exact"), &args, &mut Local(7), &mut |_, _| {}).unwrap();
    assert_eq!(exact[0], tensor(&[64], &x.iter().map(|v| v >> 5).collect::<Vec<_>>(), 32));
    let local = evaluate(&scale_down("local"), &args, &mut Local(7), &mut |_, _| {}).unwrap();
    assert_ne!(local, exact);
    let again = evaluate(&scale_down("local"), &args, &mut Local(7), &mut |_, _| {}).unwrap();
    assert_eq!(local, again);
    let missing = evaluate(&scale_down("local"), &args, &mut Replay::default(), &mut |_, _| {});
    assert!(matches!(missing, Err(EvalError::Op { fault: Fault::NotRecorded, .. })));
}

#[test]
fn arguments_are_checked() {
    let relu = unary(16, 4, &[3], "relu", attrs! {});
    assert!(matches!(run(&relu, tensor(&[4], &[0; 4], 16)), Err(EvalError::ArgShape { .. })));
    assert!(matches!(run(&relu, tensor(&[3], &[0, 1 << 16, 0], 32)), Err(EvalError::ArgRange { index: 1, .. })));
    assert!(matches!(evaluate(&relu, &Args::new(), &mut Exact, &mut |_, _| {}), Err(EvalError::MissingArg { .. })));
}
