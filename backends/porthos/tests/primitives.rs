//! Every primitive against the clear result.

mod common;

use common::{BOTH, Rng, compute, input, signed, three_parties, vector};
use treville_net::Party;
use treville_porthos::{CLIENT, HELPER, Porthos, SERVER};
use treville_protocol::{ProtocolError, Rounding, ScaleDown};
use treville_ring::{ConvSpec, ConvTransposeSpec, RingTensor, Window, conv, conv_transpose, matmul, tensor};

/// Whether x < 0, by the index of the first maximum of (x, 0). ReLU alone would hide a wrong sign of zero.
fn is_negative(seed: u8, x: &RingTensor) -> Vec<bool> {
    let pairs = tensor::from_vec(&[x.len(), 2], x.iter().flat_map(|&x| [x, 0]).collect());
    let y = compute(seed, &[&pairs], async |exec, v| exec.arg_max(100, &v[0], 1, false).await).unwrap();
    y.iter().map(|&y| [false, true][y as usize]).collect()
}

#[test]
fn comparisons_are_right_at_every_edge() {
    let limit = (1i64 << 62) - 1;
    let mut values = vec![limit, -limit, limit - 1, 1 - limit];
    values.extend([0; 200]);
    values
        .extend((0..62).flat_map(|i| [1 << i, -(1 << i), (1 << i) - 1, 1 - (1 << i), (1i64 << i) + 1, -(1 << i) - 1]));
    let x = vector(values.iter().copied());
    let y = compute(1, &[&x], async |exec, v| exec.relu(100, &v[0]).await).unwrap();
    assert_eq!(signed(&y), values.iter().map(|v| *v.max(&0)).collect::<Vec<_>>());
    assert_eq!(is_negative(1, &x), values.iter().map(|v| *v < 0).collect::<Vec<_>>());
    let bits = compute(1, &[&x], async |exec, v| exec.drelu(100, &v[0]).await).unwrap();
    assert_eq!(signed(&bits), values.iter().map(|v| i64::from(*v >= 0)).collect::<Vec<_>>());
}

#[test]
fn a_million_comparisons_are_right() {
    let mut rng = Rng(2);
    let x = rng.tensor(&[1_000_000], 62);
    let wrong = x.iter().zip(is_negative(2, &x)).filter(|(x, negative)| ((**x as i64) < 0) != *negative).count();
    assert_eq!(wrong, 0);
}

#[test]
fn sizes_around_tile_and_block_edges_are_right() {
    let mut rng = Rng(3);
    for n in [0, 1, 2, 63, 64, 65, 127, 129, 65_535, 65_536, 65_537] {
        let x = rng.tensor(&[n], 62);
        let y = compute(3, &[&x], async |exec, v| exec.relu(100, &v[0]).await).unwrap();
        assert!(x.iter().zip(&y).all(|(x, y)| (*x as i64).max(0) == *y as i64), "{n} elements");
    }
}

#[test]
fn products_are_exact_mod_2_to_64() {
    let mut rng = Rng(4);
    let (a, b) = (rng.tensor(&[7, 33], 63), rng.tensor(&[33, 5], 63));
    let y = compute(4, &[&a, &b], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.matmul(101, &v[0], &w).await
    });
    assert_eq!(y.unwrap(), matmul(&a, &b));

    let (a, b) = (rng.tensor(&[3, 41], 63), rng.tensor(&[3, 41], 63));
    let y = compute(4, &[&a, &b], async |exec, v| exec.mul(100, &v[0], &v[1], &[3, 41]).await);
    assert_eq!(y.unwrap(), treville_ring::mul(&a, &b));

    let column = rng.tensor(&[3, 1], 63);
    let y = compute(4, &[&a, &column], async |exec, v| exec.mul(100, &v[0], &v[1], &[3, 41]).await);
    assert_eq!(y.unwrap(), treville_ring::mul(&a, &column));
}

