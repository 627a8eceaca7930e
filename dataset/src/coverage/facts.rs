//! Facts about one window: the current version of each shard, and the jobs that were asked for it. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use format::manifest::Manifest;
use format::segments::Inputs;
use model::{JobId, OrgId, ShardId, TimestampMs};
use shard_config::ShardMap;

/// Segments of a shard, by number and size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InputSize {
    /// Number of segments.
    pub segments: u64,
    /// Sum of their bytes.
    pub bytes: u64,
}

impl InputSize {
    /// True if this input has a segment or a byte that `other` lacks.
    pub const fn exceeds(self, other: Self) -> bool {
        self.segments > other.segments || self.bytes > other.bytes
    }
}

/// Version of a shard, from its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardVersion {
    /// Number of the version, counted from 1.
    pub version: u32,
    /// Job that wrote the parts.
    pub job: JobId,
    /// Time of the commit.
    pub committed_at_ms: TimestampMs,
    /// Segments that the version was made of.
    pub input: InputSize,
    /// Frames that could not be read and were put aside.
    pub frames_quarantined: u64,
    /// Bytes of those frames.
    pub bytes_quarantined: u64,
    /// Frames of organisations that the shard map places elsewhere, by organisation.
    pub misplaced: BTreeMap<OrgId, u64>,
    /// Misplaced frames of organisations that are not listed by name.
    pub misplaced_unlisted: u64,
}

impl ShardVersion {
    /// True if frames of an organisation may lie in this shard by mistake. The books list the smallest ids, so one that
    /// is not listed is beyond the last of them.
    pub fn may_hold_misplaced(&self, org: OrgId) -> bool {
        let is_beyond = self.misplaced.last_key_value().is_none_or(|(last, _)| *last < org);
        self.misplaced.contains_key(&org) || (self.misplaced_unlisted > 0 && is_beyond)
    }

    /// Reads the facts of a manifest.
    pub fn of(manifest: &Manifest) -> Self {
        let books = &manifest.books.map;
        let bytes = match &manifest.inputs {
            Inputs::Inline(segments) => segments.total_bytes(),
            Inputs::Listed(listed) => listed.bytes,
        };
        Self {
            version: manifest.version,
            job: manifest.job.clone(),
            committed_at_ms: manifest.committed_at_ms,
            input: InputSize { segments: manifest.inputs.count(), bytes },
            frames_quarantined: books.frames_quarantined,
            bytes_quarantined: books.bytes_quarantined,
            misplaced: books.misplaced.clone(),
            misplaced_unlisted: books.misplaced_unlisted,
        }
    }
}

/// Current version of a shard, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundVersion {
    /// The manifest was read.
    Read(ShardVersion),
    /// The manifest is there and cannot be trusted.
    Unreadable {
        /// Number of the version.
        version: u32,
        /// Message of the reader.
        reason: String,
    },
}

impl FoundVersion {
    /// Returns the number of the version.
    pub const fn version(&self) -> u32 {
        match self {
            Self::Read(read) => read.version,
            Self::Unreadable { version, .. } => *version,
        }
    }
}

/// Job that was asked for a window, in its latest round.
#[derive(Debug, Clone, PartialEq)]
pub struct JobFacts {
    /// Name of the job.
    pub job: JobId,
    /// Time at which the round was submitted.
    pub submitted_at_ms: TimestampMs,
    /// Number of the round, counted from 1.
    pub round: u32,
    /// Stage of the job's life.
    pub stage: JobStage,
    /// True if the job runs every shard that has segments, false if it was asked for single shards.
    pub is_whole: bool,
    /// True if [`Self::shards`] has all shards that the job planned. Plans are written one by one, so those of a job
    /// without a record may be too few.
    pub is_plan_known: bool,
    /// Shard map that the job recorded; none if it is lost or cannot be parsed.
    pub map: Option<Arc<ShardMap>>,
    /// Shards that the job planned, or that it was asked for by name.
    pub shards: BTreeMap<ShardId, ShardTry>,
    /// Cause of a failure as a whole.
    pub cause: Option<String>,
}

/// Stage of a job's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobStage {
    /// The dataset has neither a record nor a fresh mark of the job, and no leader runs it.
    Lost,
    /// The job runs, or is being planned.
    Open,
    /// The job is on record.
    Ended,
}

/// Try of a job at one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardTry {
    /// Outcome so far.
    pub outcome: TryOutcome,
    /// Input of the try.
    pub input: TryInput,
}

/// Outcome of a try at a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryOutcome {
    /// The shard is being worked on.
    Running,
    /// The shard was committed.
    Done {
        /// Version of the manifest.
        version: u32,
    },
    /// The shard failed.
    Failed {
        /// Cause, with the next step.
        cause: String,
    },
    /// The shard was cancelled.
    Cancelled {
        /// Reason of the operator.
        cause: String,
    },
    /// The job was lost before the shard ended.
    Lost,
}

/// Input of a try at a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryInput {
    /// Segments were planned.
    Planned(InputSize),
    /// The job has listed no segments: it failed before that, or has not come to it.
    Unplanned,
    /// Segments were planned, and their number is not known.
    Unknown,
}

impl JobFacts {
    /// True if the job has listed the input as a whole, and its plan is known.
    pub fn has_whole_plan(&self) -> bool {
        self.is_whole && self.is_plan_known && self.shards.values().any(|shard| shard.input != TryInput::Unplanned)
    }

    /// Adds a try at each shard in `named` that has none: a job that has planned nothing was still asked for them.
    pub fn add_named(&mut self, named: &[ShardId]) {
        for shard in named {
            let outcome = match (self.stage, &self.cause) {
                (JobStage::Open, _) => TryOutcome::Running,
                (JobStage::Lost, _) => TryOutcome::Lost,
                (JobStage::Ended, cause) => TryOutcome::Failed { cause: cause.clone().unwrap_or_default() },
            };
            self.shards.entry(*shard).or_insert(ShardTry { outcome, input: TryInput::Unplanned });
        }
    }

    /// Order of the rounds of one job: the later round supersedes, and the end of a round its course.
    pub(crate) const fn rank(&self) -> (TimestampMs, u32, JobStage) {
        (self.submitted_at_ms, self.round, self.stage)
    }
}

/// Facts about one window.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WindowFacts {
    /// Current version of each shard.
    pub versions: BTreeMap<ShardId, FoundVersion>,
    /// Jobs over the window, by name.
    pub jobs: BTreeMap<JobId, JobFacts>,
    /// Reasons for which something about the window is not known.
    pub unread: Vec<String>,
}

impl WindowFacts {
    /// Adds a job, unless a later round of it is known.
    pub fn add_job(&mut self, job: JobFacts) {
        let is_newer = self.jobs.get(&job.job).is_none_or(|known| known.rank() < job.rank());
        if is_newer {
            self.jobs.insert(job.job.clone(), job);
        }
    }
}
