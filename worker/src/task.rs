//! What a worker is given, and what it works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use model::{
    AttemptId, HeldAttempt, JobId, JobSettings, PartitionId, RunEntry, SegmentRef, ShardId, Split, TaskId, TaskPath,
};
use storage::Root;
use storage::segment::SegmentAccess;
use tokio::runtime::Handle;

use crate::WorkError;

/// One attempt at one task.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The job.
    pub job: JobId,
    /// The shard.
    pub shard: ShardId,
    /// The task.
    pub task: TaskId,
    /// The attempt: everything it writes carries its token.
    pub attempt: AttemptId,
    /// What shapes the output.
    pub settings: JobSettings,
    /// How many partitions the shuffle has.
    pub partitions: u32,
    /// Segment bytes of the whole shard: what a share that may be quarantined is a share of.
    pub shard_bytes: u64,
    /// What there is to do.
    pub work: Work,
}

impl Assignment {
    /// The attempt, with its task.
    pub fn held(&self) -> HeldAttempt {
        let Self { job, shard, task, attempt, .. } = self;
        HeldAttempt { task: TaskPath { job: job.clone(), shard: *shard, task: *task }, attempt: *attempt }
    }
}

/// The input of an attempt.
#[derive(Debug, Clone)]
pub enum Work {
    /// Read splits, write a run.
    Map {
        /// In source order.
        splits: Vec<SplitInput>,
    },
    /// Gather one partition, write its parts.
    Reduce {
        /// The partition.
        partition: PartitionId,
        /// The runs of all map tasks that wrote one, in source order.
        runs: Vec<RunEntry>,
    },
}

/// One split to read.
#[derive(Debug, Clone)]
pub struct SplitInput {
    /// As planned.
    pub split: Split,
    /// The segment it is of.
    pub segment: SegmentRef,
    /// Where its first frame starts, if the stitch has found that out.
    pub exact_start: Option<u64>,
}

/// Which organisations belong to a shard: all others are counted as misplaced.
pub type Belongs<'a> = dyn Fn(model::OrgId) -> bool + Send + Sync + 'a;

/// Where a worker reads and writes.
#[derive(Clone)]
pub struct Stores {
    /// Segments.
    pub input: Root,
    /// Parts, quarantine.
    pub dataset: Root,
    /// Runs.
    pub scratch: Root,
    /// What only the attempt itself reads again, on this machine's disk.
    pub local: Root,
    /// How segments are read.
    pub access: SegmentAccess,
    /// Drives what is asynchronous; a worker's threads may block on it.
    pub runtime: Handle,
}

/// What one attempt does so far, for who watches; and whether it should stop.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    points: AtomicU64,
    bytes_planned: AtomicU64,
    cancelled: AtomicBool,
}

impl Progress {
    /// Adds to what was done. Map attempts count segment bytes and points read; reduce attempts count points written.
    pub fn add(&self, bytes: u64, points: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.points.fetch_add(points, Ordering::Relaxed);
    }

    /// Bytes and points so far.
    pub fn so_far(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.points.load(Ordering::Relaxed))
    }

    /// Says how many segment bytes there are to read.
    pub(crate) fn plan(&self, bytes: u64) {
        self.bytes_planned.store(bytes, Ordering::Relaxed);
    }

    /// Segment bytes that there are to read, where that is known: of a map attempt.
    pub(crate) fn bytes_planned(&self) -> Option<u64> {
        Some(self.bytes_planned.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// Asks the attempt to stop at its next batch.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Stops an attempt that should.
    pub(crate) fn check(&self) -> Result<(), WorkError> {
        if self.cancelled.load(Ordering::Relaxed) { Err(WorkError::Cancelled) } else { Ok(()) }
    }
}

/// The surroundings of an attempt.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where to read and write.
    pub stores: &'a Stores,
    /// Who belongs to the shard.
    pub belongs: &'a Belongs<'a>,
    /// Who watches.
    pub progress: &'a Arc<Progress>,
}
