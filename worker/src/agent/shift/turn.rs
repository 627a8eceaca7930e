//! Something that is done again and again, one at a time.

use tokio::time::Instant;

/// When it is done next.
#[derive(Debug)]
pub(super) struct Turn {
    /// None while it is under way.
    due_at: Option<Instant>,
}

impl Turn {
    /// Due now.
    pub(super) fn due() -> Self {
        Self { due_at: Some(Instant::now()) }
    }

    /// Whether it should begin.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due_at.is_some_and(|due_at| now >= due_at)
    }

    /// When it should, unless it is under way.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// It begins.
    pub(super) fn begin(&mut self) {
        self.due_at = None;
    }

    /// It has ended, and is due again at `next`.
    pub(super) fn end(&mut self, next: Instant) {
        self.due_at = Some(next);
    }
}
