//! Ends of shards and jobs: their last writes, in order.
//!
//! ```text
//! shard: record (committing) -> manifest -> report object -> record (done), its tasks' keys gone -> runs removed
//! job:   last shard closed -> event log, record object -> its keys gone -> mark (over)
//! ```
//!
//! Each step may be repeated by the next leader: a manifest that exists is found, an object is named by its digest, and
//! the record is replaced by the same.

use std::sync::Arc;
use std::time::Duration;

use format::keys;
use format::state_records::{ShardPhase, ShardRecord, Text};
use futures::{StreamExt as _, stream};
use model::error::chain;
use model::limits::REQUESTS_AT_ONCE_MAX;
use model::{Digest, JobId, ShardId};
use scheduler::ShardEnd;
use scheduler::life::JobEvent;
use serde_json::json;
use storage::{Opener, Root, StorageError};

use super::Leader;
use super::message::{ArchiveError, Outcome};
use crate::event_log::EventLog;
use crate::history_index;
use crate::history_view;
use crate::journal::{Journal, JournalError};
use crate::record;
use crate::report::{JobReport, ShardReport};

/// Most ends of shards written at once: each lists and removes runs, writes a report and a record.
pub(super) const ENDS_AT_ONCE: usize = 64;

/// Event log, and the dataset that it goes to.
pub(super) type Log = (EventLog, Root);

impl Leader {
    /// Ends a shard: writes its last record, then removes its runs.
    pub(super) fn end_shard(&mut self, id: &JobId, shard: ShardId, end: ShardEnd) {
        let counts = self.state.counts(id, shard);
        self.run_lists.forget(id, shard);
        let Some(live) = self.jobs.get_mut(id) else { return };
        let scratch = live.scratch(self.settings.scratch.as_deref());
        let dataset = live.job.dataset.clone();
        let Some(live_shard) = live.shards.get_mut(&shard) else { return };
        live_shard.report.elapsed = live_shard.elapsed();
        live_shard.report.end(&end);
        let counting = std::mem::take(&mut live_shard.counting);
        if !live_shard.report.is_done() {
            live_shard.report.wasted += &counting;
        }
        live_shard.report.count(counts);
        live_shard.planned = None;
        let (phase, version, cause) = match &end {
            ShardEnd::Done { version } => (ShardPhase::Done, Some(*version), None),
            ShardEnd::Failed { cause } => (ShardPhase::Failed, None, Some(cause)),
            ShardEnd::Cancelled { cause } => (ShardPhase::Cancelled, None, Some(cause)),
        };
        let cause = cause.map(|cause| Text::cut(cause));
        live_shard.record = ShardRecord { phase, version, cause, ..live_shard.record.clone() };
        let (record, report) = (live_shard.record.clone(), live_shard.report.clone());
        tracing::info!(job = %id, %shard, ?phase, version, cause = record.cause.as_ref().map(Text::as_str), "shard ended");
        metrics::counter!("tailor_shards_total", "state" => phase_name(phase)).increment(1);
        if phase == ShardPhase::Done && live.spec.replay_of.is_none() {
            crate::metrics::count_shard_bytes(shard, report.totals.bytes_in);
        }
        let took = report.elapsed.as_secs_f64();
        metrics::histogram!("tailor_shard_seconds", "state" => phase_name(phase)).record(took);
        let fields = json!({ "shard": shard, "state": phase, "version": version, "cause": report.cause });
        self.note(id, "shard-ended", fields);
        let (journal, handle, id) = (self.journal.clone(), self.handle.clone(), id.clone());
        let (ends, stores) = (Arc::clone(&self.ends), self.env.stores.clone());
        tokio::spawn(async move {
            let _permit = ends.acquire_owned().await;
            // The runs are listed before the shard's end is on record: after that another round may begin, and write
            // its own.
            let runs = find_runs(&stores, &scratch, &id, shard).await;
            let result = close(&journal, &dataset, &id, shard, record, &report).await;
            // Runs are removed only by the leader in office: the tasks of another leader could gather them.
            let is_closed = result.is_ok();
            handle.send_outcome(Outcome::Closed { job: id.clone(), shard, result });
            if is_closed && let Err(error) = remove_runs(runs).await {
                tracing::warn!(error = chain(&error), job = %id, %shard, "failed to remove the runs of a shard; the collector removes them later");
            }
            // The folder is pruned here too, because the job may have ended meanwhile and found the runs still there.
            dataset.prune(&keys::scratch_folder(&id));
        });
    }

