//! State of jobs and workers beside the scheduler's: specs, heads, reports, heartbeats.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use format::state_records::{JobHead, ShardPhase, ShardRecord, Unknown, WorkerRecord};
use model::{Effort, HeldAttempt, JobSpec, ShardId, Stage, TaskId, TraceParent};
use proto::dispatch::{AttemptBeat, PROTOCOL, PROTOCOL_MIN};
use tokio::time::Instant;

use super::message::{Follower, PlannedShard, RecoveredShards};
use crate::event_log::EventLog;
use crate::history_view;
use crate::job::Job;
use crate::report::{JobReport, ShardReport};

/// Job that has not been archived.
pub(crate) struct LiveJob {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) job: Arc<Job>,
    pub(crate) head: JobHead,
    pub(crate) shards: BTreeMap<ShardId, LiveShard>,
    pub(crate) warnings: Vec<String>,
    pub(crate) log: EventLog,
    /// Record of the earlier rounds, if the job is tried again.
    pub(crate) earlier: Option<Box<JobReport>>,
    /// Time at which this leader added the job.
    pub(crate) began: Instant,
    /// Age of the job at that time, by its head on record.
    pub(crate) before: Duration,
    /// Duration of the job, once it has ended.
    pub(crate) took: Option<Duration>,
    /// Sender of the job's report to the caller that waits for its end.
    pub(crate) follower: Option<Follower>,
    /// Plans that are made, until their shards are opened.
    pub(crate) planned: Vec<PlannedShard>,
    /// Error of a planning that failed, until it is in the head.
    pub(crate) planning_failure: Option<String>,
    /// Shards that an earlier leader left, until they are opened.
    pub(crate) recovered: Option<Box<RecoveredShards>>,
    /// Span of the job's submission, if this leader took the job on and is traced.
    pub(crate) submitted: Option<TraceParent>,
}

/// Shard of a live job.
pub(crate) struct LiveShard {
    /// Plan of the shard; dropped when the shard has ended.
    pub(crate) planned: Option<PlannedShard>,
    pub(crate) record: ShardRecord,
    pub(crate) report: ShardReport,
    /// Time at which this leader granted the shard's first attempt, or took the shard over.
    pub(crate) begun: Option<Instant>,
    /// Time that the shard had run before that, by its claims on record.
    pub(crate) before: Duration,
    /// Begin of the last attempt at each task whose trace a collector gets.
    pub(crate) traces: BTreeMap<TaskId, TraceParent>,
    /// Effort of the attempts that this leader recorded as done.
    pub(crate) counting: Effort,
}

impl LiveShard {
    /// Creates a shard whose tasks are open.
    pub(crate) fn new(planned: PlannedShard, round: u32) -> Self {
        let plan = &planned.plan;
        let record = ShardRecord {
            phase: ShardPhase::Running,
            round,
            plan: planned.digest,
            map_tasks: plan.map_tasks.len() as u32,
            partitions: plan.partitions,
            version: None,
            cause: None,
            report: None,
            unknown: Unknown::new(),
        };
        let report = ShardReport::planned(plan);
        Self { planned: Some(planned), ..Self::of(record, report) }
    }

    /// Creates a shard whose plan is not at hand: the shard has ended, or is about to.
    pub(crate) const fn of(record: ShardRecord, report: ShardReport) -> Self {
        Self {
            planned: None,
            record,
            report,
            begun: None,
            before: Duration::ZERO,
            traces: BTreeMap::new(),
            counting: Effort::ZERO,
        }
    }

    /// Returns the time that the shard has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.map(|begun| self.before + begun.elapsed()).unwrap_or_default()
    }
}

impl LiveJob {
    /// Returns the age of the job, under all leaders.
    pub(crate) fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    /// Returns the URI of the root of the job's runs.
    pub(crate) fn scratch(&self, scratch: Option<&str>) -> String {
        let own = || format::keys::scratch_root(&self.spec.dataset, &self.spec.job);
        scratch.map_or_else(own, str::to_owned)
    }

    /// Sums the effort of attempts that count: of shards that are done by their reports, of others as this leader saw it.
    pub(crate) fn counting(&self) -> Effort {
        let mut effort = self.earlier.as_ref().map(|earlier| earlier.totals.effort).unwrap_or_default();
        for shard in self.shards.values() {
            effort += if shard.report.is_done() { &shard.report.totals.effort } else { &shard.counting };
        }
        effort
    }

