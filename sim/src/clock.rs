//! Wall clock of a simulated machine: simulated time, plus the steps that faults make it take.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Clock, TimestampMs};

/// Start of every simulation: 2026-01-01T00:00:00Z.
const EPOCH_MS: TimestampMs = 1_767_225_600_000;

/// Wall clock of a machine. Clones share one clock.
#[derive(Debug, Clone)]
pub(crate) struct SimClock {
    now_ms: Arc<AtomicI64>,
    off_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// Creates the clock of the world, which is right.
    pub(crate) fn new() -> Self {
        Self { now_ms: Arc::new(AtomicI64::new(EPOCH_MS)), off_ms: Arc::default() }
    }

    /// Creates the clock of a machine, which may step.
    pub(crate) fn of_machine(&self) -> Self {
        Self { now_ms: Arc::clone(&self.now_ms), off_ms: Arc::default() }
    }

    /// Sets the world's time, for every clock.
    pub(crate) fn set(&self, now: Duration) {
        self.now_ms.store(EPOCH_MS + now.as_millis() as i64, Ordering::Relaxed);
    }

    /// True if the world's time is before `until`, whatever this machine's clock shows.
    pub(crate) fn is_before(&self, until: Duration) -> bool {
        self.now_ms.load(Ordering::Relaxed) < EPOCH_MS + until.as_millis() as i64
    }

    /// Steps this machine's clock.
    pub(crate) fn step(&self, by_ms: i64) {
        self.off_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> TimestampMs {
        self.now_ms.load(Ordering::Relaxed) + self.off_ms.load(Ordering::Relaxed)
    }
}
