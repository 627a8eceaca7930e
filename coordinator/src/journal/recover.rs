//! State that an earlier leader left: every record that this version can read.
//!
//! Versions read state that other versions wrote, and anybody with etcd's address can write there. Therefore no content of
//! the state stops a leader:
//!
//! | found | result |
//! |---|---|
//! | a key that this version does not know | skipped and kept; one warning a term |
//! | a field that this version does not know | skipped, and kept when the record is written again |
//! | a head that cannot be read, or no head above a job's other records | the job is left alone, and listed with the reason |
//! | another record of a job that cannot be read | its shard ends as failed, with the reason |
//! | a format of the state that only a newer version knows | this replica does not lead |

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use format::state_keys::{DATASETS, DRAINS, JOBS, StateKey, TaskPath, WORKERS};
use format::state_records::{
    ClaimRecord, DatasetRecord, DoneRecord, DrainRecord, DrainSerial, FormatRecord, JobHead, JobPhase, STATE_FORMAT,
    ShardPhase, ShardRecord, Unknown,
};
use model::{AttemptId, Digest, JobId, LeaseId, ShardId, TaskId, TimestampMs};
use scheduler::Tried;
use storage::meta::claim::SeenAttempts;
use storage::meta::{Entry, MetaError, MetaStore, Revision};

use super::Written;

/// Content of the cluster's state.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Revision at which the workers were read; a watch continues after it.
    pub(crate) revision: Revision,
    /// Format of the state, if one is recorded.
    pub(crate) format: Option<u32>,
    /// Jobs that have not been archived.
    pub(crate) jobs: BTreeMap<JobId, FoundJob>,
    /// Workers, with their raw entries.
    pub(crate) workers: Vec<Entry>,
    /// Orders to leave, by the worker that last received each.
    pub(crate) drains: BTreeMap<LeaseId, DrainRecord>,
    /// Record that counts how often orders were written.
    pub(super) drain_serial: DrainSerial,
    /// Revisions of each record of a dataset, job or shard.
    pub(super) written: BTreeMap<String, Written>,
    passed_over: PassedOver,
}

/// Records that this version cannot read: their number, and the first one.
#[derive(Debug, Default)]
struct PassedOver {
    count: usize,
    first: Option<String>,
}

/// Job in the cluster's state.
#[derive(Debug, Default)]
pub(crate) struct FoundJob {
    /// Head of the job; none if it cannot be read.
    pub(crate) head: Option<JobHead>,
    /// Reason for which the head cannot be read, if it exists.
    pub(crate) unreadable: Option<String>,
    /// Shards of the job.
    pub(crate) shards: BTreeMap<ShardId, FoundShard>,
}

/// Shard in the cluster's state.
#[derive(Debug, Default)]
pub(crate) struct FoundShard {
    /// Record of the shard; none if it does not exist or cannot be read.
    pub(crate) record: Option<ShardRecord>,
    /// Reason for which a record of the shard, or of one of its tasks, cannot be read.
    pub(crate) unreadable: Option<String>,
    /// Tasks that are done.
    pub(crate) done: BTreeMap<TaskId, DoneRecord>,
    /// Attempts that are running.
    pub(crate) claims: Vec<(TaskId, AttemptId, LeaseId)>,
    /// Create revisions of their claims.
    pub(super) claimed: BTreeMap<AttemptId, Revision>,
    /// Tasks that were done and that we have reopened since: records of them that are read later do not count.
    opened: Mutex<BTreeMap<TaskId, Tried>>,
    tried: BTreeMap<TaskId, SeenAttempts>,
}

