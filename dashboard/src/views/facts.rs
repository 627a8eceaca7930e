//! Facts of jobs, shards, tasks and workers, as JSON has them. Names and forms are those of the command line's
//! documents: states are words, instants end in `_at_ms`, durations in `_ms`, unknown values are `null`, and ids are
//! text.

use std::collections::BTreeMap;

use model::TimestampMs;
use proto::v1;
use serde::Serialize;

use crate::trace::TraceUrl;

/// Facts of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobFacts {
    pub(crate) job: String,
    /// `planning`, `running`, `cancelling`, `done`, `partly-done`, `failed`, `cancelled` or `unreadable`.
    pub(crate) state: String,
    /// State in a sentence.
    pub(crate) says: String,
    pub(crate) dataset: String,
    pub(crate) input: String,
    pub(crate) window: String,
    pub(crate) submitted_at_ms: i64,
    pub(crate) ended_at_ms: Option<i64>,
    pub(crate) shard_count: u32,
    pub(crate) shards_done: u32,
    pub(crate) shards_failed: u32,
    pub(crate) bytes: u64,
    pub(crate) bytes_read: u64,
    pub(crate) weight: i32,
    pub(crate) reason: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) waiting_for: Option<String>,
    pub(crate) attempts: u64,
    pub(crate) attempts_failed: u64,
}

impl From<&v1::JobSummary> for JobFacts {
    fn from(job: &v1::JobSummary) -> Self {
        Self {
            job: job.job.clone(),
            state: word(job.state().as_str_name(), "JOB_STATE_"),
            says: super::answer::of_job(job),
            dataset: job.dataset.clone(),
            input: job.input.clone(),
            window: job.window.clone(),
            submitted_at_ms: job.submitted_at_ms,
            ended_at_ms: (job.ended_at_ms != 0).then_some(job.ended_at_ms),
            shard_count: job.shards,
            shards_done: job.shards_done,
            shards_failed: job.shards_failed,
            bytes: job.bytes,
            bytes_read: job.bytes_read,
            weight: job.weight,
            reason: filled(&job.reason),
            cause: filled(&job.cause),
            waiting_for: filled(&job.waiting_for),
            attempts: job.attempts,
            attempts_failed: job.attempts_failed,
        }
    }
}

/// True if a job has not ended.
pub(crate) fn is_open(job: &v1::JobSummary) -> bool {
    use v1::JobState::{Cancelling, Planning, Running};
    matches!(job.state(), Planning | Running | Cancelling)
}

/// Facts of a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ShardFacts {
    pub(crate) shard: String,
    /// `mapping`, `reducing`, `committing`, `done`, `failed` or `cancelled`.
    pub(crate) state: String,
    pub(crate) cause: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) content_digest: Option<String>,
    pub(crate) replaces: Option<u32>,
    pub(crate) same_content: Option<bool>,
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_read: u64,
    pub(crate) map_tasks: u32,
    pub(crate) map_tasks_done: u32,
    pub(crate) partitions: u32,
    pub(crate) partitions_done: u32,
    pub(crate) running: u32,
    pub(crate) attempts: u32,
    pub(crate) attempts_failed: u32,
    pub(crate) points_read: u64,
    pub(crate) points_written: u64,
    pub(crate) elapsed_ms: u64,
    pub(crate) eta_ms: Option<u64>,
    pub(crate) warnings: Vec<String>,
}

impl From<&v1::ShardSummary> for ShardFacts {
    fn from(shard: &v1::ShardSummary) -> Self {
        Self {
            shard: shard.shard.clone(),
            state: word(shard.state().as_str_name(), "SHARD_STATE_"),
            cause: filled(&shard.cause),
            version: (shard.version > 0).then_some(shard.version),
            content_digest: filled(&shard.content_digest),
            replaces: (shard.replaces > 0).then_some(shard.replaces),
            same_content: shard.same_content,
            segments: shard.segments,
            bytes: shard.bytes,
            bytes_read: shard.bytes_read,
            map_tasks: shard.map_tasks,
            map_tasks_done: shard.map_tasks_done,
            partitions: shard.partitions,
            partitions_done: shard.partitions_done,
            running: shard.running,
            attempts: shard.attempts,
            attempts_failed: shard.attempts_failed,
            points_read: shard.points_read,
            points_written: shard.points_written,
            elapsed_ms: shard.elapsed_ms,
            eta_ms: (shard.eta_ms > 0).then_some(shard.eta_ms),
            warnings: shard.warnings.clone(),
        }
    }
}

