//! What another leader left: every record, as of one revision.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use format::state_keys::{StateKey, TaskPath};
use format::state_records::{ClaimRecord, DoneRecord, JobHead, ShardRecord};
use model::{AttemptId, JobId, LeaseId, ShardId, TaskId};
use scheduler::Tried;
use storage::meta::claim::SeenAttempts;
use storage::meta::{Entry, MetaError, MetaStore, Revision};

use super::Written;

/// Everything that the state says.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// As of when: watch what comes after it.
    pub(crate) revision: Revision,
    /// Jobs that have not been archived.
    pub(crate) jobs: BTreeMap<JobId, FoundJob>,
    /// Workers, with their records as they lie.
    pub(crate) workers: Vec<Entry>,
    /// When each record of a dataset, job or shard was written.
    pub(super) written: BTreeMap<String, Written>,
}

/// One job.
#[derive(Debug, Default)]
pub(crate) struct FoundJob {
    /// Where it stands; none where only leftovers are there.
    pub(crate) head: Option<JobHead>,
    /// Its shards.
    pub(crate) shards: BTreeMap<ShardId, FoundShard>,
}

/// One shard.
#[derive(Debug, Default)]
pub(crate) struct FoundShard {
    /// Where it stands.
    pub(crate) record: Option<ShardRecord>,
    /// Tasks that are done.
    pub(crate) done: BTreeMap<TaskId, DoneRecord>,
    /// Attempts that run.
    pub(crate) claims: Vec<(TaskId, AttemptId, LeaseId)>,
    /// When their claims came to be.
    pub(super) claimed: BTreeMap<AttemptId, Revision>,
    /// Tasks that were done, and that we have opened again since: what is read of them by then does not count.
    opened: Mutex<BTreeMap<TaskId, Tried>>,
    tried: BTreeMap<TaskId, SeenAttempts>,
}

impl Found {
    /// Attempts of tasks that are not done.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (TaskPath, SeenAttempts)> {
        self.jobs.iter().flat_map(|(job, found)| {
            found.shards.iter().flat_map(move |(shard, found)| {
                let path = move |task: &TaskId| TaskPath { job: job.clone(), shard: *shard, task: *task };
                found.tried.iter().map(move |(task, seen)| (path(task), seen.clone()))
            })
        })
    }

    fn take(&mut self, entry: &Entry) -> Result<(), MetaError> {
        let key = entry.key.parse::<StateKey>();
        let foreign =
            |error: model::ids::ParseIdError| MetaError::Foreign { key: entry.key.clone(), reason: error.to_string() };
        match key.map_err(foreign)? {
            StateKey::Leader => {}
            StateKey::Dataset(_) => self.remember(entry),
            StateKey::Worker(_) => self.workers.push(entry.clone()),
            StateKey::Job(job) => {
                self.jobs.entry(job).or_default().head = Some(entry.record()?);
                self.remember(entry);
            }
            StateKey::Shard(job, shard) => {
                self.jobs.entry(job).or_default().shards.entry(shard).or_default().record = Some(entry.record()?);
                self.remember(entry);
            }
            StateKey::Attempts(path) => {
                let seen = SeenAttempts::of(Some(entry))?;
                self.shard(&path).tried.insert(path.task, seen);
            }
            StateKey::Claim(path, number) => {
                let claim: ClaimRecord = entry.record()?;
                let attempt = AttemptId { number, token: claim.token(entry.create_revision.0) };
                let shard = self.shard(&path);
                shard.claims.push((path.task, attempt, claim.worker));
                shard.claimed.insert(attempt, entry.create_revision);
            }
            StateKey::Done(path) => {
                let done = entry.record()?;
                self.shard(&path).done.insert(path.task, done);
            }
        }
        Ok(())
    }

    fn remember(&mut self, entry: &Entry) {
        let written = Written { created: entry.create_revision, modified: entry.mod_revision };
        self.written.insert(entry.key.clone(), written);
    }

    fn shard(&mut self, path: &TaskPath) -> &mut FoundShard {
        self.jobs.entry(path.job.clone()).or_default().shards.entry(path.shard).or_default()
    }
}

impl FoundShard {
    /// Tasks that were done, and that we have opened again since.
    pub(crate) fn opened(&self) -> MutexGuard<'_, BTreeMap<TaskId, Tried>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tasks that were tried, done or not.
    pub(crate) fn tried(&self) -> impl Iterator<Item = (TaskId, Tried)> {
        let open = self.tried.iter().map(|(task, seen)| {
            let record = &seen.record;
            (*task, Tried { last: record.last, charged: record.charged, exact_start: record.exact_start })
        });
        let done = self.done.iter().map(|(task, done)| (*task, Tried { last: done.last, ..Tried::default() }));
        open.chain(done)
    }
}

/// Reads everything.
pub(crate) async fn recover(store: &dyn MetaStore) -> Result<Found, MetaError> {
    let listing = store.list("").await?;
    let mut found = Found { revision: listing.revision, ..Found::default() };
    for entry in &listing.entries {
        found.take(entry)?;
    }
    Ok(found)
}
