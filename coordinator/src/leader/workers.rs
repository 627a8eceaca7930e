//! Workers that live, known by their keys in the cluster's state.

use std::collections::btree_map::Entry;

use format::state_keys::StateKey;
use format::state_records::WorkerRecord;
use model::LeaseId;
use model::error::chain;
use model::limits::WORKERS_MAX;
use proto::dispatch::{DispatchError, Hello};
use scheduler::Event;
use serde_json::json;
use storage::meta::{Change, MetaError, WatchEvent};

use super::Leader;
use super::attempt_events::End;
use super::live::LiveWorker;
use super::message::Reply;

impl Leader {
    /// Replies to a worker that announces itself; the worker is known once its key has been seen.
    pub(super) fn hello(&mut self, hello: &Hello, reply: Reply<(), DispatchError>) {
        let is_known = self.workers.contains_key(&hello.worker);
        let unknown = DispatchError::UnknownWorker { worker: hello.worker };
        let _ = reply.send(if is_known { Ok(()) } else { Err(unknown) });
    }

    pub(super) fn workers_changed(&mut self, event: Option<Result<WatchEvent, MetaError>>) {
        match event {
            Some(Ok(WatchEvent::Changed { changes, .. })) => {
                for change in changes {
                    match change {
                        Change::Put(entry) => self.worker_put(&entry),
                        Change::Deleted { key } => {
                            if let Ok(StateKey::Worker(lease)) = key.parse() {
                                self.lose(lease);
                            }
                        }
                    }
                }
            }
            Some(Ok(WatchEvent::Resync(listing))) => self.workers_listed(&listing.entries),
            // The state that this leader has read and written is no longer there; the next leader reads the state that
            // is.
            Some(Ok(WatchEvent::Restored(_))) => {
                self.over = Some("the cluster's state was lost or restored".to_owned())
            }
            Some(Err(error)) => self.over = Some(format!("workers cannot be watched: {}", chain(&error))),
            None => self.over = Some("the watch over the workers ended".to_owned()),
        }
    }

    /// Takes in the list of all workers; those that are missing from it are lost.
    pub(super) fn workers_listed(&mut self, entries: &[storage::meta::Entry]) {
        let leases: Vec<LeaseId> = entries.iter().filter_map(|entry| lease_of(&entry.key)).collect();
        let gone: Vec<_> = self.workers.keys().filter(|lease| !leases.contains(lease)).copied().collect();
        gone.into_iter().for_each(|lease| self.lose(lease));
        entries.iter().for_each(|entry| self.worker_put(entry));
    }

    fn worker_put(&mut self, entry: &storage::meta::Entry) {
        let Some(worker) = lease_of(&entry.key) else { return };
        let record: WorkerRecord = match entry.record() {
            Ok(record) => record,
            Err(error) => {
                tracing::warn!(%worker, %error, "failed to read a worker's record; it gets no work");
                return;
            }
        };
        if self.workers.len() >= WORKERS_MAX && !self.workers.contains_key(&worker) {
            tracing::warn!(%worker, name = %record.name, "left out a worker, because {WORKERS_MAX} are there already; it gets no work");
            return;
        }
        if let Entry::Vacant(place) = self.workers.entry(worker) {
            tracing::info!(%worker, name = %record.name, slots = record.slots, version = %record.version, "worker joined");
            place.insert(LiveWorker::new(record.clone(), self.env.clock.now_ms()));
            let drain = self.drain_of(worker, record.name.as_str());
            if let Some(live) = self.workers.get_mut(&worker) {
                live.drain = drain;
            }
            self.apply(Event::WorkerJoined { worker });
        }
        self.handle.marks().note(worker, record.secret_sha256.as_ref().map(ToString::to_string));
        let Some(live) = self.workers.get_mut(&worker) else { return };
        if live.record != record {
            let (draining, unfit) = (&record.draining, &record.unfit);
            tracing::info!(%worker, name = %record.name, ?draining, ?unfit, "worker changed");
        }
        live.record = record;
        let (rests, leaves) = (live.rests(), live.is_leaving());
        if leaves {
            self.leaves(worker);
        }
        self.apply(Event::WorkerRests { worker, rests });
    }

    fn lose(&mut self, worker: LeaseId) {
        // Before the worker's last heartbeats are forgotten.
        let held = self.workers.get(&worker).into_iter().flat_map(|live| live.attempts.keys());
        let held: Vec<_> = held.cloned().collect();
        held.iter().for_each(|held| self.note_end_of(&held.task, held.attempt, &End::WorkerLost));
        let Some(live) = self.workers.remove(&worker) else { return };
        self.handle.marks().forget(worker);
        self.drained_or_lost(worker, &live);
        // A worker that was asked to leave and had little to do may be gone before its record says so.
        let was_leaving = live.is_leaving() || live.drain.is_some();
        tracing::info!(%worker, name = %live.record.name, was_leaving, "worker gone");
        metrics::counter!("tailor_workers_lost_total").increment(u64::from(!was_leaving));
        if !was_leaving {
            self.conduct.lease_lost(self.now(), live.record.name.as_str());
        }
        let jobs: Vec<_> = self.jobs.keys().cloned().collect();
        for job in jobs {
            let held: Vec<_> = self.state.attempts_on(&job, worker);
            if !held.is_empty() {
                let held: Vec<_> = held.iter().map(|(shard, task)| format!("{shard}/{task}")).collect();
                let fields = json!({ "worker": worker, "name": live.record.name.as_str(), "tasks": held });
                self.note(&job, "worker-lost", fields);
            }
        }
        self.drop_claims(worker);
        self.apply(Event::WorkerLost { worker });
    }
}

pub(super) fn lease_of(key: &str) -> Option<LeaseId> {
    match key.parse() {
        Ok(StateKey::Worker(lease)) => Some(lease),
        _ => None,
    }
}
