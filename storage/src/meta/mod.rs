//! The state of the cluster: a small, strictly serialisable map with revisions, leases and watches.
//!
//! `MetaStore` is the seam. `etcd` is the cluster's; `memory` is its twin, in tests and in a job that runs in one
//! process. Both pass `conformance`. Each of them keeps these promises, on which the rest of Tailor builds:
//!
//! - **Revisions** only grow, across all keys and restarts. Every change of one transaction carries the same revision,
//!   so it serves as a fencing token (`Revision::token`).
//! - **A transaction** has three outcomes (`Outcome`). Unknown is read back, never assumed and never blindly repeated.
//! - **A lease** may end too early (a leader with a slow disk) and too late (a new leader grants the whole TTL again). So
//!   it says who is probably alive; what may be written is decided by comparing revisions.
//! - **A watch** only wakes its reader, who reads and decides. It resumes by itself. If its history was compacted, or the
//!   store was lost or restored and has another history, the watch reports that with a listing.

use async_trait::async_trait;
use futures::stream::BoxStream;

mod entry; //           entries, revisions, leases, changes
mod txn; //             comparisons and operations of a transaction
mod error; //           errors, by the caller's next step
pub mod session; //     lease of one process: kept alive, and fenced on its own clock
pub mod election; //    election of the leader
pub mod claim; //       claims: the records that bind a task to its attempts, from claim to completion
pub mod etcd; //        store of a cluster: etcd
pub mod memory; //      in-memory twin of etcd
#[cfg(any(test, feature = "testing"))]
pub mod faulty; //      decorator that loses requests and responses, drawn from a seed
#[cfg(any(test, feature = "testing"))]
pub mod conformance; // conformance suite for every store

pub use entry::{Change, Entry, Lease, Listing, Revision, WatchEvent};
pub use error::MetaError;
pub use etcd::{EtcdSettings, EtcdStore, EtcdTls, EtcdUser};
#[cfg(any(test, feature = "testing"))]
pub use memory::Backup;
pub use memory::MemoryStore;
pub use model::LeaseId;
pub use session::{LeaseSession, LeaseSettings, SessionLife};
pub use txn::{Compare, Op, Txn};

pub use crate::outcome::{Outcome, Settled, settle};

/// Changes under a prefix, in order of revision. The stream ends only with an error that a repetition does not mend.
pub type Watch = BoxStream<'static, Result<WatchEvent, MetaError>>;

/// Map of keys to small values. Every call has a timeout; none is retried inside.
#[async_trait]
pub trait MetaStore: Send + Sync + std::fmt::Debug {
    /// Returns the current entry of `key`.
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError>;

    /// Lists every entry whose key starts with `prefix`, in key order, all as of one revision.
    async fn list(&self, prefix: &str) -> Result<Listing, MetaError>;

    /// Performs the operations if every comparison holds; otherwise reads the keys that the transaction asks for.
    ///
    /// # Errors
    /// An error means that nothing was changed. If that is uncertain, the result is [`Outcome::Unknown`].
    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError>;

    /// Grants a new lease of at least `ttl`, in whole seconds. If the answer is lost, the lease expires by itself.
    async fn grant(&self, ttl: std::time::Duration) -> Result<Lease, MetaError>;

    /// Starts the lease's TTL anew.
    ///
    /// # Errors
    /// [`MetaError::LeaseGone`] once it has ended: it never comes back.
    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError>;

    /// Ends the lease and deletes its keys, at one revision. Ending it twice is not an error.
    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError>;

    /// Streams the changes under `prefix` after the revision `after`, which is usually that of a listing. If the store
    /// goes back to an earlier state, or to an empty one, the stream yields [`WatchEvent::Restored`].
    fn watch(&self, prefix: &str, after: Revision) -> Watch;
}
