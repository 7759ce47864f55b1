//! What each party sees is distributed independently of the secrets: chi-square tests on recorded messages, for inputs that could hardly differ more.

mod common;

use std::sync::{Arc, Mutex};

use common::{Message, Session, Tap, input, vector};
use treville_net::{Party, bytes_to_words};
use treville_porthos::{CLIENT, HELPER, Porthos, SERVER};
use treville_protocol::ProtocolError;
use treville_protocol::simulate::Simulation;
use treville_ring::RingTensor;

/// Elements of one block, so that each message is one frame.
const N: usize = 16_000;
const OP: u32 = 100;

/// Pearson's statistic against the uniform distribution on `bins`, and the value that it exceeds with probability below 10^-8.
fn chi_square(samples: impl Iterator<Item = usize>, bins: usize) -> (f64, f64) {
    let mut counts = vec![0u32; bins];
    samples.for_each(|s| counts[s] += 1);
    let expected = f64::from(counts.iter().sum::<u32>()) / bins as f64;
    assert!(expected > 20.0, "too few samples");
    let freedom = (bins - 1) as f64;
    (counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum(), freedom + 7.0 * (2.0 * freedom).sqrt())
}

#[track_caller]
fn assert_uniform(what: &str, samples: impl Iterator<Item = usize>, bins: usize) {
    let (statistic, bound) = chi_square(samples, bins);
    assert!(statistic < bound, "{what}: {statistic:.0} is above {bound:.0}");
}

/// The lowest and the highest byte of words, and their xor over neighbours: each must be uniform.
#[track_caller]
fn assert_uniform_words(what: &str, words: &[u64]) {
    assert_uniform(what, words.iter().map(|w| (w & 0xff) as usize), 256);
    assert_uniform(what, words.iter().map(|w| (w >> 56) as usize), 256);
    assert_uniform(what, words.windows(2).map(|w| ((w[0] ^ w[1]) >> 56) as usize), 256);
}

/// The messages of one ReLU over `x`.
fn relu(x: &RingTensor) -> Vec<Message> {
    let log = Arc::new(Mutex::new(Vec::new()));
    Simulation::seeded(40)
        .run_over::<Porthos, _, _>(Tap::wrap(&log, |_| {}), async |me, session: Session| {
            let exec = session.inference(0);
            let x = input(&exec, 0, me, CLIENT, x).await?;
            exec.relu(OP, &x).await?;
            Ok::<_, ProtocolError>(())
        })
        .unwrap();
    let log = log.lock().unwrap();
    log.iter().filter(|m| m.tag.op == OP).cloned().collect()
}

fn inputs() -> [RingTensor; 3] {
    let zeros = vector([0; N]);
    let large = vector((0..N as i64).map(|_| (1 << 62) - 1));
    let mixed = vector((0..N as i64).map(|i| if i % 2 == 0 { -1 } else { -(1 << 61) }));
    [zeros, large, mixed]
}

fn between(messages: &[Message], from: Party, to: Party) -> Vec<&Message> {
    messages.iter().filter(|m| (m.from, m.to) == (from, to)).collect()
}

fn words(payload: &[u8]) -> Vec<u64> {
    bytes_to_words(payload).unwrap()
}

/// Digit `i` of element `e`: tiles of 64 elements, the last one narrower.
fn digit(payload: &[u8], e: usize, i: usize) -> u8 {
    let (tile, column) = (e / 64, e % 64);
    let width = 64.min(N - tile * 64);
    payload[tile * 4096 + i * width + column]
}

#[test]
fn the_helper_sees_uniform_digits_with_a_zero_in_a_uniform_place() {
    for x in inputs() {
        let messages = relu(&x);
        let (client, server) = (between(&messages, CLIENT, HELPER), between(&messages, SERVER, HELPER));
        assert_eq!(client.iter().map(|m| m.payload.len()).collect::<Vec<_>>(), [8 * N, 64 * N, 64 * N]);
        assert_uniform_words("the client's masked share", &words(&client[0].payload));
        assert_uniform_words("the server's masked share", &words(&server[0].payload));
        for compare in 1..=2 {
            let (d_0, d_1) = (&client[compare].payload, &server[compare].payload);
            let sum = |e, i| (digit(d_0, e, i) + digit(d_1, e, i)) % 67;
            assert_uniform("d_0", d_0.iter().map(|d| usize::from(*d)), 67);
            assert_uniform("d_1", d_1.iter().map(|d| usize::from(*d)), 67);
            let mut places = Vec::new();
            let mut digits = Vec::new();
            for e in 0..N {
                let zeros: Vec<usize> = (0..64).filter(|&i| sum(e, i) == 0).collect();
                assert!(zeros.len() <= 1);
                digits.extend((0..64).map(|i| sum(e, i)).filter(|d| *d != 0).map(|d| usize::from(d) - 1));
                places.push(zeros.first().copied());
            }
            assert_uniform("the answers", places.iter().map(|p| usize::from(p.is_some())), 2);
            assert_uniform("the place of the zero", places.iter().flatten().copied(), 64);
            assert_uniform("the digits that are not zero", digits.into_iter(), 66);
            // Neighbouring elements turn independently: the distances of their places are uniform too.
            let distances = places.windows(2).filter_map(|w| Some((w[0]? + 64 - w[1]?) % 64));
            assert_uniform("the distance of neighbouring zeros", distances, 64);
            // As are the pairs of a digit and the one beside it.
            assert_uniform(
                "pairs of digits",
                (0..N)
                    .flat_map(|e| (0..63).map(move |i| (e, i)))
                    .filter_map(|(e, i)| Some((sum(e, i).checked_sub(1)?, sum(e, i + 1).checked_sub(1)?)))
                    .map(|(a, b)| usize::from(a) * 66 + usize::from(b)),
                66 * 66,
            );
        }
    }
}

