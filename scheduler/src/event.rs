//! The scheduler's input ([`Event`]) and output ([`Effect`]).
//!
//! Durable facts are journaled first and reported here afterwards: [`Event::Claimed`] follows the write of the claim,
//! [`Event::Recorded`] the write of the completion. So the scheduler never knows more than its successor would.

use std::sync::Arc;

use model::{
    AttemptId, Books, Digest, Effort, Failure, Invariant, JobId, LeaseId, PartitionId, QuarantineEntry, ReduceReport,
    Report, RunList, ShardId, ShardPlan, StageTimes, TaskId, TaskPath,
};

use crate::job::life::{JobEffect, JobEvent};

/// Identity of a worker in the scheduler: the id of its lease.
pub type WorkerId = LeaseId;

/// Input of [`step`](crate::step): a fact that the coordinator reports.
#[derive(Debug)]
pub enum Event {
    /// Something happened to a job as a whole; [`life`](crate::life) decides the effects.
    Job {
        /// Job that the event happened to.
        job: JobId,
        /// Round in which the effect behind the event was asked for; the event of another round changes nothing. Absent
        /// for requests of operators and for jobs that an earlier leader left, which belong to any round.
        round: Option<u32>,
        /// Request, or result of a [`JobEffect`].
        event: JobEvent,
    },
    /// The spec of a job is known: which share of the slots it has.
    JobSpecified {
        /// Job whose shards follow.
        job: JobId,
        /// Round of its head; later events of the job name it.
        round: u32,
        /// Share of the slots against other jobs.
        weight: u32,
        /// Most attempts that the job runs at once; unlimited if absent.
        running_max: Option<u32>,
    },
    /// A shard was planned, or was taken over from another leader.
    ShardPlanned {
        /// Immutable plan of the shard.
        plan: Arc<ShardPlan>,
        /// Progress under an earlier leader; absent for a new plan.
        restored: Option<Box<Restored>>,
    },
    /// A worker registered with the coordinator.
    WorkerJoined {
        /// Lease of the new worker.
        worker: WorkerId,
    },
    /// A worker began or ceased to rest (it drains, or is unfit). A resting worker gets no work.
    WorkerRests {
        /// Lease of the worker.
        worker: WorkerId,
        /// True when the rest begins.
        rests: bool,
    },
    /// The lease of a worker ended. The worker's attempts are given up, their tasks reopened, and its later events
    /// ignored.
    WorkerLost {
        /// Lease that has ended.
        worker: WorkerId,
    },
    /// The claim of an assignment was written.
    Claimed {
        /// Task that is now claimed.
        task: TaskPath,
        /// Attempt number with the claim's token.
        attempt: AttemptId,
    },
    /// The claim of an assignment was not written, and never will be. The attempt's number may stay unused.
    ClaimRefused {
        /// Task that is not claimed.
        task: TaskPath,
        /// Number of the refused attempt.
        number: u32,
    },
    /// An attempt finished, and its completion was journaled as the one that counts.
    Recorded {
        /// Task that is done.
        task: TaskPath,
        /// Attempt whose output counts.
        attempt: AttemptId,
        /// Counts, ranges and run or part that the attempt reported.
        report: Box<Report>,
    },
    /// An attempt failed at its task.
    Failed {
        /// Task of the failed attempt.
        task: TaskPath,
        /// Attempt with its token.
        attempt: AttemptId,
        /// Message of the failure, and its class, which decides the consequence.
        failure: Failure,
    },
    /// A worker gave up an attempt without a failure of the task, for example because it drains.
    HandedBack {
        /// Task of the attempt.
        task: TaskPath,
        /// Attempt with its token.
        attempt: AttemptId,
    },
    /// The reopening of a task that was done was journaled, as [`Effect::Reopen`] asked.
    Reopened {
        /// Task to run again.
        task: TaskPath,
    },
    /// A shard's manifest is visible.
    Committed {
        /// Job of the shard.
        job: JobId,
        /// Shard that is done.
        shard: ShardId,
        /// Version of its manifest.
        version: u32,
    },
    /// A shard's manifest could not be made visible.
    CommitFailed {
        /// Job of the shard.
        job: JobId,
        /// Shard that fails over it.
        shard: ShardId,
        /// Message with the store's error.
        cause: String,
    },
    /// A shard's manifest was not begun because its job was cancelled first.
    CommitWithdrawn {
        /// Job of the shard.
        job: JobId,
        /// Shard that ends as cancelled.
        shard: ShardId,
        /// Reason of the cancellation.
        cause: String,
    },
    /// A shard that an earlier leader left cannot go on.
    ShardLost {
        /// Job of the shard.
        job: JobId,
        /// Shard that ends as failed.
        shard: ShardId,
        /// Message that names the lost object, and the next step.
        cause: String,
    },
    /// The shards of a job that was cancelled are to end, as [`JobEffect::StopShards`] asked. A shard whose commit has begun
    /// may be visible already, and ends as its commit does.
    Cancelled {
        /// Job whose shards are to end.
        job: JobId,
        /// Reason to report for its shards.
        cause: String,
    },
    /// Time has passed: pauses may have ended.
    Tick,
}