/// Facts of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TaskFacts {
    pub(crate) shard: String,
    pub(crate) task: String,
    /// `open`, `running`, `waiting`, `done`, or `ended` with its shard.
    pub(crate) state: String,
    pub(crate) attempts: u32,
    pub(crate) charged: u32,
    pub(crate) running: Vec<RunningFacts>,
    pub(crate) error: Option<String>,
    /// Class of the last failure.
    pub(crate) class: Option<String>,
    pub(crate) bytes: u64,
    /// Obstacle for which it does not run, and the time until it may be tried again.
    pub(crate) waits_for: Option<String>,
    pub(crate) next_try_ms: Option<u64>,
    /// Attempt that counts.
    pub(crate) counts: Option<AttemptFacts>,
}

/// Facts of an attempt that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RunningFacts {
    pub(crate) attempt: u32,
    pub(crate) worker: String,
    pub(crate) worker_name: String,
    pub(crate) bytes: u64,
    pub(crate) points: u64,
    pub(crate) elapsed_ms: u64,
    /// True if it was begun beside a slow attempt.
    pub(crate) speculative: bool,
    /// Stage of the work, and the time since it last read or wrote anything.
    pub(crate) stage: Option<String>,
    pub(crate) idle_ms: u64,
}

impl From<&v1::TaskSummary> for TaskFacts {
    fn from(task: &v1::TaskSummary) -> Self {
        Self {
            shard: task.shard.clone(),
            task: task.task.clone(),
            state: word(task.state().as_str_name(), "TASK_STATE_"),
            attempts: task.attempts,
            charged: task.charged,
            running: task.running.iter().map(RunningFacts::from).collect(),
            error: filled(&task.error),
            class: class(task.class()),
            bytes: task.bytes,
            waits_for: filled(&task.waits_for),
            next_try_ms: (task.next_try_ms > 0).then_some(task.next_try_ms),
            counts: task.counts.as_ref().map(|record| AttemptFacts::of(record, None)),
        }
    }
}

impl From<&v1::RunningAttempt> for RunningFacts {
    fn from(running: &v1::RunningAttempt) -> Self {
        Self {
            attempt: running.attempt.unwrap_or_default().number,
            worker: running.worker.clone(),
            worker_name: running.worker_name.clone(),
            bytes: running.bytes,
            points: running.points,
            elapsed_ms: running.elapsed_ms,
            speculative: running.speculative,
            stage: filled(&running.stage),
            idle_ms: running.idle_ms,
        }
    }
}

/// Facts of an attempt that runs or has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AttemptFacts {
    pub(crate) attempt: u32,
    pub(crate) worker: Option<String>,
    pub(crate) worker_name: Option<String>,
    pub(crate) started_at_ms: Option<i64>,
    pub(crate) ended_at_ms: Option<i64>,
    /// `running`, `counts`, `failed`, `handed-back`, `stopped` or `worker-lost`.
    pub(crate) outcome: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) error: Option<String>,
    /// Stage in which it is, or was when it ended without counting.
    pub(crate) stage: Option<String>,
    pub(crate) bytes: u64,
    pub(crate) points: u64,
    pub(crate) spills: u64,
    pub(crate) stages_ms: BTreeMap<String, u64>,
    pub(crate) cpu_ms: u64,
    /// Time in its slot, requests, and time for which a store made them wait; none if they are not known.
    pub(crate) wall_ms: Option<u64>,
    pub(crate) requests: Option<u64>,
    pub(crate) throttled_ms: Option<u64>,
    pub(crate) speculative: bool,
    pub(crate) trace_id: Option<String>,
    /// Link to the trace, if the place of traces is set.
    pub(crate) trace_url: Option<String>,
}

