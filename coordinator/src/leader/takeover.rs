//! Takeover: reads the jobs that another leader left, and goes on with them.
//!
//! The records were read at once; the objects that they name are read here, many at once. Until a job is read, none of
//! its tasks is granted, and the job is listed with the reason (`recovering`).

use std::sync::Arc;
use std::time::Duration;

use format::keys;
use format::plan::PlanDocument;
use format::state_records::{DoneRecord, JobHead, JobPhase, ShardPhase, ShardRecord};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::error::chain;
use model::{AttemptId, Digest, HeldAttempt, JobId, JobSpec, Report, ShardId, TaskId, TaskPath};
use scheduler::life::JobEvent;
use scheduler::{Event, Restored, Tried};
use serde_json::json;
use storage::{Root, StorageError};
use tokio::time::Instant;

use super::Leader;
use super::begin::since;
use super::live::LiveShard;
use super::message::{Outcome, PlannedShard, Recovered, RecoveredShard, RecoveredShards, TakeoverError};
use super::plans::OBJECTS_AT_ONCE;
use super::recovering::Recovering;
use super::workers::lease_of;
use crate::Env;
use crate::job::Job;
use crate::journal::{Found, FoundJob, FoundShard, Journal, JournalError};
use crate::read::read_whole;
use crate::record;
use crate::report::ShardReport;

/// Most jobs that are read at once.
pub(super) const TAKEOVERS_AT_ONCE: usize = 8;
/// Most shards of a job that are read at once, each with up to [`OBJECTS_AT_ONCE`] reports.
const SHARDS_AT_ONCE: usize = 16;
/// Pause before a job that could not be read is read again.
const PAUSE: Duration = Duration::from_secs(2);

impl Leader {
    /// Takes over the jobs, workers and orders that another leader left.
    pub(super) fn take_over(&mut self, found: Found) {
        let Found { jobs, workers, drains, .. } = found;
        let alive = workers.iter().filter_map(|entry| lease_of(&entry.key)).collect();
        self.restore_drains(drains, &alive);
        self.workers_listed(&workers);
        for (id, job) in jobs {
            let event = match &job.head {
                Some(head) => JobEvent::Found { is_cancelled: head.phase == JobPhase::Cancelling },
                None => JobEvent::FoundUnreadable,
            };
            self.recovering.insert(id.clone(), Recovering::of(job));
            self.tell_job(&id, None, event);
        }
    }