impl Found {
    /// Iterates over the attempts of tasks that are not done.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (TaskPath, SeenAttempts)> {
        self.jobs.iter().flat_map(|(job, found)| {
            found.shards.iter().flat_map(move |(shard, found)| {
                let path = move |task: &TaskId| TaskPath { job: job.clone(), shard: *shard, task: *task };
                found.tried.iter().map(move |(task, seen)| (path(task), seen.clone()))
            })
        })
    }

    /// Iterates over the fields of shards' records that a newer version wrote, by key.
    pub(super) fn unknown(&self) -> impl Iterator<Item = (String, Unknown)> {
        self.jobs.iter().flat_map(|(job, found)| {
            found.shards.iter().filter_map(move |(shard, found)| {
                let unknown =
                    found.record.as_ref().map(|record| &record.unknown).filter(|unknown| !unknown.is_empty())?;
                Some((StateKey::Shard(job.clone(), *shard).into(), unknown.clone()))
            })
        })
    }

    fn note_entry(&mut self, entry: &Entry) {
        match entry.key.parse::<StateKey>() {
            Ok(key) => self.take_known(key, entry),
            Err(error) => drop(self.passed_over.note(entry, &error.to_string())),
        }
    }

    fn take_known(&mut self, key: StateKey, entry: &Entry) {
        match key {
            // The leader computes the demand anew, and reads its record when it replaces it.
            StateKey::Leader | StateKey::Format | StateKey::Demand(_) => {}
            StateKey::Dataset(_) => {
                self.remember(entry);
                if let Err(error) = entry.record::<DatasetRecord>() {
                    self.passed_over.note(entry, &error.to_string());
                }
            }
            StateKey::Worker(_) => self.workers.push(entry.clone()),
            StateKey::Drain(worker) => match entry.record() {
                Ok(order) => drop(self.drains.insert(worker, order)),
                Err(error) => drop(self.passed_over.note(entry, &error.to_string())),
            },
            StateKey::DrainSerial => {
                self.remember(entry);
                // An unreadable count is overwritten: it may continue from any number.
                self.drain_serial = entry.record().unwrap_or_default();
            }
            StateKey::Job(job) => {
                self.remember(entry);
                let found = self.jobs.entry(job).or_default();
                match entry.record() {
                    Ok(head) => found.head = Some(head),
                    Err(error) => found.unreadable = Some(self.passed_over.note(entry, &error.to_string())),
                }
            }
            StateKey::Shard(job, shard) => {
                self.remember(entry);
                let record = entry.record();
                self.note_shard(&job, shard, entry, record, |found, record| found.record = Some(record));
            }
            StateKey::Attempts(TaskPath { job, shard, task }) => {
                let seen = SeenAttempts::of(Some(entry));
                self.note_shard(&job, shard, entry, seen, |found, seen| drop(found.tried.insert(task, seen)));
            }
            StateKey::Claim(TaskPath { job, shard, task }, number) => {
                let claim: Result<ClaimRecord, _> = entry.record();
                let created = entry.create_revision;
                let note = |found: &mut FoundShard, claim: ClaimRecord| {
                    let attempt = AttemptId { number, token: claim.token(created.0) };
                    found.claims.push((task, attempt, claim.worker));
                    found.claimed.insert(attempt, created);
                };
                self.note_shard(&job, shard, entry, claim, note);
            }
            StateKey::Done(TaskPath { job, shard, task }) => {
                let done = entry.record();
                self.note_shard(&job, shard, entry, done, |found, done| {
                    found.done.insert(task, done);
                });
            }
        }
    }

    /// Stores the content of a shard's record, or notes that it cannot be read.
    fn note_shard<R>(
        &mut self,
        job: &JobId,
        shard: ShardId,
        entry: &Entry,
        record: Result<R, MetaError>,
        note: impl FnOnce(&mut FoundShard, R),
    ) {
        let found = self.jobs.entry(job.clone()).or_default().shards.entry(shard).or_default();
        match record {
            Ok(record) => note(found, record),
            Err(error) => found.unreadable = Some(self.passed_over.note(entry, &error.to_string())),
        }
    }

    fn remember(&mut self, entry: &Entry) {
        let written = Written { created: entry.create_revision, modified: entry.mod_revision };
        self.written.insert(entry.key.clone(), written);
    }

    /// Leaves jobs without a head alone, has jobs that lack shards planned anew, and logs once what was skipped.
    fn finish(&mut self) {
        for (id, _) in self.jobs.extract_if(.., |_, job| job.head.is_none() && job.unreadable.is_none()) {
            self.passed_over.count += 1;
            self.passed_over.first.get_or_insert_with(|| format!("records of job {id}, which has no head"));
        }
        for (id, job) in &mut self.jobs {
            if let (Some(count), Some(head)) = (job.lacks_shards(), &mut job.head) {
                tracing::warn!(job = %id, count, shards = head.shards, "read fewer shards than the job has; it is planned anew");
                head.phase = JobPhase::Planning;
            }
        }
        if let PassedOver { count, first: Some(first) } = &self.passed_over {
            tracing::warn!(count, first, "passed over keys or records that this version cannot read; they were kept");
        }
    }
}

impl PassedOver {
    /// Counts a skipped entry; returns its description.
    fn note(&mut self, entry: &Entry, reason: &str) -> String {
        self.count += 1;
        let what = if reason.contains(&entry.key) { reason.to_owned() } else { format!("{}: {reason}", entry.key) };
        self.first.get_or_insert_with(|| what.clone());
        what
    }
}

