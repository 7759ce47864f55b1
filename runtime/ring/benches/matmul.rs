//! Products per second of each kernel: Criterion's `Gelem/s` are giga multiply-adds per second.
//!
//! Beside them the same product of doubles by `matrixmultiply`, and what the instructions alone attain on registers. `Scalar` stands for
//! a u64 product of Eigen's kind, which has no vector code for this type.
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
        let doubles = |x: &RingTensor, shape| x.map(|&value| value as f64).into_shape_with_order(shape).unwrap();
        let (a, b) = (doubles(&a, (m, k)), doubles(&b, (k, n)));
        group.bench_function("f64 of matrixmultiply, one thread", |bench| bench.iter(|| black_box(&a).dot(&b)));
    }
}

/// Multiply-adds on registers, in the order of the kernels: four products, then their sums.
#[cfg(target_arch = "x86_64")]
fn attainable(criterion: &mut Criterion) {
    use std::arch::asm;
    const STEPS: u64 = 1 << 16;
    const GROUPS: u64 = 5;
    macro_rules! peak {
        ($group:ident, $name:literal, $lanes:literal, $per_group:literal, $($line:literal),+) => {
            $group.throughput(Throughput::Elements(STEPS * GROUPS * $per_group * $lanes));
            $group.bench_function($name, |bench| bench.iter(|| {
                // SAFETY: the caller has asked for the instructions; nothing but the named registers is written.
                unsafe {
                    asm!("2:", ".rept 5", $($line),+, ".endr", "dec {n}", "jnz 2b", n = inout(reg) STEPS => _,
                        out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
                        out("zmm6") _, out("zmm7") _, options(nomem, nostack));
                }
            }));
        };
    }
    let mut group = criterion.benchmark_group("attainable, one thread");
    if Kernel::Avx512.is_available() {
        peak!(
            group,
            "Avx512",
            8,
            4,
            "vpmullq zmm4, zmm8, zmm9",
            "vpmullq zmm5, zmm8, zmm9",
            "vpmullq zmm6, zmm8, zmm9",
            "vpmullq zmm7, zmm8, zmm9",
            "vpaddq zmm0, zmm0, zmm4",
            "vpaddq zmm1, zmm1, zmm5",
            "vpaddq zmm2, zmm2, zmm6",
            "vpaddq zmm3, zmm3, zmm7"
        );
        peak!(
            group,
            "Avx512Of32",
            16,
            4,
            "vpmulld zmm4, zmm8, zmm9",
            "vpmulld zmm5, zmm8, zmm9",
            "vpmulld zmm6, zmm8, zmm9",
            "vpmulld zmm7, zmm8, zmm9",
            "vpaddd zmm0, zmm0, zmm4",
            "vpaddd zmm1, zmm1, zmm5",
            "vpaddd zmm2, zmm2, zmm6",
            "vpaddd zmm3, zmm3, zmm7"
        );
    }
    if Kernel::Avx512IfmaOf52.is_available() {
        peak!(
            group,
            "Avx512IfmaOf52",
            8,
            8,
            "vpmadd52luq zmm0, zmm8, zmm9",
            "vpmadd52luq zmm1, zmm8, zmm9",
            "vpmadd52luq zmm2, zmm8, zmm9",
            "vpmadd52luq zmm3, zmm8, zmm9",
            "vpmadd52luq zmm4, zmm8, zmm9",
            "vpmadd52luq zmm5, zmm8, zmm9",
            "vpmadd52luq zmm6, zmm8, zmm9",
            "vpmadd52luq zmm7, zmm8, zmm9"
        );
    }
    if Kernel::Avx2.is_available() {
        peak!(
            group,
            "Avx2",
            4,
            2,
            "vpmuludq ymm4, ymm8, ymm9",
            "vpmulld ymm5, ymm8, ymm9",
            "vpmuludq ymm6, ymm8, ymm9",
            "vpmulld ymm7, ymm8, ymm9",
            "vpaddq ymm0, ymm0, ymm4",
            "vpaddd ymm1, ymm1, ymm5",
            "vpaddq ymm2, ymm2, ymm6",
            "vpaddd ymm3, ymm3, ymm7"
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn attainable(_: &mut Criterion) {}

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
    targets = attainable, products, convolutions
}
criterion_main!(benches);
