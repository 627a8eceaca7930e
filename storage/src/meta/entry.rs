//! Entries, revisions, leases, changes.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use format::state_records::StateRecord;
use model::{FencingToken, LeaseId, Term};

use crate::meta::MetaError;

/// A point in the store's history; grows with every transaction that changes something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The token of what came to be at this revision, in that term.
    pub const fn token(self, term: Term) -> FencingToken {
        term.token(self.0)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// When the key was last absent before it got a value: stays over updates, and is new after a deletion.
    pub create_revision: Revision,
    /// When the value was last written.
    pub mod_revision: Revision,
    /// The lease whose end deletes the key.
    pub lease: Option<LeaseId>,
}

impl Entry {
    /// The record that is the value.
    ///
    /// # Errors
    /// [`MetaError::Foreign`] for a value that is another.
    pub fn record<R: StateRecord>(&self) -> Result<R, MetaError> {
        R::decode(&self.value).map_err(|error| MetaError::Foreign {
            key: self.key.clone(),
            reason: std::error::Error::source(&error).map_or(error.to_string(), |source| format!("{error}: {source}")),
        })
    }
}

/// What lies under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The revision that the entries are of: watch what comes after it.
    pub revision: Revision,
    /// In order of key.
    pub entries: Vec<Entry>,
}

/// A lease as it was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Its id.
    pub id: LeaseId,
    /// How long it lasts without a renewal; a store may have granted more than was asked for.
    pub ttl: Duration,
}

/// What a watch tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// What one transaction, or the end of one lease, changed under the prefix: never a part of it.
    Changed {
        /// When.
        revision: Revision,
        /// In order of key.
        changes: Vec<Change>,
    },
    /// Changes were missed, since their history is gone. This is all there is now: forget whatever is not in it.
    Resync(Listing),
    /// The store was lost or restored: it has another history, in which revisions come again. This is all there is now, and
    /// whatever was read before is of a state that no longer exists.
    Restored(Listing),
}

/// The change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this value now.
    Put(Entry),
    /// The key is gone.
    Deleted {
        /// The key.
        key: String,
    },
}

impl Change {
    /// The key that changed.
    pub fn key(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Deleted { key } => key,
        }
    }
}