#[test]
fn convolutions_are_exact_for_strides_pads_dilations_and_groups() {
    let mut rng = Rng(5);
    let window = |kernel: &[usize], stride, pad, dilation| Window {
        strides: vec![stride; kernel.len()],
        pads_begin: vec![pad; kernel.len()],
        pads_end: vec![pad / 2; kernel.len()],
        dilations: vec![dilation; kernel.len()],
        ..Window::dense(kernel)
    };
    let cases = [
        (vec![2, 3, 9, 8], vec![4, 3, 3, 3], window(&[3, 3], 1, 1, 1), 1),
        (vec![1, 4, 11, 7], vec![6, 2, 5, 1], window(&[5, 1], 2, 2, 1), 2),
        (vec![1, 2, 9, 9], vec![2, 2, 2, 3], window(&[2, 3], 1, 0, 2), 1),
        (vec![1, 2, 5, 4, 6], vec![3, 2, 2, 3, 1], window(&[2, 3, 1], 1, 1, 1), 1),
    ];
    for (x, w, window, groups) in cases {
        let spec = ConvSpec { window, groups };
        let (x, w) = (rng.tensor(&x, 63), rng.tensor(&w, 63));
        let y = compute(5, &[&x, &w], async |exec, v| {
            let w = exec.prepare(100, &v[1]).await?;
            exec.conv(101, &v[0], &w, &spec).await
        });
        assert_eq!(y.unwrap(), conv(&x, &w, &spec));
    }
}

#[test]
fn stacks_of_matrices_broadcast() {
    let mut rng = Rng(12);
    for (a, b) in [
        (&[2, 3, 7, 5][..], &[2, 3, 5, 4][..]),
        (&[2, 1, 7, 5], &[3, 5, 4]),
        (&[7, 5], &[4, 5, 2]),
        (&[4, 7, 5], &[5, 2]),
        (&[1, 1, 5], &[2, 3, 5, 1]),
    ] {
        let (a, b) = (rng.tensor(a, 63), rng.tensor(b, 63));
        let y = compute(12, &[&a, &b], async |exec, v| {
            let w = exec.prepare(100, &v[1]).await?;
            exec.matmul(101, &v[0], &w).await
        });
        assert_eq!(y.unwrap(), matmul(&a, &b));
    }
}

#[test]
fn transposed_convolutions_are_exact_for_every_rank_and_parameter() {
    let mut rng = Rng(13);
    let window = |kernel: &[usize], stride, pads: [usize; 2], dilation| Window {
        strides: vec![stride; kernel.len()],
        pads_begin: vec![pads[0]; kernel.len()],
        pads_end: vec![pads[1]; kernel.len()],
        dilations: vec![dilation; kernel.len()],
        ..Window::dense(kernel)
    };
    let cases = [
        (vec![2, 3, 9], vec![3, 4, 3], window(&[3], 2, [1, 0], 1), 1, vec![1]),
        (vec![2, 3, 5, 4], vec![3, 2, 2, 2], window(&[2, 2], 2, [0, 0], 1), 1, vec![0, 0]),
        (vec![1, 4, 5, 7], vec![4, 3, 3, 4], window(&[3, 4], 3, [2, 1], 2), 2, vec![2, 0]),
        (vec![1, 4, 3, 2, 4], vec![4, 2, 2, 2, 2], window(&[2, 2, 2], 2, [0, 0], 1), 1, vec![0, 0, 0]),
        (vec![1, 3, 3, 4, 2], vec![3, 1, 2, 3, 1], window(&[2, 3, 1], 1, [0, 1], 1), 3, vec![0, 0, 2]),
    ];
    for (x, w, window, groups, output_padding) in cases {
        let spec = ConvTransposeSpec { window, groups, output_padding };
        let (x, w) = (rng.tensor(&x, 63), rng.tensor(&w, 63));
        let y = compute(13, &[&x, &w], async |exec, v| {
            let w = exec.prepare(100, &v[1]).await?;
            exec.conv_transpose(101, &v[0], &w, &spec).await
        });
        assert_eq!(y.unwrap(), conv_transpose(&x, &w, &spec));
    }
}

#[test]
fn products_with_public_operands_are_exact() {
    let mut rng = Rng(14);
    let (secret, public) = (rng.tensor(&[4, 4], 63), rng.tensor(&[4, 4], 63));
    let by_public = compute(14, &[&secret], async |exec, v| {
        let w = exec.prepare(100, &exec.constant(public.clone())).await?;
        exec.matmul(101, &v[0], &w).await
    });
    assert_eq!(by_public.unwrap(), matmul(&secret, &public));
    let of_public = compute(14, &[&secret], async |exec, v| {
        let w = exec.prepare(100, &v[0]).await?;
        exec.matmul(101, &exec.constant(public.clone()), &w).await
    });
    assert_eq!(of_public.unwrap(), matmul(&public, &secret));
}

