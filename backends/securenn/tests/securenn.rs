//! SecureNN computes what plaintext does, and pays what its paper says.

use treville_net::Party;
use treville_protocol::simulate::Simulation;
use treville_protocol::{Call, Cost, Exec, Protocol, ProtocolError, Result, Session, Traffic, Value};
use treville_ring::{ConvSpec, ConvTransposeSpec, RingTensor, Window, tensor};
use treville_securenn::{CLIENT, HELPER, SERVER, SecureNn};

const BOTH: &[Party] = &[CLIENT, SERVER];

/// Numbers of up to `bits` bits and both signs, the ends of the domain among them.
fn numbers(shape: &[usize], bits: u32, seed: u64) -> RingTensor {
    let top = (1i64 << bits) - 1;
    let number = |i: u64| {
        let z = (i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        match z >> 61 {
            0 => [0, 1, -1, top, -top][(z % 5) as usize],
            _ => (z >> 3) as i64 % top,
        }
    };
    tensor::from_vec(shape, (0..shape.iter().product::<usize>() as u64).map(|i| number(i) as u64).collect())
}

/// The result of `body` on shares of the tensors, and what its operations, from 100 on, cost.
fn run(inputs: &[&RingTensor], body: impl AsyncFn(&Exec<'_>, &[Value]) -> Result<Value> + Sync) -> (RingTensor, Cost) {
    let parties = Simulation::seeded(9)
        .run::<SecureNn, _, ProtocolError>(async |me, session: Session| {
            let exec = session.inference(0);
            let mut values = Vec::new();
            for (i, x) in inputs.iter().enumerate() {
                let owner = BOTH[i % 2];
                values.push(exec.input(i as u32, owner, x.shape(), (me == owner).then(|| (*x).clone())).await?);
            }
            let y = body(&exec, &values).await?;
            let depth = session.depth();
            Ok((exec.reveal(1000, &y, BOTH).await?, depth, session.reports()))
        })
        .unwrap();
    let mut online = Traffic::default();
    for (_, _, reports) in &parties {
        reports.range(100..1000).for_each(|(_, report)| online += &report.sent);
    }
    let rounds = parties.iter().map(|party| party.1).max().unwrap();
    (parties[0].0.clone().unwrap(), Cost { rounds, online, offline: Traffic::default() })
}

fn declared(call: Call<'_>) -> Cost {
    SecureNn::info().costs.primitive(&call)
}

#[test]
fn a_relu_is_704_bytes_and_right() {
    let x = numbers(&[70_001], 62, 1);
    let (y, cost) = run(&[&x], async |exec, v| exec.relu(100, &v[0]).await);
    assert!(x.iter().zip(&y).all(|(x, y)| (*x as i64).max(0) == *y as i64));
    assert_eq!(cost, SecureNn::info().costs.relu(x.len()));
    assert_eq!((cost.online.total(), cost.rounds), (704 * 70_001, 9));
    assert_eq!(cost.online.sent_by(HELPER), (2 * (2 * 80 + 8) + 2 * 8) * 70_001);
}

#[test]
fn maxima_carry_their_indices() {
    let x = numbers(&[1, 3, 6, 6], 60, 2);
    let window = Window {
        kernel: vec![2, 2],
        strides: vec![2, 2],
        pads_begin: vec![0; 2],
        pads_end: vec![0; 2],
        dilations: vec![1; 2],
    };
    let (y, cost) = run(&[&x], async |exec, v| exec.max_pool(100, &v[0], &window).await);
    let greatest =
        |c: usize, i: usize, j: usize| (0..4).map(|k| x[[0, c, 2 * i + k / 2, 2 * j + k % 2]] as i64).max().unwrap();
    let all = (0..27).map(|p| greatest(p / 9, p / 3 % 3, p % 3));
    assert!(all.eq(y.iter().map(|y| *y as i64)));
    assert_eq!(cost.online.total(), 744 * 3 * 27);
    let x = numbers(&[4, 8], 60, 3);
    let (y, cost) = run(&[&x], async |exec, v| exec.arg_max(100, &v[0], 1, false).await);
    let first = |row: usize| (0..8).rev().max_by_key(|&i| x[[row, i]] as i64).unwrap() as u64;
    assert!((0..4).map(first).eq(y.iter().copied()));
    assert_eq!(cost.online.total(), 744 * 7 * 4);
}

#[test]
fn products_mask_what_is_unrolled() {
    let (x, w) = (numbers(&[2, 5, 7], 64 - 2, 4), numbers(&[7, 3], 62, 5));
    let (y, cost) = run(&[&x, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.matmul(101, &v[0], &w).await
    });
    assert_eq!(y, treville_ring::matmul(&x, &w));
    assert_eq!(cost.online.total(), 8 * (2 * 70 + 2 * 21 + 30));

    let window = Window {
        kernel: vec![3, 3],
        strides: vec![2, 1],
        pads_begin: vec![1, 1],
        pads_end: vec![1, 1],
        dilations: vec![1, 1],
    };
    let (x, w) = (numbers(&[1, 4, 6, 6], 62, 6), numbers(&[6, 2, 3, 3], 62, 7));
    let spec = ConvSpec { window: window.clone(), groups: 2 };
    let (y, cost) = run(&[&x, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.conv(101, &v[0], &w, &spec).await
    });
    assert_eq!(y, treville_ring::conv(&x, &w, &spec));
    // 3 x 6 places of 9 taps of 4 channels.
    let unrolled = 18 * 9 * 4;
    assert_eq!(cost, declared(Call::Prepare { n: w.len() }) + declared(Call::Bilinear { x: unrolled, y: y.len() }));
    assert_eq!(cost.online.total() as usize, 8 * (2 * w.len() + 2 * unrolled + y.len()));

    let (x, w) = (numbers(&[1, 4, 3, 3], 62, 8), numbers(&[4, 2, 3, 3], 62, 9));
    let spec = ConvTransposeSpec { window, groups: 1, output_padding: vec![1, 0] };
    let (y, cost) = run(&[&x, &w], async |exec, v| {
        let w = exec.prepare(100, &v[1]).await?;
        exec.conv_transpose(101, &v[0], &w, &spec).await
    });
    assert_eq!(y, treville_ring::conv_transpose(&x, &w, &spec));
    let places = y.shape()[2] * y.shape()[3];
    assert_eq!(cost.online.total() as usize, 8 * (2 * w.len() + 2 * places * 36 + y.len()));
}
