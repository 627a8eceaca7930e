//! In-memory twin of etcd, for tests and for a job that runs without a cluster.
//!
//! A handle is cheap to clone; all clones share one store. Leases end on tokio's clock, which tests can pause. No
//! task is needed for that: the next access finds the lease ended, as of the instant at which its time was up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use model::LeaseId;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::meta::{Entry, Lease, Listing, MetaError, MetaStore, Revision, Txn, Watch, WatchEvent};
use crate::outcome::Outcome;

mod state;

use state::{Seen, State};

/// Handle to a store in memory.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    /// Wakes the watches after each change.
    changed: watch::Sender<()>,
}

/// Copy of a state at one moment.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Clone)]
pub struct Backup(State);

impl Default for MemoryStore {
    fn default() -> Self {
        Self { state: Arc::new(Mutex::new(State::new())), changed: watch::Sender::new(()) }
    }
}

impl MemoryStore {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty store whose revisions, and so its tokens, come after `revision`. They differ from those of an
    /// earlier process.
    pub fn starting_after(revision: Revision) -> Self {
        let store = Self::default();
        store.with(|state, _| state.start_after(revision));
        store
    }

    /// Forgets the history up to a revision. A watch that has not seen all of it gets a listing.
    pub fn compact(&self, up_to: Revision) {
        self.with(|state, _| state.compact(up_to));
    }

    /// Copies the current state.
    #[cfg(any(test, feature = "testing"))]
    pub fn backup(&self) -> Backup {
        self.with(|state, _| Backup(state.clone()))
    }

    /// Returns to the state of a backup, revisions included, or to an empty store without one. Every watch gets a
    /// [`WatchEvent::Restored`].
    #[cfg(any(test, feature = "testing"))]
    pub fn restore(&self, backup: Option<&Backup>) {
        let earlier = backup.map_or_else(State::new, |backup| backup.0.clone());
        self.with(|state, now| state.go_back(earlier, now));
        self.changed.send_replace(());
    }

    /// Runs `work` on the current state, after ending every lease whose time is up.
    fn with<T>(&self, work: impl FnOnce(&mut State, Instant) -> T) -> T {
        let now = Instant::now();
        // A panic in the middle of a change means a failed test; the map is never left between two revisions.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.stamp();
        state.expire(now);
        let result = work(&mut state, now);
        if state.stamp() != before {
            self.changed.send_replace(());
        }
        result
    }

    /// Waits for the next event of a watch.
    async fn next_event(&self, prefix: &str, after: &mut Seen) -> WatchEvent {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let expiry = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.expire(Instant::now());
                let (event, seen) = state.next_event(prefix, *after);
                *after = seen;
                if let Some(event) = event {
                    return event;
                }
                state.next_expiry()
            };
            tokio::select! {
                // The channel never closes, because `self` holds its sender.
                _ = changed.changed() => {}
                () = sleep_until(expiry) => {}
            }
        }
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

#[async_trait]
impl MetaStore for MemoryStore {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        Ok(self.with(|state, _| state.get(key)))
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        Ok(self.with(|state, _| state.list(prefix)))
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        self.with(|state, _| state.txn(&txn))
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        Ok(self.with(|state, now| state.grant(ttl, now)))
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.with(|state, now| state.keep_alive(lease, now))
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.with(|state, _| state.revoke(lease));
        Ok(())
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        let seen = self.with(|state, _| state.seen(after));
        let start = (self.clone(), prefix.to_owned(), seen);
        stream::unfold(start, |(store, prefix, mut after)| async move {
            let event = store.next_event(&prefix, &mut after).await;
            Some((Ok(event), (store, prefix, after)))
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests;
