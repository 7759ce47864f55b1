//! Branches of a join share rounds, on links of unequal latency too, and change no result.

mod common;

use std::time::Instant;

use common::{BOTH, Tap, input, signed, vector};
use treville_porthos::{CLIENT, Porthos};
use treville_protocol::simulate::Simulation;
use treville_protocol::{ProtocolError, Result, Session, Value};

/// What the client has after a program of `n` branches: its result, its rounds, the bytes that it sent, and the seconds.
fn run(n: u32, side_by_side: bool, latencies_ms: [u64; 3]) -> (Vec<i64>, u32, u64, f64) {
    let x = vector([5, -3, 0, 1 << 30, -(1 << 30)]);
    let mut ended = Simulation::seeded(31)
        .run_over::<Porthos, _, ProtocolError>(Tap::late(latencies_ms), async |me, session: Session| {
            let exec = session.inference(0);
            let shared = input(&exec, 0, me, CLIENT, &x).await?;
            let start = Instant::now();
            // Branch i rectifies i + 1 times.
            let chain = async |exec: &treville_protocol::Exec<'_>, i: u32| -> Result<Value> {
                let mut y = shared.clone();
                for step in 0..=i {
                    let negated = exec.neg(1000 * (i + 1) + 2 * step, &y, &[5]).await?;
                    y = exec.relu(1000 * (i + 1) + 2 * step + 1, &negated).await?;
                }
                Ok(y)
            };
            let mut results = Vec::new();
            if side_by_side {
                let chain = &chain;
                let branches = (0..n).map(|i| exec.branch(async move |exec| Ok(vec![chain(exec, i).await?])));
                let [a, b, c] = exec.join(branches).await?;
                results.extend([a, b, c]);
            } else {
                for i in 0..n {
                    results.push(chain(&exec, i).await?);
                }
            }
            let seconds = start.elapsed().as_secs_f64();
            let all = exec.concat(1, &results.iter().collect::<Vec<_>>(), 0, &[5 * n as usize]).await?;
            let opened = exec.reveal(2, &all, BOTH).await?;
            let sent = session.reports().values().map(|report| report.sent.total()).sum();
            Ok((opened.map(|y| signed(&y)).unwrap_or_default(), session.depth(), sent, seconds))
        })
        .unwrap();
    ended.remove(0)
}

#[test]
fn branches_take_the_rounds_and_the_time_of_the_longest() {
    for latencies in [[10, 10, 10], [2, 25, 9], [25, 0, 3]] {
        let (alone, together) = (run(3, false, latencies), run(3, true, latencies));
        assert_eq!(alone.0, together.0, "the same results");
        assert_eq!(alone.0[..5], [0, 3, 0, 0, 1 << 30]);
        assert_eq!(alone.2, together.2, "the same bytes");
        // Of 1 + 2 + 3 ReLUs one after the other, three are left.
        let (before, after) = (alone.1 - 1, together.1 - 1);
        assert_eq!(before, 2 * after, "rounds of the client, beside the opening");
        assert!(together.3 < 0.65 * alone.3, "{} s and {} s at {latencies:?} ms", together.3, alone.3);
    }
}

/// An error in one branch ends the program, whatever the others wait for.
#[test]
fn a_branch_that_fails_ends_the_join() {
    let x = vector([1, 2, 3]);
    let failed = Simulation::seeded(32).run::<Porthos, (), ProtocolError>(async |me, session: Session| {
        let exec = session.inference(0);
        let shared = input(&exec, 0, me, CLIENT, &x).await?;
        let wrong = exec.constant(vector([1, 2]));
        let prepared = exec.prepare(1, &wrong).await?;
        let [_, _] = exec
            .join([
                exec.branch(async |x| Ok(vec![x.relu(10, &shared).await?])),
                exec.branch(async |x| Ok(vec![x.matmul(11, &shared, &prepared).await?])),
            ])
            .await?;
        Ok(())
    });
    assert!(matches!(failed, Err(ProtocolError::Shape { .. })), "{failed:?}");
}
