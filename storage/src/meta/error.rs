//! What went wrong with the state of the cluster, by what the caller does next.

use model::LeaseId;

/// A failed call. From [`crate::meta::MetaStore::txn`] it also says that nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// Try again later: the store, or the way to it, is down.
    #[error("cannot {operation} {} in the cluster's state", shown(.object))]
    Unavailable {
        /// What was tried: a verb.
        operation: &'static str,
        /// On what: a key, a prefix (empty for all keys) or a lease.
        object: String,
        /// The store's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Stop what relies on the lease, and open a new session.
    #[error("{lease} has ended; what rests on it stops, and a new session is opened")]
    LeaseGone {
        /// The lease.
        lease: LeaseId,
    },
    /// An operator has to make room.
    #[error(
        "etcd is out of space and refuses every write until an operator compacts, defragments and disarms it (etcdctl compact, \
         defrag, alarm disarm); turn on --auto-compaction-retention so that it does not happen again"
    )]
    OutOfSpace,
    /// Fix the credentials or the role.
    #[error("etcd does not let us {operation} {object}: {reason}; check user, password and the role's range of keys")]
    NotAllowed {
        /// What was tried: a verb.
        operation: &'static str,
        /// On what.
        object: String,
        /// Its own words.
        reason: String,
    },
    /// Fix the settings.
    #[error("cannot use etcd at {endpoints}: {reason}")]
    Settings {
        /// As given.
        endpoints: String,
        /// Why, and what to do.
        reason: String,
    },
    /// Upgrade this process: it would misread what others wrote.
    #[error(
        "the cluster's state has format {found}, this version reads up to {known}; upgrade this coordinator, a newer one has led"
    )]
    TooNew {
        /// The state's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A bug of ours: the store would never accept this.
    #[error("the cluster's state refuses what was asked of it: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// A bug, or somebody else's keys under our prefix.
    #[error("{key} holds what no version of Tailor wrote: {reason}")]
    Foreign {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An object as messages name it.
fn shown(object: &str) -> &str {
    if object.is_empty() { "all keys" } else { object }
}

impl MetaError {
    /// A change of `object` whose answer did not come, and what came instead.
    pub(crate) fn unanswered(object: &str, cause: String) -> Self {
        Self::Unavailable { operation: "change", object: object.to_owned(), source: cause.into() }
    }

    /// Whether the same call may succeed later without anybody's help.
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
