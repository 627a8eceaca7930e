//! What happens, and what is to be done about it.
//!
//! Whatever the cluster's state has to remember is written before it is told here: an attempt is [`Event::Claimed`] once its
//! claim stands, [`Event::Recorded`] once its completion does. So the scheduler never knows more than its successor would.

use std::sync::Arc;

use model::{
    AttemptId, Books, Digest, Failure, Invariant, JobId, LeaseId, PartitionId, QuarantineEntry, ReduceReport, Report,
    RunList, ShardId, ShardPlan, StageTimes, TaskId, TaskPath,
};

/// A worker, as the coordinator knows it: by its lease.
pub type WorkerId = LeaseId;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A job is there; its shards follow.
    JobAdded {
        /// The job.
        job: JobId,
        /// Its weight against other jobs.
        weight: u32,
        /// Most attempts that it runs at once.
        running_max: Option<u32>,
    },
    /// A shard was planned, or is taken over from another leader.
    ShardPlanned {
        /// Its plan.
        plan: Arc<ShardPlan>,
        /// What is done of it already.
        restored: Option<Box<Restored>>,
    },
    /// All shards of the job were planned: it ends with the last of them.
    JobPlanned {
        /// The job.
        job: JobId,
    },
    /// A worker is there.
    WorkerJoined {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker takes no more work (it drains, or is unfit), or does so again.
    WorkerRests {
        /// The worker.
        worker: WorkerId,
        /// Whether it rests.
        rests: bool,
    },
    /// A worker is gone: what it was doing is open again, and nothing it says later counts.
    WorkerLost {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker asks for work. One that has not joined, or is lost, gets none: its claim may have been under way for long.
    Claim {
        /// The worker.
        worker: WorkerId,
        /// How many tasks it can take.
        slots: usize,
    },
    /// The claim of an assignment stands.
    Claimed {
        /// The task.
        task: TaskPath,
        /// The attempt, with its token.
        attempt: AttemptId,
    },
    /// The claim of an assignment was not written, and never will be. Its number may stay unused.
    ClaimRefused {
        /// The task.
        task: TaskPath,
        /// Number of the attempt.
        number: u32,
    },
    /// An attempt finished, and is recorded as the one that counts.
    Recorded {
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
        /// What it hands back.
        report: Box<Report>,
    },
    /// An attempt failed.
    Failed {
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        failure: Failure,
    },
    /// An attempt was given up by its worker, through no fault of the task.
    HandedBack {
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
    },
    /// A task that was done is open again, as [`Effect::Reopen`] asked.
    Reopened {
        /// The task.
        task: TaskPath,
    },
    /// The manifest of a shard is visible.
    Committed {
        /// The job.
        job: JobId,
        /// The shard.
        shard: ShardId,
        /// Its version.
        version: u32,
    },
    /// The manifest of a shard could not be made visible.
    CommitFailed {
        /// The job.
        job: JobId,
        /// The shard.
        shard: ShardId,
        /// Why.
        cause: String,
    },
    /// The manifest of a shard was not begun: its job was cancelled first.
    CommitWithdrawn {
        /// The job.
        job: JobId,
        /// The shard.
        shard: ShardId,
        /// Why.
        cause: String,
    },
    /// A job is to end.
    Cancelled {
        /// The job.
        job: JobId,
        /// Why.
        cause: String,
    },
    /// Everything of a job that has ended is on record: it can be forgotten.
    JobArchived {
        /// The job.
        job: JobId,
    },
    /// Time has passed.
    Tick,
}

/// What is done of a shard that another leader began.
#[derive(Debug, Default)]
pub struct Restored {
    /// Tasks that are done.
    pub done: Vec<(TaskId, AttemptId, Report)>,
    /// Tasks that were tried and are not done.
    pub tried: Vec<(TaskId, Tried)>,
    /// Attempts that run.
    pub running: Vec<(TaskId, AttemptId, WorkerId)>,
}

/// What a task has behind it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// Number of the last attempt.
    pub last: u32,
    /// How many count against the limit.
    pub charged: u32,
    /// Where the stitch said that the first frame of its one split starts.
    pub exact_start: Option<u64>,
}

/// Something to be done.
#[derive(Debug)]
pub enum Effect {
    /// Give a worker an attempt, once its claim stands.
    Assign {
        /// The worker.
        worker: WorkerId,
        /// The task.
        task: TaskPath,
        /// Number of the attempt (LS-1).
        number: u32,
        /// What there is to do.
        input: TaskInput,
    },
    /// Tell a worker to stop an attempt that no longer counts, and end its claim.
    Stop {
        /// The worker.
        worker: WorkerId,
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
    },
    /// Open a task that is done: its guess was wrong, or its run is lost.
    Reopen {
        /// The task.
        task: TaskPath,
        /// The attempt that was the one that counted.
        attempt: AttemptId,
        /// What it has behind it from now on.
        tried: Tried,
    },
    /// Make a shard's output visible.
    Commit {
        /// What it is.
        output: Box<ShardOutput>,
    },
    /// A shard has ended: tell who waits, remove its runs.
    End {
        /// The job.
        job: JobId,
        /// The shard.
        shard: ShardId,
        /// How.
        end: ShardEnd,
    },
    /// A promise does not hold, by a bug of ours; the shard ends over it. It is to be counted, and told loudly.
    Violated {
        /// The promise.
        invariant: Invariant,
        /// What was found, and what to do.
        what: String,
    },
    /// All shards of a job have ended.
    JobEnded {
        /// The job.
        job: JobId,
    },
}

/// The input of one attempt.
#[derive(Debug, Clone)]
pub enum TaskInput {
    /// The task's splits, with the start of the first frame where the stitch has found it out.
    Map {
        /// Of the one split.
        exact_start: Option<u64>,
    },
    /// The runs to gather, in source order.
    Reduce {
        /// All runs of the shard.
        runs: Arc<ListedRuns>,
    },
}

/// The runs of a shard, and what names them.
#[derive(Debug)]
pub struct ListedRuns {
    /// In source order.
    pub list: RunList,
    /// Digest of the list's object.
    pub digest: Digest,
}

/// How a shard ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardEnd {
    /// Its manifest is visible.
    Done {
        /// The manifest's version.
        version: u32,
    },
    /// It failed; nothing of it is visible.
    Failed {
        /// Why, with the object.
        cause: String,
    },
    /// It was told to stop.
    Cancelled {
        /// Why.
        cause: String,
    },
}

/// Everything that a manifest says of a shard.
#[derive(Debug, Clone)]
pub struct ShardOutput {
    /// The plan.
    pub plan: Arc<ShardPlan>,
    /// For each partition, the attempt whose output counts (CM-1), in order.
    pub partitions: Vec<(PartitionId, AttemptId, ReduceReport)>,
    /// What was put aside, in task order.
    pub quarantine: Vec<QuarantineEntry>,
    /// Both sides; they balance (DT-1).
    pub books: Books,
    /// First and last instant of all points read.
    pub time_range_ms: Option<(i64, i64)>,
    /// Time by stage, of the attempts that count.
    pub stages: StageTimes,
}
