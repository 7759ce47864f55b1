//! No part of a stream of common randomness is used twice.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{Rng, Session, input};
use treville_porthos::{CLIENT, HELPER, Porthos, SERVER};
use treville_prg::{Audit, SESSION_INFERENCE};
use treville_protocol::simulate::Simulation;
use treville_protocol::{Rounding, ScaleDown};
use treville_ring::{ConvSpec, ConvTransposeSpec, Window};

/// A program with every kind of operation: set-up, then two inferences.
fn audited() -> Arc<Audit> {
    let audit = Arc::new(Audit::default());
    let mut rng = Rng(30);
    let (x, filter, bias) =
        (rng.tensor(&[1, 2, 6, 6], 20), rng.tensor(&[3, 2, 3, 3], 20), rng.tensor(&[1, 3, 1, 1], 30));
    let simulation = Simulation { audit: Some(audit.clone()), ..Simulation::seeded(30) };
    simulation
        .run::<Porthos, _, _>(async |me, session: Session| {
            let setup = session.setup();
            let filter = input(&setup, 0, me, SERVER, &filter).await?;
            let bias = input(&setup, 1, me, SERVER, &bias).await?;
            let mut filters = Vec::new();
            for op in 2..5 {
                filters.push(setup.prepare(op, &filter).await?);
            }
            for inference in 0..2 {
                let exec = session.inference(inference);
                let image = input(&exec, 10, me, CLIENT, &x).await?;
                let given = input(&exec, 11, me, HELPER, &x).await?;
                let spec = ConvSpec {
                    window: Window { pads_begin: vec![1, 1], pads_end: vec![1, 1], ..Window::dense(&[3, 3]) },
                    groups: 1,
                };
                let shape = [1, 3, 6, 6];
                let a = exec.conv(12, &image, &filters[0], &spec).await?;
                let b = exec.conv(13, &given, &filters[1], &spec).await?;
                let y = exec.add(14, &exec.add(15, &a, &b, &shape).await?, &bias, &shape).await?;
                let y = exec.scale_down(16, &y, ScaleDown { shift: 10, rounding: Rounding::Local }).await?;
                let y = exec.relu(17, &y).await?;
                let y = exec.mul(18, &y, &y, &shape).await?;
                let y = exec.max_pool(19, &y, &Window { strides: vec![2, 2], ..Window::dense(&[2, 2]) }).await?;
                let flat = exec.reshape(20, &y, &[3, 9]).await?;
                let turned = exec.prepare(21, &exec.transpose(22, &flat, &[1, 0], &[9, 3]).await?).await?;
                let gram = exec.matmul(23, &flat, &turned).await?;
                let best = exec.arg_max(24, &gram, 1, false).await?;
                // Products of stacks: one operand in several of them, and the sign of a sign.
                let stack = exec.reshape(26, &flat, &[3, 1, 3, 3]).await?;
                let turned = exec.prepare(27, &exec.reshape(28, &flat, &[3, 3, 3]).await?).await?;
                let grams = exec.matmul(29, &stack, &turned).await?;
                let again = exec.matmul(30, &stack, &turned).await?;
                let signs = exec.drelu(31, &exec.sub(32, &grams, &again, &[3, 3, 3, 3]).await?).await?;
                let signs = exec.drelu(33, &signs).await?;
                let spread = ConvTransposeSpec {
                    window: Window { strides: vec![2, 2], ..Window::dense(&[3, 3]) },
                    groups: 1,
                    output_padding: vec![1, 0],
                };
                exec.conv_transpose(34, &signs, &filters[2], &spread).await?;
                exec.reveal(25, &best, &[CLIENT, HELPER]).await?;
            }
            Ok::<_, treville_protocol::ProtocolError>(())
        })
        .unwrap();
    audit
}

#[test]
fn no_stream_position_is_drawn_twice() {
    let audit = audited();
    audit.check().unwrap_or_else(|reuse| panic!("{reuse}"));
    let uses = audit.uses();
    for owner in ["client", "server", "helper"] {
        assert_eq!(
            uses.iter().filter(|u| u.owner == owner).map(|u| u.key).collect::<BTreeSet<_>>().len(),
            2,
            "{owner} has two keys"
        );
    }
    assert_eq!(
        uses.iter().map(|u| u.stream.purpose).collect::<BTreeSet<_>>(),
        (1..=17).collect(),
        "every purpose occurs"
    );
}

#[test]
fn masks_of_activations_are_fresh_and_only_weights_use_the_session() {
    const TRIPLE_LEFT: u8 = 3;
    let uses = audited().uses();
    let session: BTreeSet<_> = uses
        .iter()
        .filter(|u| u.stream.inference == SESSION_INFERENCE)
        .map(|u| (u.stream.op, u.stream.purpose))
        .collect();
    assert_eq!(
        session,
        BTreeSet::from([(0, 1), (1, 1), (2, 4), (3, 4), (4, 4)]),
        "inputs 0 and 1, and masks in 2 to 4"
    );
    let left = |inference| -> BTreeSet<_> {
        uses.iter()
            .filter(|u| u.stream.purpose == TRIPLE_LEFT && u.stream.inference == inference)
            .map(|u| (u.owner, u.key, u.stream.op, u.stream.step, u.bytes.start, u.bytes.end))
            .collect()
    };
    assert!(!left(0).is_empty());
    assert_eq!(left(0), left(1), "the same draws under another inference");
}

#[test]
fn streams_repeat_exactly_with_the_seed() {
    let sorted = || {
        let mut uses: Vec<_> =
            audited().uses().into_iter().map(|u| (u.owner, u.key, u.stream, u.bytes.start, u.bytes.end)).collect();
        uses.sort();
        uses
    };
    assert_eq!(sorted(), sorted());
}
