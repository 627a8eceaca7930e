//! Two connections to each endpoint: what is in a hurry does not wait behind what is large.

use std::time::Duration;

use format::state_keys::StateKey;

/// What a connection carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Leases and the election: small, few, and late is as bad as never.
    Liveness,
    /// Everything else: transactions, listings, watches.
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

    /// The lane of a key, or of a prefix.
    pub(super) fn of(key: &str) -> Self {
        if key == String::from(StateKey::Leader) { Self::Liveness } else { Self::Work }
    }

    /// How long an endpoint may be silent before another one is asked beside it.
    pub(super) const fn patience(self) -> Duration {
        match self {
            // The shortest lease (2 s) gives each try of a renewal half a second: two endpoints have to fit into it.
            Self::Liveness => Duration::from_millis(250),
            // A transaction takes some ten milliseconds; while etcd elects a leader, all its members are silent for
            // 1 to 2 s.
            Self::Work => Duration::from_secs(1),
        }
    }
}