    /// Reads a job that has a head, after a pause if it was tried before.
    pub(super) fn read_job(&self, id: &JobId, again: bool, gives_up: bool) {
        let Some(recovering) = self.recovering.get(id) else { return };
        let Some(head) = recovering.head.clone() else { return };
        let found = Arc::clone(&recovering.found);
        let (handle, journal, env) = (self.handle.clone(), self.journal.clone(), self.env.clone());
        let (scratch, takeovers, job) = (self.settings.scratch.clone(), Arc::clone(&self.takeovers), id.clone());
        let pause = if again { PAUSE } else { Duration::ZERO };
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            if handle.is_closed() {
                return;
            }
            let _permit = takeovers.acquire_owned().await;
            let reader = JobReader { journal: &journal, id: &job, head: &head, found: &found, gives_up };
            let recovered = Box::new(reader.read(scratch.as_deref(), &env).await);
            handle.send_outcome(Outcome::Recovered { job: job.clone(), gave_up: gives_up, recovered });
        });
    }

    pub(super) fn recovered(&mut self, id: &JobId, gave_up: bool, recovered: Result<Recovered, TakeoverError>) {
        match recovered {
            Ok(recovered) => self.go_on(id, recovered),
            Err(TakeoverError::Journal(JournalError::Over { reason })) => self.over = Some(reason),
            Err(error) => self.not_recovered(id, gave_up, &error),
        }
    }

    /// Notes the reason for which a job cannot go on yet.
    fn not_recovered(&mut self, id: &JobId, gave_up: bool, error: &TakeoverError) {
        let Some(recovering) = self.recovering.get_mut(id) else { return };
        let is_lost = matches!(error, TakeoverError::Lost(_));
        let reason = error.to_string();
        if recovering.trouble.as_ref() != Some(&reason) {
            tracing::warn!(job = %id, reason, is_lost, "failed to take over the job; trying again");
        }
        recovering.trouble = Some(reason);
        self.tell_job(id, None, JobEvent::NotRecovered { is_lost, gave_up });
    }

    fn go_on(&mut self, id: &JobId, recovered: Recovered) {
        let Recovered { spec, job, earlier, warnings, shards } = recovered;
        // The head may say by now that the job was cancelled.
        let Some(head) = self.recovering.remove(id).and_then(|recovering| recovering.head) else { return };
        let phase = head.phase;
        let is_planned = phase != JobPhase::Planning || head.cause.is_some();
        self.insert(job, spec, head, earlier);
        let tasks = shards.open.iter().map(|shard| shard.restored.done.len()).sum::<usize>();
        let (open, ended, lost) = (shards.open.len(), shards.ended.len(), shards.lost.len());
        if let Some(live) = self.jobs.get_mut(id) {
            live.warnings = warnings;
            live.recovered = Some(shards);
        }
        tracing::info!(job = %id, ?phase, open, ended, lost, tasks, "job taken over");
        self.note(id, "taken-over", json!({ "open": open, "ended": ended, "lost": lost, "tasks_done": tasks }));
        self.tell_job(id, None, JobEvent::Recovered { is_planned });
    }

    /// Hands the shards of an earlier leader to the scheduler.
    pub(super) fn open_recovered(&mut self, id: &JobId, shards: RecoveredShards) {
        let RecoveredShards { open, ended, lost } = shards;
        for (record, report) in ended {
            if let Some(live) = self.jobs.get_mut(id) {
                live.shards.insert(report.shard, LiveShard::of(record, report));
            }
        }
        open.into_iter().for_each(|shard| self.resume(id, shard));
        for (shard, record, cause) in lost {
            if let Some(live) = self.jobs.get_mut(id) {
                live.shards.insert(shard, LiveShard::of(record.clone(), ShardReport::recorded(shard, &record)));
            }
            self.apply(Event::ShardLost { job: id.clone(), shard, cause });
        }
    }

    /// Resumes a shard where another leader left it.
    fn resume(&mut self, id: &JobId, shard: RecoveredShard) {
        let RecoveredShard { planned, record, begun_at_ms, mut restored } = shard;
        let shard = planned.plan.shard;
        // A claim whose worker is gone by now went with the worker's lease.
        restored.running.retain(|(_, _, worker)| self.workers.contains_key(worker));
        for (task, attempt, worker) in &restored.running {
            let task = TaskPath { job: id.clone(), shard, task: *task };
            self.expect_beats(*worker, HeldAttempt { task, attempt: *attempt }, None);
        }
        let has_begun = begun_at_ms.is_some() || !restored.tried.is_empty();
        let now_ms = self.env.clock.now_ms();
        self.open_shard(id, planned, Some(Box::new(restored)));
        if let Some(live_shard) = self.jobs.get_mut(id).and_then(|live| live.shards.get_mut(&shard)) {
            live_shard.begun = has_begun.then(Instant::now);
            live_shard.before = begun_at_ms.map_or(Duration::ZERO, |begun_at_ms| since(now_ms, begun_at_ms));
            // A commit that was begun may be visible, and is not withdrawn.
            live_shard.record.phase = record.phase;
        }
    }
}

/// Job to read, and the records that were found of it.
struct JobReader<'a> {
    journal: &'a Journal,
    id: &'a JobId,
    head: &'a JobHead,
    found: &'a FoundJob,
    /// If set, a plan or a report that is lost ends its shard.
    gives_up: bool,
}

