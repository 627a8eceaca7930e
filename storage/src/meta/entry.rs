//! Entries, revisions, leases, changes.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use format::state_records::StateRecord;
use model::{FencingToken, LeaseId, Term};

use crate::meta::MetaError;

/// Point in the store's history; grows with every transaction that changes something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Returns the token of a key that was created at this revision, in that term.
    pub const fn token(self, term: Term) -> FencingToken {
        term.token(self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Key in the namespace.
    pub key: String,
    /// Bytes of the value.
    pub value: Bytes,
    /// Revision at which the key was created: updates keep it, and a key that was deleted gets a new one.
    pub create_revision: Revision,
    /// Revision of the last write.
    pub mod_revision: Revision,
    /// Lease whose end deletes the key.
    pub lease: Option<LeaseId>,
}

impl Entry {
    /// Parses the value as a record.
    ///
    /// # Errors
    /// [`MetaError::Foreign`] for a value that is not such a record.
    pub fn record<R: StateRecord>(&self) -> Result<R, MetaError> {
        R::decode(&self.value).map_err(|error| MetaError::Foreign {
            key: self.key.clone(),
            reason: std::error::Error::source(&error).map_or(error.to_string(), |source| format!("{error}: {source}")),
        })
    }
}

/// Entries under a prefix at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Revision of the entries; a watch continues after it.
    pub revision: Revision,
    /// Entries in key order.
    pub entries: Vec<Entry>,
}

/// Lease as it was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Id of the lease.
    pub id: LeaseId,
    /// Time that the lease lasts without a renewal; a store may grant more than was asked for.
    pub ttl: Duration,
}

/// Event of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// Changes of one transaction, or of the end of one lease, under the prefix; always complete.
    Changed {
        /// Revision of the changes.
        revision: Revision,
        /// Changes in key order.
        changes: Vec<Change>,
    },
    /// Changes were missed, because their history is gone. The listing is complete: drop all keys that it lacks.
    Resync(Listing),
    /// The store was lost or restored: it has another history, in which revisions come again. The listing is the
    /// complete state now; everything read before belongs to a state that no longer exists.
    Restored(Listing),
}

/// Change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this new value.
    Put(Entry),
    /// The key was deleted.
    Deleted {
        /// Key that was deleted.
        key: String,
    },
}

impl Change {
    /// Returns the key that changed.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Deleted { key } => key,
        }
    }
}