#[test]
fn a_selection_is_a_product_with_a_sign() {
    let mut rng = Rng(15);
    let (c, a, b) = (rng.tensor(&[300], 62), rng.tensor(&[300], 63), rng.tensor(&[300], 62));
    let y = compute(15, &[&c, &a, &b], async |exec, v| {
        let bits = exec.drelu(100, &v[0]).await?;
        let difference = exec.sub(101, &v[1], &v[2], &[300]).await?;
        let selected = exec.mul(102, &bits, &difference, &[300]).await?;
        exec.add(103, &selected, &v[2], &[300]).await
    });
    let chosen = |i: usize| if (c[i] as i64) >= 0 { a[i] } else { b[i] };
    assert_eq!(y.unwrap(), tensor::from_vec(&[300], (0..300).map(chosen).collect()));
}

#[test]
fn weights_are_prepared_once_and_used_in_every_inference() {
    let mut rng = Rng(6);
    let w = rng.tensor(&[20, 4], 63);
    let xs: Vec<RingTensor> = (0..3).map(|_| rng.tensor(&[2, 20], 63)).collect();
    let results = three_parties(6, async |me, session| {
        let setup = session.setup();
        let shared = input(&setup, 0, me, SERVER, &w).await?;
        let prepared = setup.prepare(1, &shared).await?;
        let mut results = Vec::new();
        for (i, x) in xs.iter().enumerate() {
            let exec = session.inference(i as u32);
            let x = input(&exec, 2, me, CLIENT, x).await?;
            let y = exec.matmul(3, &x, &prepared).await?;
            results.push(exec.reveal(4, &y, &[CLIENT]).await?);
        }
        Ok(results)
    })
    .unwrap();
    let expected: Vec<_> = xs.iter().map(|x| Some(matmul(x, &w))).collect();
    assert_eq!(results[0], expected);
    assert_eq!(results[1], [None, None, None]);
}

#[test]
fn max_pool_handles_pads_strides_dilations_and_negative_inputs() {
    let mut rng = Rng(7);
    let overlapping =
        Window { strides: vec![2, 2], pads_begin: vec![1, 1], pads_end: vec![1, 1], ..Window::dense(&[3, 3]) };
    let dilated = Window { dilations: vec![2, 1], pads_end: vec![0, 1], ..Window::dense(&[2, 4]) };
    for (shape, window) in [([2, 3, 7, 6], overlapping), ([1, 2, 5, 9], dilated)] {
        for all_negative in [false, true] {
            // Differences of two values must stay inside the domain as well.
            let mut x = rng.tensor(&shape, 61);
            if all_negative {
                x.mapv_inplace(|v| (-(v as i64).abs() - 1) as u64);
            }
            let y = compute(7, &[&x], async |exec, v| exec.max_pool(100, &v[0], &window).await).unwrap();
            let expected = treville_ring::window_fold(&x, &window, i64::MIN, |a, v| a.max(v as i64), |a, _| a as u64);
            assert_eq!(y, expected);
        }
    }
}

#[test]
fn arg_max_gives_the_first_of_equals_along_any_axis() {
    let mut rng = Rng(8);
    let mut x = rng.tensor(&[4, 5, 7], 61);
    x.mapv_inplace(|v| (v as i64).rem_euclid(3) as u64);
    x[[0, 0, 0]] = (-(1i64 << 60)) as u64;
    for axis in 0..3 {
        for keepdims in [false, true] {
            let y = compute(8, &[&x], async |exec, v| exec.arg_max(100, &v[0], axis, keepdims).await).unwrap();
            let first = x.map_axis(ndarray::Axis(axis), |line| {
                let most = line.iter().map(|v| *v as i64).max().unwrap();
                line.iter().position(|v| *v as i64 == most).unwrap() as u64
            });
            let expected = if keepdims { first.insert_axis(ndarray::Axis(axis)) } else { first };
            assert_eq!(y, expected);
        }
    }
    let ties = tensor::from_vec(&[1, 6], vec![5, 9, 9, 9, 1, 9]);
    let y = compute(8, &[&ties], async |exec, v| exec.arg_max(100, &v[0], 1, false).await).unwrap();
    assert_eq!(signed(&y), [1]);
}

