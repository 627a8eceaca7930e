//! Simulated etcd: one store for all processes, on the world's clock.

use std::fmt;
use std::task::Poll;
use std::time::Duration;

use futures::StreamExt as _;
use model::LeaseId;
use storage::meta::{
    Backup, Change, Entry, MemoryStore, MetaError, MetaStore as _, Op, Revision, Txn, Watch, WatchEvent,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{StateAnswer, StateCall};

/// Store with its open watches.
pub(crate) struct StateService {
    runtime: Runtime,
    base: Instant,
    store: MemoryStore,
    /// Watch of every change, for the checks of invariants.
    all: Watch,
    watches: Vec<Watched>,
    leases: Vec<LeaseId>,
    backup: Option<Backup>,
    /// Writes are refused up to this time, because there is no space.
    pub(crate) full_until: Duration,
}

/// Open watch of a process.
pub(crate) struct Watched {
    process: usize,
    events: mpsc::UnboundedSender<Result<WatchEvent, MetaError>>,
    stream: Watch,
    /// No events are delivered before this time.
    stalled_until: Duration,
    /// Delivery time of the last event; later events come no earlier, so that they keep their order.
    pub(crate) told_until: Duration,
}

impl fmt::Debug for StateService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateService")
    }
}

impl StateService {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime without I/O needs nothing of the system");
        let base = runtime.block_on(async { Instant::now() });
        let store = MemoryStore::new();
        let all = store.watch("", Revision(0));
        Self {
            runtime,
            base,
            store,
            all,
            watches: Vec::new(),
            leases: Vec::new(),
            backup: None,
            full_until: Duration::ZERO,
        }
    }

    /// Sets the store's clock to the world's time.
    pub(crate) fn at(&self, now: Duration) {
        self.runtime.block_on(async { tokio::time::sleep_until(self.base + now).await });
    }

    /// Performs a call.
    pub(crate) fn call(&mut self, call: StateCall, now: Duration) -> StateAnswer {
        let store = self.store.clone();
        let is_full = now < self.full_until;
        self.runtime.block_on(async {
            match call {
                StateCall::Get(key) => StateAnswer::Got(store.get(&key).await),
                StateCall::List(prefix) => StateAnswer::Listed(store.list(&prefix).await),
                StateCall::Txn(_) if is_full => StateAnswer::Txn(Err(MetaError::OutOfSpace)),
                StateCall::Txn(txn) => StateAnswer::Txn(store.txn(txn).await),
                StateCall::Grant(ttl) => {
                    let lease = store.grant(ttl).await;
                    self.leases.extend(lease.as_ref().ok().map(|lease| lease.id));
                    StateAnswer::Granted(lease)
                }
                StateCall::KeepAlive(lease) => StateAnswer::Done(store.keep_alive(lease).await),
                StateCall::Revoke(lease) => StateAnswer::Done(store.revoke(lease).await),
            }
        })
    }

    /// Opens a watch for a process.
    pub(crate) fn watch(
        &mut self,
        process: usize,
        (prefix, after): (&str, Revision),
        events: mpsc::UnboundedSender<Result<WatchEvent, MetaError>>,
    ) {
        let stream = self.store.watch(prefix, after);
        let (stalled_until, told_until) = (Duration::ZERO, Duration::ZERO);
        self.watches.push(Watched { process, events, stream, stalled_until, told_until });
    }

    /// Takes the events that watches have now, each with the index of its watch.
    pub(crate) fn take_events(&mut self, now: Duration) -> Vec<(usize, WatchEvent)> {
        self.watches.retain(|watched| !watched.events.is_closed());
        let _context = self.runtime.enter();
        let mut events = Vec::new();
        for (at, watched) in self.watches.iter_mut().enumerate().filter(|(_, watched)| watched.stalled_until <= now) {
            while let Some(event) = next(&mut watched.stream) {
                events.push((at, event));
            }
        }
        events
    }

    /// Returns the process and channel of a watch from [`Self::take_events`], and the earliest delivery time.
    pub(crate) fn watched(
        &mut self,
        at: usize,
    ) -> (usize, mpsc::UnboundedSender<Result<WatchEvent, MetaError>>, &mut Duration) {
        let watched = &mut self.watches[at];
        (watched.process, watched.events.clone(), &mut watched.told_until)
    }

    /// Lets the watches of a process, or of all, fall behind up to `until`.
    pub(crate) fn stall(&mut self, process: Option<usize>, until: Duration) {
        let is_meant = |watched: &&mut Watched| process.is_none_or(|process| watched.process == process);
        self.watches.iter_mut().filter(is_meant).for_each(|watched| watched.stalled_until = until);
    }

    /// Compacts the history up to now.
    pub(crate) fn compact(&mut self) {
        let revision = self.runtime.block_on(self.store.list("")).map(|listing| listing.revision);
        self.store.compact(revision.unwrap_or_default());
    }

    /// Simulates a new leader of etcd, under which every lease gets its whole TTL again.
    pub(crate) fn change_leader(&mut self) {
        let store = self.store.clone();
        let leases = std::mem::take(&mut self.leases);
        let alive = leases.into_iter().filter(|lease| self.runtime.block_on(store.keep_alive(*lease)).is_ok());
        self.leases = alive.collect();
    }

    /// Ends one of the leases early, selected by `draw`.
    pub(crate) fn end_lease(&mut self, draw: usize) -> Option<LeaseId> {
        self.end(*self.leases.get(draw % self.leases.len().max(1))?)
    }

    /// Ends the lease of a worker early, selected by `draw`.
    pub(crate) fn end_worker(&mut self, draw: usize) -> Option<LeaseId> {
        let workers = self.runtime.block_on(self.store.list(format::state_keys::WORKERS)).ok()?.entries;
        self.end(workers.get(draw % workers.len().max(1))?.lease?)
    }

    /// Ends the lease of the coordinator that leads.
    pub(crate) fn end_leader(&mut self) {
        let leader = String::from(format::state_keys::StateKey::Leader);
        let leader = self.entries().into_iter().find(|entry| entry.key == leader);
        leader.and_then(|entry| entry.lease).and_then(|lease| self.end(lease));
    }

    /// Takes a backup of the store.
    pub(crate) fn save(&mut self) {
        let _context = self.runtime.enter();
        self.backup = Some(self.store.backup());
    }

    /// Restores the backup, or an empty store; returns its entries.
    pub(crate) fn restore(&mut self, is_lost: bool) -> Vec<Entry> {
        let _context = self.runtime.enter();
        self.store.restore(self.backup.as_ref().filter(|_| !is_lost));
        match self.runtime.block_on(self.store.list("")) {
            Ok(listing) => {
                self.all = self.store.watch("", listing.revision);
                listing.entries
            }
            Err(_) => Vec::new(),
        }
    }

    /// Writes a key as a stranger would, outside the cluster.
    pub(crate) fn put(&mut self, key: &str, value: Vec<u8>, lease: Option<LeaseId>) {
        let op = Op::Put { key: key.to_owned(), value: value.into(), lease };
        // The write fails if the lease is gone by now; then nothing was written.
        drop(self.runtime.block_on(self.store.txn(Txn::when([]).then([op]))));
    }

    /// Lists all entries of the store.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.runtime.block_on(self.store.list("")).map(|listing| listing.entries).unwrap_or_default()
    }

    fn end(&mut self, lease: LeaseId) -> Option<LeaseId> {
        self.runtime.block_on(self.store.revoke(lease)).ok()?;
        self.leases.retain(|other| *other != lease);
        Some(lease)
    }

    /// Takes the changes since the last call, in order.
    pub(crate) fn changes(&mut self) -> Vec<(Revision, Vec<Change>)> {
        let _context = self.runtime.enter();
        let mut all = Vec::new();
        while let Some(event) = next(&mut self.all) {
            if let WatchEvent::Changed { revision, changes } = event {
                all.push((revision, changes));
            }
        }
        all
    }
}

/// Returns the next event of a watch without waiting.
fn next(watch: &mut Watch) -> Option<WatchEvent> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match watch.poll_next_unpin(&mut context) {
        Poll::Ready(Some(Ok(event))) => Some(event),
        Poll::Ready(_) | Poll::Pending => None,
    }
}
