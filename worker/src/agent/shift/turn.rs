//! Timing of a call that is repeated, one at a time.

use tokio::time::Instant;

/// Time at which a repeated call is next due.
#[derive(Debug)]
pub(super) struct Turn {
    /// Absent while the call is running.
    due_at: Option<Instant>,
}

impl Turn {
    /// Creates a turn that is due now.
    pub(super) fn due() -> Self {
        Self { due_at: Some(Instant::now()) }
    }

    /// True if the call should begin.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due_at.is_some_and(|due_at| now >= due_at)
    }

    /// Returns the due time; none while the call is running.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// Marks the call as running.
    pub(super) fn begin(&mut self) {
        self.due_at = None;
    }

    /// Marks the call as ended, and due again at `next`.
    pub(super) fn end(&mut self, next: Instant) {
        self.due_at = Some(next);
    }
}
