//! `--timing`: how long each stage of a compile takes.

use std::time::{Duration, Instant};

use treville_passes::Timing;

use crate::table::{seconds, table};

/// The stages so far, and when the last one ended.
pub struct Stopwatch {
    last: Instant,
    stages: Vec<Stage>,
}

struct Stage {
    name: String,
    time: Duration,
    /// Ops in the result of a pass.
    n_ops: Option<usize>,
}

impl Stopwatch {
    /// Starts the first stage.
    pub fn start() -> Self {
        Stopwatch { last: Instant::now(), stages: Vec::new() }
    }

    /// Ends a stage.
    pub fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        self.stages.push(Stage { name: stage.to_string(), time: now - self.last, n_ops: None });
        self.last = now;
    }

    /// Ends a stage that ran passes: each of them, and the verifier between them.
    pub fn lap_passes(&mut self, passes: &[Timing]) {
        let now = Instant::now();
        let in_passes: Duration = passes.iter().map(|p| p.time).sum();
        let stage = |p: &Timing| Stage { name: p.pass.to_string(), time: p.time, n_ops: Some(p.n_ops) };
        self.stages.extend(passes.iter().map(stage));
        let between = (now - self.last).saturating_sub(in_passes);
        self.stages.push(Stage { name: "  verify and print".into(), time: between, n_ops: None });
        self.last = now;
    }

    /// A line for each stage: its time, its part of the whole, and the ops that a pass leaves.
    pub fn table(&self) -> String {
        let total: Duration = self.stages.iter().map(|stage| stage.time).sum();
        let row = |name: &str, time: Duration, n_ops: Option<usize>| {
            let percent = 100.0 * time.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE);
            let n_ops = n_ops.map(|n| n.to_string()).unwrap_or_default();
            vec![name.to_string(), seconds(time.as_secs_f64()), format!("{percent:.1} %"), n_ops]
        };
        let mut rows: Vec<Vec<String>> = self.stages.iter().map(|s| row(&s.name, s.time, s.n_ops)).collect();
        rows.push(row("in total", total, None));
        table(&["stage", "time", "part", "ops"], &rows)
    }
}