impl JobReader<'_> {
    /// Reads the objects of a job that another leader left.
    async fn read(&self, scratch: Option<&str>, env: &Env) -> Result<Recovered, TakeoverError> {
        let Self { journal, id, head, found, gives_up } = *self;
        // The dataset is opened, not made: an empty folder would look like a dataset that lost everything.
        let dataset = env.stores.reach(head.dataset.as_str()).await?;
        let spec = read_spec(&dataset, id, head.spec).await?;
        let job = Job::open(&spec, env).await.map_err(|error| match error {
            crate::JobError::Storage(error) => error.into(),
            error => TakeoverError::Lost(chain(&error)),
        })?;
        let own = keys::scratch_root(&spec.dataset, id);
        let scratch = env.stores.reach_or_make(scratch.unwrap_or(&own)).await?;
        let earlier = if head.round > 1 { record::read(&dataset, id).await? } else { None };
        // A record with a lost spec is that of another job, which had the name before this one.
        let earlier = earlier.filter(|earlier| !earlier.has_lost_spec());
        let reader = Reader { journal, id, dataset: &dataset, scratch: &scratch, gives_up };
        let shards: Vec<_> = found.of_round(head).map(|(shard, found)| reader.shard(shard, found)).collect();
        let (mut open, mut ended, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        let mut shards = stream::iter(shards).buffered(SHARDS_AT_ONCE);
        while let Some(shard) = shards.try_next().await? {
            match shard {
                ShardRead::Open(shard) => open.push(*shard),
                ShardRead::Ended(shard) => ended.push(*shard),
                ShardRead::Lost(shard) => lost.push(*shard),
            }
        }
        drop(shards);
        let earlier = earlier.map(Box::new);
        let warnings = read_warnings(&dataset, id, head.warnings).await?;
        let shards = Box::new(RecoveredShards { open, ended, lost });
        Ok(Recovered { spec: Arc::new(spec), job: Arc::new(job), earlier, warnings, shards })
    }
}

async fn read_spec(dataset: &Root, job: &JobId, digest: Digest) -> Result<JobSpec, TakeoverError> {
    let key = keys::spec(job, digest);
    let bytes = read_by_digest(dataset, &key, digest).await?;
    JobSpec::from_object(&bytes).map_err(|error| TakeoverError::Lost(format!("{}: {error}", dataset.object(&key))))
}

/// Reads an object that is named by its digest. Bytes that were damaged on their way could still be a spec or a report, of
/// something else.
async fn read_by_digest(dataset: &Root, key: &str, digest: Digest) -> Result<Vec<u8>, TakeoverError> {
    let bytes = dataset.read(key).await?;
    match Digest::of(&bytes) {
        found if found == digest => Ok(bytes.into()),
        found => {
            let object = dataset.object(key);
            Err(TakeoverError::Lost(format!("{object} has digest {found}, not that of its name")))
        }
    }
}

/// Reads the warnings of a job's planning. A loss of them delays nothing: the loss is itself a warning.
async fn read_warnings(dataset: &Root, job: &JobId, digest: Option<Digest>) -> Result<Vec<String>, StorageError> {
    let Some(digest) = digest else { return Ok(Vec::new()) };
    let key = keys::warnings(job, digest);
    let decode = |bytes: &[u8]| match Digest::of(bytes) {
        found if found == digest => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        found => Err(format!("it has digest {found}")),
    };
    let lost = || vec![format!("what planning warned of is lost: {} is gone or damaged", dataset.object(&key))];
    Ok(read_whole(dataset, &key, decode).await?.unwrap_or_else(lost))
}

/// Shard as another leader left it.
enum ShardRead {
    Open(Box<RecoveredShard>),
    Ended(Box<(ShardRecord, ShardReport)>),
    Lost(Box<(ShardId, ShardRecord, String)>),
}

/// Reader of the objects of a job's shards, with the places where they lie.
#[derive(Clone, Copy)]
struct Reader<'a> {
    journal: &'a Journal,
    id: &'a JobId,
    dataset: &'a Root,
    scratch: &'a Root,
    gives_up: bool,
}

