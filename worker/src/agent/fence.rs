//! Tells by this process's own clock if the lease still holds. It is checked before each upload and each report.

use storage::meta::{LeaseSession, SessionLife};
use tokio::sync::watch;
use tokio::time::Instant;

/// View of a session that may outlive a borrow of it.
#[derive(Debug, Clone)]
pub(super) struct Fence(watch::Receiver<SessionLife>);

impl Fence {
    /// Fences by the lease of `session`.
    pub(super) fn of(session: &LeaseSession) -> Self {
        Self(session.life())
    }

    /// True if the lease holds at this instant, even if the process was suspended since the last renewal.
    pub(super) fn is_up(&self) -> bool {
        matches!(*self.0.borrow(), SessionLife::Held { until } if Instant::now() < until)
    }
}