/// Progress of a shard under an earlier leader.
#[derive(Debug, Default)]
pub struct Restored {
    /// Completed tasks, each with the attempt and report that count.
    pub done: Vec<(TaskId, AttemptId, Report)>,
    /// Tasks that were tried and are not done.
    pub tried: Vec<(TaskId, Tried)>,
    /// Attempts that still hold their claims.
    pub running: Vec<(TaskId, AttemptId, WorkerId)>,
}

/// Earlier attempts of a task, as far as they matter for the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// Number of the last attempt.
    pub last: u32,
    /// Attempts that count against `attempts_max`.
    pub charged: u32,
    /// Offset of the first frame of the task's only split, once the stitch has refuted the reader's guess.
    pub exact_start: Option<u64>,
}

/// Output of [`step`](crate::step): work for the coordinator.
#[derive(Debug)]
pub enum Effect {
    /// Tell a worker to stop an attempt that no longer counts, and end its claim.
    Stop {
        /// Worker that runs the attempt.
        worker: WorkerId,
        /// Task of the attempt.
        task: TaskPath,
        /// Attempt with its token.
        attempt: AttemptId,
    },
    /// Reopen a task that is done, because its guessed start was wrong or its run is lost.
    Reopen {
        /// Task that must run again.
        task: TaskPath,
        /// Attempt that counted until now.
        attempt: AttemptId,
        /// Attempts to charge to the task from now on.
        tried: Tried,
    },
    /// Write the shard's manifest, which makes its output visible.
    Commit {
        /// Contents of the manifest.
        output: Box<ShardOutput>,
    },
    /// A shard has ended: notify its waiters and remove its runs.
    End {
        /// Job of the shard.
        job: JobId,
        /// Shard that has ended.
        shard: ShardId,
        /// Outcome to record and report.
        end: ShardEnd,
    },
    /// An invariant is broken, by a bug of ours, and the shard ends. Count it and log it as an error.
    Violated {
        /// Broken invariant, for the metric.
        invariant: Invariant,
        /// Message with the evidence and the next step.
        what: String,
    },
    /// Work for a job as a whole.
    Job {
        /// Job that the work is for.
        job: JobId,
        /// Work that the coordinator performs.
        effect: JobEffect,
    },
}

/// Attempt that [`claim`](crate::claim) assigns: write its claim, then grant it to the worker.
#[derive(Debug)]
pub struct NextAttempt {
    /// Worker to grant the attempt to.
    pub worker: WorkerId,
    /// Task that the worker gets.
    pub task: TaskPath,
    /// Number of the attempt (LS-1).
    pub number: u32,
    /// Input beyond the plan.
    pub input: TaskInput,
}

/// Input of one attempt, beyond its plan.
#[derive(Debug, Clone)]
pub enum TaskInput {
    /// The task's splits, with the start of the first frame where the stitch has found it out.
    Map {
        /// Offset in the task's only split; absent if not corrected.
        exact_start: Option<u64>,
    },
    /// Reduce input: the runs to gather, in source order.
    Reduce {
        /// Every run of the shard.
        runs: Arc<ListedRuns>,
    },
}

/// Run list of a shard, and the digest that names it.
#[derive(Debug)]
pub struct ListedRuns {
    /// Runs in source order.
    pub list: RunList,
    /// Partitions of the shard's plan.
    pub partitions: u32,
    /// Digest of the list's object.
    pub digest: Digest,
}

/// Outcome of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardEnd {
    /// The shard's manifest is visible.
    Done {
        /// Version of the visible manifest.
        version: u32,
    },
    /// The shard failed; none of its output is visible.
    Failed {
        /// Message that names the object at fault.
        cause: String,
    },
    /// The shard's job was cancelled before its commit.
    Cancelled {
        /// Reason of the cancellation.
        cause: String,
    },
}

/// Contents of a shard's manifest.
#[derive(Debug, Clone)]
pub struct ShardOutput {
    /// Plan that the output follows.
    pub plan: Arc<ShardPlan>,
    /// For each partition, in order, the attempt whose output counts (CM-1).
    pub partitions: Vec<(PartitionId, AttemptId, ReduceReport)>,
    /// Bad frames that were quarantined, in task order.
    pub quarantine: Vec<QuarantineEntry>,
    /// Books of both sides; they balance (DT-1).
    pub books: Books,
    /// First and last instant of all points read, in milliseconds; absent without points.
    pub time_range_ms: Option<(i64, i64)>,
    /// Time by stage, summed over the attempts that count.
    pub stages: StageTimes,
    /// Requests and time of the attempts that count, as far as their workers sent them.
    pub effort: Effort,
}
