//! The state of the cluster: a small, strictly serialisable map with revisions, leases and watches.
//!
//! `MetaStore` is the seam. `etcd` is the cluster's; `memory` is its twin, in tests and in a job that runs in one
//! process. Both pass `conformance`. What holds for each of them, and what the rest of Tailor builds on:
//!
//! - **Revisions** only grow, across all keys and restarts. Every change of one transaction carries the same revision,
//!   so it serves as a fencing token (`Revision::token`).
//! - **A transaction** has three outcomes (`Outcome`). Unknown is read back, never assumed and never blindly repeated.
//! - **A lease** may end too early (a leader with a slow disk) and too late (a new leader grants the whole TTL again). So
//!   it says who is probably alive; what may be written is decided by comparing revisions.
//! - **A watch** wakes, a read decides. It resumes by itself; where its history was compacted, or is another one since the store
//!   was lost or restored, it says so, with a listing.

use async_trait::async_trait;
use futures::stream::BoxStream;

// Entries, revisions, leases, changes.
mod entry;
// Comparisons and operations that happen together or not at all.
mod txn;
// What went wrong, by what the caller does next.
mod error;
// One worker process's lease: kept alive, and fenced on its own clock.
pub mod session;
// Who leads.
pub mod election;
// What binds a task to one attempt: claim, completion, and what ends a claim otherwise.
pub mod claim;
// The cluster's: etcd.
pub mod etcd;
// The twin, in this process.
pub mod memory;
// A decorator that loses requests and responses, from a seed.
#[cfg(any(test, feature = "testing"))]
pub mod faulty;
// What every store has to do, as one suite.
#[cfg(any(test, feature = "testing"))]
pub mod conformance;

pub use entry::{Change, Entry, Lease, Listing, Revision, WatchEvent};
pub use error::MetaError;
pub use etcd::{EtcdSettings, EtcdStore, EtcdTls, EtcdUser};
#[cfg(any(test, feature = "testing"))]
pub use memory::Backup;
pub use memory::MemoryStore;
pub use model::LeaseId;
pub use session::{LeaseSession, LeaseSettings, Life};
pub use txn::{Compare, Op, Txn};

pub use crate::outcome::{Outcome, Settled, settle};

/// Changes under a prefix, in order of revision. It ends only with an error that trying again does not mend.
pub type Watch = BoxStream<'static, Result<WatchEvent, MetaError>>;

/// A map of keys to small values. Every call is bounded in time; none is retried within.
#[async_trait]
pub trait MetaStore: Send + Sync + std::fmt::Debug {
    /// The entry of `key`, as of now.
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError>;

    /// Every entry whose key starts with `prefix`, in order of key, all as of one revision.
    async fn list(&self, prefix: &str) -> Result<Listing, MetaError>;

    /// Does the operations if every comparison holds; otherwise reads what the transaction asks for instead.
    ///
    /// # Errors
    /// An error means that nothing was changed, and why. Whatever leaves that open is [`Outcome::Unknown`].
    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError>;

    /// A new lease of at least `ttl`, in whole seconds. One whose answer is lost ends by itself.
    async fn grant(&self, ttl: std::time::Duration) -> Result<Lease, MetaError>;

    /// Starts the lease's TTL anew.
    ///
    /// # Errors
    /// [`MetaError::LeaseGone`] once it has ended: it never comes back.
    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError>;

    /// Ends the lease and deletes its keys, at one revision. Ending it twice is no error.
    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError>;

    /// Everything that changes under `prefix` after the revision `after`: what a listing of that revision lacks. A store
    /// that goes back to an earlier state, or an empty one, is told as [`WatchEvent::Restored`].
    fn watch(&self, prefix: &str, after: Revision) -> Watch;
}
