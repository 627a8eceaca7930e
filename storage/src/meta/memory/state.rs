//! State of the in-memory store: effects of transactions, ended leases and compactions. The time is passed in.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use model::LeaseId;
use tokio::time::Instant;

use crate::meta::{Change, Entry, Lease, Listing, MetaError, Op, Revision, Txn, WatchEvent};
use crate::outcome::Outcome;

/// Most transactions that a watch may fall behind before it gets a listing instead.
const HISTORY_MAX: usize = 10_000;

#[derive(Debug, Clone)]
pub(super) struct State {
    revision: Revision,
    entries: BTreeMap<String, Entry>,
    leases: BTreeMap<LeaseId, Term>,
    leases_granted: u64,
    history: VecDeque<(Revision, Vec<Change>)>,
    /// Newest revision whose changes are forgotten.
    compacted: Revision,
    /// Number of returns to an earlier state. Revisions of two histories must not be compared.
    history_number: u64,
}

/// Last revision that a watch has seen, and its history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    after: Revision,
    history_number: u64,
}

/// Duration and end of a lease.
#[derive(Debug, Clone, Copy)]
struct Term {
    ttl: Duration,
    ends_at: Instant,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            // Revision 1 is the empty store, as in etcd.
            revision: Revision(1),
            entries: BTreeMap::new(),
            leases: BTreeMap::new(),
            leases_granted: 0,
            history: VecDeque::new(),
            compacted: Revision(0),
            history_number: 0,
        }
    }

    /// Returns the position of a watch that has seen everything up to `after` in the present history.
    pub(super) fn seen(&self, after: Revision) -> Seen {
        Seen { after, history_number: self.history_number }
    }

    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        self.entries.get(key).cloned()
    }

    pub(super) fn list(&self, prefix: &str) -> Listing {
        Listing { revision: self.revision, entries: self.under(prefix).cloned().collect() }
    }

    fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.range(prefix.to_owned()..).map(|(_, entry)| entry).take_while(move |e| e.key.starts_with(prefix))
    }

    pub(super) fn txn(&mut self, txn: &Txn) -> Result<Outcome, MetaError> {
        txn.check()?;
        if !txn.compares.iter().all(|compare| compare.holds(self.entries.get(compare.key()))) {
            return Ok(Outcome::Refused { current: txn.reads.iter().map(|key| self.get(key)).collect() });
        }
        let leases = txn.ops.iter().filter_map(|op| match op {
            Op::Put { lease, .. } => *lease,
            Op::Delete { .. } | Op::DeletePrefix { .. } => None,
        });
        for lease in leases {
            if !self.leases.contains_key(&lease) {
                return Err(MetaError::LeaseGone { lease });
            }
        }
        let revision = Revision(self.revision.0 + 1);
        let changes = txn.ops.iter().flat_map(|op| self.apply(op, revision)).collect();
        self.record(revision, changes);
        Ok(Outcome::Applied { revision: self.revision })
    }

    fn apply(&mut self, op: &Op, revision: Revision) -> Vec<Change> {
        match op {
            Op::Put { key, value, lease } => {
                let create_revision = self.entries.get(key).map_or(revision, |entry| entry.create_revision);
                let entry = Entry {
                    key: key.clone(),
                    value: value.clone(),
                    create_revision,
                    mod_revision: revision,
                    lease: *lease,
                };
                self.entries.insert(key.clone(), entry.clone());
                vec![Change::Put(entry)]
            }
            Op::Delete { key } => self.delete([key.clone()]),
            Op::DeletePrefix { prefix } => {
                let keys: Vec<_> = self.under(prefix).map(|entry| entry.key.clone()).collect();
                self.delete(keys)
            }
        }
    }

    fn delete(&mut self, keys: impl IntoIterator<Item = String>) -> Vec<Change> {
        let entries = &mut self.entries;
        keys.into_iter().filter_map(|key| entries.remove(&key).map(|_| Change::Deleted { key })).collect()
    }

    /// Lets revisions begin later; allowed only for a store that nobody has used yet.
    pub(super) fn start_after(&mut self, revision: Revision) {
        (self.revision, self.compacted) = (revision, revision);
    }

    /// Records the changes under a new revision; does nothing without changes.
    fn record(&mut self, revision: Revision, mut changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        changes.sort_by(|a, b| a.key().cmp(b.key()));
        self.revision = revision;
        self.history.push_back((revision, changes));
        if self.history.len() > HISTORY_MAX {
            self.compact(Revision(revision.0 - HISTORY_MAX as u64));
        }
    }

    pub(super) fn compact(&mut self, up_to: Revision) {
        self.compacted = self.compacted.max(up_to.min(self.revision));
        self.history.retain(|(revision, _)| *revision > self.compacted);
    }

    pub(super) fn grant(&mut self, ttl: Duration, now: Instant) -> Lease {
        self.leases_granted += 1;
        let id = LeaseId(self.leases_granted);
        let ttl = Duration::from_secs(ttl.as_secs_f64().ceil() as u64);
        self.leases.insert(id, Term { ttl, ends_at: now + ttl });
        Lease { id, ttl }
    }

    pub(super) fn keep_alive(&mut self, lease: LeaseId, now: Instant) -> Result<(), MetaError> {
        let term = self.leases.get_mut(&lease).ok_or(MetaError::LeaseGone { lease })?;
        term.ends_at = now + term.ttl;
        Ok(())
    }

    pub(super) fn revoke(&mut self, lease: LeaseId) {
        if self.leases.remove(&lease).is_some() {
            let held = self.entries.values().filter(|entry| entry.lease == Some(lease));
            let keys: Vec<_> = held.map(|entry| entry.key.clone()).collect();
            let changes = self.delete(keys);
            self.record(Revision(self.revision.0 + 1), changes);
        }
    }

    /// Ends every lease whose time is up.
    pub(super) fn expire(&mut self, now: Instant) {
        let ended: Vec<_> = self.leases.iter().filter(|(_, term)| term.ends_at <= now).map(|(id, _)| *id).collect();
        for lease in ended {
            self.revoke(lease);
        }
    }

    /// Returns the time at which the next lease ends, unless it is kept alive.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.leases.values().map(|term| term.ends_at).min()
    }

    /// Returns a value that changes with every event for which a watch may be waiting.
    pub(super) fn stamp(&self) -> impl PartialEq + use<> {
        (self.revision, self.next_expiry())
    }

    /// Returns the next event of a watch of `prefix` that has `seen` so much, and how much it has seen then.
    pub(super) fn next_event(&self, prefix: &str, seen: Seen) -> (Option<WatchEvent>, Seen) {
        let Seen { after, history_number } = seen;
        let now = self.seen(self.revision);
        if history_number != self.history_number || after > self.revision {
            return (Some(WatchEvent::Restored(self.list(prefix))), now);
        }
        if after < self.compacted {
            return (Some(WatchEvent::Resync(self.list(prefix))), now);
        }
        let start = self.history.partition_point(|(revision, _)| *revision <= after);
        for (revision, changes) in self.history.range(start..) {
            let changes: Vec<_> = changes.iter().filter(|change| change.key().starts_with(prefix)).cloned().collect();
            if !changes.is_empty() {
                return (Some(WatchEvent::Changed { revision: *revision, changes }), self.seen(*revision));
            }
        }
        (None, now)
    }

    /// Goes back to `earlier`, so that revisions after it come again. The leases of `earlier` get their whole time
    /// anew. Ids of leases are never given twice, as etcd's random ids are not.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn go_back(&mut self, earlier: Self, now: Instant) {
        let leases_granted = self.leases_granted.max(earlier.leases_granted);
        let (compacted, history_number) = (earlier.revision, self.history_number + 1);
        *self = Self { leases_granted, compacted, history: VecDeque::new(), history_number, ..earlier };
        self.leases.values_mut().for_each(|term| term.ends_at = now + term.ttl);
    }
}
