//! What happens, and what is to be done about it.

use std::sync::Arc;

use model::{
    AttemptId, Books, Failure, FencingToken, JobId, MapReport, ObjectEntry, PartitionId, QuarantineEntry, ReduceReport,
    ShardId, ShardPlan, Split, StageTimes, TaskId,
};

/// A worker, as the coordinator knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// A shard was planned.
    Planned {
        /// Its plan.
        plan: Arc<ShardPlan>,
    },
    /// A worker asks for work.
    Claim {
        /// The worker.
        worker: WorkerId,
        /// How many tasks it can take.
        slots: usize,
        /// The token of these assignments; it grows from claim to claim.
        token: FencingToken,
    },
    /// A map attempt finished.
    Mapped {
        /// The shard.
        shard: ShardId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: AttemptId,
        /// What it hands back.
        report: MapReport,
    },
    /// A reduce attempt finished.
    Reduced {
        /// The shard.
        shard: ShardId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: AttemptId,
        /// What it hands back.
        report: ReduceReport,
    },
    /// An attempt failed.
    Failed {
        /// The shard.
        shard: ShardId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        failure: Failure,
    },
    /// A worker is gone: what it was doing is open again, and nothing it says later counts.
    WorkerLost {
        /// The worker.
        worker: WorkerId,
    },
    /// The manifest of a shard is visible.
    Committed {
        /// The shard.
        shard: ShardId,
        /// Its version.
        version: u32,
    },
    /// The manifest of a shard could not be made visible.
    CommitFailed {
        /// The shard.
        shard: ShardId,
        /// Why.
        cause: String,
    },
    /// The job is to end.
    Cancelled {
        /// Why.
        cause: String,
    },
}

/// Something to be done.
#[derive(Debug)]
pub enum Effect {
    /// Give a worker an attempt.
    Assign {
        /// The worker.
        worker: WorkerId,
        /// The job.
        job: JobId,
        /// The shard.
        shard: ShardId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: AttemptId,
        /// The plan that the task is of.
        plan: Arc<ShardPlan>,
        /// What there is to do.
        input: TaskInput,
    },
    /// Tell a worker to stop an attempt that no longer counts.
    Stop {
        /// The worker.
        worker: WorkerId,
        /// The shard.
        shard: ShardId,
        /// The task.
        task: TaskId,
        /// The attempt.
        attempt: AttemptId,
    },
    /// Make a shard's output visible.
    Commit {
        /// What it is.
        output: Box<ShardOutput>,
    },
    /// A shard has ended: tell who waits, remove its runs.
    End {
        /// The shard.
        shard: ShardId,
        /// How.
        end: ShardEnd,
    },
}

/// The input of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum TaskInput {
    /// Splits, with the start of the first frame where the stitch has found it out.
    Map(Vec<(Split, Option<u64>)>),
    /// The runs to gather, in source order.
    Reduce(Vec<ObjectEntry>),
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
