//! Whole programs: masks stay fresh where operations, inferences and operands meet.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use common::{BOTH, Message, Session, Tap, input, vector};
use treville_net::{NetError, Party, Transport, bytes_to_words, memory};
use treville_porthos::{CLIENT, HELPER, Porthos, SERVER};
use treville_prg::{Audit, Key, Prg, SESSION_INFERENCE, StreamId, Use};
use treville_protocol::simulate::Simulation;
use treville_protocol::{ProtocolError, Rounding, ScaleDown};
use treville_ring::{RingTensor, Window, tensor};

const SEED: u8 = 70;
const PARTIES: [(&str, Party); 3] = [("client", CLIENT), ("server", SERVER), ("helper", HELPER)];

/// Rows and columns of the operands, and their elements.
const SIDE: usize = 64;
const N: usize = SIDE * SIDE;
/// The results are opened from this operation on.
const REVEALS: u32 = 100;

/// Everything that could make two openings meet: one prepared weight in two products, an input in several, a square, equal operations
/// side by side, trees, and all of it once more in the next inference. All elements of a tensor are equal, and so are the inputs of the inferences.
fn program() -> (Vec<Message>, Vec<Use>) {
    let constant = |value: i64| tensor::from_vec(&[SIDE, SIDE], vec![value as u64; N]);
    let (w, v, x, y) = (constant(3), constant(3), constant(-5), constant(7));
    let (log, audit) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Audit::default()));
    let simulation = Simulation { audit: Some(audit.clone()), ..Simulation::seeded(SEED) };
    simulation
        .run_over::<Porthos, _, _>(Tap::wrap(&log, |_| {}), async |me, session: Session| {
            let setup = session.setup();
            let w = input(&setup, 0, me, SERVER, &w).await?;
            let v = input(&setup, 1, me, SERVER, &v).await?;
            let prepared = [setup.prepare(2, &w).await?, setup.prepare(3, &v).await?];
            for inference in 0..2 {
                let exec = session.inference(inference);
                let shape = [SIDE, SIDE];
                let x = input(&exec, 10, me, CLIENT, &x).await?;
                let y = input(&exec, 11, me, HELPER, &y).await?;
                let a = exec.matmul(12, &x, &prepared[0]).await?;
                let b = exec.matmul(13, &x, &prepared[0]).await?;
                let c = exec.matmul(14, &y, &prepared[1]).await?;
                let d = exec.mul(15, &x, &y, &shape).await?;
                let e = exec.mul(16, &x, &x, &shape).await?;
                let f = exec.mul(17, &x, &w, &shape).await?;
                let turned = exec.prepare(18, &y).await?;
                let g = exec.matmul(19, &x, &turned).await?;
                let mut sum = x.clone();
                for (i, term) in [&a, &b, &c, &d, &e, &f, &g].into_iter().enumerate() {
                    sum = exec.add(20 + i as u32, &sum, term, &shape).await?;
                }
                let sum = exec.scale_down(30, &sum, ScaleDown { shift: 3, rounding: Rounding::Local }).await?;
                let first = exec.relu(31, &sum).await?;
                let second = exec.relu(32, &sum).await?;
                let both = exec.mul(33, &first, &second, &shape).await?;
                let image = exec.reshape(34, &both, &[1, 1, SIDE, SIDE]).await?;
                let pooled =
                    exec.max_pool(35, &image, &Window { strides: vec![1, 2], ..Window::dense(&[1, 4]) }).await?;
                let best = exec.arg_max(36, &both, 1, false).await?;
                exec.reveal_all(&[
                    (REVEALS, &pooled, BOTH),
                    (REVEALS + 1, &best, &[HELPER]),
                    (REVEALS + 2, &w, &[SERVER]),
                ])
                .await?;
            }
            Ok::<_, ProtocolError>(())
        })
        .unwrap();
    let log = log.lock().unwrap().clone();
    (log, audit.uses())
}

/// The generator of the common key of two parties, and what an audit calls that key.
fn common_key(a: Party, b: Party) -> (u64, Prg) {
    let seed = memory::mesh_seeded(3, [SEED; 32])[a.0].seed_with(b);
    let key = blake3::derive_key("treville porthos: pairwise generator", &seed);
    let prg = Prg::new(Key::new(*key.first_chunk().unwrap()));
    let audit = Arc::new(Audit::default());
    let id = StreamId { op: 0, inference: 0, purpose: 0, step: 0 };
    prg.clone().audited(audit.clone(), "test").fill_u64(id, 0, &mut [0]).unwrap();
    (audit.uses()[0].key, prg)
}

