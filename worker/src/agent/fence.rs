//! Whether the lease still holds, by this process's own clock: asked before anything is uploaded or told.

use storage::meta::{LeaseSession, Life};
use tokio::sync::watch;
use tokio::time::Instant;

/// A look at a session, for whoever outlives a borrow of it.
#[derive(Debug, Clone)]
pub(super) struct Fence(watch::Receiver<Life>);

impl Fence {
    /// Of this session.
    pub(super) fn of(session: &LeaseSession) -> Self {
        Self(session.life())
    }

    /// Whether the lease holds at this very instant, whatever slept before.
    pub(super) fn is_up(&self) -> bool {
        matches!(*self.0.borrow(), Life::Held { until } if Instant::now() < until)
    }
}
