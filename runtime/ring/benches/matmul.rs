//! Products per second of each kernel: Criterion's `Gelem/s` are giga multiply-adds per second.
//!
//! `cargo bench -p treville-ring --bench matmul`; for one thread set `RAYON_NUM_THREADS=1`.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use treville_ring::{ConvSpec, Kernel, RingTensor, Window, conv_with, matmul_with};

fn tensor(shape: &[usize]) -> RingTensor {
    let mut state = 1u64;
    RingTensor::from_shape_simple_fn(shape, || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state
    })
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

fn products(criterion: &mut Criterion) {
    let shapes = [
        (512, 512, 512),
        (1024, 1024, 1024),
        (1, 2048, 1000),
        (1000, 2048, 1),
        (4, 512, 1000),
        (64, 576, 3136),
        (512, 4608, 49),
    ];
    for (m, k, n) in shapes {
        let (a, b) = (tensor(&[m, k]), tensor(&[k, n]));
        let mut group = criterion.benchmark_group(format!("matmul {m}x{k}x{n}"));
        group.throughput(Throughput::Elements((m * k * n) as u64));
        for kernel in kernels() {
            group.bench_function(format!("{kernel:?}"), |bench| bench.iter(|| matmul_with(kernel, black_box(&a), &b)));
        }
    }
}

fn convolutions(criterion: &mut Criterion) {
    let layers = [
        ("7x7/2 of 3x224x224", [1, 3, 224, 224], [64, 3, 7, 7], 2, 3, 1),
        ("3x3 of 64x56x56", [1, 64, 56, 56], [64, 64, 3, 3], 1, 1, 1),
        ("3x3 of 512x7x7", [1, 512, 7, 7], [512, 512, 3, 3], 1, 1, 1),
        ("1x1 of 256x56x56", [1, 256, 56, 56], [64, 256, 1, 1], 1, 0, 1),
        ("3x3 of 128x28x28, depthwise", [1, 128, 28, 28], [128, 1, 3, 3], 1, 1, 128),
    ];
    for (name, x, filter, stride, pad, groups) in layers {
        let mut window = Window::dense(&filter[2..]);
        window.strides = vec![stride; 2];
        window.pads_begin = vec![pad; 2];
        window.pads_end = vec![pad; 2];
        let spec = ConvSpec { window, groups };
        let taps: usize = filter[1..].iter().product();
        let n_products = taps * spec.output_shape(&x, &filter).unwrap().iter().product::<usize>();
        let (x, filter) = (tensor(&x), tensor(&filter));
        let mut group = criterion.benchmark_group(format!("conv {name}"));
        group.throughput(Throughput::Elements(n_products as u64));
        for kernel in kernels() {
            group.bench_function(format!("{kernel:?}"), |bench| {
                bench.iter(|| conv_with(kernel, black_box(&x), &filter, &spec));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    targets = products, convolutions
}
criterion_main!(benches);