#[test]
fn the_holders_see_uniform_shares_and_openings() {
    for x in inputs() {
        let messages = relu(&x);
        assert!(between(&messages, HELPER, CLIENT).is_empty());
        let (up, down) = (between(&messages, CLIENT, SERVER), between(&messages, SERVER, CLIENT));
        assert_eq!(
            up.iter().map(|m| m.payload.len()).collect::<Vec<_>>(),
            [8 * N, 16 * N, 16 * N],
            "r; two factors in MSB; two factors in mux"
        );
        for (ours, theirs) in up.iter().zip(&down) {
            let (ours, theirs) = (words(&ours.payload), words(&theirs.payload));
            assert_uniform_words("the client's part of an opening", &ours);
            assert_uniform_words("the server's part of an opening", &theirs);
            if ours.len() == N {
                let odd: Vec<u64> = ours
                    .iter()
                    .zip(&theirs)
                    .map(|(a, b)| ((u128::from(*a) + u128::from(*b)) % u128::from(u64::MAX)) as u64)
                    .collect();
                assert_uniform_words("r", &odd);
            } else {
                assert_uniform_words(
                    "an opened factor",
                    &ours.iter().zip(&theirs).map(|(a, b)| a.wrapping_add(*b)).collect::<Vec<_>>(),
                );
            }
        }
        let dealt = between(&messages, HELPER, SERVER);
        assert_eq!(dealt.iter().map(|m| m.payload.len()).collect::<Vec<_>>(), [72 * N, 8 * N, 72 * N, 16 * N, 8 * N]);
        for message in dealt {
            let digits = if message.payload.len() == 72 * N { 64 * N } else { 0 };
            let (bits, rest) = message.payload.split_at(digits);
            if digits > 0 {
                assert_uniform("shares of bits", bits.iter().map(|d| usize::from(*d)), 67);
            }
            assert_uniform_words("words that the helper deals", &words(rest));
        }
    }
}

/// What the helper is sent at the end must not be the shares themselves: it has dealt part of what they were made with.
#[test]
fn shares_are_randomised_before_they_are_opened_to_the_helper() {
    let x = vector(0..N as i64);
    let opened = |to: &'static [Party]| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let results = Simulation::seeded(43)
            .run_over::<Porthos, _, _>(Tap::wrap(&log, |_| {}), async |me, session: Session| {
                let exec = session.inference(0);
                let x = input(&exec, 0, me, CLIENT, &x).await?;
                let y = exec.mul(1, &x, &x, &[N]).await?;
                exec.reveal(OP, &y, to).await
            })
            .unwrap();
        assert_eq!(results[to[0].0], Some(x.mapv(|x| x * x)));
        let log = log.lock().unwrap();
        let sent = |from| log.iter().find(|m| m.tag.op == OP && m.from == from).map(|m| words(&m.payload)).unwrap();
        (sent(CLIENT), sent(SERVER))
    };
    let (share_0, share_1) = opened(&[CLIENT, SERVER]);
    let (seen_0, seen_1) = opened(&[HELPER]);
    let zero: Vec<u64> = seen_0.iter().zip(&share_0).map(|(seen, share)| seen.wrapping_sub(*share)).collect();
    assert_uniform_words("the zero share", &zero);
    assert!(seen_1.iter().zip(&share_1).zip(&zero).all(|((seen, share), zero)| seen.wrapping_add(*zero) == *share));
}

/// Two messages of the same kind never differ by what the secret differs by: masks are fresh in each inference.
#[test]
fn equal_inputs_give_unrelated_messages_in_the_next_inference() {
    let x = vector(0..500);
    let log = Arc::new(Mutex::new(Vec::new()));
    Simulation::seeded(41)
        .run_over::<Porthos, _, _>(Tap::wrap(&log, |_| {}), async |me, session: Session| {
            for inference in 0..2 {
                let exec = session.inference(inference);
                let x = input(&exec, 0, me, CLIENT, &x).await?;
                exec.mul(OP, &x, &x, &[500]).await?;
                exec.relu(OP + 1, &x).await?;
            }
            Ok::<_, ProtocolError>(())
        })
        .unwrap();
    let log = log.lock().unwrap();
    let (mut pairs, mut equal, mut words_compared) = (0, 0, 0);
    for first in log.iter().filter(|m| m.tag.inference == 0) {
        let second = log
            .iter()
            .find(|m| {
                (m.from, m.to, m.tag.op, m.tag.step, m.tag.inference)
                    == (first.from, first.to, first.tag.op, first.tag.step, 1)
            })
            .unwrap();
        let (a, b) = (words(&first.payload), words(&second.payload));
        pairs += 1;
        words_compared += a.len();
        equal += a.iter().zip(&b).filter(|(a, b)| a == b).count();
    }
    assert_eq!((pairs, equal), (3 + 17, 0), "{words_compared} words compared");
}

#[test]
fn the_tests_of_this_file_notice_a_small_bias() {
    let mut rng = common::Rng(42);
    let mut sample = |skew: u64| -> Vec<usize> { (0..N).map(|_| (rng.next() % (64 + skew)) as usize % 64).collect() };
    let (statistic, bound) = chi_square(sample(0).into_iter(), 64);
    assert!(statistic < bound);
    let (statistic, bound) = chi_square(sample(8).into_iter(), 64);
    assert!(statistic > bound, "eight places of 64 that are twice as likely");
}