/// The bytes of each stream that a party has drawn under a key, where no byte may be drawn twice.
#[track_caller]
fn drawn(uses: &[Use], owner: &str, key: u64) -> BTreeSet<(StreamId, u64, u64)> {
    let mut streams: BTreeMap<StreamId, Vec<(u64, u64)>> = BTreeMap::new();
    for u in uses.iter().filter(|u| u.owner == owner && u.key == key) {
        streams.entry(u.stream).or_default().push((u.bytes.start, u.bytes.end));
    }
    let mut joined = BTreeSet::new();
    for (stream, mut parts) in streams {
        parts.sort();
        // The mask of a weight is drawn for each of its products.
        if stream.inference == SESSION_INFERENCE {
            parts.dedup();
        }
        let (mut start, mut end) = parts[0];
        for &(next, after) in &parts[1..] {
            assert!(next >= end, "{owner} draws byte {next} of {stream:?} twice");
            if next > end {
                joined.insert((stream, start, end));
                start = next;
            }
            end = after;
        }
        joined.insert((stream, start, end));
    }
    joined
}

/// Both holders of a key draw the same bytes of each stream, and but for the masks of weights no byte twice.
#[test]
fn both_holders_of_a_key_draw_the_same_bytes_and_each_once() {
    let (_, uses) = program();
    for (i, (a, first)) in PARTIES.into_iter().enumerate() {
        for (b, second) in PARTIES.into_iter().skip(i + 1) {
            let (key, _) = common_key(first, second);
            let bytes = drawn(&uses, a, key);
            assert!(bytes.len() > 20);
            assert!(bytes.iter().any(|(stream, ..)| stream.inference == SESSION_INFERENCE));
            assert_eq!(bytes, drawn(&uses, b, key), "{a} and {b}");
        }
    }
}

/// How many elements are looked at.
const LOOK: usize = 2048;

/// The vectors of ring elements in a message.
fn vectors(message: &Message) -> Vec<Vec<u64>> {
    let len = message.payload.len();
    // Digits of n elements, and a word for each; only digits; or words.
    let digits = match (message.from, message.to) {
        (HELPER, _) if len.is_multiple_of(72) => len / 72 * 64,
        (_, HELPER) if !message.tag.step.is_multiple_of(3) => len,
        _ => 0,
    };
    let words = bytes_to_words(&message.payload[digits..]).unwrap();
    words
        .chunks(if words.len() >= N { N } else { LOOK })
        .filter(|v| v.len() >= LOOK)
        .map(|v| v[..LOOK].to_vec())
        .collect()
}

/// Whether the highest and the lowest five bits look uniform. A constant gives 63488, chance less than 100.
fn is_uniform(values: impl Iterator<Item = u64>) -> bool {
    let (mut high, mut low) = ([0u32; 32], [0u32; 32]);
    for value in values {
        high[(value >> 59) as usize] += 1;
        low[(value & 31) as usize] += 1;
    }
    let expected = LOOK as f64 / 32.0;
    let statistic =
        |counts: [u32; 32]| counts.iter().map(|&c| (f64::from(c) - expected).powi(2) / expected).sum::<f64>();
    statistic(high).max(statistic(low)) < 150.0
}

