//! Takeover: what another leader left is read, and goes on.
//!
//! The records were read with one listing; the objects that they name are read here, many at once: until a job is read, none
//! of its tasks is given out.

use std::sync::Arc;

use format::keys;
use format::plan::PlanDocument;
use format::state_records::{DoneRecord, JobPhase, ShardPhase, ShardRecord};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::{AttemptId, Clock, Digest, JobId, Report, ShardId, TaskId, TaskPath};
use scheduler::{Event, Restored, Tried};
use serde_json::json;
use storage::Root;

use super::Leader;
use super::jobs::{OBJECTS_AT_ONCE, read_spec};
use super::live::LiveShard;
use super::message::{Outcome, PlannedShard, Recovered, RecoveredShard, TakeoverError};
use crate::error::describe;
use crate::history;
use crate::job::Job;
use crate::journal::{Found, FoundJob, FoundShard, Journal, JournalError};
use crate::read::read_whole;
use crate::report::ShardReport;

/// Shards of a job that are read at once, each with up to [`OBJECTS_AT_ONCE`] reports.
const SHARDS_AT_ONCE: usize = 8;

impl Leader {
    /// Takes over what another leader left.
    pub(super) fn take_over(&mut self, found: Found) {
        let Found { jobs, workers, .. } = found;
        self.members(&workers);
        for (id, job) in jobs {
            self.recovering.insert(id.clone());
            self.read_job(id, Arc::new(job));
        }
    }

    fn read_job(&self, id: JobId, found: Arc<FoundJob>) {
        /// Between two tries to read what a store does not give at the moment.
        const PAUSE: std::time::Duration = std::time::Duration::from_secs(2);
        let (handle, journal, clock) = (self.handle.clone(), self.journal.clone(), Arc::clone(&self.clock));
        let scratch = self.settings.scratch.clone();
        tokio::spawn(async move {
            loop {
                match read_job(&journal, &id, &found, scratch.as_deref(), Arc::clone(&clock)).await {
                    Err(TakeoverError::Journal(JournalError::Over { reason })) => {
                        return handle.tell(Outcome::Recovered { job: id, recovered: Box::new(Err(reason)) });
                    }
                    Err(error) => tracing::warn!(job = %id, %error, "take over a job; trying again"),
                    Ok(recovered) => {
                        return handle.tell(Outcome::Recovered { job: id, recovered: Box::new(Ok(recovered)) });
                    }
                }
                tokio::time::sleep(PAUSE).await;
                if handle.is_closed() {
                    return;
                }
            }
        });
    }

    pub(super) fn recovered(&mut self, id: &JobId, recovered: Result<Recovered, String>) {
        let Recovered { spec, job, head, open, ended, earlier } = match recovered {
            Ok(recovered) => recovered,
            Err(reason) => return self.over = Some(reason),
        };
        self.recovering.remove(id);
        let phase = head.phase;
        let reason = head.reason.to_string();
        let has_failed = head.cause.is_some();
        self.insert(job, spec, head, earlier);
        let tasks = open.iter().map(|shard| shard.restored.done.len()).sum::<usize>();
        tracing::info!(job = %id, ?phase, open = open.len(), ended = ended.len(), tasks, "job taken over");
        self.note(id, "taken-over", json!({ "open": open.len(), "ended": ended.len(), "tasks_done": tasks }));
        if phase == JobPhase::Planning && !has_failed {
            return self.plan(id);
        }
        for (record, report) in ended {
            if let Some(live) = self.jobs.get_mut(id) {
                live.shards.insert(report.shard, LiveShard { planned: None, record, report, begun: None });
            }
        }
        for RecoveredShard { planned, mut restored } in open {
            // A claim whose worker is gone by now went with its lease.
            restored.running.retain(|(_, _, worker)| self.workers.contains_key(worker));
            for (task, attempt, worker) in &restored.running {
                let task = TaskPath { job: id.clone(), shard: planned.plan.shard, task: *task };
                self.expect_beats(*worker, task, *attempt);
            }
            self.open_shard(id, planned, Some(Box::new(restored)));
        }
        self.apply(Event::JobPlanned { job: id.clone() });
        if phase == JobPhase::Cancelling {
            self.apply(Event::Cancelled { job: id.clone(), cause: reason });
        }
    }
}

/// Reads what another leader knew of a job.
async fn read_job(
    journal: &Journal,
    id: &JobId,
    found: &FoundJob,
    scratch: Option<&str>,
    clock: Arc<dyn Clock>,
) -> Result<Recovered, TakeoverError> {
    let gone = || "its head is gone; remove what is left of it by hand".to_owned();
    let head = found.head.clone().ok_or_else(gone)?;
    let dataset = Root::create(head.dataset.as_str()).map_err(|error| describe(&error))?;
    let spec = read_spec(&dataset, id, head.spec).await?;
    let job = Job::open(&spec, clock).map_err(|error| describe(&error))?;
    let own = keys::scratch_root(&spec.dataset, id);
    let scratch = Root::create(scratch.unwrap_or(&own)).map_err(|error| describe(&error))?;
    let earlier = if head.round > 1 { history::record(&dataset, id).await.map_err(|e| describe(&e))? } else { None };
    let reader = Reader { journal, id, dataset: &dataset, scratch: &scratch };
    let is_planned = head.phase != JobPhase::Planning;
    let of_round = found.shards.iter().filter(|_| is_planned).filter_map(|(shard, found)| {
        let record = found.record.as_ref().filter(|record| record.round == head.round)?;
        Some(reader.shard(*shard, found, record))
    });
    let shards: Vec<_> = of_round.collect();
    let (mut open, mut ended) = (Vec::new(), Vec::new());
    let mut shards = stream::iter(shards).buffered(SHARDS_AT_ONCE);
    while let Some(shard) = shards.try_next().await? {
        match shard {
            ShardRead::Open(shard) => open.push(shard),
            ShardRead::Ended(shard) => ended.push(*shard),
        }
    }
    drop(shards);
    Ok(Recovered { spec: Arc::new(spec), job: Arc::new(job), head, open, ended, earlier: earlier.map(Box::new) })
}