    /// Sums the effort of attempts that do not count.
    pub(crate) fn wasted(&self) -> Effort {
        let mut effort = self.earlier.as_ref().map(|earlier| history_view::wasted(earlier)).unwrap_or_default();
        self.shards.values().for_each(|shard| effort += &shard.report.wasted);
        effort
    }

    /// Builds the report of a job whose shards have all ended.
    pub(crate) fn report(&self, started_at_ms: i64) -> JobReport {
        let shards = self.shards.values().map(|shard| shard.report.clone()).collect();
        let elapsed = self.took.unwrap_or_else(|| self.elapsed());
        let mut report =
            JobReport::of(&self.spec, self.head.round, shards, self.warnings.clone(), started_at_ms, elapsed);
        // A job that was cancelled while all its shards were being committed is done.
        let is_done = !report.shards.is_empty() && report.is_done();
        report.cause = self.head.cause.as_ref().map(ToString::to_string).filter(|_| !is_done);
        match &self.earlier {
            Some(earlier) => report.merge((**earlier).clone()),
            None => report,
        }
    }

    /// Lists the shards that this round runs: those that the earlier rounds left undone, or else those of the spec. An
    /// earlier round that ended before it was planned knows of no shards.
    pub(crate) fn shards_to_run(&self) -> Vec<ShardId> {
        let planned = self.earlier.as_ref().filter(|earlier| !earlier.shards.is_empty());
        let Some(earlier) = planned else { return self.spec.shards.clone() };
        earlier.shards.iter().filter(|shard| !shard.is_done()).map(|shard| shard.shard).collect()
    }
}

/// Worker that lives, by its record and its heartbeats.
pub(crate) struct LiveWorker {
    pub(crate) record: WorkerRecord,
    pub(crate) since_ms: i64,
    pub(crate) heard: Option<Instant>,
    /// Reason for which an operator wants the worker to leave.
    pub(crate) drain: Option<String>,
    /// True once a heartbeat said that the worker leaves. Its record may be late: etcd may be slower than the leader.
    pub(crate) told_of_leaving: bool,
    /// Attempts that run on the worker by the record, or by its heartbeats while their job is being taken over.
    pub(crate) attempts: BTreeMap<HeldAttempt, Watched>,
}

/// Progress of an attempt, as its worker's heartbeats show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched {
    /// Time at which a heartbeat showed the attempt last, or at which it was granted.
    pub(crate) seen: Instant,
    /// Segment bytes that the attempt has read.
    pub(crate) bytes: u64,
    /// Points that the attempt has read or written.
    pub(crate) points: u64,
    /// Time at which `bytes` or `points` changed last.
    pub(crate) changed: Instant,
    /// Stage of the work; none before the first.
    pub(crate) stage: Option<Stage>,
    /// Requests and time so far.
    pub(crate) effort: Effort,
    /// Span of the attempt, if it is traced.
    pub(crate) trace: Option<TraceParent>,
}

impl Watched {
    /// Creates the progress of an attempt that no heartbeat has shown yet.
    pub(crate) fn from(now: Instant) -> Self {
        Self { seen: now, bytes: 0, points: 0, changed: now, stage: None, effort: Effort::default(), trace: None }
    }

    /// Notes the progress that a heartbeat shows.
    pub(crate) fn see(&mut self, beat: &AttemptBeat, now: Instant) {
        if (self.bytes, self.points) != (beat.bytes, beat.points) {
            self.changed = now;
        }
        (self.seen, self.bytes, self.points) = (now, beat.bytes, beat.points);
        (self.stage, self.effort) = (beat.stage, beat.effort);
        // After a takeover only the worker knows it.
        self.trace = self.trace.or(beat.trace);
    }
}

impl LiveWorker {
    pub(crate) fn new(record: WorkerRecord, since_ms: i64) -> Self {
        Self { record, since_ms, heard: None, drain: None, told_of_leaving: false, attempts: BTreeMap::new() }
    }

    /// True if the worker has said that it leaves, in its record or in a heartbeat.
    pub(crate) fn is_leaving(&self) -> bool {
        self.record.draining.is_some() || self.told_of_leaving
    }

    /// True if the worker takes no work. A worker of a protocol that is not served only joins to be turned away; if it
    /// is restarted again and again, it is there nearly all the time, and tasks that failed elsewhere must not wait for
    /// it.
    pub(crate) fn rests(&self) -> bool {
        let is_served = (PROTOCOL_MIN..=PROTOCOL).contains(&self.record.protocol);
        !is_served || self.is_leaving() || self.record.unfit.is_some() || self.drain.is_some()
    }
}