impl FoundJob {
    /// Iterates over the shards of the round of `head`: all of them, or none while it is not known which shards there
    /// are. A planned job has as many as its head says; a job that was cancelled before may have only some of them on
    /// record.
    pub(crate) fn of_round(&self, head: &JobHead) -> impl Iterator<Item = (ShardId, &FoundShard)> {
        let are_known = match head.phase {
            JobPhase::Planning => false,
            JobPhase::Cancelling => self.count_of(head.round) == head.shards as usize,
            JobPhase::Running | JobPhase::Ended => true,
        };
        let round = head.round;
        let of_round = self.shards.iter().filter(move |(_, found)| are_known && found.is_of(round));
        of_round.map(|(shard, found)| (*shard, found))
    }

    fn count_of(&self, round: u32) -> usize {
        self.shards.values().filter(|found| found.is_of(round)).count()
    }

    /// Returns the number of shards on record if the job runs and its head says that there are more. Each was on record
    /// before the head said that the job runs: etcd was restored in between, to a time before some of them.
    fn lacks_shards(&self) -> Option<usize> {
        let head = self.head.as_ref().filter(|head| head.phase == JobPhase::Running)?;
        Some(self.count_of(head.round)).filter(|count| *count < head.shards as usize)
    }
}

impl FoundShard {
    /// True if the shard's record is one of this round, or cannot be read.
    fn is_of(&self, round: u32) -> bool {
        self.record.as_ref().map_or(self.unreadable.is_some(), |record| record.round == round)
    }

    /// Returns the shard's record; for one that cannot be read, a substitute until the shard has ended.
    pub(crate) fn record_or_lost(&self) -> ShardRecord {
        self.record.clone().unwrap_or_else(|| ShardRecord {
            phase: ShardPhase::Running,
            round: 0,
            plan: Digest(0),
            map_tasks: 0,
            partitions: 0,
            version: None,
            cause: None,
            report: None,
            unknown: Unknown::new(),
        })
    }

    /// Returns the tasks that were done and that we have reopened since.
    pub(crate) fn opened(&self) -> MutexGuard<'_, BTreeMap<TaskId, Tried>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Iterates over the tasks that were tried, done or not.
    pub(crate) fn tried(&self) -> impl Iterator<Item = (TaskId, Tried)> {
        let open = self.tried.iter().map(|(task, seen)| {
            let record = &seen.record;
            (*task, Tried { last: record.last, charged: record.charged, exact_start: record.exact_start })
        });
        let done = self.done.iter().map(|(task, done)| (*task, Tried { last: done.last, ..Tried::default() }));
        open.chain(done)
    }

    /// Returns the time at which its first attempt was claimed, if that is on record.
    pub(crate) fn begun_at_ms(&self) -> Option<TimestampMs> {
        let open = self.tried.values().filter_map(|seen| seen.record.begun_at_ms);
        open.chain(self.done.values().filter_map(|done| done.begun_at_ms)).min()
    }
}

/// Reads all keys of the known prefixes. Other keys are left alone, because another cluster's namespace may lie
/// inside ours.
///
/// # Errors
/// The store's, and [`MetaError::TooNew`].
pub(crate) async fn recover(store: &dyn MetaStore) -> Result<Found, MetaError> {
    let format = format_of(store).await?;
    // Workers are read first: the watch reports a worker that is gone by the time its claims are read. All other keys
    // are the leader's own.
    let workers = store.list(WORKERS).await?;
    let mut found = Found { revision: workers.revision, format, ..Found::default() };
    workers.entries.iter().for_each(|entry| found.note_entry(entry));
    for prefix in [DATASETS, DRAINS, JOBS] {
        store.list(prefix).await?.entries.iter().for_each(|entry| found.note_entry(entry));
    }
    found.finish();
    Ok(found)
}

async fn format_of(store: &dyn MetaStore) -> Result<Option<u32>, MetaError> {
    let Some(entry) = store.get(&String::from(StateKey::Format)).await? else { return Ok(None) };
    match entry.record::<FormatRecord>() {
        Ok(FormatRecord { version }) if version > STATE_FORMAT => {
            Err(MetaError::TooNew { found: version, known: STATE_FORMAT })
        }
        Ok(FormatRecord { version }) => Ok(Some(version)),
        // The record belongs to a newer version, so it must not be overwritten.
        Err(error) => {
            tracing::warn!(%error, "failed to read the format of the state; took it for ours");
            Ok(Some(STATE_FORMAT))
        }
    }
}

#[cfg(test)]
mod tests;