/// A shard as another leader left it.
enum ShardRead {
    Open(RecoveredShard),
    Ended(Box<(ShardRecord, ShardReport)>),
}

/// Where a job's objects lie.
#[derive(Clone, Copy)]
struct Reader<'a> {
    journal: &'a Journal,
    id: &'a JobId,
    dataset: &'a Root,
    scratch: &'a Root,
}

impl Reader<'_> {
    async fn shard(self, shard: ShardId, found: &FoundShard, record: &ShardRecord) -> Result<ShardRead, TakeoverError> {
        match record.phase {
            ShardPhase::Running | ShardPhase::Committing => {
                let planned = self.plan(shard, record.plan).await?;
                let restored = self.reports(shard, found).await?;
                Ok(ShardRead::Open(RecoveredShard { planned, restored }))
            }
            ShardPhase::Done | ShardPhase::Failed | ShardPhase::Cancelled => {
                let report = self.shard_report(shard, record).await?;
                Ok(ShardRead::Ended(Box::new((record.clone(), report))))
            }
        }
    }

    async fn plan(self, shard: ShardId, digest: Digest) -> Result<PlannedShard, String> {
        let key = keys::plan(self.id, shard, digest);
        let object = || self.dataset.object(&key);
        let bytes = self.dataset.read(&key).await.map_err(|error| describe(&error))?;
        if Digest::of(&bytes) != digest {
            return Err(format!("{} has digest {}, not that of its name", object(), Digest::of(&bytes)));
        }
        let document = PlanDocument::from_bytes(&bytes).map_err(|error| format!("{}: {error}", object()))?;
        let segments = self.dataset.read_inputs(document.inputs()).await.map_err(|error| describe(&error))?;
        let plan = document.into_plan(segments).map_err(|error| format!("{}: {error}", object()))?;
        Ok(PlannedShard { plan: Arc::new(plan), digest })
    }

    /// The reports of the tasks that are done. One that is gone or damaged opens its task again.
    async fn reports(self, shard: ShardId, found: &FoundShard) -> Result<Restored, TakeoverError> {
        let done: Vec<_> = found.done.iter().map(|(task, done)| self.done_task(shard, found, *task, done)).collect();
        let read: Vec<Result<_, _>> = stream::iter(done).buffer_unordered(OBJECTS_AT_ONCE).try_collect().await?;
        let mut restored =
            Restored { tried: found.tried().collect(), running: found.claims.clone(), ..Restored::default() };
        for task in read {
            match task {
                Ok(done) => restored.done.push(done),
                Err(lost) => restored.tried.push(lost),
            }
        }
        Ok(restored)
    }

    /// One of them, or what its task has behind it now that it is open again.
    async fn done_task(
        self,
        shard: ShardId,
        found: &FoundShard,
        task: TaskId,
        done: &DoneRecord,
    ) -> Result<Result<(TaskId, AttemptId, Report), (TaskId, Tried)>, TakeoverError> {
        let path = TaskPath { job: self.id.clone(), shard, task };
        // In an earlier try to read the job: its report may be whole this time, and is on record no longer.
        let opened = found.opened().get(&task).copied();
        if let Some(tried) = opened {
            return Ok(Err((task, tried)));
        }
        if let Some(report) = self.report(&path, done).await? {
            return Ok(Ok((task, done.attempt, report)));
        }
        let tried = Tried { last: done.last, charged: 1, exact_start: None };
        tracing::warn!(%path, attempt = %done.attempt, "the report of a task is lost; the task runs again");
        self.journal.reopen(path, done.attempt, tried).await?;
        found.opened().insert(task, tried);
        Ok(Err((task, tried)))
    }

    /// The report of a task; none where it is gone or damaged. One that is torn on its way must not open its task: a shard
    /// that is being committed would commit another attempt beside the first.
    async fn report(self, path: &TaskPath, done: &DoneRecord) -> Result<Option<Report>, String> {
        let decode = |bytes: &[u8]| match Digest::of(bytes) {
            digest if digest == done.report => Report::from_bytes(bytes).map_err(|error| error.to_string()),
            other => Err(format!("it has digest {other}, on record is {}", done.report)),
        };
        read_whole(self.scratch, &keys::report(path, done.attempt), decode).await.map_err(|error| describe(&error))
    }

    async fn shard_report(self, shard: ShardId, record: &ShardRecord) -> Result<ShardReport, String> {
        let Some(digest) = record.report else {
            let plan = self.plan(shard, record.plan).await?.plan;
            return Ok(ShardReport::planned(&plan));
        };
        let key = keys::shard_report(self.id, shard, digest);
        let bytes = self.dataset.read(&key).await.map_err(|error| describe(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", self.dataset.object(&key)))
    }
}
