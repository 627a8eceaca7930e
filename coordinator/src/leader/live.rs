//! What the leader knows of jobs and workers beside what the scheduler decides by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use format::state_records::{JobHead, ShardPhase, ShardRecord, Unknown, WorkerRecord};
use model::{HeldAttempt, JobSpec, ShardId};
use tokio::time::Instant;

use super::message::{Follower, PlannedShard, RecoveredShards};
use crate::event_log::EventLog;
use crate::job::Job;
use crate::report::{JobReport, ShardReport};

/// A job that has not been archived.
pub(crate) struct LiveJob {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) job: Arc<Job>,
    pub(crate) head: JobHead,
    pub(crate) shards: BTreeMap<ShardId, LiveShard>,
    pub(crate) warnings: Vec<String>,
    pub(crate) log: EventLog,
    /// Of a job that is tried again: what it did before.
    pub(crate) earlier: Option<Box<JobReport>>,
    /// When this leader heard of it, and how long it was there before that, by what is on record.
    pub(crate) began: Instant,
    pub(crate) before: Duration,
    /// Duration of the job, once it has ended.
    pub(crate) took: Option<Duration>,
    /// Waiter for its end.
    pub(crate) follower: Option<Follower>,
    /// Plans that are made, until their shards are opened.
    pub(crate) planned: Vec<PlannedShard>,
    /// Error of a planning that failed, until it is in the head.
    pub(crate) planning_failure: Option<String>,
    /// Shards that an earlier leader left, until they are opened.
    pub(crate) recovered: Option<Box<RecoveredShards>>,
}

/// A shard of it.
pub(crate) struct LiveShard {
    /// Its plan; dropped when it has ended.
    pub(crate) planned: Option<PlannedShard>,
    pub(crate) record: ShardRecord,
    pub(crate) report: ShardReport,
    /// When this leader gave its first attempt out or took it over, and how long it had run before that.
    pub(crate) begun: Option<Instant>,
    pub(crate) before: Duration,
}

impl LiveShard {
    /// A shard whose tasks are open.
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

    /// A shard whose plan is not at hand: it has ended, or is about to.
    pub(crate) const fn of(record: ShardRecord, report: ShardReport) -> Self {
        Self { planned: None, record, report, begun: None, before: Duration::ZERO }
    }

    /// How long it has run.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.map(|begun| self.before + begun.elapsed()).unwrap_or_default()
    }
}

impl LiveJob {
    /// How long it has been there, whoever led.
    pub(crate) fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    /// URI of the root of its runs.
    pub(crate) fn scratch(&self, scratch: Option<&str>) -> String {
        let own = || format::keys::scratch_root(&self.spec.dataset, &self.spec.job);
        scratch.map_or_else(own, str::to_owned)
    }

    /// What became of it: only of one whose shards have all ended.
    pub(crate) fn report(&self, started_at_ms: i64) -> JobReport {
        let shards = self.shards.values().map(|shard| shard.report.clone()).collect();
        let elapsed = self.took.unwrap_or_else(|| self.elapsed());
        let mut report =
            JobReport::of(&self.spec, self.head.round, shards, self.warnings.clone(), started_at_ms, elapsed);
        // A job that was cancelled when all that it had was being committed is done.
        let is_done = !report.shards.is_empty() && report.is_done();
        report.cause = self.head.cause.as_ref().map(ToString::to_string).filter(|_| !is_done);
        match &self.earlier {
            Some(earlier) => report.merge((**earlier).clone()),
            None => report,
        }
    }

    /// The shards that this round runs: those that an earlier one did not do, or those that were asked for. An earlier one
    /// that ended before it was planned knows of none.
    pub(crate) fn shards_to_run(&self) -> Vec<ShardId> {
        let planned = self.earlier.as_ref().filter(|earlier| !earlier.shards.is_empty());
        let Some(earlier) = planned else { return self.spec.shards.clone() };
        earlier.shards.iter().filter(|shard| !shard.is_done()).map(|shard| shard.shard).collect()
    }
}

/// A worker that lives.
pub(crate) struct LiveWorker {
    pub(crate) record: WorkerRecord,
    pub(crate) since_ms: i64,
    pub(crate) heard: Option<Instant>,
    /// What an operator wants it to leave for.
    pub(crate) drain: Option<String>,
    /// Attempts that it runs by the record, or by its beats while their job is being taken over.
    pub(crate) attempts: BTreeMap<HeldAttempt, Watched>,
}

/// What a worker's beats told of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watched {
    /// When a beat showed it last, or when it was granted.
    pub(crate) seen: Instant,
    /// Segment bytes read.
    pub(crate) bytes: u64,
    /// Points read or written.
    pub(crate) points: u64,
    /// When either changed last.
    pub(crate) changed: Instant,
}

impl Watched {
    /// Of an attempt that no beat has shown yet.
    pub(crate) fn from(now: Instant) -> Self {
        Self { seen: now, bytes: 0, points: 0, changed: now }
    }

    /// A beat showed it.
    pub(crate) fn see(&mut self, bytes: u64, points: u64, now: Instant) {
        if (self.bytes, self.points) != (bytes, points) {
            self.changed = now;
        }
        (self.seen, self.bytes, self.points) = (now, bytes, points);
    }
}

impl LiveWorker {
    pub(crate) fn new(record: WorkerRecord, since_ms: i64) -> Self {
        Self { record, since_ms, heard: None, drain: None, attempts: BTreeMap::new() }
    }

    /// Whether it takes no work.
    pub(crate) fn rests(&self) -> bool {
        self.record.draining.is_some() || self.record.unfit.is_some() || self.drain.is_some()
    }
}
