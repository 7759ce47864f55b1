//! `--timing`: how long each stage of a compile takes.

use std::time::{Duration, Instant};

use treville_passes::Timing;

use crate::table::{seconds, table};

/// The stages so far, and when the last one ended.
pub struct Stopwatch {
    last: Instant,
    stages: Vec<(String, Duration)>,
}

impl Stopwatch {
    /// Starts the first stage.
    pub fn start() -> Self {
        Stopwatch { last: Instant::now(), stages: Vec::new() }
    }

    /// Ends a stage.
    pub fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        self.stages.push((stage.to_string(), now - self.last));
        self.last = now;
    }

    /// Ends a stage that ran passes: each of them, and the verifier between them.
    pub fn lap_passes(&mut self, passes: &[Timing]) {
        let now = Instant::now();
        let in_passes: Duration = passes.iter().map(|p| p.time).sum();
        self.stages.extend(passes.iter().map(|p| (p.pass.to_string(), p.time)));
        self.stages.push(("  verify".into(), (now - self.last).saturating_sub(in_passes)));
        self.last = now;
    }

    /// A line for each stage.
    pub fn table(&self) -> String {
        let total = self.stages.iter().map(|(_, time)| *time).sum();
        let rows = self.stages.iter().map(|(stage, time)| (stage.as_str(), *time)).chain([("in total", total)]);
        let rows: Vec<Vec<String>> =
            rows.map(|(stage, time): (&str, Duration)| vec![stage.to_string(), seconds(time.as_secs_f64())]).collect();
        table(&["stage", "time"], &rows)
    }
}