impl AttemptFacts {
    pub(crate) fn of(record: &v1::AttemptRecord, traces: Option<&TraceUrl>) -> Self {
        let known = |at_ms: i64| (at_ms != 0).then_some(at_ms);
        let effort = record.effort.map(model::Effort::from);
        Self {
            attempt: record.attempt.unwrap_or_default().number,
            worker: filled(&record.worker),
            worker_name: filled(&record.worker_name),
            started_at_ms: known(record.start_ms),
            ended_at_ms: known(record.end_ms),
            outcome: filled(&record.outcome),
            class: class(record.class()),
            error: filled(&record.error),
            stage: filled(&record.stage),
            bytes: record.bytes,
            points: record.points,
            spills: record.spills,
            stages_ms: record.stages_ms.iter().map(|(stage, ms)| (stage.clone(), *ms)).collect(),
            cpu_ms: record.cpu_ms,
            wall_ms: effort.map(|effort| effort.wall.as_millis() as u64),
            requests: effort.map(|effort| effort.requests.total()),
            throttled_ms: effort.map(|effort| effort.throttled.as_millis() as u64),
            speculative: record.speculative,
            trace_url: traces.and_then(|traces| traces.link(&record.trace_id)),
            trace_id: filled(&record.trace_id),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.outcome.as_deref() == Some("running")
    }

    /// Time from its begin to its end, or to now; none if the begin is not known.
    pub(crate) fn took_ms(&self, now_ms: TimestampMs) -> Option<u64> {
        let end_ms = self.ended_at_ms.or_else(|| self.is_running().then_some(now_ms));
        let by_clock = || u64::try_from(end_ms? - self.started_at_ms?).ok();
        self.wall_ms.filter(|_| !self.is_running()).or_else(by_clock)
    }
}

/// Facts of a worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct WorkerFacts {
    pub(crate) worker: String,
    pub(crate) name: String,
    /// `active`, `draining`, `unfit` or `lost`.
    pub(crate) state: &'static str,
    /// Reason for which it leaves, or takes no work.
    pub(crate) reason: Option<String>,
    pub(crate) version: String,
    pub(crate) slots: u32,
    pub(crate) running: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) since_at_ms: i64,
    pub(crate) silent_ms: u64,
    /// Pace against the others, of the kinds of task of which enough is known.
    pub(crate) speeds: Vec<SpeedFacts>,
    /// Attempts that ended lately, those that failed, those that a twin overtook.
    pub(crate) attempts: u32,
    pub(crate) attempts_failed: u32,
    pub(crate) attempts_overtaken: u32,
    /// Leases of its name that ended lately while it did not drain.
    pub(crate) leases_lost: u32,
    /// Class and message of its last failure.
    pub(crate) class: Option<String>,
    pub(crate) failure: Option<String>,
    /// Reason to look at it, against what the others do.
    pub(crate) remark: Option<String>,
}

/// Pace of a worker at one kind of task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SpeedFacts {
    /// `map` or `reduce`.
    pub(crate) kind: String,
    /// 1 at the median of the others.
    pub(crate) speed: f64,
    pub(crate) attempts: u32,
    pub(crate) others: u32,
}

impl WorkerFacts {
    /// Speed at a kind of task, if enough is known.
    pub(crate) fn speed(&self, kind: &str) -> Option<f64> {
        self.speeds.iter().find(|speed| speed.kind == kind).map(|speed| speed.speed)
    }

    /// Returns the lowest of the worker's speeds; infinite if none is known.
    pub(crate) fn lowest_speed(&self) -> f64 {
        self.speeds.iter().map(|speed| speed.speed).fold(f64::INFINITY, f64::min)
    }
}

impl From<&v1::WorkerSummary> for WorkerFacts {
    fn from(worker: &v1::WorkerSummary) -> Self {
        let (state, reason) = match (filled(&worker.draining), filled(&worker.unfit)) {
            (Some(draining), _) => ("draining", Some(draining)),
            (None, Some(unfit)) => ("unfit", Some(unfit)),
            (None, None) => ("active", None),
        };
        Self {
            worker: worker.worker.clone(),
            name: worker.name.clone(),
            state,
            reason,
            version: worker.version.clone(),
            slots: worker.slots,
            running: worker.running,
            memory_bytes: worker.memory_bytes,
            since_at_ms: worker.since_ms,
            silent_ms: worker.silent_ms,
            speeds: worker.speeds.iter().map(SpeedFacts::from).collect(),
            attempts: worker.attempts,
            attempts_failed: worker.attempts_failed,
            attempts_overtaken: worker.attempts_overtaken,
            leases_lost: worker.leases_lost,
            class: class(worker.failure_class()),
            failure: filled(&worker.failure),
            remark: filled(&worker.remark),
        }
    }
}

impl From<&v1::WorkerSpeed> for SpeedFacts {
    fn from(speed: &v1::WorkerSpeed) -> Self {
        Self { kind: speed.kind.clone(), speed: speed.speed, attempts: speed.attempts, others: speed.others }
    }
}

/// Returns the name of a class of failure; none if there was no failure.
fn class(class: v1::FailureClass) -> Option<String> {
    let is_known = class != v1::FailureClass::Unspecified;
    is_known.then(|| word(class.as_str_name(), "FAILURE_CLASS_"))
}

/// Converts a state of the wire to a word: `JOB_STATE_PARTLY_DONE` to `partly-done`.
pub(crate) fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase().replace('_', "-")
}

/// Returns the text, or none if the wire leaves it empty.
pub(crate) fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
