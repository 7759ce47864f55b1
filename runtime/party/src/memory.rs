//! How much memory a party has needed, from Linux's accounting of its process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The largest resident set by operation, and over all.
#[derive(Debug, Default)]
pub struct PeakMemory(Mutex<BTreeMap<u32, u64>>);

impl PeakMemory {
    /// Books for the operation that has ended what was needed since the one before it; of operations that run side by side, the first to
    /// end stands for all.
    pub(crate) fn ended(&self, op: u32) {
        let Some(peak) = resident_peak() else { return };
        // Has the kernel start again from what is resident now. Where it refuses, the peaks are those up to each operation's end.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        let mut peaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_op = peaks.entry(op).or_default();
        *of_op = peak.max(*of_op);
    }

    pub(crate) fn of(&self, op: u32) -> Option<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&op).copied()
    }

    pub(crate) fn overall(&self) -> Option<u64> {
        let largest = self.0.lock().unwrap_or_else(PoisonError::into_inner).values().max().copied();
        resident_peak().max(largest)
    }
}

/// The largest resident set since the process started or [`PeakMemory::ended`] was called; `None` on other systems.
fn resident_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_its_own_peak() {
        let memory = PeakMemory::default();
        memory.ended(0);
        let large = std::hint::black_box(vec![1u8; 256 << 20]);
        drop(large);
        memory.ended(1);
        memory.ended(2);
        let [before, large, after] = [0, 1, 2].map(|op| memory.of(op).expect("Linux says"));
        assert!(large > before + (200 << 20), "{before} {large}");
        assert!(after < large - (200 << 20), "{large} {after}");
        assert_eq!(memory.overall(), Some(large));
        assert_eq!(memory.of(3), None);
    }
}
