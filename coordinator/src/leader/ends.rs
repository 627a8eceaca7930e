//! The ends of shards and jobs: what is written last, and in which order.
//!
//! ```text
//! shard: record (committing) -> manifest -> report object -> record (done), its tasks' keys gone -> runs removed
//! job:   last shard closed -> event log, record object -> its keys gone -> mark (over)
//! ```
//!
//! Each step may be done again by the next leader: the manifest is found if it is there, an object is named by its digest,
//! the record is replaced by the same.

use std::sync::Arc;

use format::keys;
use format::state_records::{ShardPhase, ShardRecord, Text};
use futures::{StreamExt as _, stream};
use model::limits::REQUESTS_AT_ONCE_MAX;
use model::{Digest, JobId, ShardId};
use scheduler::ShardEnd;
use scheduler::life::JobEvent;
use serde_json::json;
use storage::{Root, StorageError};

use super::Leader;
use super::message::{ArchiveError, Outcome};
use crate::error::describe;
use crate::event_log::EventLog;
use crate::history_index;
use crate::journal::{Journal, JournalError};
use crate::record;
use crate::report::{JobReport, ShardReport};

/// Ends of shards that are written at once: each lists and removes runs, writes a report and a record.
pub(super) const ENDS_AT_ONCE: usize = 64;

/// An event log, and the dataset that it goes to.
pub(super) type Log = (EventLog, Root);

impl Leader {
    /// A shard has ended: its last record is written, its runs are removed.
    pub(super) fn end_shard(&mut self, id: &JobId, shard: ShardId, end: ShardEnd) {
        let counts = self.state.counts(id, shard);
        self.run_lists.forget(id, shard);
        let Some(live) = self.jobs.get_mut(id) else { return };
        let scratch = live.scratch(self.settings.scratch.as_deref());
        let dataset = live.job.dataset.clone();
        let Some(of) = live.shards.get_mut(&shard) else { return };
        of.report.elapsed = of.elapsed();
        of.report.end(&end);
        of.report.count(counts);
        of.planned = None;
        let (phase, version, cause) = match &end {
            ShardEnd::Done { version } => (ShardPhase::Done, Some(*version), None),
            ShardEnd::Failed { cause } => (ShardPhase::Failed, None, Some(cause)),
            ShardEnd::Cancelled { cause } => (ShardPhase::Cancelled, None, Some(cause)),
        };
        let cause = cause.map(|cause| Text::cut(cause));
        of.record = ShardRecord { phase, version, cause, ..of.record.clone() };
        let (record, report) = (of.record.clone(), of.report.clone());
        tracing::info!(job = %id, %shard, ?phase, version, cause = record.cause.as_ref().map(Text::as_str), "shard ended");
        metrics::counter!("tailor_shards_total", "state" => phase_name(phase)).increment(1);
        let fields = json!({ "shard": shard, "state": phase, "version": version, "cause": report.cause });
        self.note(id, "shard-ended", fields);
        let (journal, handle, id) = (self.journal.clone(), self.handle.clone(), id.clone());
        let ends = Arc::clone(&self.ends);
        tokio::spawn(async move {
            let _permit = ends.acquire_owned().await;
            // Looked for before its end is on record: after that another round may begin, and write its own.
            let runs = find_runs(&scratch, &id, shard).await;
            let result = close(&journal, &dataset, &id, shard, record, &report).await;
            // Only whoever still leads may: another leader's tasks could gather them.
            let is_closed = result.is_ok();
            handle.tell(Outcome::Closed { job: id.clone(), shard, result });
            if is_closed && let Err(error) = remove_runs(runs).await {
                tracing::warn!(%error, job = %id, %shard, "remove runs; the collector finds them");
            }
            // Also where its job has ended meanwhile, and found them still there.
            dataset.prune(&keys::scratch_folder(&id));
        });
    }