    /// Waits for the ends of shards that are being written, and for the removal of their runs, but not for a store that is
    /// away: a process that left at once would cut them off.
    pub(super) async fn ends_are_written(&self) {
        /// Longest wait.
        const WAIT_MAX: Duration = Duration::from_secs(2);
        drop(tokio::time::timeout(WAIT_MAX, self.ends.acquire_many(ENDS_AT_ONCE as u32)).await);
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

    /// Notes the duration of a job that has ended.
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
        let is_last_try = !self.settings.record_required;
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let is_written = log.flush_all(&dataset).await.is_ok();
            let result = archive(&journal, &dataset, &report).await;
            if result.is_ok() {
                handle.coverage().ended(&dataset, &report, journal.leadership().id());
            }
            if !is_written && (result.is_ok() || is_last_try) {
                log.finish(&dataset).await;
            }
            dataset.prune(&keys::scratch_folder(&report.job));
            if let Some(mark) = mark.filter(|_| result.is_ok() || is_last_try) {
                mark.end().await;
            }
            handle.send_outcome(Outcome::Archived { job: report.job, round, result });
        });
    }

    pub(super) fn archived(&mut self, id: &JobId, round: u32, result: Result<(), ArchiveError>) {
        let event = match result {
            Ok(()) => JobEvent::Archived,
            Err(ArchiveError::Storage(error)) if !self.settings.record_required => {
                // The committed shards count, and the waiter gets the report: only the dataset's own history lacks the
                // round.
                tracing::warn!(job = %id, error = chain(&error), "failed to write the job's record; its history lacks this round");
                JobEvent::Archived
            }
            Err(ArchiveError::Journal(JournalError::Over { reason })) => {
                self.over.get_or_insert(reason);
                return;
            }
            Err(error) => {
                tracing::warn!(job = %id, error = chain(&error), "failed to write the job's record; trying again in 5 s");
                JobEvent::NotArchived
            }
        };
        self.tell_job(id, Some(round), event);
    }

    /// Drops a job that is on record, and hands its report to its waiter.
    pub(super) fn forget(&mut self, id: &JobId) {
        if let Some(mut live) = self.jobs.remove(id) {
            let report = live.report(live.head.submitted_at_ms);
            let (state, shards) = (history_view::state(&report), report.shards.len());
            tracing::info!(job = %id, ?state, shards, "job ended");
            if let Some(follower) = live.follower.take() {
                // The waiter may have left meanwhile.
                let _ = follower.send(Box::new(report));
            }
        }
    }

    /// Lists the event logs of the live jobs.
    pub(super) fn logs(&self) -> Vec<Log> {
        self.jobs.values().map(|live| (live.log.clone(), live.job.dataset.clone())).collect()
    }
}

/// Writes the lines of event logs that are not written yet. Lines that cannot be written now wait for the next time.
pub(super) async fn write_logs(logs: Vec<Log>) {
    let write = |(log, dataset): Log| async move {
        if let Err(error) = log.flush(&dataset).await {
            tracing::warn!(error = chain(&error), %dataset, "failed to write an event log; its lines wait for the next time");
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
    let written = dataset.put_by_digest(&keys::shard_report(id, shard, digest), bytes).await;
    let report = match written {
        Ok(()) => Some(digest),
        Err(error) => {
            // The manifest lists the shard's output; only the account of the way there is lost.
            tracing::warn!(error = chain(&error), job = %id, %shard, "failed to write the report of a shard; only how it ended is on record");
            None
        }
    };
    let record = ShardRecord { report, ..record };
    journal.insist(|| journal.end_shard(id, shard, &record)).await
}

/// Creates the record of a round, and after it the history's entry, so that a job is listed as ended only if its record
/// can be read; then deletes the job's keys.
pub(super) async fn archive(journal: &Journal, dataset: &Root, report: &JobReport) -> Result<(), ArchiveError> {
    let leader = journal.leadership().id();
    record::write(dataset, &report.job, report.round, leader, report.to_bytes()).await?;
    history_index::add(dataset, report, leader).await?;
    Ok(journal.insist(|| journal.forget_job(&report.job)).await?)
}

/// Root of a shard's runs, and the keys of its runs, reports and lists.
type Runs = (Root, Vec<String>);

async fn find_runs(stores: &Opener, scratch: &str, id: &JobId, shard: ShardId) -> Result<Runs, StorageError> {
    let root = stores.reach_or_make(scratch).await?;
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