/// Nobody can take a mask off by another message, nor by its own randomness: all sums and differences of two look uniform.
#[test]
fn no_message_is_masked_by_what_its_receiver_knows() {
    let (messages, uses) = program();
    for (name, me) in PARTIES {
        let received: Vec<(&Message, Vec<u64>)> = messages
            .iter()
            .filter(|m| m.to == me && m.tag.op < REVEALS)
            .flat_map(|m| vectors(m).into_iter().map(move |v| (m, v)))
            .collect();
        let mut known = Vec::new();
        for (_, peer) in PARTIES.into_iter().filter(|(_, peer)| *peer != me) {
            let (key, prg) = common_key(me, peer);
            let streams: BTreeSet<StreamId> = uses
                .iter()
                .filter(|u| u.owner == name && u.key == key && u.bytes.end - u.bytes.start == 8 * N as u64)
                .map(|u| u.stream)
                .collect();
            for stream in streams {
                let mut words = vec![0; LOOK];
                prg.fill_u64(stream, 0, &mut words).unwrap();
                known.push((stream, words));
            }
        }
        assert!(received.len() > 10 && known.len() > 50, "{name}: {} and {}", received.len(), known.len());
        let meet = |a: &[u64], b: &[u64]| {
            is_uniform(a.iter().zip(b).map(|(a, b)| a.wrapping_sub(*b)))
                && is_uniform(a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b)))
        };
        for (i, (message, words)) in received.iter().enumerate() {
            assert!(is_uniform(words.iter().copied()), "{name}: {:?} of {:?}", message.tag, message.from);
            for (other, words_too) in &received[..i] {
                assert!(meet(words, words_too), "{name}: {:?} and {:?}", message.tag, other.tag);
            }
            for (stream, drawn) in &known {
                assert!(meet(words, drawn), "{name}: {:?} and {stream:?}", message.tag);
            }
        }
    }
}

/// The masks depend on the inference's number: a second use of it must not give a result.
#[test]
fn a_second_use_of_an_inference_ends_the_session() {
    let x = vector([1, 2, 3]);
    let result = Simulation::seeded(SEED).run::<Porthos, _, _>(async |me, session: Session| {
        for _ in 0..2 {
            let exec = session.inference(0);
            let x = input(&exec, 0, me, CLIENT, &x).await?;
            exec.mul(1, &x, &x, &[3]).await?;
        }
        Ok::<_, ProtocolError>(())
    });
    assert!(
        matches!(
            &result,
            Err(ProtocolError::Net(NetError::Frame { .. } | NetError::Misuse { .. } | NetError::Aborted { .. }))
        ),
        "{result:?}"
    );
}

/// The lower end of the domain: 2x is -2^63 there.
#[test]
fn the_lowest_value_whose_double_is_in_the_ring_is_negative() {
    let x = vector([-(1 << 62), -(1 << 62) + 1, (1 << 62) - 1, -1, 0]);
    let y = common::compute(71, &[&x], async |exec, v| exec.relu(100, &v[0]).await).unwrap();
    assert_eq!(common::signed(&y), [0, 0, (1 << 62) - 1, 0, 0]);
}

/// What `local` rounding tells the receiver of a result, as `Porthos::scale_down` says: with rho, the last bits of its own share, it
/// knows that the result is ceil((x - rho) / 2^shift).
#[test]
fn the_rounding_of_a_result_follows_from_the_receivers_share() {
    const SHIFT: u32 = 12;
    let x = common::Rng(72).tensor(&[5000], 40);
    let log = Arc::new(Mutex::new(Vec::new()));
    let results = Simulation::seeded(72)
        .run_over::<Porthos, _, _>(Tap::wrap(&log, |_| {}), async |me, session: Session| {
            let exec = session.inference(0);
            let x = input(&exec, 0, me, SERVER, &x).await?;
            let square = exec.mul(1, &x, &x, &[5000]).await?;
            let y = exec.scale_down(2, &square, ScaleDown { shift: SHIFT, rounding: Rounding::Local }).await?;
            exec.reveal_all(&[(3, &square, &[CLIENT]), (4, &y, &[CLIENT])]).await
        })
        .unwrap();
    let [square, y] = &results[0][..] else { panic!("two results") };
    let (square, y): (&RingTensor, &RingTensor) = (square.as_ref().unwrap(), y.as_ref().unwrap());
    let servers =
        log.lock().unwrap().iter().find(|m| m.tag.op == 3).map(|m| bytes_to_words(&m.payload).unwrap()).unwrap();
    let mut failures = 0;
    for ((square, y), theirs) in square.iter().zip(y).zip(servers) {
        let rho = square.wrapping_sub(theirs) % (1 << SHIFT);
        let expected = (*square as i64).wrapping_sub(rho as i64).wrapping_add((1 << SHIFT) - 1) >> SHIFT;
        // x * x may be above 2^63 here: those fail in any case.
        failures += usize::from(expected != *y as i64 && square.leading_zeros() > 20);
    }
    assert_eq!(failures, 0);
}
