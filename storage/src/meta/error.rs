//! Errors of the cluster's state, grouped by the caller's next step.

use model::LeaseId;

/// Failed call. When [`crate::meta::MetaStore::txn`] returns it, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// The store, or the connection to it, is down: try again later.
    #[error("cannot {operation} {} in the cluster's state", shown(.object))]
    Unavailable {
        /// Operation that failed, as a verb.
        operation: &'static str,
        /// Object of the operation: a key, a prefix (empty for all keys) or a lease.
        object: String,
        /// Error of the connection or of the store.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The lease has ended: stop what relies on it, and open a new session.
    #[error("{lease} has ended; what rests on it stops, and a new session is opened")]
    LeaseGone {
        /// Lease that has ended.
        lease: LeaseId,
    },
    /// etcd has no space left; an operator must make room.
    #[error(
        "etcd is out of space and refuses every write until an operator compacts, defragments and disarms it (etcdctl compact, \
         defrag, alarm disarm); turn on --auto-compaction-retention so that it does not happen again"
    )]
    OutOfSpace,
    /// etcd denies the operation: fix the credentials or the role.
    #[error("etcd does not let us {operation} {object}: {reason}; check user, password and the role's range of keys")]
    NotAllowed {
        /// Operation that was denied, as a verb.
        operation: &'static str,
        /// Key, prefix or lease.
        object: String,
        /// Message of etcd, with its reason.
        reason: String,
    },
    /// The settings cannot be used: fix them.
    #[error("cannot use etcd at {endpoints}: {reason}")]
    Settings {
        /// Endpoints as they were given.
        endpoints: String,
        /// Cause, and the next step.
        reason: String,
    },
    /// The state has a newer format, which this process would misread: upgrade it.
    #[error(
        "the cluster's state has format {found}, this version reads up to {known}; upgrade this coordinator, a newer one has led"
    )]
    TooNew {
        /// Format of the state.
        found: u32,
        /// Newest format that this version reads.
        known: u32,
    },
    /// The request is one that no store would accept, which is a bug of ours.
    #[error("the cluster's state refuses what was asked of it: {reason}")]
    Invalid {
        /// Rule that the request breaks.
        reason: String,
    },
    /// A value is foreign: a bug, or keys of a stranger under our prefix.
    #[error("{key} holds what no version of Tailor wrote: {reason}")]
    Foreign {
        /// Key of the value.
        key: String,
        /// Error of the parser.
        reason: String,
    },
}

/// Names an object for messages.
fn shown(object: &str) -> &str {
    if object.is_empty() { "all keys" } else { object }
}

impl MetaError {
    /// Creates the error for a change of `object` whose answer was lost, with the failure that came instead.
    pub(crate) fn unanswered(object: &str, cause: String) -> Self {
        Self::Unavailable { operation: "change", object: object.to_owned(), source: cause.into() }
    }

    /// True if the same call may succeed later without any repair.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_of_everything_has_a_name_in_messages() {
        let source = "no quorum".into();
        let error = MetaError::Unavailable { operation: "list", object: String::new(), source };
        assert_eq!(error.to_string(), "cannot list all keys in the cluster's state");
    }
}