    pub(super) fn closed(&mut self, id: &JobId, shard: ShardId, result: Result<(), JournalError>) {
        match self.unless_over(result) {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                return self.over = Some(format!("the end of {id}/{shard} cannot be recorded: {error}"));
            }
            None => return,
        }
        self.tell_job(id, None, JobEvent::ShardClosed);
    }

    /// Notes how long a job took.
    pub(super) fn note_end(&mut self, id: &JobId) {
        if let Some(live) = self.jobs.get_mut(id) {
            live.took = Some(live.elapsed());
        }
    }

    /// Writes the record of a job whose shards are all on record, then deletes its keys.
    pub(super) fn archive(&mut self, id: &JobId) {
        let Some(live) = self.jobs.get_mut(id) else { return };
        let round = live.head.round;
        let started_at_ms = live.head.submitted_at_ms;
        let report = live.report(started_at_ms);
        let (dataset, log) = (live.job.dataset.clone(), live.log.clone());
        let live_has_plans = !live.shards.is_empty();
        self.note(id, "ended", json!({}));
        // A job without a plan was never marked.
        let mark = if live_has_plans { self.mark_of(id) } else { None };
        let is_last_try = !self.settings.insists_on_records;
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let is_written = log.flush_all(&dataset).await.is_ok();
            let result = archive(&journal, &dataset, &report).await;
            if !is_written && (result.is_ok() || is_last_try) {
                log.finish(&dataset).await;
            }
            dataset.prune(&keys::scratch_folder(&report.job));
            if let Some(mark) = mark.filter(|_| result.is_ok() || is_last_try) {
                mark.end().await;
            }
            handle.tell(Outcome::Archived { job: report.job, round, result });
        });
    }

    pub(super) fn archived(&mut self, id: &JobId, round: u32, result: Result<(), ArchiveError>) {
        let event = match result {
            Ok(()) => JobEvent::Archived,
            Err(ArchiveError::Storage(error)) if !self.settings.insists_on_records => {
                // What was committed counts, and whoever waits has the report: only the dataset's own history lacks it.
                tracing::warn!(job = %id, error = describe(&error), "failed to write the job's record; its history lacks this round");
                JobEvent::Archived
            }
            Err(ArchiveError::Journal(JournalError::Over { reason })) => {
                self.over.get_or_insert(reason);
                return;
            }
            Err(error) => {
                tracing::warn!(job = %id, %error, "failed to write the job's record; trying again in 5 s");
                JobEvent::NotArchived
            }
        };
        self.tell_job(id, Some(round), event);
    }

    /// Drops a job that is on record, and hands its report to its waiter.
    pub(super) fn forget(&mut self, id: &JobId) {
        tracing::info!(job = %id, "job ended");
        if let Some(mut live) = self.jobs.remove(id) {
            let report = live.report(live.head.submitted_at_ms);
            if let Some(follower) = live.follower.take() {
                // It may have left meanwhile.
                let _ = follower.send(Box::new(report));
            }
        }
    }

    /// The event logs of all jobs.
    pub(super) fn logs(&self) -> Vec<Log> {
        self.jobs.values().map(|live| (live.log.clone(), live.job.dataset.clone())).collect()
    }
}

/// Writes what is not written yet of event logs. Lines that cannot be written now wait for the next time.
pub(super) async fn write_logs(logs: Vec<Log>) {
    let write = |(log, dataset): Log| async move {
        if let Err(error) = log.flush(&dataset).await {
            tracing::warn!(%error, %dataset, "an event log could not be written; its lines wait for the next time");
        }
    };
    stream::iter(logs).for_each_concurrent(REQUESTS_AT_ONCE_MAX, write).await;
}

async fn close(
    journal: &Journal,
    dataset: &Root,
    id: &JobId,
    shard: ShardId,
    record: ShardRecord,
    report: &ShardReport,
) -> Result<(), JournalError> {
    let bytes = serde_json::to_vec(report).expect("a report is numbers and names");
    let digest = Digest::of(&bytes);
    let written = dataset.create_once(&keys::shard_report(id, shard, digest), bytes).await;
    let report = match written {
        Ok(_) => Some(digest),
        Err(error) => {
            // The manifest says what it holds; only the account of how it came to be is lost.
            tracing::warn!(%error, job = %id, %shard, "write the shard's report");
            None
        }
    };
    let record = ShardRecord { report, ..record };
    journal.insist(|| journal.end_shard(id, shard, &record)).await
}

/// Creates the record of a round, and after it the history's entry, so that a job is listed as ended only if its record can
/// be read; then lets the job's keys go.
pub(super) async fn archive(journal: &Journal, dataset: &Root, report: &JobReport) -> Result<(), ArchiveError> {
    let leader = journal.leadership().id();
    record::write(dataset, &report.job, report.round, leader, report.to_bytes()).await?;
    history_index::add(dataset, report, leader).await?;
    Ok(journal.insist(|| journal.forget_job(&report.job)).await?)
}

/// Runs, reports and lists of a shard.
type Runs = (Root, Vec<String>);

async fn find_runs(scratch: &str, id: &JobId, shard: ShardId) -> Result<Runs, StorageError> {
    let root = Root::reach_or_make(scratch).await?;
    let runs = root.list(&keys::runs_of(id, shard)).await?;
    Ok((root, runs.into_iter().map(|object| object.location.to_string()).collect()))
}

async fn remove_runs(runs: Result<Runs, StorageError>) -> Result<(), StorageError> {
    let (root, runs) = runs?;
    root.remove_all(runs).await
}

const fn phase_name(phase: ShardPhase) -> &'static str {
    match phase {
        ShardPhase::Running => "running",
        ShardPhase::Committing => "committing",
        ShardPhase::Done => "done",
        ShardPhase::Failed => "failed",
        ShardPhase::Cancelled => "cancelled",
    }
}
