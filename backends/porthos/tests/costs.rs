//! Declared costs against measured ones, exactly: bytes of every link, and rounds.

mod common;

use common::{BOTH, Exec, Rng, Value, input, three_parties_of};
use treville_porthos::{CLIENT, HELPER, Porthos, PorthosPacked, SERVER};
use treville_protocol::{
    Call, Cost, Protocol, Result, Rounding, ScaleDown, Selection, Traffic, arg_max_segments, max_pool_segments,
    max_tree_cost,
};
use treville_ring::{ConvSpec, ConvTransposeSpec, RingTensor, Window};

/// Shares the tensors, runs `body` after a ReLU (so that the parties start at unequal depths if they can), and measures the operations of `body`, from 100 on.
fn measure(inputs: &[&RingTensor], body: impl AsyncFn(&Exec<'_>, &[Value]) -> Result<()> + Sync) -> Cost {
    measure_after::<Porthos>(3, inputs, body)
}

fn measure_after<P: Protocol>(
    relus: usize,
    inputs: &[&RingTensor],
    body: impl AsyncFn(&Exec<'_>, &[Value]) -> Result<()> + Sync,
) -> Cost {
    let warm = Rng(1).tensor(&[relus], 40);
    let reports = three_parties_of::<P, _>(20, async |me, session| {
        let exec = session.inference(0);
        let shared = input(&exec, 50, me, CLIENT, &warm).await?;
        exec.relu(51, &shared).await?;
        let mut values = Vec::new();
        for (i, x) in inputs.iter().enumerate() {
            values.push(input(&exec, i as u32, me, BOTH[i % 2], x).await?);
        }
        let before = session.depth();
        body(&exec, &values).await?;
        Ok((before, session.depth(), session.reports()))
    })
    .unwrap();
    let mut online = Traffic::default();
    for (_, _, reports) in &reports {
        reports.range(100..).for_each(|(_, report)| online += &report.sent);
    }
    let (before, after) = (reports.iter().map(|r| r.0).max().unwrap(), reports.iter().map(|r| r.1).max().unwrap());
    Cost { rounds: after - before, online, offline: Traffic::default() }
}

fn declared(call: Call<'_>) -> Cost {
    Porthos::info().costs.primitive(&call)
}

#[test]
fn primitives_cost_what_is_declared() {
    let mut rng = Rng(21);
    for n in [1, 64, 200, 65_600] {
        let x = rng.tensor(&[n], 61);
        let y = rng.tensor(&[n], 61);
        assert_eq!(
            measure(&[&x], async |exec, v| exec.relu(100, &v[0]).await.map(|_| ())),
            Porthos::info().costs.relu(n)
        );
        assert_eq!(
            measure(&[&x], async |exec, v| exec.drelu(100, &v[0]).await.map(|_| ())),
            declared(Call::DRelu { n }) + declared(Call::BitsToRing { n })
        );
        assert_eq!(
            measure(&[&x, &y], async |exec, v| exec.mul(100, &v[0], &v[1], &[n]).await.map(|_| ())),
            declared(Call::Mul { n })
        );
        assert_eq!(
            measure(&[&x], async |exec, v| exec.prepare(100, &v[0]).await.map(|_| ())),
            declared(Call::Prepare { n })
        );
        let spec = ScaleDown { shift: 3, rounding: Rounding::Local };
        assert_eq!(
            measure(&[&x], async |exec, v| exec.scale_down(100, &v[0], spec).await.map(|_| ())),
            declared(Call::ScaleDown { n })
        );
        for to in [&[CLIENT][..], &[SERVER], &[HELPER], BOTH, &[CLIENT, HELPER], &[CLIENT, SERVER, HELPER]] {
            assert_eq!(
                measure(&[&x], async |exec, v| exec.reveal(100, &v[0], to).await.map(|_| ())),
                declared(Call::Reveal { n, to })
            );
        }
        for owner in [CLIENT, SERVER, HELPER] {
            // At the start: the helper lags behind the others, so that later its message would lie within rounds that are counted already.
            let measured = measure_after::<Porthos>(0, &[], async |exec, _| {
                input(exec, 100, exec.me(), owner, &x).await.map(|_| ())
            });
            assert_eq!(measured, declared(Call::Input { owner, n }));
        }
    }
}

/// What is too large to be on its way at once goes part by part, which changes neither results nor bytes nor rounds.
#[test]
fn large_tensors_go_in_parts_of_the_same_rounds() {
    let n = (1 << 20) + 70;
    let x = Rng(26).tensor(&[n], 61);
    let cost = measure(&[&x], async |exec, v| {
        let y = exec.relu(100, &v[0]).await?;
        let y = exec.reveal(1000, &y, &[CLIENT]).await?;
        assert!(y.is_none_or(|y| x.iter().zip(&y).all(|(x, y)| (*x as i64).max(0) == *y as i64)));
        Ok(())
    });
    assert_eq!(cost, Porthos::info().costs.relu(n) + declared(Call::Reveal { n, to: &[CLIENT] }));
    // A factor of more than the window's 2^22 elements.
    let (x, w) = (Rng(27).tensor(&[4100, 1030], 63), Rng(28).tensor(&[1030, 1], 63));
    let cost = measure(&[&x, &w], async |exec, v| {
        let prepared = exec.prepare(100, &v[1]).await?;
        let y = exec.matmul(101, &v[0], &prepared).await?;
        let y = exec.reveal(102, &y, &[CLIENT]).await?;
        assert!(y.is_none_or(|y| y == treville_ring::matmul(&x, &w)));
        Ok(())
    });
    let product = declared(Call::Bilinear { x: x.len(), y: 4100 });
    assert_eq!(cost, declared(Call::Prepare { n: 1030 }) + product + declared(Call::Reveal { n: 4100, to: &[CLIENT] }));
}

#[test]
fn a_relu_is_528_bytes_and_9_rounds() {
    let costs = Porthos::info().costs;
    let links = [
        (CLIENT, SERVER, 40),
        (CLIENT, HELPER, 136),
        (SERVER, CLIENT, 40),
        (SERVER, HELPER, 136),
        (HELPER, SERVER, 176),
    ];
    assert_eq!(costs.relu(1), Cost::online(9, links));
    assert_eq!(costs.relu(1000).bytes(), 528_000);
    assert_eq!(costs.primitive(&Call::DRelu { n: 1 }).bytes(), 488);
    assert_eq!(costs.primitive(&Call::Mul { n: 1 }).bytes(), 40);
    assert_eq!(costs.relu(0), Cost::default());
}

#[test]
fn a_packed_relu_is_480_bytes_and_right() {
    let costs = PorthosPacked::info().costs;
    let links = [
        (CLIENT, SERVER, 40),
        (CLIENT, HELPER, 120),
        (SERVER, CLIENT, 40),
        (SERVER, HELPER, 120),
        (HELPER, SERVER, 160),
    ];
    assert_eq!(costs.relu(1), Cost::online(9, links));
    for n in [1, 63, 64, 65, 40_000] {
        let x = Rng(70).tensor(&[n], 62);
        let cost = measure_after::<PorthosPacked>(3, &[&x], async |exec, v| {
            let y = exec.relu(100, &v[0]).await?;
            let y = exec.reveal(101, &y, &[CLIENT]).await?;
            assert_eq!(y.is_some(), exec.me() == CLIENT);
            assert!(y.is_none_or(|y| x.iter().zip(&y).all(|(x, y)| (*x as i64).max(0) == *y as i64)));
            Ok(())
        });
        assert_eq!(cost, costs.relu(n) + declared(Call::Reveal { n, to: &[CLIENT] }));
    }
}

#[test]
fn products_cost_the_papers_formulas() {
    let mut rng = Rng(22);
    let (i, j, k) = (5, 17, 3);
    let (x, w) = (rng.tensor(&[i, j], 63), rng.tensor(&[j, k], 63));
    let cost = measure(&[&x, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.matmul(101, &v[0], &w).await.map(|_| ())
    });
    assert_eq!(cost, declared(Call::Prepare { n: j * k }) + declared(Call::Bilinear { x: i * j, y: i * k }));
    assert_eq!(cost.bytes() as usize, 8 * (2 * i * j + 2 * j * k + i * k));

    // A stack of them costs what its operands and its result have of elements, also where an operand serves several products.
    let (x, w) = (rng.tensor(&[2, 1, i, j], 63), rng.tensor(&[4, j, k], 63));
    let cost = measure(&[&x, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.matmul(101, &v[0], &w).await.map(|_| ())
    });
    let y = 2 * 4 * i * k;
    assert_eq!(cost, declared(Call::Prepare { n: w.len() }) + declared(Call::Bilinear { x: x.len(), y }));
    assert_eq!(cost.bytes() as usize, 8 * (2 * x.len() + 2 * w.len() + y));

    let public = measure(&[&x], async |exec, v| {
        let w = exec.prepare(100, &exec.constant(w.clone())).await?;
        exec.matmul(101, &v[0], &w).await.map(|_| ())
    });
    assert_eq!(public, Cost::default(), "a product with a public operand is local");

    let spec = ConvTransposeSpec {
        window: Window { strides: vec![2, 3], pads_begin: vec![1, 0], ..Window::dense(&[3, 2]) },
        groups: 3,
        output_padding: vec![0, 1],
    };
    let (x, w) = (rng.tensor(&[1, 3, 4, 5], 63), rng.tensor(&[3, 2, 3, 2], 63));
    let y: usize = spec.output_shape(x.shape(), w.shape()).unwrap().iter().product();
    let cost = measure(&[&x, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.conv_transpose(101, &v[0], &w, &spec).await.map(|_| ())
    });
    assert_eq!(cost, declared(Call::Prepare { n: w.len() }) + declared(Call::Bilinear { x: x.len(), y }));

    for kernel in [1, 3, 5] {
        let spec =
            ConvSpec { window: Window { pads_begin: vec![1, 1], ..Window::dense(&[kernel, kernel]) }, groups: 1 };
        let (x, w) = (rng.tensor(&[1, 3, 8, 9], 63), rng.tensor(&[4, 3, kernel, kernel], 63));
        let y: usize = spec.output_shape(x.shape(), w.shape()).unwrap().iter().product();
        let cost = measure(&[&x, &w], async |exec, v| {
            let w = exec.prepare(100, &v[1]).await?;
            exec.conv(101, &v[0], &w, &spec).await.map(|_| ())
        });
        assert_eq!(cost, declared(Call::Prepare { n: w.len() }) + declared(Call::Bilinear { x: x.len(), y }));
        assert_eq!(cost.bytes() as usize, 8 * (2 * w.len() + 2 * x.len() + y));
    }
}

#[test]
fn maxima_cost_528_and_568_bytes_a_comparison_in_a_tree() {
    let mut rng = Rng(23);
    let x = rng.tensor(&[2, 3, 7, 6], 60);
    let costs = Porthos::info().costs;
    let window = Window { strides: vec![2, 2], pads_begin: vec![1, 1], ..Window::dense(&[3, 3]) };
    let segments = max_pool_segments(x.shape(), &window).unwrap();
    let comparisons = segments.n_planes * segments.members.iter().map(|m| m.len() - 1).sum::<usize>();
    let cost = measure(&[&x], async |exec, v| exec.max_pool(100, &v[0], &window).await.map(|_| ()));
    assert_eq!(cost, max_tree_cost(costs, &segments, Selection::Value));
    assert_eq!((cost.bytes() as usize, cost.rounds), (528 * comparisons, 9 * 4));

    let segments = arg_max_segments(x.shape(), 2, false);
    let comparisons = segments.n_planes * segments.members.iter().map(|m| m.len() - 1).sum::<usize>();
    let cost = measure(&[&x], async |exec, v| exec.arg_max(100, &v[0], 2, false).await.map(|_| ()));
    assert_eq!(cost, max_tree_cost(costs, &segments, Selection::Index));
    assert_eq!((cost.bytes() as usize, cost.rounds), (568 * comparisons, 9 * 3));
}

#[test]
fn rounds_of_a_chain_of_operations_add_up() {
    let mut rng = Rng(24);
    let (x, w) = (rng.tensor(&[4, 4], 20), rng.tensor(&[4, 4], 20));
    let cost = measure(&[&x, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        let mut y = v[0].clone();
        for layer in 0..3 {
            y = exec.matmul(101 + 10 * layer, &y, &w).await?;
            y = exec.scale_down(102 + 10 * layer, &y, ScaleDown { shift: 20, rounding: Rounding::Local }).await?;
            y = exec.relu(103 + 10 * layer, &y).await?;
            y = exec.mul(104 + 10 * layer, &y, &y, &[4, 4]).await?;
            y = exec.scale_down(105 + 10 * layer, &y, ScaleDown { shift: 20, rounding: Rounding::Local }).await?;
        }
        exec.reveal(999, &y, &[CLIENT]).await.map(|_| ())
    });
    assert_eq!(cost.rounds, 1 + 3 * (1 + 9 + 1) + 1);
}

/// Set-up, then two inferences, of a program with every kind of operation; per party its reports.
fn program<P: Protocol>() -> Vec<std::collections::BTreeMap<u32, treville_protocol::OpReport>> {
    let mut rng = Rng(25);
    let (x, w) = (rng.tensor(&[1, 2, 6, 6], 15), rng.tensor(&[3, 2, 3, 3], 15));
    treville_protocol::simulate::Simulation::seeded(25)
        .run::<P, _, _>(async |me, session| {
            let mine = |owner, value: &RingTensor| (me == owner).then(|| value.clone());
            let setup = session.setup();
            let shared = setup.input(0, SERVER, w.shape(), mine(SERVER, &w)).await?;
            let mut weights = Vec::new();
            for op in [1, 2, 28] {
                weights.push(setup.prepare(op, &shared).await?);
            }
            let spec = ConvSpec {
                window: Window { pads_begin: vec![1, 1], pads_end: vec![1, 1], ..Window::dense(&[3, 3]) },
                groups: 1,
            };
            for inference in 0..2 {
                let exec = session.inference(inference);
                let image = exec.input(3, CLIENT, x.shape(), mine(CLIENT, &x)).await?;
                let a = exec.conv(4, &image, &weights[0], &spec).await?;
                let b = exec.conv(5, &image, &weights[1], &spec).await?;
                let y = exec.add(6, &a, &b, &[1, 3, 6, 6]).await?;
                let y = exec.scale_down(7, &y, ScaleDown { shift: 15, rounding: Rounding::Local }).await?;
                let y = exec.relu(8, &y).await?;
                let y = exec.mul(9, &y, &y, &[1, 3, 6, 6]).await?;
                let y = exec.max_pool(10, &y, &Window { strides: vec![2, 2], ..Window::dense(&[2, 2]) }).await?;
                let flat = exec.reshape(11, &y, &[3, 9]).await?;
                let turned = exec.prepare(12, &exec.transpose(13, &flat, &[1, 0], &[9, 3]).await?).await?;
                let gram = exec.matmul(14, &flat, &turned).await?;
                let best = exec.arg_max(15, &gram, 1, false).await?;
                let stack = exec.reshape(18, &flat, &[3, 3, 3]).await?;
                let turned = exec.prepare(19, &exec.transpose(20, &stack, &[0, 2, 1], &[3, 3, 3]).await?).await?;
                let grams = exec.matmul(21, &stack, &turned).await?;
                let signs = exec.drelu(22, &grams).await?;
                let spread = ConvTransposeSpec {
                    window: Window { strides: vec![2, 2], ..Window::dense(&[3, 3]) },
                    groups: 1,
                    output_padding: vec![0, 0],
                };
                let signs = exec.reshape(23, &signs, &[1, 3, 3, 3]).await?;
                let spread = exec.conv_transpose(24, &signs, &weights[2], &spread).await?;
                let sum = exec.reduce_sum(25, &spread, &[0, 2, 3], false, &[2]).await?;
                let gram = exec.add(26, &gram, &exec.gather(27, &sum, 0, &[0, 1, 0], &[3]).await?, &[3, 3]).await?;
                exec.reveal_all(&[(16, &gram, &[CLIENT]), (17, &best, &[CLIENT, HELPER])]).await?;
            }
            Ok::<_, treville_protocol::ProtocolError>(session.reports())
        })
        .unwrap()
}

#[test]
fn the_price_of_a_program_is_what_its_run_measures_operation_by_operation() {
    assert_priced_as_measured::<Porthos>();
    assert_priced_as_measured::<PorthosPacked>();
}

fn assert_priced_as_measured<P: Protocol>() {
    let priced = program::<treville_protocol::Priced<P>>().remove(0);
    let measured = program::<P>();
    assert!(priced.len() >= 29);
    for (op, price) in priced {
        let mut sent = Traffic::default();
        measured.iter().for_each(|reports| sent += &reports[&op].sent);
        assert_eq!(sent, price.sent, "bytes of op {op}");
        for (inference, depth) in price.depth_after {
            let deepest = measured.iter().map(|reports| reports[&op].depth_after[&inference]).max();
            assert_eq!(deepest, Some(depth), "depth after op {op} of inference {inference}");
        }
    }
}
