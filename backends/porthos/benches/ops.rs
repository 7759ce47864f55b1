//! Operations with all three parties in this process, over memory. Times are those of the slowest party, online part only:
//! inputs are shared and weights prepared before the clock starts.
//!
//! `cargo bench -p treville-porthos --bench ops`

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use treville_net::Party;
use treville_porthos::{CLIENT, Porthos, SERVER};
use treville_protocol::simulate::Simulation;
use treville_protocol::{Exec, Prepared, ProtocolError, Result, Rounding, ScaleDown, Session, Value};
use treville_ring::{ConvSpec, RingTensor, Window, tensor};

fn values(shape: &[usize], bits: u32) -> RingTensor {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 8) as i64 >> (64 - bits)) as u64
    };
    tensor::from_vec(shape, (0..shape.iter().product()).map(|_| next()).collect())
}

async fn input(exec: &Exec<'_>, op: u32, owner: Party, value: &RingTensor) -> Result<Value> {
    exec.input(op, owner, value.shape(), (exec.me() == owner).then(|| value.clone())).await
}

/// The time of `runs` inferences of `body` on the client's `x` and, where there is one, the server's prepared `w`.
fn online(
    runs: u64,
    x: &RingTensor,
    w: Option<&RingTensor>,
    body: impl AsyncFn(&Exec<'_>, &Value, Option<&Prepared>) -> Result<()> + Sync,
) -> Duration {
    let times = Simulation::seeded(1)
        .run::<Porthos, _, _>(async |_, session: Session| {
            let setup = session.setup();
            let w = match w {
                Some(w) => Some(setup.prepare(1, &input(&setup, 0, SERVER, w).await?).await?),
                None => None,
            };
            let mut time = Duration::ZERO;
            for run in 0..runs {
                let exec = session.inference(run as u32);
                let x = input(&exec, 2, CLIENT, x).await?;
                let start = Instant::now();
                body(&exec, &x, w.as_ref()).await?;
                time += start.elapsed();
            }
            Ok::<_, ProtocolError>(time)
        })
        .expect("the parties agree");
    times.into_iter().max().expect("three parties")
}

fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("porthos");
    group.sample_size(10).measurement_time(Duration::from_secs(10));

    let x = values(&[1_000_000], 40);
    group.bench_function("relu 1M", |b| {
        b.iter_custom(|runs| online(runs, &x, None, async |exec, x, _| exec.relu(3, x).await.map(|_| ())))
    });

    group.bench_function("scale_down 1M", |b| {
        let spec = ScaleDown { shift: 12, rounding: Rounding::Local };
        b.iter_custom(|runs| online(runs, &x, None, async |exec, x, _| exec.scale_down(3, x, spec).await.map(|_| ())))
    });

    let x = values(&[1, 64, 112, 112], 40);
    let window = Window { strides: vec![2, 2], pads_begin: vec![1, 1], pads_end: vec![1, 1], ..Window::dense(&[3, 3]) };
    group.bench_function("max_pool 64x112x112 3x3/2", |b| {
        b.iter_custom(|runs| online(runs, &x, None, async |exec, x, _| exec.max_pool(3, x, &window).await.map(|_| ())))
    });

    let product =
        async |exec: &Exec<'_>, x: &Value, w: Option<&Prepared>| exec.matmul(3, x, w.expect("prepared")).await;
    for n in [512, 2048] {
        let (x, w) = (values(&[n, n], 40), values(&[n, n], 20));
        group.bench_function(format!("matmul {n}^3"), |b| {
            b.iter_custom(|runs| online(runs, &x, Some(&w), async |exec, x, w| product(exec, x, w).await.map(|_| ())))
        });
    }

    let (x, w) = (values(&[1, 64, 56, 56], 40), values(&[64, 64, 3, 3], 20));
    let window = Window { pads_begin: vec![1, 1], pads_end: vec![1, 1], ..Window::dense(&[3, 3]) };
    let spec = ConvSpec { window, groups: 1 };
    group.bench_function("conv 3x3, 64 channels, 56x56", |b| {
        b.iter_custom(|runs| {
            online(runs, &x, Some(&w), async |exec, x, w| {
                exec.conv(3, x, w.expect("prepared"), &spec).await.map(|_| ())
            })
        })
    });

    let (x, w) = (values(&[1, 784], 13), values(&[784, 10], 13));
    group.bench_function("logistic regression 784 -> 10 with arg max", |b| {
        b.iter_custom(|runs| {
            online(runs, &x, Some(&w), async |exec, x, w| {
                let y = exec
                    .scale_down(4, &product(exec, x, w).await?, ScaleDown { shift: 12, rounding: Rounding::Local })
                    .await?;
                let best = exec.arg_max(5, &y, 1, false).await?;
                exec.reveal(6, &best, &[CLIENT]).await.map(|_| ())
            })
        })
    });
}

criterion_group!(all, benches);
criterion_main!(all);
