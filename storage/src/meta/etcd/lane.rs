//! Lanes: two connections to each endpoint, so that urgent calls do not wait behind large ones.

use std::time::Duration;

use format::state_keys::StateKey;

/// Lane of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Leases and the election: few and small calls, useless if late.
    Liveness,
    /// All other calls: transactions, listings, watches.
    Work,
}

impl Lane {
    pub(super) const COUNT: usize = 2;

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Liveness => 0,
            Self::Work => 1,
        }
    }

    /// Returns the lane of a key or prefix.
    pub(super) fn of(key: &str) -> Self {
        if key == String::from(StateKey::Leader) { Self::Liveness } else { Self::Work }
    }

    /// Returns the silence of an endpoint after which another one is asked, too.
    pub(super) const fn patience(self) -> Duration {
        match self {
            // The shortest lease (2 s) allows half a second for each try of a renewal, which two endpoints must
            // share.
            Self::Liveness => Duration::from_millis(250),
            // A transaction takes some ten milliseconds; while etcd elects a leader, all members are silent for 1 to
            // 2 s.
            Self::Work => Duration::from_secs(1),
        }
    }
}