impl Reader<'_> {
    async fn shard(self, shard: ShardId, found: &FoundShard) -> Result<ShardRead, TakeoverError> {
        let record = found.record_or_lost();
        match (record.phase, &found.unreadable) {
            (ShardPhase::Running | ShardPhase::Committing, Some(reason)) => {
                let cause = format!("the cluster's state of the shard cannot be read ({reason}); retry the job");
                Ok(ShardRead::Lost(Box::new((shard, record, cause))))
            }
            (ShardPhase::Running | ShardPhase::Committing, None) => match self.plan(shard, record.plan).await {
                Ok(planned) => {
                    let restored = self.reports(shard, found).await?;
                    let begun_at_ms = found.begun_at_ms();
                    Ok(ShardRead::Open(Box::new(RecoveredShard { planned, record, begun_at_ms, restored })))
                }
                Err(TakeoverError::Lost(reason)) if self.gives_up => {
                    let cause = format!("the shard's plan is lost: {reason}; retry the job");
                    Ok(ShardRead::Lost(Box::new((shard, record, cause))))
                }
                Err(error) => Err(error),
            },
            (ShardPhase::Done | ShardPhase::Failed | ShardPhase::Cancelled, _) => {
                let report = match self.shard_report(shard, &record).await {
                    Err(TakeoverError::Lost(reason)) if self.gives_up => {
                        tracing::warn!(job = %self.id, %shard, reason, "found the report of a shard lost; only how it ended is known");
                        ShardReport::recorded(shard, &record)
                    }
                    report => report?,
                };
                Ok(ShardRead::Ended(Box::new((record, report))))
            }
        }
    }

    async fn plan(self, shard: ShardId, digest: Digest) -> Result<PlannedShard, TakeoverError> {
        let key = keys::plan(self.id, shard, digest);
        let object = || self.dataset.object(&key);
        let bytes = read_by_digest(self.dataset, &key, digest).await?;
        let lost = |reason: String| TakeoverError::Lost(format!("{}: {reason}", object()));
        let document = PlanDocument::from_bytes(&bytes).map_err(lost)?;
        let segments = self.dataset.read_inputs(document.inputs()).await?;
        let plan = document.into_plan(segments).map_err(lost)?;
        Ok(PlannedShard { plan: Arc::new(plan), digest })
    }

    /// Reads the reports of the tasks that are done. A report that is gone or damaged opens its task again.
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

    /// Reads the report of a task that is done. If the report is lost, opens the task again and returns its earlier
    /// attempts.
    async fn done_task(
        self,
        shard: ShardId,
        found: &FoundShard,
        task: TaskId,
        done: &DoneRecord,
    ) -> Result<Result<(TaskId, AttemptId, Report), (TaskId, Tried)>, TakeoverError> {
        let path = TaskPath { job: self.id.clone(), shard, task };
        // An earlier try to read the job opened this task: the report may be whole this time, but it is on record no
        // longer.
        let opened = found.opened().get(&task).copied();
        if let Some(tried) = opened {
            return Ok(Err((task, tried)));
        }
        if let Some(report) = self.report(&path, done).await? {
            return Ok(Ok((task, done.attempt, report)));
        }
        let tried = Tried { last: done.last, charged: 1, exact_start: None };
        tracing::warn!(%path, attempt = %done.attempt, "found the report of a task lost; the task runs again");
        self.journal.reopen(path, done.attempt, tried).await?;
        found.opened().insert(task, tried);
        Ok(Err((task, tried)))
    }

    /// Reads the report of a task; none if it is gone or damaged. A report that is torn on its way must not open its
    /// task: a shard that is being committed would commit another attempt beside the first.
    async fn report(self, path: &TaskPath, done: &DoneRecord) -> Result<Option<Report>, StorageError> {
        let decode = |bytes: &[u8]| match Digest::of(bytes) {
            digest if digest == done.report => Report::from_bytes(bytes).map_err(|error| error.to_string()),
            other => Err(format!("it has digest {other}, on record is {}", done.report)),
        };
        read_whole(self.scratch, &keys::report(path, done.attempt), decode).await
    }

    async fn shard_report(self, shard: ShardId, record: &ShardRecord) -> Result<ShardReport, TakeoverError> {
        let Some(digest) = record.report else {
            let plan = self.plan(shard, record.plan).await?.plan;
            let report = ShardReport::planned(&plan);
            return Ok(ShardReport {
                totals: report.totals,
                segments: report.segments,
                ..ShardReport::recorded(shard, record)
            });
        };
        let key = keys::shard_report(self.id, shard, digest);
        let bytes = read_by_digest(self.dataset, &key, digest).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| TakeoverError::Lost(format!("{}: {error}", self.dataset.object(&key))))
    }
}