#[test]
fn local_operations_and_public_operands_are_exact() {
    let mut rng = Rng(9);
    let (a, b, row) = (rng.tensor(&[3, 4], 63), rng.tensor(&[3, 4], 63), rng.tensor(&[4], 63));
    let y = compute(9, &[&a, &b], async |exec, v| {
        let row = exec.constant(row.clone());
        let sum = exec.add(100, &v[0], &v[1], &[3, 4]).await?;
        let sum = exec.sub(101, &sum, &row, &[3, 4]).await?;
        let product = exec.mul(102, &row, &sum, &[3, 4]).await?;
        let up = exec.scale_up(103, &product, 5, &[3, 4]).await?;
        let turned = exec.transpose(104, &exec.neg(105, &up, &[3, 4]).await?, &[1, 0], &[4, 3]).await?;
        let padded = exec.pad(106, &turned, &[0, 1], &[1, 0], &[5, 4]).await?;
        let taken = exec.gather(107, &padded, 0, &[4, 0, 0, 3], &[4, 4]).await?;
        exec.reduce_sum(108, &taken, &[1], true, &[4, 1]).await
    })
    .unwrap();
    use treville_ring::{add, mul, neg, reduce_sum, scale, sub};
    let product = mul(&row, &sub(&add(&a, &b), &row));
    let padded = tensor::pad(&tensor::transpose(&neg(&scale(&product, 32)), &[1, 0]), &[0, 1], &[1, 0], 0);
    assert_eq!(y, reduce_sum(&tensor::take(&padded, 0, &[4, 0, 0, 3]), &[1], true));
}

#[test]
fn every_owner_can_give_and_every_set_can_receive() {
    let mut rng = Rng(10);
    let x = rng.tensor(&[130], 63);
    let sets: [&[Party]; 7] =
        [&[CLIENT], &[SERVER], &[HELPER], BOTH, &[CLIENT, HELPER], &[HELPER, SERVER], &[CLIENT, SERVER, HELPER]];
    for owner in [CLIENT, SERVER, HELPER] {
        for to in sets {
            let opened = three_parties(10, async |me, session| {
                let exec = session.inference(0);
                let shared = input(&exec, 0, me, owner, &x).await?;
                let sum = exec.add(1, &shared, &shared, &[130]).await?;
                let three = exec.constant(tensor::from_vec(&[1], vec![3]));
                let value = exec.mul(2, &sum, &three, &[130]).await?;
                exec.reveal(3, &value, to).await
            })
            .unwrap();
            for (party, opened) in opened.into_iter().enumerate() {
                let expected = to.contains(&Party(party)).then(|| treville_ring::scale(&x, 6));
                assert_eq!(opened, expected, "owner {owner:?} to {to:?}");
            }
        }
    }
}

#[test]
fn what_the_backend_cannot_do_is_an_error_for_all() {
    let x = vector([1, 2, 3]);
    for spec in [
        ScaleDown { shift: 1, rounding: Rounding::Exact },
        ScaleDown { shift: 1, rounding: Rounding::Probabilistic },
        ScaleDown { shift: 64, rounding: Rounding::Local },
    ] {
        let result = compute(11, &[&x], async |exec, v| exec.scale_down(100, &v[0], spec).await);
        assert!(common::is_unsupported(&result), "{spec:?}");
    }
    let narrow = treville_protocol::simulate::Simulation {
        ring: treville_ring::RingBits::new(63).unwrap(),
        ..treville_protocol::simulate::Simulation::seeded(11)
    };
    let result = narrow.run::<Porthos, _, _>(async |me, session: common::Session| {
        input(&session.inference(0), 0, me, CLIENT, &x).await.map(|_| ())
    });
    assert!(common::is_unsupported(&result));
    let w = tensor::from_vec(&[2, 2], vec![1; 4]);
    let row = tensor::from_vec(&[1, 3], vec![1; 3]);
    let result = compute(11, &[&row, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.matmul(101, &v[0], &w).await
    });
    assert!(matches!(result, Err(ProtocolError::Shape { op: 101, .. })));
}

/// Ten million comparisons over the whole domain |x| < 2^62, its edges, powers of two and their neighbours among them.
#[test]
fn ten_million_comparisons_are_right() {
    let mut rng = Rng(62);
    for round in 0..10u8 {
        let x = rng.tensor(&[1_000_000], 62);
        let y = compute(round, &[&x], async |exec, v| exec.drelu(100, &v[0]).await).unwrap();
        let wrong = x.iter().zip(&y).filter(|(x, y)| u64::from(**x as i64 >= 0) != **y).count();
        assert_eq!(wrong, 0, "round {round}");
    }
}
