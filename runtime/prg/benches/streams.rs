//! Bytes of output per second of each kind of stream, beside those of the `aes` crate on blocks in the cache, on one thread:
//! `cargo bench -p treville-prg --bench streams`.

use std::hint::black_box;
use std::time::Duration;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use treville_prg::{Key, Prg, StreamId};

const ID: StreamId = StreamId { op: 1, inference: 2, purpose: 3, step: 4 };

fn streams(criterion: &mut Criterion) {
    let prg = Prg::new(Key::new([1; 16]));
    let mut group = criterion.benchmark_group("prg");
    let (mut bytes, mut elements) = (vec![0; 1 << 20], vec![0; 1 << 17]);
    group.throughput(Throughput::Bytes(1 << 20));
    let (cipher, mut blocks) = (Aes128::new(&[1; 16].into()), vec![Block::default(); 128]);
    group.bench_function("aes crate", |bench| {
        bench.iter(|| (0..1 << 9).for_each(|_| cipher.encrypt_blocks(black_box(&mut blocks))))
    });
    group.bench_function("fill_bytes", |bench| bench.iter(|| prg.fill_bytes(ID, 0, &mut bytes)));
    group.bench_function("fill_u64", |bench| bench.iter(|| prg.fill_u64(ID, 0, &mut elements)));
    group.bench_function("fill_odd_ring", |bench| bench.iter(|| prg.fill_odd_ring(ID, 0, &mut elements)));
    group.bench_function("fill_digits", |bench| bench.iter(|| prg.fill_digits(ID, 0, &mut bytes)));
    group.bench_function("fill_nonzero_digits", |bench| bench.iter(|| prg.fill_nonzero_digits(ID, 0, &mut bytes)));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    targets = streams
}
criterion_main!(benches);
