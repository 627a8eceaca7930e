//! Input and context of an attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use model::{
    AttemptId, Digest, Effort, HeldAttempt, JobId, JobSettings, PartitionId, RunEntry, SegmentRef, ShardId, Split,
    Stage, TaskId, TaskPath,
};
use storage::segment::SegmentAccess;
use storage::{Root, Tally};
use tokio::runtime::Handle;

use crate::WorkError;

/// Attempt at a task, with its input.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Id of the job.
    pub job: JobId,
    /// Id of the shard.
    pub shard: ShardId,
    /// Id of the task.
    pub task: TaskId,
    /// Attempt id; all objects that it writes carry its token.
    pub attempt: AttemptId,
    /// Settings that shape the output.
    pub settings: JobSettings,
    /// Number of partitions of the shuffle.
    pub partitions: u32,
    /// Segment bytes of the whole shard, of which a share may be quarantined.
    pub shard_bytes: u64,
    /// Input of the attempt.
    pub work: Work,
}

impl Assignment {
    /// Returns the attempt together with its task.
    pub fn held(&self) -> HeldAttempt {
        let Self { job, shard, task, attempt, .. } = self;
        HeldAttempt { task: TaskPath { job: job.clone(), shard: *shard, task: *task }, attempt: *attempt }
    }
}

/// The input of an attempt.
#[derive(Debug, Clone)]
pub enum Work {
    /// Reads splits, writes a run.
    Map {
        /// Splits in source order.
        splits: Vec<SplitInput>,
    },
    /// Gathers one partition, writes its parts.
    Reduce {
        /// Partition that the attempt writes.
        partition: PartitionId,
        /// Digest of the list of runs, which names the table of their slices.
        list: Digest,
        /// Runs of all map tasks that wrote one, in source order.
        runs: Vec<RunEntry>,
    },
}

/// Split to read, with its segment.
#[derive(Debug, Clone)]
pub struct SplitInput {
    /// Range of the split, as planned.
    pub split: Split,
    /// Segment that contains the split.
    pub segment: SegmentRef,
    /// Offset of its first frame, if the stitch has found it.
    pub exact_start: Option<u64>,
}

/// Predicate of the organisations that belong to a shard; others are counted as misplaced.
pub type Belongs<'a> = dyn Fn(model::OrgId) -> bool + Send + Sync + 'a;

/// Stores and access of an attempt.
#[derive(Clone)]
pub struct Stores {
    /// Root of the segments.
    pub input: Root,
    /// Root of parts and quarantine.
    pub dataset: Root,
    /// Root of the runs.
    pub scratch: Root,
    /// Folder on this machine's disk for data that only the attempt itself reads again.
    pub local: Root,
    /// Access to segments: mapped files or ranged reads.
    pub access: SegmentAccess,
    /// Runtime for asynchronous calls; a worker's threads may block on it.
    pub runtime: Handle,
}

/// Progress counters of one attempt, and its cancel flag.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    points: AtomicU64,
    bytes_planned: AtomicU64,
    /// Stage of the work, by its place in [`Stage::ALL`], counted from 1; 0 before the first.
    stage: AtomicU8,
    tally: Arc<Tally>,
    cancelled: AtomicBool,
}

impl Progress {
    /// Adds to the counters. Map attempts count segment bytes and points read; reduce attempts count points written.
    pub fn add(&self, bytes: u64, points: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.points.fetch_add(points, Ordering::Relaxed);
    }

    /// Returns bytes and points so far.
    pub fn so_far(&self) -> (u64, u64) {
        (self.bytes.load(Ordering::Relaxed), self.points.load(Ordering::Relaxed))
    }

    /// Notes that a stage of the work begins.
    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8 + 1, Ordering::Relaxed);
    }

    /// Returns the stage of the work; none before the first.
    pub(crate) fn stage(&self) -> Option<Stage> {
        let place = self.stage.load(Ordering::Relaxed).checked_sub(1)?;
        Stage::ALL.get(usize::from(place)).copied()
    }

    /// Returns the tally that the attempt's stores count in.
    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Returns the effort so far of an attempt that was granted `wall` ago.
    pub(crate) fn effort(&self, wall: Duration) -> Effort {
        Effort { wall, requests: self.tally.requests(), throttled: self.tally.throttled() }
    }

    /// Sets the number of segment bytes to read.
    pub(crate) fn plan(&self, bytes: u64) {
        self.bytes_planned.store(bytes, Ordering::Relaxed);
    }

    /// Returns the segment bytes to read; known for map attempts only.
    pub(crate) fn bytes_planned(&self) -> Option<u64> {
        Some(self.bytes_planned.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// Asks the attempt to stop at its next batch.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Fails with [`WorkError::Cancelled`] if the attempt was cancelled.
    pub(crate) fn check(&self) -> Result<(), WorkError> {
        if self.cancelled.load(Ordering::Relaxed) { Err(WorkError::Cancelled) } else { Ok(()) }
    }
}

/// Context of an attempt: stores, shard membership, progress.
#[derive(Clone, Copy)]
pub struct AttemptContext<'a> {
    /// Stores to read from and write to.
    pub stores: &'a Stores,
    /// Predicate of the organisations that belong to the shard.
    pub belongs: &'a Belongs<'a>,
    /// Progress counters and cancel flag.
    pub progress: &'a Arc<Progress>,
}
